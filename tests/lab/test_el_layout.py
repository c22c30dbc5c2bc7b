"""A host with the layout of Enterprise Linux: dnf and rpm, EL's paths, units and users.

The binaries are Debian's (provisioner/lab/layout.py), so this proves the way through the
other package manager and the other layout, and not EL's own builds.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.under_way import applying, follow, wait_until

from provisioner.lab import HostSpec, Lab, LabHost

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
PACKAGES = ("postfix", "dovecot", "dovecot-pigeonhole", "unbound", "openssl", "ca-certificates")
MISSING = "ca-certificates"
REPOSITORY = "/etc/yum.repos.d/lab.repo"
# Listens, and never says a word.
SILENT = "import socket, time; door = socket.create_server(('127.0.0.1', 8999)); time.sleep(600)"
# Listens where the site has nothing.
OTHER = SILENT.replace("'127.0.0.1', 8999", "'', 8998")
POLICY = "/etc/firewalld/policies/mailprov.xml"
INTERFACE = "eth0"
LIMITS = "submission: {logins_per_minute: 1000}\n"


def site_on(lab: Lab, inventory: str, environment: dict[str, str]) -> DeployedSite:
    text = (ROOT / "inventories" / inventory / "lab.yaml").read_text(encoding="utf-8")
    path = lab.home / f"{inventory}.yaml"
    path.write_text(lab.site(text) + LIMITS, encoding="utf-8")
    return DeployedSite(lab, path, environment)


@pytest.fixture(scope="module")
def lone(lab_factory: LabFactory) -> DeployedSite:
    """Return the beginner's site for a bare host, not yet applied."""
    spec = HostSpec("mail", ("10.89.0.4",), tree="el-9", fqdn="mail.example.org")
    lab = lab_factory("el", [spec])
    return site_on(lab, "beginner", {"ALICE_PASSWORD": "a password of alice"})


@pytest.fixture(scope="module")
def host(lone: DeployedSite) -> LabHost:
    """Return the host of the beginner's site."""
    return lone.host("mail")


@pytest.fixture(scope="module")
def proven(lone: DeployedSite) -> subprocess.CompletedProcess[str]:
    """Run on the bare host what the matrix of virtual machines runs; the site stays applied."""
    return subprocess.run(
        [str(ROOT / "tools/prove-site.sh"), str(lone.path)],
        env={**lone.variables, "MAILPROV": str(Path(sys.executable).with_name("mailprov"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def lines_of(host: LabHost, command: str) -> list[str]:
    return host.check_run(["sh", "-c", command]).splitlines()


def test_a_bare_host_has_dnf_and_one_repository_and_nothing_of_debians(host: LabHost) -> None:
    assert host.wait_until_settled() == "running"
    assert host.run(["sh", "-c", "command -v apt-get || command -v dpkg-query"]).stdout == ""
    assert host.run(["test", "-e", "/var/lib/dpkg"]).returncode == 1
    (repository,) = lines_of(host, "dnf -q repolist | tail -n +2")
    assert repository.startswith("lab ")
    assert host.run(["rpm", "-q", *PACKAGES]).stdout.count("is not installed") == len(PACKAGES)
    accounts = lines_of(host, "cut -d : -f 1 /etc/passwd")
    assert not {"postfix", "dovecot", "unbound"} & set(accounts)
    assert host.run(["sh", "-c", "command -v postfix dovecot unbound openssl"]).stdout == ""


def test_the_script_of_the_matrix_proves_the_site(
    proven: subprocess.CompletedProcess[str], host: LabHost
) -> None:
    assert proven.returncode == 0, proven.stdout + proven.stderr
    assert "with nothing to do" in proven.stdout
    assert host.run(["rpm", "-q", *PACKAGES]).returncode == 0
    units = ["postfix.service", "dovecot.service", "unbound.service"]
    assert lines_of(host, f"systemctl is-enabled {' '.join(units)}") == ["enabled"] * 3
    assert lines_of(host, "readlink -f /usr/sbin/sendmail") == ["/usr/sbin/sendmail.postfix"]
    assert host.run(["test", "-S", "/run/unbound/control"]).returncode == 0
    # No service is confined (master.cf's chroot column).
    assert set(lines_of(host, "postconf -F '*/*/chroot' | sed 's/.*= //'")) == {"n"}
    vmail = host.check_run(["stat", "-c", "%U %u %a", "/srv/vmail"]).split()
    assert vmail[0] == "vmail"
    assert 201 <= int(vmail[1]) < 1000
    assert vmail[2] == "700"


@pytest.mark.usefixtures("proven")
def test_the_mail_log_is_where_the_release_has_it_and_is_explained(
    lone: DeployedSite, host: LabHost
) -> None:
    wait_until(host, "grep -q 'status=sent' /var/log/maillog", 10)
    done = lone.mailprov("diagnose", "--since", "1h")
    assert done.returncode == 0, done.stdout + done.stderr
    sent = lone.mailprov("send", "--from", "alice", "--to", "postmaster")
    assert sent.returncode == 0, sent.stdout + sent.stderr


@pytest.fixture
def lacking(
    proven: subprocess.CompletedProcess[str], lone: DeployedSite, host: LabHost
) -> Iterator[DeployedSite]:
    """Return the applied site on a host without one of its packages."""
    assert proven.returncode == 0
    before = host.read_file(REPOSITORY)
    host.check_run(["rpm", "-e", "--nodeps", MISSING])
    host.check_run(["dnf", "-q", "clean", "all"])
    yield lone
    host.run(["systemctl", "stop", "silent", "fault"])
    host.write_file(REPOSITORY, before)
    if host.run(["rpm", "-q", MISSING]).returncode != 0:
        host.check_run(["dnf", "-q", "-y", "install", MISSING])


def hold_lock(host: LabHost) -> str:
    """Have another dnf wait for a repository that keeps silent; return its process id."""
    run = ["systemd-run", "-q", "--collect"]
    host.check_run([*run, "--unit=silent", "python3", "-c", SILENT])
    wait_until(host, "grep -q ':2327 ' /proc/net/tcp", 10)
    slow = ["--disablerepo=*", "--repofrompath=slow,http://127.0.0.1:8999/"]
    limits = ["--setopt=timeout=150", "--setopt=retries=1"]
    host.check_run([*run, "--unit=fault", "dnf", "-q", *slow, *limits, "makecache"])
    wait_until(host, "[ -s /var/cache/dnf/metadata_lock.pid ]", 20)
    return host.read_file("/var/cache/dnf/metadata_lock.pid").strip()


def test_another_dnf_is_waited_for_and_named(lacking: DeployedSite, host: LabHost) -> None:
    holder = hold_lock(host)
    with applying(lacking, lacking.path) as process:
        follow(process, f"waiting for process {holder} (dnf), which holds the package manager")
        host.check_run(["systemctl", "stop", "fault"])
        out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    assert host.run(["rpm", "-q", MISSING]).returncode == 0


@pytest.mark.matrix
def test_a_dnf_that_does_not_end_is_refused_and_named(lacking: DeployedSite, host: LabHost) -> None:
    holder = hold_lock(host)
    done = lacking.mailprov("apply")
    assert done.returncode == 5, done.stdout + done.stderr
    assert f"process {holder} (dnf), for longer than a minute" in done.stderr
    assert "(dnf); nothing was changed" in done.stderr
    assert host.run(["rpm", "-q", MISSING]).returncode == 1


def test_a_package_source_that_fails_is_told_in_its_own_words(
    lacking: DeployedSite, host: LabHost
) -> None:
    broken = host.read_file(REPOSITORY).replace("file:///usr/share", "http://127.0.0.1:9")
    host.write_file(REPOSITORY, broken)
    done = lacking.mailprov("apply")
    assert done.returncode == 1, done.stdout + done.stderr
    assert (
        "the package manager could not install the packages; nothing else was changed"
        in done.stderr
    )
    assert "Failed to download metadata for repo 'lab'" in done.stderr
    assert "repair dnf on the host" in done.stderr
    assert lines_of(host, "systemctl is-active postfix unbound") == ["active", "active"]


@pytest.fixture
def walled(proven: subprocess.CompletedProcess[str], host: LabHost) -> Iterator[None]:
    """Have firewalld run on the host as most images have it: ssh comes in, and no more."""
    assert proven.returncode == 0
    host.check_run(["firewall-offline-cmd", "--zone=public", f"--add-interface={INTERFACE}"])
    host.check_run(["systemctl", "start", "firewalld"])
    # systemd takes it for started before it has its rules in force; this waits for them.
    host.check_run(["firewall-cmd", "--state"])
    yield
    host.check_run(["systemctl", "stop", "firewalld"])


def is_open(host: LabHost, port: int) -> bool:
    try:
        socket.create_connection((host.address, port), timeout=3).close()
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("walled")
def test_firewalld_lets_in_the_sites_ports_until_the_site_goes_back(
    lone: DeployedSite, host: LabHost
) -> None:
    host.check_run(["systemd-run", "-q", "--collect", "--unit=other", "python3", "-c", OTHER])
    wait_until(host, "ss -ltn | grep -q :8998", 10)
    assert not is_open(host, 25)
    plan = lone.mailprov("plan")
    assert plan.returncode == 2
    assert POLICY in plan.stdout
    assert '+  <port port="993" protocol="tcp"/>' in plan.stdout
    report = lone.apply()
    assert report["verify"]["passed"] is True
    assert all(is_open(host, port) for port in (22, 25, 53, 465, 587, 993, 4190))
    assert not is_open(host, 8998)
    assert lone.mailprov("plan").returncode == 0
    back = lone.mailprov("rollback")
    assert back.returncode == 0, back.stdout + back.stderr
    assert host.run(["test", "-e", POLICY]).returncode == 1
    assert not is_open(host, 25)
    assert is_open(host, 22)
    host.check_run(["systemctl", "stop", "other", "firewalld"])
    assert lone.mailprov("plan").returncode == 0


@pytest.mark.usefixtures("proven")
def test_destroy_gives_the_vendors_configuration_back(lone: DeployedSite, host: LabHost) -> None:
    done = lone.mailprov("destroy", "--yes-destroy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run(["test", "-e", "/var/lib/mailprov"]).returncode == 1
    # As the packages left them, by rpm's own record: owner, mode and content.
    changed = host.run(["rpm", "-V", "postfix", "dovecot", "unbound"]).stdout
    assert changed == ""
    assert lines_of(host, "systemctl is-active postfix dovecot unbound || :") == ["inactive"] * 3


@pytest.mark.matrix
def test_the_tutorials_site_is_applied_with_system_users(lab_factory: LabFactory) -> None:
    lab = lab_factory(
        "el-tutorial",
        [
            HostSpec("ns", ("10.89.0.2",), tree="el-9", fqdn="ns.wangsheng.com"),
            HostSpec("mail", ("10.89.0.3",), tree="el-9", fqdn="mail.wangsheng.com"),
        ],
    )
    passwords = {"WANGSHENG_PASSWORD": "correct horse", "XHYHUIYING_PASSWORD": "Zwölf Boxkämpfer"}
    site = site_on(lab, "tutorial", {f"{key}": f"{text} x9" for key, text in passwords.items()})
    report = site.apply()
    assert report["verify"]["passed"] is True
    assert site.apply()["changes"] == 0
    assert site.mailprov("plan").returncode == 0
    home = lab.host("mail").check_run(["stat", "-c", "%U:%G %a", "/home/wangsheng"])
    assert home.strip() == "wangsheng:mailusers 700"


ANCHOR = "/var/lib/unbound/root.key"
RELEASES = tomllib.loads((ROOT / "tests/recorded/systems/os-release.toml").read_text("utf-8"))


@pytest.fixture(params=["rocky/8.10", "rocky/10.0"])
def relative(request: pytest.FixtureRequest, lab_factory: LabFactory) -> DeployedSite:
    """Return the beginner's site for a bare host that calls itself another EL.

    All but that and the trust anchor of the newer one is as on the others: what the record of
    the release adds to the way is gone through, and not what its own builds would.
    """
    (system,) = (one for one in RELEASES["system"] if one["file"] == request.param)
    name = str(system["platform"])
    lab = lab_factory(
        name, [HostSpec("mail", ("10.89.0.4",), tree="el-9", fqdn="mail.example.org")]
    )
    host = lab.host("mail")
    host.write_file("/usr/lib/os-release", system["os_release"])
    if name == "el-10":
        host.check_run(["dnf", "-q", "-y", "install", "unbound"])
        host.check_run(["mv", ANCHOR, "/etc/unbound/dnssec-root.key"])
        host.check_run(["ln", "-s", "../../../etc/unbound/dnssec-root.key", ANCHOR])
        host.check_run(["chown", "root:root", "/etc/unbound/dnssec-root.key"])
    return site_on(lab, "beginner", {"ALICE_PASSWORD": "a password of alice"})


@pytest.mark.matrix
def test_a_relative_is_known_by_its_own_name_and_gets_the_same_site(relative: DeployedSite) -> None:
    host = relative.host("mail")
    release = host.check_run(["sh", "-c", ". /etc/os-release; echo $VERSION_ID"]).strip()
    plan = relative.mailprov("plan")
    title = {"8.10": "Enterprise Linux 8", "10.0": "CentOS Stream 10"}[release]
    assert f"mail: {title}" in plan.stdout
    report = relative.apply()
    assert report["verify"]["passed"] is True
    assert relative.apply()["changes"] == 0
    if release == "10.0":
        # Still the package's own file behind the link.
        owner = host.check_run(["stat", "-L", "-c", "%U", ANCHOR]).strip()
        assert owner == ("root" if host.run(["test", "-L", ANCHOR]).returncode == 0 else "unbound")
        bundle = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
        assert bundle in host.read_file("/etc/unbound/unbound.conf")
    back = relative.mailprov("rollback", "--to", "0")
    assert back.returncode == 0, back.stdout + back.stderr

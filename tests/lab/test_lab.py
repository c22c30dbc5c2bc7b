"""The lab keeps its promises: real servers, a closed world, and no trace afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import pytest
from support.release import needs_debian
from support.under_way import wait_until

from provisioner.diagnostics import MailprovError
from provisioner.lab import HostSpec, Lab, LabHost, take_down
from provisioner.lab.cgroups import cgroup2_mount
from provisioner.lab.network import find_bridges

pytestmark = pytest.mark.lab


@pytest.fixture
def one(bare_lab: Lab) -> Iterator[LabHost]:
    host = bare_lab.host("one")
    host.boot()
    host.wait_until_ready()
    yield host
    host.boot()
    host.restore_network()
    host.wait_until_ready()


def test_run_returns_exit_code_output_and_input(one: LabHost) -> None:
    done = one.run(["sh", "-c", "cat; echo oops >&2; exit 7"], stdin="wanted\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "wanted\n", "oops\n")


def test_run_reports_death_by_signal(one: LabHost) -> None:
    assert one.run(["sh", "-c", "kill -9 $$"]).returncode == -9


def test_run_that_takes_too_long_is_killed_with_its_children(one: LabHost) -> None:
    with pytest.raises(MailprovError, match="did not end within"):
        one.run(["sh", "-c", "sleep 4711 & sleep 4711"], timeout=0.5)
    assert "4711" not in one.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).stdout


@needs_debian
def test_hosts_are_bare(one: LabHost) -> None:
    for program in ("python3", "postconf", "doveconf", "unbound"):
        assert one.run(["which", program]).returncode == 1, program
    kind = one.check_run(["stat", "-c", "%F", "/etc/resolv.conf"])
    assert kind == "regular file\n"


def test_openssh_reaches_every_host_from_the_labs_home(bare_lab: Lab) -> None:
    for name in bare_lab.hosts:
        argv = ["ssh", "-F", str(bare_lab.home / ".ssh/config"), name, "hostname; exit 3"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (3, f"{name}\n", "")


def test_hosts_have_keys_and_machine_ids_of_their_own(bare_lab: Lab) -> None:
    for path in ("/etc/ssh/ssh_host_ed25519_key.pub", "/etc/machine-id"):
        contents = [host.read_file(path) for host in bare_lab.all_hosts]
        assert len(set(contents)) == len(contents)


def test_systemd_is_healthy_and_restarts_units(one: LabHost) -> None:
    assert one.wait_until_settled() == "running"
    one.check_run(["systemctl", "restart", "ssh"])
    pid = one.check_run(["systemctl", "show", "--value", "-p", "MainPID", "ssh"]).strip()
    group = one.check_run(["systemctl", "show", "--value", "-p", "ControlGroup", "ssh"]).strip()
    assert pid in one.read_file(f"/sys/fs/cgroup{group}/cgroup.procs").split()
    assert f"{pid} " in one.run(["systemctl", "status", "ssh"]).stdout


def test_kill_and_boot_keeps_the_disk(one: LabHost) -> None:
    one.write_file("/srv/kept/file", "while running\n", 0o640)
    identity = one.read_file("/etc/machine-id")
    one.kill()
    assert not one.is_running()
    assert not one.cgroup.folder.exists()
    with pytest.raises(MailprovError, match="not running"):
        one.run(["true"])
    one.write_file("/srv/kept/other", "while down\n")
    one.boot()
    one.wait_until_ready()
    assert one.read_file("/srv/kept/file") == "while running\n"
    assert one.read_file("/srv/kept/other") == "while down\n"
    assert one.check_run(["stat", "-c", "%a %U", "/srv/kept/file"]) == "640 root\n"
    assert one.read_file("/etc/machine-id") == identity


@pytest.fixture(scope="module")
def powered(lab_factory: Callable[..., Lab]) -> LabHost:
    """Return a host with a disk of its own."""
    return lab_factory("power", [HostSpec("p", ("10.89.0.10",), disk_mib=256)]).host("p")


def test_power_loss_forgets_what_was_not_synced_and_nothing_else(powered: LabHost) -> None:
    powered.check_run(["sh", "-c", "mkdir /srv/x; echo old >/srv/x/synced; sync"])
    powered.check_run(["sh", "-c", "echo new >/srv/x/lost; mv /srv/x/synced /srv/x/renamed"])
    powered.lose_power()
    assert powered.read_file("/srv/x/synced") == "old\n"
    powered.write_file("/srv/x/written-while-down", "1", 0o600)
    powered.boot()
    powered.wait_until_ready()
    assert powered.run(["ls", "/srv/x"]).stdout.split() == ["synced", "written-while-down"]
    assert powered.wait_until_settled() == "running"


def test_a_disk_of_a_given_size_can_be_full(powered: LabHost) -> None:
    done = powered.run(["dd", "if=/dev/zero", "of=/var/fill", "bs=1M"])
    powered.check_run(["rm", "/var/fill"])
    assert "No space left on device" in done.stderr


def test_a_disk_without_a_size_cannot_lose_power(one: LabHost) -> None:
    with pytest.raises(MailprovError, match="disk_mib"):
        one.lose_power()
    assert one.run(["true"]).returncode == 0


def test_a_host_can_reboot_itself(one: LabHost) -> None:
    before = one.leader
    one.run(["systemctl", "reboot"])
    deadline = time.monotonic() + 30
    while one.leader in (before, None) and time.monotonic() < deadline:
        time.sleep(0.05)
    one.wait_until_ready()
    assert one.leader != before


def test_cut_network_silences_a_host_and_restore_brings_it_back(one: LabHost) -> None:
    one.cut_network()
    with pytest.raises(MailprovError, match="not ready"):
        one.wait_until_ready(timeout=1.5)
    assert one.run(["true"]).returncode == 0
    one.restore_network()
    one.wait_until_ready()
    assert "fd00:89" in one.check_run(["ip", "address", "show", "eth0"])


def test_up_again_is_quick_and_boots_what_is_down(bare_lab: Lab, one: LabHost) -> None:
    leader = bare_lab.host("two").leader
    one.kill()
    assert not bare_lab.status().complete
    begun = time.monotonic()
    Lab.up(bare_lab.name, [spec for spec in bare_lab.state.hosts if spec.name != "inet"])
    assert time.monotonic() - begun < 10
    assert bare_lab.status().complete
    assert bare_lab.host("two").leader == leader


def test_up_adds_and_removes_hosts(lab_factory: Callable[..., Lab]) -> None:
    kept = HostSpec("kept", ("10.89.0.20",))
    first = lab_factory("change", [kept, HostSpec("old", ("10.89.0.21",))])
    leader = first.host("kept").leader
    second = lab_factory("change", [kept, HostSpec("new", ("10.89.0.21",))])
    assert second.host("kept").leader == leader
    assert set(second.hosts) == {"kept", "new", "inet"}
    assert not first.host("old").is_running()
    assert not first.host("old").disk.folder.exists()
    assert second.host("new").run(["hostname"]).stdout == "new\n"


def test_no_host_has_a_route_out(bare_lab: Lab) -> None:
    for host in bare_lab.all_hosts:
        for outside in ("192.0.2.1", "2001:db8::1"):  # asks the kernel; no packet is sent
            done = host.run(["ip", "route", "get", outside])
            assert done.returncode != 0, (host.name, done.stdout)
        assert "default" not in host.check_run(["ip", "route"]) + host.check_run(
            ["ip", "-6", "route"]
        )


@needs_debian
def test_strangers_reach_a_host_from_outside_its_network(lab_factory: Callable[..., Lab]) -> None:
    site = HostSpec("site", ("10.89.0.10", "fd00:89:0::10"))
    stranger = HostSpec("stranger", ("198.18.0.252", "2001:db8:89:0::252"))
    lab = lab_factory("strangers", [site, stranger])
    for address in lab.host("site").addresses:
        script = f"exec 3<>/dev/tcp/{address}/22; head -c4 <&3"
        assert lab.host("stranger").run(["bash", "-c", script]).stdout == "SSH-"
    for stranger_address in (f"198.18.{lab.number}.252", f"2001:db8:89:{lab.number}::252"):
        # By name: the journal loses the unit of a process that ended at once.
        logged = f"journalctl -t sshd -t sshd-session --no-pager | grep -qF {stranger_address}"
        wait_until(lab.host("site"), logged, 20)
    lab.host("stranger").check_run(["apt-get", "-q", "update"])


@needs_debian
def test_apt_installs_in_a_bare_host_through_the_cache(one: LabHost) -> None:
    assert one.run(["which", "tree"]).returncode == 1
    one.check_run(["apt-get", "-q", "update"])
    one.check_run(["apt-get", "-q", "-y", "install", "tree"])
    assert one.run(["tree", "--version"]).returncode == 0


@needs_debian
def test_a_host_with_ipv6_only_installs_packages(lab_factory: Callable[..., Lab]) -> None:
    lab = lab_factory("six", [HostSpec("six", ("fd00:89:0::6",))])
    lab.host("six").check_run(["apt-get", "-q", "update"])
    assert (
        lab.host("six").read_file("/etc/resolv.conf") == f"nameserver fd00:89:{lab.number}::253\n"
    )


def ask(lab: Lab, name: str, kind: str) -> dns.message.Message:
    query = dns.message.make_query(name, kind, want_dnssec=True)
    return dns.query.udp(query, lab.internet.address, timeout=5)


def delv(lab: Lab, name: str, kind: str) -> str:
    argv = ["delv", "-a", "/etc/bind/lab/trust-anchors.conf", "@127.0.0.1", name, kind]
    return lab.host("inet").run(argv).stdout


@pytest.mark.parametrize(
    ("name", "kind", "verdict"),
    [
        (".", "NS", "; fully validated"),
        ("www.example.test", "A", "; fully validated"),
        ("outside.test", "MX", "; fully validated"),
        ("outside.example", "MX", "; fully validated"),
        ("mail.outside.example", "AAAA", "; fully validated"),
        ("absent.test", "A", "; negative response, fully validated"),
        ("test", "MX", "; negative response, fully validated"),
        ("www.example.com", "A", "; unsigned answer"),
        ("absent.net", "A", "; negative response, unsigned answer"),
    ],
)
def test_the_labs_internet_validates(bare_lab: Lab, name: str, kind: str, verdict: str) -> None:
    assert verdict in delv(bare_lab, name, kind).splitlines()


UNBOUND = """
server:
    interface: 0.0.0.0
    access-control: 10.89.0.0/16 allow
    module-config: "validator iterator"
    local-zone: "10.in-addr.arpa." nodefault
    trust-anchor: "{anchor}"
forward-zone:
    name: "."
    forward-addr: {address}
"""


@needs_debian
def test_an_unbound_that_forwards_to_the_internet_validates(
    lab_factory: Callable[..., Lab],
) -> None:
    lab = lab_factory("resolver", [HostSpec("ns", ("10.89.0.100",), tree="debian-12-mail")])
    ns = lab.host("ns")
    ns.check_run(["rm", "/etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf"])
    text = UNBOUND.format(anchor=lab.trust_anchor, address=lab.internet.address)
    ns.write_file("/etc/unbound/unbound.conf.d/lab.conf", text)
    ns.check_run(["systemctl", "restart", "unbound"])
    lab.internet.add_zone("provider.example", ["@ IN MX 10 mail", "mail IN A 10.89.0.100"])
    seen = {}
    for name in ("provider.example", "www.example.com", "absent.example", "absent.com"):
        query = dns.message.make_query(name, "MX", want_dnssec=True)
        answer = dns.query.udp(query, ns.address, timeout=10)
        seen[name] = (answer.rcode(), bool(answer.flags & dns.flags.AD))
    assert seen == {
        "provider.example": (0, True),
        "www.example.com": (0, False),
        "absent.example": (3, True),
        "absent.com": (3, False),
    }


def test_the_trust_anchor_is_the_roots(bare_lab: Lab) -> None:
    assert bare_lab.trust_anchor.split()[3] in bare_lab.host("inet").read_file(
        "/etc/bind/lab/trust-anchors.conf"
    )
    answer = ask(bare_lab, ".", "DNSKEY").answer[0]
    assert bare_lab.internet.trust_anchor_dnskey.split(None, 3)[3] in answer.to_text()


def test_answers_carry_signatures_that_last(bare_lab: Lab) -> None:
    rrsigs = [
        record
        for rrset in ask(bare_lab, "www.example.test", "A").answer
        if rrset.rdtype == dns.rdatatype.RRSIG
        for record in rrset
    ]
    assert rrsigs
    assert all(record.expiration > time.time() + 365 * 86400 for record in rrsigs)


def test_zones_can_be_added_replaced_and_removed(bare_lab: Lab) -> None:
    internet = bare_lab.internet
    internet.add_zone("one.test", ["@ IN MX 10 mail", "mail IN A 10.89.0.10"])
    assert "; fully validated" in delv(bare_lab, "mail.one.test", "A")
    internet.add_zone("one.test", ["@ IN MX 10 post", "post IN A 10.89.0.11"])
    assert "10 post.one.test." in delv(bare_lab, "one.test", "MX")
    internet.add_zone("two.com", ["@ IN MX 10 mail.one.test."], signed=False)
    assert "; unsigned answer" in delv(bare_lab, "two.com", "MX")
    with pytest.raises(MailprovError, match="records cannot be read"):
        internet.add_zone("bad.test", ["@ IN MX"])
    internet.remove_zone("one.test")
    assert ask(bare_lab, "mail.one.test", "A").rcode() == 3


def test_two_labs_with_the_same_hosts_do_not_meet(
    bare_lab: Lab, lab_factory: Callable[..., Lab]
) -> None:
    other = lab_factory("twin", [HostSpec("one", ("10.89.0.10", "fd00:89:0::10"))])
    assert other.number != bare_lab.number
    other.host("one").write_file("/root/mark", "twin")
    assert bare_lab.host("one").run(["test", "-e", "/root/mark"]).returncode == 1
    done = other.host("one").run(["ip", "route", "get", bare_lab.host("one").address])
    assert done.returncode != 0
    assert other.trust_anchor != bare_lab.trust_anchor


def traces(name: str, number: int) -> list[str]:
    """Return all that this machine still has of a lab."""
    links = json.loads(subprocess.check_output(["ip", "-json", "link"]))
    found = [
        link["ifname"]
        for link in links
        if link["ifname"] == f"mpl{number}" or link["ifname"].startswith(f"v{number}-")
    ]
    namespaces = Path("/run/netns")
    if namespaces.exists():
        found += [entry.name for entry in namespaces.glob(f"mpl{number}-*")]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [line for line in mounts if f"/{name}/" in line or f"mpl{number}-" in line]
    mount = cgroup2_mount()
    assert mount is not None
    found += map(str, mount.glob(f"mailprov-lab/{number}"))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            groups = (process / "cgroup").read_text()
            words = (process / "cmdline").read_text()
        except OSError:
            continue
        if f"0::/mailprov-lab/{number}/" in groups and words:  # a zombie has no words
            found.append(words.replace("\0", " "))
    state = Path("/var/lib/mailprov-lab", name)
    return [*found, *([str(state)] if state.exists() else [])]


def shared_state() -> tuple[list[str], list[str]]:
    """Return mounts and interfaces that belong to no lab: they must not change."""
    mounts = [
        line
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if "/run/netns" not in line and ".debian-" not in line
    ]
    links = [
        link["ifname"]
        for link in json.loads(subprocess.check_output(["ip", "-json", "link"]))
        if not link["ifname"].startswith(("mpl", "v"))
    ]
    return mounts, links


def test_down_leaves_nothing(lab_name: Callable[[str], str]) -> None:
    name = lab_name("gone")
    before = shared_state()
    lab = Lab.up(
        name,
        [
            HostSpec("one", ("10.89.0.10",)),
            HostSpec("a-very-long-name", ("10.89.0.2",), disk_mib=64),
        ],
    )
    assert len(traces(name, lab.number)) > 10
    lab.down()
    assert traces(name, lab.number) == []
    assert shared_state() == before
    if not find_bridges():  # nobody else's lab is up, so this was the last
        assert not Path("/sys/class/net/mplcache").exists()
    take_down(name)


_CREATOR = """
import sys, time
from provisioner.lab import HostSpec, Lab
lab = Lab.up(sys.argv[1], [HostSpec("one", ("10.89.0.10",))])
print(lab.number, flush=True)
time.sleep(600)
"""


def test_down_after_the_creator_was_killed(lab_name: Callable[[str], str]) -> None:
    name = lab_name("orphan")
    argv = [sys.executable, "-c", _CREATOR, name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as creator:
        assert creator.stdout is not None
        number = int(creator.stdout.readline())
        creator.kill()
    assert Lab.attach(name).host("one").run(["true"]).returncode == 0
    take_down(name)
    assert traces(name, number) == []


@pytest.mark.parametrize("seconds", [0.35, 0.45, 0.55, 0.7])
def test_down_after_up_was_killed_halfway(lab_name: Callable[[str], str], seconds: float) -> None:
    name = lab_name("halfway")
    argv = [sys.executable, "-c", _CREATOR, name]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as creator:
        time.sleep(seconds)
        creator.kill()
    numbers = [bridge.number for bridge in find_bridges() if bridge.label.endswith(f"/{name}")]
    take_down(name)
    for number in numbers:
        assert traces(name, number) == []
    assert not Path("/var/lib/mailprov-lab", name).exists()

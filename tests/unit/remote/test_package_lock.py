"""Another program that holds the package manager is waited for, and named (packages.sh)."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from support.remote_parts import text_of

OLD_DPKG = "dpkg: error: dpkg frontend lock was locked by another process with pid {pid}"
DPKG = (
    "dpkg: error: dpkg frontend lock was locked by /usr/bin/perl process with pid {pid}\n"
    "Note: removing the lock file is always wrong, can damage the locked area"
)
APT = (
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process {pid} (perl)\n"
    "N: Be aware that removing the lock file is not a solution"
)
OLD_APT = (
    "E: Could not get lock /var/lib/apt/lists/lock - open (11: Resource temporarily unavailable)"
)
DNF = (
    "metadata already locked by {pid}\n"
    "  The application with PID {pid} is: dnf\n"
    "    Memory : 100 M RSS (120 MB VSZ)"
)
RPM = (
    "error: can't create transaction lock on /var/lib/rpm/.rpm.lock "
    "(Resource temporarily unavailable)"
)


def patiently(tmp_path: Path, said: str, fails: int, status: int = 100) -> tuple[int, list[str]]:
    """Run a command that fails so often and says so; return what comes of it, without waiting."""
    text = text_of("packages")
    functions = text[text.index("patiently()") : text.index("install_apt()")]
    (tmp_path / "said").write_text(said)
    script = f"""
    section() {{ printf '@%s\\n' "$*"; }}
    waited=0
    sleep() {{ waited=$((waited + $1)); }}
    patience=6 said={tmp_path}/out
    {functions}
    seconds() {{ echo "$waited"; }}
    command() {{
        count=$(($(cat {tmp_path}/count 2>/dev/null || echo 0) + 1))
        echo "$count" >{tmp_path}/count
        [ "$count" -gt {fails} ] || {{ cat {tmp_path}/said; return {status}; }}
    }}
    patiently command
    """
    done = subprocess.run(["sh", "-uc", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("said", [OLD_DPKG, DPKG, APT, OLD_APT, DNF, RPM])
def test_it_is_waited_for(tmp_path: Path, said: str) -> None:
    assert patiently(tmp_path, said.format(pid=999999), fails=2)[0] == 0


@pytest.mark.parametrize(
    ("said", "holder"),
    [
        (OLD_DPKG, "process 999999"),
        (DPKG, "process 999999"),
        (APT, "process 999999"),
        (OLD_APT, "another program"),
        (DNF, "process 999999"),
        (RPM, "another program"),
    ],
)
def test_not_for_ever_and_the_holder_is_named(tmp_path: Path, said: str, holder: str) -> None:
    status, told = patiently(tmp_path, said.format(pid=999999), fails=99)
    assert status == 75
    assert f"@held {holder}" in told
    assert told.count(f"@progress waiting for {holder}, which holds the package manager") == 1
    assert int((tmp_path / "count").read_text()) == 4


def test_another_failure_is_not_repeated(tmp_path: Path) -> None:
    said = "E: Unable to locate package nothing"
    assert patiently(tmp_path, said, fails=99) == (100, [said])
    assert int((tmp_path / "count").read_text()) == 1


GONE = "Error: Error downloading packages:\n  Cannot download x.rpm: All mirrors were tried"
UNKNOWN = "Error: Unable to find a match: dovecot-pigeonhole"
DEAF = (
    "Error: Failed to download metadata for repo 'lab': Cannot download repomd.xml: "
    "Cannot download repodata/repomd.xml: All mirrors were tried"
)
CONFLICT = "Error: \n Problem: problem with installed package"


@pytest.mark.parametrize(
    ("said", "asked"), [(GONE, 2), (UNKNOWN, 2), (DEAF, 1), (CONFLICT, 1), ("", 1)]
)
def test_dnf_reads_its_metadata_anew_where_they_may_be_stale(
    tmp_path: Path, said: str, asked: int
) -> None:
    text = text_of("packages")
    functions = text[text.index("patiently()") : text.index("# Whoever started this")]
    (tmp_path / "words").write_text(said)
    script = f"""
    section() {{ :; }}
    patience=6 said={tmp_path}/out
    {functions}
    dnf() {{
        echo "$*" >>{tmp_path}/asked
        [ ! -s {tmp_path}/words ] || {{ cat {tmp_path}/words; return 1; }}
    }}
    install_dnf dovecot-pigeonhole
    """
    done = subprocess.run(["sh", "-uc", script], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if said else 0), done.stderr
    lines = (tmp_path / "asked").read_text().splitlines()
    assert ["--refresh" in line for line in lines] == [False, True][:asked]
    assert all(line.endswith(" dovecot-pigeonhole") for line in lines)


def test_of_two_that_install_the_first_to_end_leaves_the_others_daemons_down(
    tmp_path: Path,
) -> None:
    policy, held = tmp_path / "policy-rc.d", tmp_path / "held"
    parts = text_of("prelude", "found", "policy", "packages")
    text = parts.replace("/usr/sbin/policy-rc.d", str(policy))
    text = text.replace("patience=60", "patience=1").replace(
        "state=/var/lib/mailprov\n", f"state={tmp_path}\n"
    )
    assert f"state={tmp_path}\n" in text
    # dpkg's work: it lasts until somebody says so, and starts what nobody forbids.
    work = f"while [ ! -e {held} ]; do sleep 0.1; done; [ -e {policy} ] || echo started >&2"
    (tmp_path / "programs").mkdir()
    for name in ("dpkg", "apt-get", "debconf-set-selections"):
        stub = tmp_path / "programs" / name
        stub.write_text(f"#!/bin/sh\n{work if name == 'apt-get' else ':'}\n")
        stub.chmod(0o755)
    text = text.replace("PATH=/usr/local/sbin", f"PATH={tmp_path}/programs:/usr/local/sbin")
    command = ["sh", "-c", text, "mailprov", "apt", "", "postfix"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        deadline = time.monotonic() + 10
        while not policy.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert (second.returncode, second.stdout) == (75, "@held another mailprov\n")
        assert policy.exists()
        held.touch()
        said, _ = first.communicate(timeout=10)
    assert first.returncode == 0
    assert "started" not in said
    assert not policy.exists()

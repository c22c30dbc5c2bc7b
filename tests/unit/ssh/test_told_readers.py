"""Who reads a file that was written, and is no daemon of mail's, is told (prelude.sh)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.ssh.remote import program

_TOOLS = """
systemctl() {
    case $1$2 in
        -qis-active) [ "$active" = 1 ] ;;
        *) echo "systemctl $*" ;;
    esac
}
firewall-cmd() { echo "firewall-cmd $*" >&3; [ "$*" != "$broken" ]; }
"""


def told(path: str, active: str = "1", broken: str = "none") -> list[str]:
    prelude = (Path(program.__file__).parent / "prelude.sh").read_text()
    # A name with a hyphen is no function's in every shell: it is found as a program.
    script = f"""{prelude}
    active={active} broken={broken}
    {_TOOLS.replace("firewall-cmd() {", "firewall_cmd() {")}
    alias firewall-cmd=firewall_cmd
    {prelude[prelude.index("tell_reader()") : prelude.index("# rows NAME")]}
    tell_reader "$1" 3>&1 || echo refused
    """
    done = subprocess.run(
        ["sh", "-uc", script, "sh", path], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("path", "want"),
    [
        (
            "/etc/firewalld/policies/mailprov.xml",
            ["firewall-cmd --check-config", "firewall-cmd --reload"],
        ),
        ("/etc/NetworkManager/conf.d/mailprov.conf", ["systemctl reload NetworkManager.service"]),
        ("/etc/postfix/main.cf", []),
    ],
)
def test_its_reader_reads_it_anew(path: str, want: list[str]) -> None:
    assert told(path) == want


def test_a_reader_that_does_not_run_is_left_alone() -> None:
    assert told("/etc/firewalld/policies/mailprov.xml", active="0") == []


def test_a_firewall_that_could_not_read_it_goes_on_as_it_is() -> None:
    got = told("/etc/firewalld/policies/mailprov.xml", broken="--check-config")
    assert got == ["firewall-cmd --check-config", "refused"]

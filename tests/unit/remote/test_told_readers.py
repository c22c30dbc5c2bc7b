"""Who reads a file that was written, and is no daemon of mail's, is told (readers.sh)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.remote_parts import text_of

_TOOLS = """
systemctl() {
    case $1${2-} in
        -qis-active) [ "$active" = 1 ] ;;
        *) echo "systemctl $*" >&3 ;;
    esac
}
ufw() { echo "ufw $*" >&3; }
ufw_is_on() { [ "$active" = 1 ]; }
nft() { case $1 in -a) cat "$ruleset" ;; -f) sed "s/^/nft /" >&3 ;; esac; }
firewall-cmd() { echo "firewall-cmd $*" >&3; [ "$*" != "$broken" ]; }
"""


def told(path: str, active: str = "1", broken: str = "none") -> list[str]:
    # A name with a hyphen is no function's in every shell: it is found as a program.
    script = f"""{text_of("prelude")}
    active={active} broken={broken}
    {_TOOLS.replace("firewall-cmd() {", "firewall_cmd() {")}
    alias firewall-cmd=firewall_cmd
    {text_of("readers")}
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
        ("/etc/ufw/applications.d/mailprov", ["ufw delete allow mailprov"]),
        ("/etc/systemd/system/nftables.service.d/mailprov.conf", ["systemctl daemon-reload"]),
        ("/etc/postfix/main.cf", []),
    ],
)
def test_its_reader_reads_it_anew(path: str, want: list[str]) -> None:
    assert told(path) == want


def test_rules_of_a_program_that_has_gone_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ruleset = """table inet filter { # handle 3
\tchain input { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\ttcp dport 22 accept comment "not mailprov's" # handle 9
\t\ttcp dport { 25, 53 } accept comment "mailprov" # handle 10
\t\tdrop # handle 11
\t}
}
"""
    (tmp_path / "ruleset").write_text(ruleset)
    monkeypatch.setenv("ruleset", str(tmp_path / "ruleset"))
    assert told("/etc/mailprov/open-ports") == ["nft delete rule inet filter input handle 10"]


def test_a_reader_that_does_not_run_is_left_alone() -> None:
    assert told("/etc/firewalld/policies/mailprov.xml", active="0") == []


def test_a_rule_of_a_ufw_that_was_switched_off_goes_too() -> None:
    assert told("/etc/ufw/applications.d/mailprov", active="0") == ["ufw delete allow mailprov"]


def test_a_firewall_that_could_not_read_it_goes_on_as_it_is() -> None:
    got = told("/etc/firewalld/policies/mailprov.xml", broken="--check-config")
    assert got == ["firewall-cmd --check-config", "refused"]

"""Where the program for nftables lets the site's ports in: real rulesets, and a played nft(8)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from unit.render.sites import ONE_HOST, site_of

from provisioner.model.services import ports_of
from provisioner.render.firewall_view import NFTABLES_PROGRAM, render_firewall
from provisioner.render.nature import Firewall

# As `nft -a list ruleset` of nftables 1.0.6 has it.
CLOSED = """table inet filter { # handle 3
\tset banned { # handle 3
\t\ttype ipv4_addr
\t\telements = { 192.0.2.9, 192.0.2.10 }
\t}

\tchain input { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\tct state established,related accept # handle 4
\t\ttcp dport { 22, 80 } accept # handle 7
\t\tip saddr @banned drop # handle 8
\t}

\tchain forward { # handle 2
\t\ttype filter hook forward priority filter; policy drop;
\t}
}
"""
REFUSED_AT_THE_END = """table ip other { # handle 4
\tchain INPUT { # handle 1
\t\ttype filter hook input priority 20; policy accept;
\t\ttcp dport 22 accept # handle 2
\t\tcounter packets 5 bytes 300 log prefix "refused: " reject # handle 3
\t}
}
"""
SOME_ARE_BANNED = """table inet f2b-table { # handle 5
\tchain f2b-chain { # handle 1
\t\ttype filter hook input priority filter - 1; policy accept;
\t\tip saddr 192.0.2.77 reject with icmp port-unreachable # handle 2
\t}
}
"""
LET_IN_BEFORE = """table inet filter { # handle 3
\tchain input { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\ttcp dport 25 accept comment "mailprov" # handle 10
\t\tdrop # handle 11
\t}
}
"""


ONLY_LIMITED = """table inet third { # handle 4
\tchain in { # handle 1
\t\ttype filter hook input priority filter + 6; policy accept;
\t\ttcp dport 22 accept # handle 2
\t\tlimit rate 3/second reject # handle 3
\t}
}
"""
REFUSED_IN_SEVERAL_RULES = """table inet filter { # handle 1
\tchain input { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\tiifname "eth7" jump {
\t\t\ttcp dport 99 accept
\t\t\tdrop
\t\t} # handle 9
\t\tip saddr 192.0.2.9 drop # handle 10
\t\tlimit rate 5/minute burst 5 packets log prefix "nft drop: " flags all # handle 11
\t\tmeta pkttype host limit rate 5/second counter packets 0 bytes 0 reject # handle 12
\t\tcounter packets 0 bytes 0 # handle 13
\t}
}
"""
ARP = """table arp guard { # handle 2
\tchain input { # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t}
}
"""


def batch(ruleset: str, folder: Path) -> list[str]:
    """Return what nft(8) is told, each place and protocol once: the ports are asked for apart."""
    site = site_of(ONE_HOST)
    host = site.host("mail")
    files = render_firewall(site, host, Firewall("nftables"))
    program = next(one.content for one in files if one.path == NFTABLES_PROGRAM)
    (folder / "ruleset").write_text(ruleset)
    played = f"nft() {{ case $1 in -a) cat {folder}/ruleset ;; *) cat ;; esac; }}\n"
    done = subprocess.run(
        ["sh", "-u"], input=played + program.decode(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    ports: dict[str, list[int]] = {}
    for line in done.stdout.splitlines():
        place, _, rest = line.partition(" dport ")
        ports.setdefault(place, [])
        if rest:
            port, _, verdict = rest.partition(" ")
            assert verdict == 'accept comment "mailprov"'
            ports[place].append(int(port))
    for place, opened in ports.items():
        if place.endswith(" tcp"):
            assert tuple(opened) == ports_of(site, host)
    return list(ports)


@pytest.mark.parametrize(
    ("ruleset", "want"),
    [
        (CLOSED, ["add rule inet filter input tcp", "add rule inet filter input udp"]),
        (
            REFUSED_AT_THE_END,
            ["insert rule ip other INPUT handle 3 tcp", "insert rule ip other INPUT handle 3 udp"],
        ),
        (
            REFUSED_IN_SEVERAL_RULES,
            [
                "insert rule inet filter input handle 11 tcp",
                "insert rule inet filter input handle 11 udp",
            ],
        ),
        (SOME_ARE_BANNED, []),
        (ONLY_LIMITED, []),
        (ARP, []),
        (
            LET_IN_BEFORE,
            [
                "delete rule inet filter input handle 10",
                "insert rule inet filter input handle 11 tcp",
                "insert rule inet filter input handle 11 udp",
            ],
        ),
        ("", []),
    ],
    ids=["policy", "last rule", "last rules", "bans", "limit", "arp", "again", "nothing"],
)
def test_ports_are_let_in_just_before_all_else_is_refused(
    ruleset: str, want: list[str], tmp_path: Path
) -> None:
    assert batch(ruleset, tmp_path) == want


def test_every_table_has_its_own(tmp_path: Path) -> None:
    both = batch(CLOSED + SOME_ARE_BANNED + REFUSED_AT_THE_END, tmp_path)
    assert len(both) == 4
    assert {line.split()[3] for line in both} == {"filter", "other"}

"""Who listens on a host's ports, from what the remote program found on real hosts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from provisioner.facts.listening import HeldSocket, Holder, parse_listening
from provisioner.model.site import IPAddress
from provisioner.probes.sockets import ListeningSocket
from provisioner.remote.protocol import split_sections

EVERYWHERE = "0.0.0.0"  # noqa: S104 what was recorded
RECORDED = Path(__file__).parents[2] / "recorded/listening"


def recorded(name: str) -> tuple[HeldSocket, ...]:
    lines = (RECORDED / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return parse_listening({section: body for section, _, body in split_sections(lines)})


def strangers(name: str) -> dict[tuple[str, int], Holder | None]:
    return {
        (str(held.socket.address), held.socket.port): held.holder
        for held in recorded(name)
        if not held.own
    }


def test_what_the_hosts_own_daemons_hold_is_own_and_nobody_else_is_looked_for() -> None:
    got = recorded("own-daemons")
    assert len(got) == 16
    assert all(held.own and held.holder is None for held in got)
    assert HeldSocket(ListeningSocket("udp", IPv6Address("::1"), 53), own=True) in got


def test_every_stranger_is_told_with_process_and_unit() -> None:
    got = strangers("strangers")
    assert set(got) == {("::", 143), ("127.0.0.1", 993), (EVERYWHERE, 4190)}
    service, by_hand = got["127.0.0.1", 993], got[EVERYWHERE, 4190]
    assert service is not None
    assert (service.name, service.unit) == ("systemd-socket-", "holder.service")
    assert (service.active, service.enabled) == ("active", "transient")
    assert by_hand is not None
    assert (by_hand.name, by_hand.unit) == ("systemd-socket-", "")


def test_where_systemd_itself_listens_the_socket_unit_is_the_owner() -> None:
    socket = strangers("strangers")["::", 143]
    assert socket is not None
    assert (socket.pid, socket.unit, socket.triggers) == (
        1,
        "squatter.socket",
        ("squatter.service",),
    )


def test_another_mail_server_brings_its_packages_along() -> None:
    got = strangers("another-mail-server")
    exim, dnsmasq = got[EVERYWHERE, 25], got[EVERYWHERE, 53]
    assert exim is not None
    assert dnsmasq is not None
    assert (exim.package, exim.enabled) == ("exim4-daemon-light", "generated")
    assert exim.displaced == ("exim4-daemon-light", "exim4-base", "exim4-config")
    assert (dnsmasq.unit, dnsmasq.displaced) == ("dnsmasq.service", ())


def held_by(holder: str, *more: str) -> Holder:
    """Return who holds a port by a row and sections of an answer."""
    sections = {name: body for name, _, body in split_sections("\n".join(more).splitlines())}
    row = f"tcp\t{line(IPv4Address('192.0.2.1'), 4190, 7)}"
    (got,) = parse_listening({"listening": [row], "holders": [f"7\t{holder}"], **sections})
    assert got.holder is not None
    return got.holder


SSH = "@owners\nId=ssh.service\nMainPID=100\nActiveState=active"
CRON = "@owners\nId=cron.service\nMainPID=0\nUnitFileState=generated\nActiveState=active"


def test_a_users_process_in_a_unit_of_the_systems_is_not_that_unit() -> None:
    got = held_by("578\tssh.service\tnc\tnetcat\t1000\talice", SSH)
    assert (got.user, got.own_unit, got.is_root) == ("alice", False, False)
    assert not held_by("578\tcron.service\tnc\tnetcat\t0\troot", CRON).own_unit
    assert held_by("100\tssh.service\tsshd\topenssh-server\t0\troot", SSH).own_unit


def test_what_our_connection_hangs_on_is_known_by_process_and_by_unit() -> None:
    above = "@connection\n900\tssh.service\n100\tssh.service"
    sshd = "100\tssh.service\tsshd\topenssh-server\t0\troot"
    assert held_by(sshd, SSH, above).carries_us
    assert held_by("900\tsession-2.scope\tsh\t\t0\troot", SSH, above).carries_us
    other = "578\tssh.service\tnc\tnetcat\t1000\talice"
    assert not held_by(other, SSH, above).carries_us


def test_a_socket_that_no_process_has_is_held_by_nobody_that_is_known() -> None:
    (row,) = [f"tcp\t{line(IPv4Address('192.0.2.1'), 25, 77)}"]
    (got,) = parse_listening({"listening": [row], "own": [""]})
    want = ListeningSocket("tcp", IPv4Address("192.0.2.1"), 25)
    assert got == HeldSocket(want, own=False)


def test_without_the_sections_nothing_listens() -> None:
    assert parse_listening({}) == ()


def line(address: IPAddress, port: int, inode: int) -> str:
    """Return a row as the kernel writes it: 32-bit words, the lowest octet last."""
    octets = address.packed
    words = [octets[start : start + 4][::-1].hex().upper() for start in range(0, len(octets), 4)]
    nobody = "0" * 8 * len(words)
    return (
        f"   0: {''.join(words)}:{port:04X} {nobody}:0000 0A 00000000:00000000 "
        f"00:00000000 00000000     0        0 {inode} 1 0000000000000000 100 0 0 10 0"
    )


@given(
    address=st.ip_addresses(),
    port=st.integers(0, 0xFFFF),
    inode=st.integers(1, 2**32 - 1),
    own=st.booleans(),
    name=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=15),
)
def test_every_address_port_and_owner_is_read_back(
    address: IPAddress, port: int, inode: int, *, own: bool, name: str
) -> None:
    table = "tcp" if address.version == 4 else "tcp6"
    (got,) = parse_listening(
        {
            "listening": [f"{table}\t{line(address, port, inode)}"],
            "own": [str(inode)] if own else ["1000000000000"],
            "holders": [] if own else [f"{inode}\t42\tx.service\t{name}\t\t1000\talice"],
        }
    )
    assert got.socket == ListeningSocket("tcp", address, port)
    assert got.own is own
    assert got.holder == (None if own else Holder(42, name, "x.service", user="alice"))

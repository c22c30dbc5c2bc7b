"""Listening sockets, from the kernel's tables to findings."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.probe_site import two_host_site

from provisioner.model.site import IPAddress
from provisioner.probes.finding import Status
from provisioner.probes.sockets import ListeningSocket, judge_sockets, parse_sockets
from provisioner.site.load import load_site

# Lines as Linux 6.1 writes them: 0.0.0.0:993 and [::1]:53 listening, an SSH connection
# established, 127.0.0.1:53 over UDP.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:03E1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1
   1: 0A01590A:0016 FE01590A:C350 01 00000000:00000000 02:000AC54A 00000000     0        0 22 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 00000000
"""
UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  900: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 23 2
"""


def test_tables_become_listening_sockets_and_nothing_else() -> None:
    got = parse_sockets({"tcp": TCP, "tcp6": TCP6, "udp": UDP, "udp6": ""})
    want = {
        ListeningSocket("tcp", IPv4Address("0.0.0.0"), 993),  # noqa: S104 what the table says
        ListeningSocket("tcp", IPv6Address("::1"), 53),
        ListeningSocket("udp", IPv4Address("127.0.0.1"), 53),
    }
    assert got == want


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_and_port_is_read_back(address: IPAddress, port: int) -> None:
    words = struct.iter_unpack(">I", address.packed)
    digits = "".join(struct.pack("<I", word).hex().upper() for (word,) in words)
    line = f"   0: {digits}:{port:04X} 0:0 0A 0:0 00:0 0 0 0 1 1"
    name = "tcp" if address.version == 4 else "tcp6"
    assert parse_sockets({name: line}) == {ListeningSocket("tcp", address, port)}


@given(st.text(max_size=200))
def test_no_text_is_too_strange_to_parse(text: str) -> None:
    assert isinstance(parse_sockets({"tcp": text, "udp6": text}), frozenset)


MAIL_PORTS = (25, 110, 143, 465, 587, 993, 995, 4190)
EVERYWHERE = ip_address("0.0.0.0")  # noqa: S104 what the table says


def listening(*ports: int, on: IPAddress = EVERYWHERE) -> set[ListeningSocket]:
    return {ListeningSocket("tcp", on, port) for port in ports}


def failures(sockets: set[ListeningSocket], key: str = "mail") -> dict[str, str]:
    site = two_host_site()
    return {
        finding.id: finding.got
        for finding in judge_sockets(site, site.host(key), sockets)
        if finding.status is Status.FAILED
    }


def test_a_host_that_listens_as_the_model_says_passes() -> None:
    assert failures(listening(*MAIL_PORTS, 22)) == {}


def test_a_missing_port_fails() -> None:
    got = failures(listening(*MAIL_PORTS) - listening(993))
    assert got == {"listening.tcp-993@mail": "nothing listens"}


def test_a_port_on_loopback_only_fails() -> None:
    sockets = listening(*MAIL_PORTS) - listening(25) | listening(25, on=ip_address("127.0.0.1"))
    assert failures(sockets) == {"listening.tcp-25@mail": "on 127.0.0.1"}


def test_a_name_server_without_udp_fails() -> None:
    assert failures(listening(53), "ns") == {"listening.udp-53@ns": "nothing listens"}


def test_a_mail_port_that_the_model_does_not_name_fails() -> None:
    got = failures(listening(*MAIL_PORTS, 2525))
    assert got == {"listening.no-other-mail-port@mail": "2525 on 0.0.0.0"}


def test_a_mail_port_on_loopback_alone_is_nobodys_business() -> None:
    assert failures(listening(*MAIL_PORTS) | listening(24, on=ip_address("127.0.0.1"))) == {}


def test_the_ipv6_wildcard_serves_both_and_the_ipv4_wildcard_does_not() -> None:
    wide = ListeningSocket("tcp", ip_address("::"), 25)
    narrow = ListeningSocket("tcp", EVERYWHERE, 25)
    four, six = ip_address("192.0.2.1"), ip_address("2001:db8::1")
    got = [wide.serves(four), wide.serves(six), narrow.serves(four), narrow.serves(six)]
    assert got == [True, True, True, False]


def test_a_transport_that_nobody_knows_is_not_taken_for_udp() -> None:
    with pytest.raises(KeyError):
        parse_sockets({"sctp": UDP})


SPLIT = Path(__file__).parents[2] / "golden/split/site.yaml"


@pytest.mark.parametrize(
    ("ports", "failed"),
    [
        ({24, 110, 143, 993, 995, 4190}, []),
        ({110, 143, 993, 995, 4190}, ["listening.tcp-24@store1"]),
    ],
)
def test_a_store_that_other_hosts_deliver_to_listens_for_lmtp(
    ports: set[int], failed: list[str]
) -> None:
    site = load_site(SPLIT).site
    found = judge_sockets(site, site.host("store1"), listening(*ports))
    assert [one.id for one in found if one.status is Status.FAILED] == failed

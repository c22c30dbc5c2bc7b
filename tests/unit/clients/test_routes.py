"""Which way a question goes."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network
from unittest import mock

import pytest
from support.probe_site import two_host_site

from provisioner.clients.routes import FirstConnections, Route, Routes, survey, try_to_reach
from provisioner.model.secrets import SecretReference
from provisioner.model.site import IPAddress
from provisioner.probes.question import ANYWHERE, Endpoint, Unasked, Vantage
from provisioner.probes.reach import ReachAnswer
from provisioner.transport.local import LocalTransport
from provisioner.transport.options import SshOptions

NS, MAIL, HERE = (ip_address(f"192.0.2.{last}") for last in (11, 10, 7))
OUTSIDE = ip_address("203.0.113.7")
SMTP = Endpoint("mail", MAIL, 25)
DNS = Endpoint("ns", NS, 53)
LAN = (ip_network("192.0.2.0/24"),)


def reveal_nothing(reference: SecretReference) -> str:
    raise AssertionError(reference)


def routes(source: IPAddress, outcome: str = "open", ssh: tuple[str, ...] = ()) -> Routes:
    answer = ReachAnswer(outcome, source=source)  # type: ignore[arg-type]  # parametrized literal
    site = two_host_site()
    # Choosing opens nothing, so that transports which nobody opened will do.
    transports = {key: LocalTransport(site.host(key), SshOptions(), reveal_nothing) for key in ssh}
    return Routes(site.hosts, transports, {SMTP: answer, DNS: answer})


def choice(got: list[Route] | Unasked) -> list[tuple[str, IPAddress]]:
    assert isinstance(got, list)
    return [(route.via, route.source) for route in got]


def test_straight_comes_first_and_ssh_behind_it() -> None:
    got = choice(routes(OUTSIDE, ssh=("mail", "ns")).choose(SMTP, ANYWHERE))
    assert got == [("direct", OUTSIDE), ("ssh:mail", MAIL), ("ssh:ns", NS)]


@pytest.mark.parametrize("outcome", ["refused", "timed out", "unreachable"])
def test_a_port_out_of_reach_is_asked_through_ssh(outcome: str) -> None:
    got = choice(routes(OUTSIDE, outcome, ("mail",)).choose(SMTP, ANYWHERE))
    assert got == [("ssh:mail", MAIL)]


def test_without_any_way_the_list_is_empty() -> None:
    assert choice(routes(OUTSIDE, "timed out").choose(SMTP, ANYWHERE)) == []


def test_a_resolver_is_asked_from_a_host_when_we_are_outside_its_networks() -> None:
    got = choice(routes(OUTSIDE, ssh=("ns",)).choose(DNS, Vantage(within=LAN)))
    assert got == [("ssh:ns", NS), ("ssh:ns", ip_address("127.0.0.1"))]


def test_a_resolver_that_does_not_serve_its_own_address_is_asked_on_loopback() -> None:
    got = choice(routes(OUTSIDE, ssh=("ns",)).choose(DNS, Vantage(within=())))
    assert got == [("ssh:ns", ip_address("127.0.0.1"))]


def test_a_strangers_question_goes_from_another_host_when_we_are_trusted() -> None:
    vantage = Vantage(beyond=(ip_network("192.0.2.7/32"),), stranger=True)
    got = choice(routes(HERE, ssh=("mail", "ns")).choose(SMTP, vantage))
    assert got == [("ssh:ns", NS)]


def test_a_strangers_question_is_not_put_where_everybody_is_trusted() -> None:
    got = routes(HERE, ssh=("mail", "ns")).choose(SMTP, Vantage(beyond=LAN))
    assert isinstance(got, Unasked)
    assert "192.0.2.0/24" in got.reason


def test_a_stranger_to_each_host_is_the_other_one() -> None:
    vantage = Vantage(stranger=True)  # one for both, as the questions of a site share it
    ways = routes(HERE, "timed out", ("mail", "ns"))
    assert choice(ways.choose(SMTP, vantage)) == [("ssh:ns", NS)]
    assert choice(ways.choose(DNS, vantage)) == [("ssh:mail", MAIL)]


def test_udp_goes_straight_or_not_at_all() -> None:
    straight = routes(HERE, "timed out", ("ns",)).choose(DNS, Vantage(within=LAN), udp=True)
    outside = routes(OUTSIDE, ssh=("ns",)).choose(DNS, Vantage(within=LAN), udp=True)
    assert choice(straight) == [("direct", HERE)]
    assert isinstance(outside, Unasked)
    assert "UDP" in outside.reason


def test_a_port_that_nobody_listens_on_is_refused() -> None:
    got = try_to_reach(Endpoint("here", ip_address("127.0.0.1"), 1))
    assert (got.outcome, got.source) == ("refused", ip_address("127.0.0.1"))


def test_the_first_question_gets_the_connection_of_the_survey_and_no_other_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = Endpoint("here", ip_address("127.0.0.1"), server.getsockname()[1])
        first = FirstConnections()
        assert survey([endpoint], first)[endpoint].outcome == "open"
        straight = Routes((), {}, {}, first)
        route = Route(None, endpoint.address, endpoint.address)
        connections = [straight.connect(route, endpoint) for _ in range(2)]
        accepted = [server.accept() for _ in range(2)]
        assert [peer for _, peer in accepted] == [each.getsockname() for each in connections]
        for each in (*connections, *(taken for taken, _ in accepted)):
            each.close()


def test_a_connection_of_the_survey_that_nobody_takes_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = Endpoint("here", ip_address("127.0.0.1"), server.getsockname()[1])
        first = FirstConnections()
        survey([endpoint], first)
        first.close()
        with server.accept()[0] as accepted:
            assert accepted.recv(1) == b""
        assert first.take(endpoint) is None


def test_among_many_hosts_a_few_are_enough_and_are_looked_for_once() -> None:
    origin = two_host_site().host("ns")
    hosts = [
        origin.model_copy(update={"key": f"d{n}", "addresses": (ip_address(f"192.0.2.{n}"),)})
        for n in range(200)
    ]
    transports = {host.key: LocalTransport(host, SshOptions(), reveal_nothing) for host in hosts}
    ways = Routes(hosts, transports, {})
    with mock.patch.object(Vantage, "admits", autospec=True, side_effect=Vantage.admits) as admits:
        for host in hosts:
            got = choice(
                ways.choose(Endpoint(host.key, host.addresses[0], 53), Vantage(within=LAN))
            )
            assert len(got) <= 7
            assert got[0][0] == f"ssh:{host.key}"
        shared = Vantage(beyond=LAN)
        for host in hosts:
            ways.choose(Endpoint(host.key, host.addresses[0], 53), shared)
    # From a few others for each question, or from all of them for all of the questions.
    assert admits.call_count < 30 * len(hosts)

"""Where an sshd is and how to log in: the order of precedence."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, SshAccess
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.client_config import parse_client_config
from provisioner.transport.ssh.endpoint import Resolver, SshEndpoint

HOME = Path("/home/operator/.ssh")
OPTIONS = SshOptions(
    user_config=HOME / "config",
    known_hosts=HOME / "known_hosts",
    identities=HOME,
    agent_socket="/run/agent",
    local_user="operator",
)


def resolve(
    config: str = "", *, addresses: tuple[str, ...] = ("192.0.2.1",), **ssh: object
) -> SshEndpoint:
    host = Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=tuple(ip_address(address) for address in addresses),
        roles=frozenset(),
        ssh=SshAccess(**ssh),
    )
    return Resolver(OPTIONS, parse_client_config(config, lambda _: [])).host(host)


def test_defaults_are_root_on_port_22_at_the_first_address() -> None:
    got = resolve(addresses=("192.0.2.1", "2001:db8::1"))
    assert got.peer == "root@192.0.2.1:22"
    assert got.where == "mail (root@192.0.2.1:22)"
    assert got.addresses == ("192.0.2.1", "2001:db8::1")
    assert got.names == ("192.0.2.1", "2001:db8::1", "mail.example.org")
    assert got.identities == (HOME / "id_rsa", HOME / "id_ecdsa", HOME / "id_ed25519")
    assert got.known_hosts == (HOME / "known_hosts",)
    assert got.agent_socket == "/run/agent"
    assert got.via is None


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert resolve(addresses=("2001:db8::1",)).peer == "root@[2001:db8::1]:22"


@pytest.mark.parametrize("name", ["192.0.2.1", "mail", "mail.example.org", "*"])
def test_ssh_config_is_asked_for_each_name_of_the_host(name: str) -> None:
    got = resolve(f"Host {name}\n User deploy\n Port 2222\n HostName 10.0.0.9\n")
    assert got.peer == "deploy@10.0.0.9:2222"
    assert got.addresses == ("10.0.0.9",)
    assert got.names == ("[10.0.0.9]:2222",)


def test_the_site_file_comes_before_ssh_config() -> None:
    got = resolve(
        "User other\nPort 1\nProxyJump gate\nIdentityFile ~/other\n",
        user="deploy", port=2222, jump="none", key="/keys/mine",
    )  # fmt: skip
    assert got.peer == "deploy@192.0.2.1:2222"
    assert got.identities == (Path("/keys/mine"),)
    assert got.only_identities
    assert got.via is None


def test_an_ssh_address_is_asked_for_alone() -> None:
    config = "Host mail\n Port 1\nHost gw\n HostName gw.example.net\n Port 2200\n"
    got = resolve(config, address="gw")
    assert got.peer == "root@gw.example.net:2200"
    assert got.names == ("[gw.example.net]:2200",)


def test_a_host_key_alias_is_the_only_name() -> None:
    assert resolve("HostKeyAlias vault\n").names == ("vault",)


def test_tokens_are_expanded() -> None:
    got = resolve("IdentityFile %d/keys/%h-%r%%\nHostName %h.internal\n", address="mx1")
    assert got.addresses == ("mx1.internal",)
    assert got.identities == (Path("/home/operator/keys/mx1.internal-root%"),)
    assert resolve("ProxyCommand nc %h %p %r %n %%\n").proxy_command == (
        "nc 192.0.2.1 22 root 192.0.2.1 %"
    )


def test_jump_hosts_are_passed_in_order_with_settings_of_their_own() -> None:
    got = resolve("Host b\n Port 2\n User x\n", jump="a,bob@b,[2001:db8::9]:9")
    hops, hop = [], got.via
    while hop:
        hops.append(hop.peer)
        hop = hop.via
    assert hops == ["operator@[2001:db8::9]:9", "bob@b:2", "operator@a:22"]


def test_a_jump_replaces_a_proxy_command() -> None:
    got = resolve("Host mail\n ProxyCommand nc %h %p\n", jump="gate")
    assert (got.proxy_command, got.via is not None) == (None, True)


def test_a_first_jump_hosts_own_way_is_followed() -> None:
    got = resolve("Host gate\n ProxyJump outer\n", jump="gate")
    assert got.via is not None
    assert got.via.via is not None
    assert got.via.via.label == "jump host outer"


def test_agent_and_known_hosts_of_ssh_config_are_used() -> None:
    got = resolve("IdentityAgent none\nUserKnownHostsFile /a /b\n")
    assert got.agent_socket is None
    assert got.known_hosts == (Path("/a"), Path("/b"))


@pytest.mark.parametrize("config", ["Port x\n", "Port 99999\n", "ConnectTimeout soon\n"])
def test_a_number_that_is_none_is_told(config: str) -> None:
    with pytest.raises(MailprovError) as caught:
        resolve(config)
    assert caught.value.exit_code == ExitCode.UNREACHABLE


def test_a_key_in_a_folder_of_nobodys_is_told() -> None:
    with pytest.raises(MailprovError) as caught:
        resolve(key="~no-such-user/key")
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert caught.value.diagnostics[0].got == "~no-such-user"

"""Where a host's sshd is and how to log in: site file over ssh_config over defaults. Pure.

Precedence, per setting: what the site file says under `hosts.K.ssh`; then the user's
and the system's ssh_config; then login as root on port 22 at the host's first address.

Names. With `ssh.address`, ssh_config is asked for that name alone, as if it had been
typed after `ssh`. Without it, a block counts when it matches the host's addresses, its
full name, or its key in the site file, so that an operator's `Host mail` works; its
HostName then says where to connect.

A host key is looked up under the place that is connected to (or HostKeyAlias) and,
unless the site file gives another place, under all addresses and the full name too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.diagnostics import quoted
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Host
from provisioner.transport.failures import unreachable
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.client_config import Lookup, Setting, lookup_client_config
from provisioner.transport.ssh.known_hosts import known_name

_JUMP = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:@]+))(?::(?P<port>\d+))?")
_JUMP_DEPTH = 8
_DEFAULT_USER = "root"
_DEFAULT_IDENTITIES = ("id_rsa", "id_ecdsa", "id_ed25519")  # in ssh's order, ssh_config(5)
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class SshEndpoint:
    """One sshd, and the login there.

    label: the host key or jump host in a person's words. addresses: tried in order.
    names: as known_hosts writes them, the first for new entries. identities: key files,
    optional ones may be missing. known_hosts: the user's files, the first takes new keys; none
    where ssh_config says so. only_identities: no other key is offered. via: the hop
    that the connection goes through.
    """

    label: str
    addresses: tuple[str, ...]
    port: int
    user: str
    names: tuple[str, ...]
    identities: tuple[Path, ...]
    explicit_key: bool
    only_identities: bool
    known_hosts: tuple[Path, ...]
    system_known_hosts: tuple[Path, ...]
    connect_timeout: float
    agent_socket: str | None
    password: SecretReference | None = None
    proxy_command: str | None = None
    via: SshEndpoint | None = None

    @property
    def peer(self) -> str:
        """The endpoint as `user@address:port`."""
        address = self.addresses[0]
        return f"{self.user}@{f'[{address}]' if ':' in address else address}:{self.port}"

    @property
    def where(self) -> str:
        """The endpoint as diagnostics name it."""
        return f"{self.label} ({self.peer})"


@dataclass(frozen=True, slots=True)
class Resolver:
    """Turns hosts and jump hosts into endpoints.

    settings: of ssh_config. run: carries out a `Match exec`.
    """

    options: SshOptions
    settings: tuple[Setting, ...] = ()
    run: Callable[[str], bool] = lambda _command: False

    def host(self, host: Host) -> SshEndpoint:
        """Return the endpoint of a host of the site; MailprovError for an impossible one."""
        access = host.ssh
        addresses = tuple(str(address) for address in host.addresses)
        own = (*addresses, host.fqdn, host.key)
        names = (access.address,) if access.address else own
        found = self._lookup(names, access.user, _DEFAULT_USER)
        asked = access.address or addresses[0]
        configured = _only(found, "hostname")
        target = configured.replace("%h", asked).replace("%%", "%") if configured else asked
        # A place that the site file or ssh_config names may forward to many machines by port;
        # only the host's own addresses may stand for each other.
        places = addresses if target in addresses else (target,)
        start = self._endpoint(str(host.key), target, found, access.user or _DEFAULT_USER)
        port = access.port or start.port
        alias = _only(found, "hostkeyalias")
        aliases = (*places, host.fqdn) if target in addresses else (*places,)
        endpoint = replace(
            start,
            addresses=tuple(dict.fromkeys((target, *places))),
            port=port,
            user=access.user or _only(found, "user") or _DEFAULT_USER,
            names=(alias,) if alias else _known_names(target, aliases, port),
            password=access.password,
        )
        if access.key:
            key = _path(access.key)
            endpoint = replace(endpoint, identities=(key,), explicit_key=True, only_identities=True)
        return self._routed(endpoint, access.jump, found, asked, _JUMP_DEPTH)

    def jump(self, text: str, depth: int) -> SshEndpoint:
        """Return the endpoint of `[user@]host[:port]`; MailprovError if it is none."""
        parts = _JUMP.fullmatch(text.removeprefix("ssh://"))
        if not parts or not depth:
            raise unreachable(
                f"jump host {quoted(text)}",
                "not a jump host" if depth else "the jump hosts form a loop",
                want="[user@]host[:port], several separated by commas",
                fix="correct hosts.K.ssh.jump in the site file or ProxyJump in ssh_config",
            )
        name = parts["v6"] or parts["host"]
        found = self._lookup((name,), parts["user"], self.options.local_user)
        configured = _only(found, "hostname")
        target = configured.replace("%h", name).replace("%%", "%") if configured else name
        endpoint = self._endpoint(f"jump host {name}", target, found, self.options.local_user)
        port = int(parts["port"] or endpoint.port)
        alias = _only(found, "hostkeyalias")
        endpoint = replace(
            endpoint,
            port=port,
            user=parts["user"] or endpoint.user,
            names=(alias,) if alias else _known_names(target, (target,), port),
        )
        return self._routed(endpoint, None, found, name, depth)

    def _lookup(
        self, names: tuple[str, ...], user: str | None, default_user: str
    ) -> Mapping[str, tuple[str, ...]]:
        whom = Lookup(names, self.options.local_user, default_user, user, self.run)
        return lookup_client_config(self.settings, whom)

    def _endpoint(
        self, label: str, target: str, found: Mapping[str, tuple[str, ...]], user: str
    ) -> SshEndpoint:
        options = self.options
        port = _number(found, "port", 22)
        names = {"h": target, "r": _only(found, "user") or user, "u": options.local_user, "%": "%"}
        names["d"] = str(options.identities.parent)
        configured = tuple(
            _path(_expand(text, names)) for text in found.get("identityfile", ()) if text != "none"
        )
        agent = _only(found, "identityagent")
        return SshEndpoint(
            label=label,
            addresses=(target,),
            port=port,
            user=_only(found, "user") or user,
            names=(),
            identities=configured
            or tuple(options.identities / name for name in _DEFAULT_IDENTITIES),
            explicit_key=False,
            only_identities=_only(found, "identitiesonly").lower() in {"yes", "true"},
            known_hosts=_files(found, "userknownhostsfile", names, options.known_hosts),
            system_known_hosts=_files(
                found, "globalknownhostsfile", names, options.system_known_hosts
            ),
            connect_timeout=_number(found, "connecttimeout", 0) or options.connect_timeout,
            agent_socket=_agent_socket(agent, names, options),
        )

    def _routed(
        self,
        endpoint: SshEndpoint,
        jump: str | None,
        found: Mapping[str, tuple[str, ...]],
        asked: str,
        depth: int,
    ) -> SshEndpoint:
        """Return the endpoint with the way to it: jump hosts, or a proxy command."""
        # As in ssh, whichever of the two stands first in the file would win; they are
        # hardly ever both set, and ProxyJump is the one that checks host keys.
        hops = jump if jump is not None else _only(found, "proxyjump")
        if hops and hops != "none":
            via: SshEndpoint | None = None
            for hop in hops.split(","):
                resolved = self.jump(hop.strip(), depth - 1)
                via = replace(resolved, via=via, proxy_command=None) if via else resolved
            return replace(endpoint, via=via)
        command = _only(found, "proxycommand")
        if command and command != "none" and jump is None:
            names = {
                "h": endpoint.addresses[0],
                "p": str(endpoint.port),
                "r": endpoint.user,
                "n": asked,
                "%": "%",
            }
            return replace(endpoint, proxy_command=_expand(command, names))
        return endpoint


def _known_names(target: str, others: Iterable[str], port: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(known_name(str(name), port) for name in (target, *others)))


def _only(found: Mapping[str, tuple[str, ...]], keyword: str) -> str:
    return found.get(keyword, ("",))[0]


def _number(found: Mapping[str, tuple[str, ...]], keyword: str, default: int) -> int:
    text = _only(found, keyword)
    if not text or text == "none":
        return default
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise unreachable(
            "ssh_config",
            f"{keyword} is not a number",
            got=quoted(text),
            fix="correct ~/.ssh/config",
        )
    return int(text)


def _files(
    found: Mapping[str, tuple[str, ...]], keyword: str, names: Mapping[str, str], default: Path
) -> tuple[Path, ...]:
    configured = _only(found, keyword).split() or [str(default)]
    return tuple(_path(_expand(f, names)) for f in configured if f != "none")


def _agent_socket(agent: str, names: Mapping[str, str], options: SshOptions) -> str | None:
    if not agent or agent in {"SSH_AUTH_SOCK", "$SSH_AUTH_SOCK"}:
        return options.agent_socket
    return None if agent == "none" else str(_path(_expand(agent, names)))


def _path(text: str) -> Path:
    """Return a path with its `~` expanded; MailprovError where that names nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise unreachable(
            quoted(text),
            "no home folder of this user exists on this machine",
            got=text.partition("/")[0],
            want="~, or ~ and the name of a user",
            fix="correct hosts.K.ssh.key in the site file or the path in ssh_config",
        ) from error


def _expand(text: str, names: Mapping[str, str]) -> str:
    """Return text with its %-tokens replaced (ssh_config(5), TOKENS); unknown ones stay."""
    return re.sub(r"%(.)", lambda found: names.get(found[1], found[0]), text)

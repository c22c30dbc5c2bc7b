"""Logging in (RFC 4252): keys first, then a password, by whichever method sshd offers.

What was tried is kept, because "authentication failed" alone sends nobody to the cause.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

import paramiko

from provisioner.diagnostics import MailprovError
from provisioner.transport.failures import unreachable
from provisioner.transport.ssh.endpoint import SshEndpoint
from provisioner.transport.ssh.identity import Agent, find_identities

_ATTEMPTS_SOME_SSHDS_ALLOW = 6  # MaxAuthTries, sshd_config(5)


class Login:
    """One login over a connection whose host key was admitted.

    password: returns the cleartext when it comes to that; None where the site names none.
    """

    def __init__(
        self,
        transport: paramiko.Transport,
        endpoint: SshEndpoint,
        password: Callable[[], str] | None,
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._password = password
        self._tried: list[str] = []
        self._offered: Sequence[str] = ()

    def carry_out(self) -> None:
        """Log in, or raise MailprovError saying what was tried."""
        if self._asks_nothing():
            return
        agent = Agent(self._endpoint.agent_socket)
        try:
            if self._by_keys(agent) or self._by_password():
                return
        finally:
            agent.close()
        raise self._refused()

    def _asks_nothing(self) -> bool:
        try:
            self._transport.auth_none(self._endpoint.user)
        except paramiko.BadAuthenticationType as answer:
            self._offered = answer.allowed_types
        except (paramiko.SSHException, OSError, EOFError) as broken:
            raise self._broken(broken) from broken
        return self._transport.is_authenticated()

    def _by_keys(self, agent: Agent) -> bool:
        for identity in find_identities(self._endpoint, agent):
            key = identity.key
            if key is None:
                self._tried.append(f"{identity.name} ({identity.obstacle})")
            elif "publickey" not in self._offered:
                return False
            elif self._attempt(identity.name, lambda key=key: self._offer(key)):  # type: ignore[misc]
                return True
        return False

    def _offer(self, key: paramiko.PKey) -> list[str]:
        return self._transport.auth_publickey(self._endpoint.user, key)

    def _by_password(self) -> bool:
        if self._password is None:
            return False
        user, password = self._endpoint.user, self._password()
        if "password" in self._offered and self._attempt(
            "the password",
            lambda: self._transport.auth_password(user, password, fallback=False),
        ):
            return True
        return "keyboard-interactive" in self._offered and self._attempt(
            "the password, asked for interactively",
            lambda: self._transport.auth_interactive(user, _answering(password)),
        )

    def _attempt(self, name: str, step: Callable[[], list[str]]) -> bool:
        """Carry out one attempt; a partial success changes what sshd offers next."""
        try:
            further = step()
        except paramiko.AuthenticationException as refused:
            self._tried.append(name)
            if not self._transport.is_active():
                raise self._ended() from refused
            if "timeout" in str(refused).lower():
                raise self._broken(refused) from refused
        except (paramiko.SSHException, OSError, EOFError, ValueError) as broken:
            if not self._transport.is_active():
                self._tried.append(name)
                raise self._ended() from broken
            self._tried.append(f"{name} ({broken})")
        else:
            if further:
                self._tried.append(f"{name} (accepted, but sshd requires a second method)")
                self._offered = further
        return self._transport.is_authenticated()

    def _refused(self) -> MailprovError:
        return unreachable(
            self._endpoint.where,
            f"sshd refused the login of {self._endpoint.user}",
            got="tried " + (", ".join(self._tried) or "no method: there is no key and no password"),
            want="one of the methods that sshd offers: " + ", ".join(self._offered),
            fix=self._remedy(),
        )

    def _remedy(self) -> str:
        user, address = self._endpoint.user, self._endpoint.addresses[0]
        if "publickey" not in self._offered:
            return "set hosts.K.ssh.password, or allow PubkeyAuthentication in its sshd_config"
        there = f"-p {self._endpoint.port} {shlex.quote(f'{user}@{address}')}"
        return (
            f"`ssh-copy-id {there}` puts your key there; or set "
            "hosts.K.ssh.user, .key or .password in the site file"
            + ("; sshd may forbid root's login (PermitRootLogin)" if user == "root" else "")
        )

    def _ended(self) -> MailprovError:
        many = len(self._tried) >= _ATTEMPTS_SOME_SSHDS_ALLOW - 1
        return unreachable(
            self._endpoint.where,
            "sshd closed the connection during the login"
            + (f" after {len(self._tried)} attempts" if self._tried else ""),
            got="tried " + ", ".join(self._tried),
            fix="name the right key: hosts.K.ssh.key, or IdentityFile and IdentitiesOnly in "
            "~/.ssh/config"
            if many
            else "look for the reason in the host's journal (`/usr/bin/journalctl -u ssh -u sshd`)",
        )

    def _broken(self, broken: Exception) -> MailprovError:
        return unreachable(
            self._endpoint.where,
            "sshd did not answer the login",
            got=str(broken) or type(broken).__name__,
            fix="look for the reason in the host's journal (`/usr/bin/journalctl -u ssh -u sshd`)",
        )


def _answering(password: str) -> Callable[[str, str, list[tuple[str, bool]]], list[str]]:
    """Return a handler (RFC 4256) that answers a single question asked without echo."""

    def answer(_title: str, _text: str, prompts: list[tuple[str, bool]]) -> list[str]:
        hidden = [prompt for prompt, echo in prompts if not echo]
        if len(hidden) != len(prompts) or len(prompts) > 1:
            raise paramiko.SSHException("sshd asks for more than a password")
        return [password] * len(prompts)

    return answer

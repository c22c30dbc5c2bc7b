"""Real OpenSSH servers on loopback ports, as ordinary processes of the test run.

`sshd` is shared by the session and does not change. `start_sshd` starts more of them,
each with host keys and settings of its own, ended with the test. `Client` is a user's
home folder: keys, ssh_config, known_hosts, and the options that make mailprov use them
and nothing of the machine's.

They run as whoever runs the tests: logging in is to that user's own account, so that
no account is made for it.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from provisioner.model.names import DomainName, HostKey
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Host, SshAccess
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.connection import SshTransport, open_ssh

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
USER = getpass.getuser()
PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd run by root wants it; a service makes it at boot


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("ssh-keygen", "ssh-agent", "ssh-add") if not shutil.which(name)]
    if SSHD is None:
        missing.append("sshd")
    reason = f"not installed: {', '.join(missing)}" if missing else ""
    if Path(pwd.getpwuid(os.getuid()).pw_shell).name in {"nologin", "false"}:
        reason = "the user who runs the tests has no login shell"
    if not reason:
        return
    skip = pytest.mark.skip(reason=reason)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(skip)


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)],
        check=True,
    )
    return path


def public(key: Path) -> str:
    return key.with_name(key.name + ".pub").read_text()


def known_line(name: str, key: Path) -> str:
    kind, blob = public(key).split()[:2]
    return f"{name} {kind} {blob}\n"


class Sshd:
    """A server. `keys`: kind → path of its host key."""

    def __init__(
        self, folder: Path, kinds: tuple[str, ...] = ("ed25519",), extra: str = ""
    ) -> None:
        self.folder = folder
        self.keys = {kind: make_key(folder / f"host_{kind}", kind) for kind in kinds}
        self.authorized = folder / "authorized_keys"
        self.authorized.touch()
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = self.folder / "sshd_config"
        # The first value of a keyword wins, so a test's own settings come first.
        config.write_text(
            self._extra
            + f"\nPort {self.port}\nListenAddress 127.0.0.1\n"
            + "".join(f"HostKey {key}\n" for key in self.keys.values())
            + f"AuthorizedKeysFile {self.authorized}\n"
            "PidFile none\nStrictModes no\nUsePAM no\nUseDNS no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
            "PrintMotd no\nLogLevel VERBOSE\n"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(SSHD), "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL
            )
        self._wait_until_listening()

    def _wait_until_listening(self) -> None:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        pytest.fail("sshd did not start: " + (self.folder / "log").read_text())

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def sessions(self) -> list[int]:
        """Return the processes that serve connections, children and grandchildren."""
        found, parents = [], [self.pid]
        while parents:
            done = subprocess.run(
                ["ps", "-o", "pid=,comm=", "--ppid", ",".join(map(str, parents))],
                capture_output=True,
                text=True,
                check=False,
            )
            rows = [line.split(None, 1) for line in done.stdout.splitlines()]
            parents = [int(pid) for pid, name in rows if name.startswith("sshd")]
            found += parents
        return found

    def stop(self) -> None:
        if self._process is not None:
            for pid in self.sessions():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Client:
    """A user with a home of their own; `key` is the key that they log in with."""

    home: Path
    options: SshOptions
    key: Path

    def with_options(self, **changes: object) -> Client:
        return replace(self, options=replace(self.options, **changes))

    def trust(self, sshd: Sshd, kind: str = "ed25519") -> None:
        self.append_known(known_line(f"[127.0.0.1]:{sshd.port}", sshd.keys[kind]))

    def append_known(self, line: str) -> None:
        with self.options.known_hosts.open("a") as file:
            file.write(line)

    def configure(self, text: str) -> None:
        self.options.user_config.write_text(text)

    def host(self, sshd: Sshd | None = None, **access: object) -> Host:
        settings = {"user": USER, "port": sshd.port if sshd else None, **access}
        return Host(
            site=DomainName("example.org"),
            key=HostKey("mail"),
            fqdn=DomainName("mail.example.org"),
            addresses=(ip_address("127.0.0.1"),),
            roles=frozenset(),
            ssh=SshAccess(**settings),
        )

    def open(self, sshd: Sshd | None = None, **access: object) -> SshTransport:
        return open_ssh(self.host(sshd, **access), self.options, reveal)


def reveal(reference: SecretReference) -> str:
    raise AssertionError(f"{reference} was asked for where no password is needed")


@pytest.fixture(scope="session")
def separation() -> None:
    # Not removed afterwards: a run beside this one may have servers that chroot to it.
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


@pytest.fixture(scope="session")
def user_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("user") / "id_ed25519")


@pytest.fixture
def client(tmp_path: Path, user_key: Path) -> Client:
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir(parents=True)
    for path in (user_key, user_key.with_name("id_ed25519.pub")):
        shutil.copy(path, folder)
    options = SshOptions(
        user_config=folder / "config",
        system_config=tmp_path / "no-config",
        known_hosts=folder / "known_hosts",
        system_known_hosts=tmp_path / "no-known-hosts",
        identities=folder,
        agent_socket=None,
        local_user=USER,
        require_root=os.geteuid() == 0,
        connect_timeout=5,
        login_timeout=5,
    )
    return Client(folder.parent, options, folder / "id_ed25519")


StartSshd = Callable[..., Sshd]


@pytest.fixture
def start_sshd(tmp_path: Path, user_key: Path, separation: None) -> Iterator[StartSshd]:
    """Return a function that starts a server which lets the client's key in."""
    del separation
    with ExitStack() as stack:

        def start(kinds: tuple[str, ...] = ("ed25519",), extra: str = "") -> Sshd:
            folder = tmp_path / f"sshd{len(list(tmp_path.glob('sshd*')))}"
            sshd = Sshd(folder, kinds, extra)
            sshd.authorized.write_text(public(user_key))
            sshd.start()
            stack.callback(sshd.stop)
            return sshd

        yield start


@pytest.fixture(scope="session")
def sshd(
    tmp_path_factory: pytest.TempPathFactory, user_key: Path, separation: None
) -> Iterator[Sshd]:
    """Return the server that tests share; it lets the client's key in."""
    del separation
    server = Sshd(tmp_path_factory.mktemp("sshd"), ("ed25519", "rsa", "ecdsa"))
    server.authorized.write_text(public(user_key))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def transport(client: Client, sshd: Sshd) -> Iterator[SshTransport]:
    """Return an open connection to the shared server."""
    client.trust(sshd)
    opened = client.open(sshd)
    yield opened
    opened.close()

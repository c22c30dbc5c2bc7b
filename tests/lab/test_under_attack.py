"""Whether people can log in while somebody attacks from another address, on real daemons.

Nothing here is a measurement: the machine may be busy. How long logins take is what
`benchmarks.under_attack` says, whose attackers and callers these are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from smtplib import SMTP, SMTP_SSL

import pytest
from support.deployed import DeployedSite, failed_ids
from support.readers import insecure_tls

from provisioner.lab import LabHost
from provisioner.verbs.asking import ProbeAccount

_EVERY_PORT = (465, 587, 993, 995)
_TABLE = "/etc/postfix/mailprov/probe"
_FILL = """
postsuper -d ALL
for message in 1 2 3 4 5 6 7 8; do
    (printf 'Subject: much\\n\\n'; head -c 3000000 /dev/zero | tr '\\0' x | fold -w 70) |
        sendmail -f root@example.org mailprov-probe@example.org
done
timeout 60 sh -c 'until mailq | grep -q empty; do sleep 0.2; done'
"""

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Person:
    """Somebody who logs in."""

    name: str
    password: str


@dataclass(frozen=True)
class Scene:
    """A site, who attacks it, and who wants to log in meanwhile.

    addresses: the attackers'. person: a user, whose password has a slow hash. prober: the
    account of `verify`, whose hash is quick.
    """

    site: DeployedSite
    attacker: LabHost
    addresses: tuple[str, ...]
    caller: LabHost
    person: Person
    prober: Person

    @contextmanager
    def attack(
        self, kind: str, port: int, who: Person, connections: int, addresses: int = 1
    ) -> Iterator[None]:
        """Attack a port; each connection has done what it does when the block begins."""
        options = [f"--port={port}", f"--connections={connections}"]
        with self._start(
            self.attacker, kind, who, self.addresses[:addresses], options
        ) as attackers:
            try:
                assert attackers.stdout
                assert attackers.stdout.readline() == "ready\n"
                yield
            finally:
                attackers.kill()

    def failures(
        self, who: Person, ports: Sequence[int], times: int = 1, source: str = ""
    ) -> list[str]:
        """Log in at each port, from the caller's own address by default; return what went wrong."""
        host = self.attacker if source else self.caller
        options = [f"--times={times}", "--ports", *map(str, ports)]
        with self._start(host, "call", who, [source or host.address], options) as caller:
            rows = json.loads(caller.communicate()[0])
        assert len(rows) == times * len(ports)
        return [f"{row['port']}: {row['failure']}" for row in rows if row["failure"]]

    def _start(
        self, host: LabHost, kind: str, who: Person, sources: Sequence[str], options: Sequence[str]
    ) -> subprocess.Popen[str]:
        words = [kind, self.site.host("mail").address, f"--user={who.name}", "--source", *sources]
        module = [sys.executable, "-m", "benchmarks.under_attack.clients", *words, *options]
        started = subprocess.Popen(
            ["ip", "netns", "exec", host.namespace, *module],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdin
        started.stdin.write(f"{who.password}\n")
        started.stdin.flush()
        return started


@pytest.fixture(scope="module")
def virtual(beginner: DeployedSite) -> Iterator[Scene]:
    """Return the beginner's site, attacked by a stranger with addresses of the tests' own."""
    with _scene(beginner, "elsewhere", "inet", "alice", "ALICE_PASSWORD") as scene:
        yield scene


@pytest.fixture(scope="module")
def system(tutorial: DeployedSite) -> Iterator[Scene]:
    """Return the tutorial's site, whose users are accounts; the caller is in a trusted network."""
    with _scene(tutorial, "stranger", "client", "wangsheng", "WANGSHENG_PASSWORD") as scene:
        yield scene


@contextmanager
def _scene(
    site: DeployedSite, attacker: str, caller: str, name: str, variable: str
) -> Iterator[Scene]:
    """Give the attacker sixteen addresses more: Dovecot remembers for a minute who guessed."""
    host = site.host(attacker)
    addresses = tuple(f"198.18.{site.lab.number}.{last}" for last in range(201, 217))
    for address in addresses:
        _ip(host, "add", address)
    person = Person(name, site.environment[variable])
    secret = site.host("mail").read_file("/var/lib/mailprov/probe-secret").strip()
    prober = Person("mailprov-probe", secret)
    try:
        yield Scene(site, host, addresses, site.host(caller), person, prober)
    finally:
        for address in addresses:
            _ip(host, "del", address)


def _ip(host: LabHost, verb: str, address: str) -> None:
    command = ["ip", "-n", host.namespace, "address", verb, f"{address}/32", "dev", "eth0"]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("guessed", ["alice", "nobody-of-that-name", "mailprov-probe"])
def test_guessing_passwords_from_one_address_locks_nobody_out(virtual: Scene, guessed: str) -> None:
    """One process hashed for everybody: 60 guesses were twelve seconds in which nobody got in.

    Postfix waits ten seconds for Dovecot, so its ports fail first. The prober's hash is quick: who
    it is, is known at once unless somebody's hash is in the way.
    """
    with virtual.attack("guess", 993, Person(guessed, "-"), 60):
        assert not virtual.failures(virtual.prober, _EVERY_PORT)
        assert not virtual.failures(virtual.person, _EVERY_PORT)


def test_who_guesses_the_probers_password_waits_as_everybody_else(virtual: Scene) -> None:
    """The delay was off for that account, and guesses at it came without any limit."""
    host, secret = virtual.site.host("mail"), virtual.prober.password
    address = f"{virtual.prober.name}@example.org"
    other = ProbeAccount(address, address, secret).other_name

    def seconds(name: str) -> float:
        begun = time.monotonic()
        assert host.run(["doveadm", "auth", "test", name, "a guess"]).returncode != 0
        return time.monotonic() - begun

    # First the name that does not count, because what counts is waited for later, too.
    assert seconds(other) + 1 < seconds(address)


def test_guessing_the_passwords_of_system_accounts_locks_nobody_out(system: Scene) -> None:
    with system.attack("guess", 993, Person("wangsheng", "-"), 60):
        assert not system.failures(system.prober, _EVERY_PORT)
        assert not system.failures(system.person, _EVERY_PORT)


@pytest.mark.parametrize("port", [995, 4190])
def test_sessions_of_one_user_from_sixteen_addresses_leave_room_for_others(
    virtual: Scene, port: int
) -> None:
    """A hundred sessions were all that a service had: everybody else's login was reset."""
    with virtual.attack("hold", port, virtual.prober, 10, 16):
        assert not virtual.failures(virtual.person, (port, 993, 465))


def test_idle_connections_leave_room_for_others(virtual: Scene) -> None:
    with virtual.attack("idle", 993, virtual.person, 150):
        assert not virtual.failures(virtual.person, _EVERY_PORT, times=2)


def test_idle_connections_to_port_25_keep_no_mail_out(virtual: Scene) -> None:
    """A hundred from three addresses had Postfix hang up at the first mistake: verify failed."""
    with virtual.attack("idle", 25, virtual.person, 40, 3):
        code, report = virtual.site.verify()
    assert code == 0, failed_ids(report)


def test_an_address_with_wrong_passwords_may_send_with_the_right_one_at_once(
    virtual: Scene,
) -> None:
    """One device with an old password kept everybody else behind its router from sending.

    Dovecot's delay had grown longer than the ten seconds that Postfix waits for Dovecot.
    """
    source = virtual.addresses[-1]
    scene = replace(virtual, addresses=(source,))
    with scene.attack("guess", 993, Person("alice", "-"), 8):
        assert not scene.failures(scene.person, (993,), source=source)
    assert not scene.failures(scene.person, (465, 587), times=2, source=source)


def test_nobody_else_writes_to_the_mailbox_of_the_prober(virtual: Scene) -> None:
    """Anybody could: three messages of thirty megabytes were there until somebody looked."""
    assert_prober_is_refused(virtual)


def test_nobody_else_writes_to_it_where_users_are_accounts(system: Scene) -> None:
    assert_prober_is_refused(system)


def assert_prober_is_refused(attacked: Scene) -> None:
    """Have a stranger and a user write to the prober."""
    server = attacked.site.host("mail").address
    with SMTP(server, source_address=("", 0)) as outside:
        outside.ehlo("controller.example")
        for recipient in _probers_names(attacked):
            assert outside.mail("")[0] == 250
            assert outside.rcpt(recipient)[0] == 550, recipient
            outside.rset()
    with SMTP_SSL(server, context=insecure_tls()) as user:
        user.login(attacked.person.name, attacked.person.password)
        for recipient in (*_probers_names(attacked), "mailprov-probe"):
            assert user.mail(_address(attacked, attacked.person.name))[0] == 250
            assert user.rcpt(recipient)[0] == 550, recipient
            user.rset()
    table = attacked.site.host("mail").run(["stat", "-c", "%a %U:%G", _TABLE]).stdout
    assert table == "640 root:postfix\n"


def test_a_mailbox_of_the_prober_that_is_full_is_emptied_by_verify(virtual: Scene) -> None:
    """Who can send on the host itself is not asked by Postfix; the mailbox has a bound."""
    host = virtual.site.host("mail")
    host.check_run(["sh", "-c", _FILL])
    size = int(host.check_run(["du", "-sk", "/var/lib/mailprov-probe"]).split()[0])
    assert 6 * 1024 < size < 20 * 1024
    code, report = virtual.site.verify()
    assert code == 0, failed_ids(report)


def _probers_names(scene: Scene) -> list[str]:
    own = _address(scene, "mailprov-probe")
    local, _, domain = own.partition("@")
    return [own, own.upper(), f"{local}+guess@{domain}", f'"{local}"@{domain}']


def _address(scene: Scene, name: str) -> str:
    domain = "wangsheng.com" if scene.person.name == "wangsheng" else "example.org"
    return f"{name}@{domain}"

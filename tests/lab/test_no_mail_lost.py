"""No mail is lost while applies, rollbacks and faults go on.

A sender hands in numbered messages one after the other and tries again as a mail server
does: after any answer but 250, and where it heard none. In the end every message that was
accepted has to be in the mailbox, and none twice unless there is a cause: it was sent again,
or something was killed between a delivery and its record (RFC 5321 promises "at least
once").

`make test` does a few rounds, chosen by a seed that the summary tells; `make test-all` does
fifty.
"""

from __future__ import annotations

import contextlib
import random
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from support.chance import SEED
from support.deployed import DeployedSite
from support.release import POSTFIX

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

LIMITS = "logins_per_minute: 1000"
FOLDER = "/srv/vmail/example.org/alice/Maildir"
COUNT = f"grep -rhoE '^X-Number: [0-9]+' {FOLDER}/new {FOLDER}/cur 2>/dev/null | cut -d ' ' -f 2"
# A kill explains a repetition of what was on its way then, in seconds.
WINDOW = 60.0


@dataclass
class Stream:
    """The sender. accepted: when each number got its 250. unanswered: sent, no answer heard."""

    address: str
    accepted: dict[int, float] = field(default_factory=dict)
    unanswered: Counter[int] = field(default_factory=Counter)
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self._end.is_set():
            number += 1
            while number not in self.accepted and not self._end.is_set():
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    self._hand_in(number)
                time.sleep(0.1)

    def stop(self) -> None:
        self._end.set()

    def _hand_in(self, number: int) -> None:
        with smtplib.SMTP(self.address, 25, timeout=20) as client:
            client.ehlo("outside.example")
            for verb in ("MAIL FROM:<>", "RCPT TO:<alice@example.org>", "DATA"):
                code, _ = client.docmd(verb)
                if code not in {250, 354}:
                    return
            self.unanswered[number] += 1
            client.send(f"X-Number: {number}\r\nSubject: no mail lost\r\n\r\nbody\r\n.\r\n")
            code, _ = client.getreply()
            if code == 250:
                self.accepted[number] = time.monotonic()
            self.unanswered[number] -= 1


@dataclass
class Trouble:
    """What goes on meanwhile. killed: when something was killed."""

    site: DeployedSite
    host: LabHost
    chance: random.Random
    killed: list[float] = field(default_factory=list)

    def applies_another_configuration(self) -> None:
        size = self.chance.randrange(10, 40)
        changed = self.site.edited("changed.yaml", (LIMITS, f"{LIMITS}, message_size: {size}M"))
        assert self.site.mailprov("apply", site=changed).returncode == 0

    def rolls_back(self) -> None:
        assert self.site.mailprov("rollback").returncode == 0

    def applies_what_breaks_mail(self) -> None:
        broken = "postfix: {main: {virtual_transport: 'lmtp:unix:private/nowhere'}}\n"
        changed = self.site.edited("changed.yaml", ("domain:", f"{broken}domain:"))
        assert self.site.mailprov("apply", site=changed).returncode == 1

    def changes_users(self) -> None:
        bob = "users:\n  bob: {password: {env: BOB_PASSWORD}}"
        changed = self.site.edited("changed.yaml", ("users:", bob))
        assert self.site.mailprov("apply", site=changed).returncode == 0

    def kills_dovecot(self) -> None:
        self._kill("pkill -9 dovecot; pkill -9 lmtp; sleep 0.5")
        self._revive()

    def kills_postfix(self) -> None:
        self._kill("pkill -9 -f /postfix/; sleep 0.5")
        self._revive()

    def kills_the_host(self) -> None:
        self.killed.append(time.monotonic())
        self.host.kill()
        self.host.boot()
        self.host.wait_until_ready()

    def cuts_the_network(self) -> None:
        self.host.cut_network()
        time.sleep(2)
        self.host.restore_network()

    def _kill(self, command: str) -> None:
        self.killed.append(time.monotonic())
        self.host.run(["sh", "-c", command])

    def _revive(self) -> None:
        units = ["dovecot.service", POSTFIX]
        self.host.run(["systemctl", "reset-failed", *units])
        self.host.check_run(["systemctl", "restart", *units])


ROUNDS: tuple[Callable[[Trouble], None], ...] = (
    Trouble.applies_another_configuration,
    Trouble.rolls_back,
    Trouble.applies_what_breaks_mail,
    Trouble.changes_users,
    Trouble.kills_dovecot,
    Trouble.kills_postfix,
    Trouble.kills_the_host,
    Trouble.cuts_the_network,
)


@pytest.fixture
def quiet_end(beginner: DeployedSite) -> Iterator[None]:
    yield
    beginner.apply("--overwrite-drift")


@pytest.mark.usefixtures("quiet_end")
@pytest.mark.parametrize("rounds", [6, pytest.param(50, marks=pytest.mark.matrix)])
def test_what_was_accepted_is_there_and_nothing_twice_without_a_cause(
    beginner: DeployedSite, rounds: int, tell: Callable[[str], None]
) -> None:
    host = beginner.host("mail")
    host.check_run(["sh", "-c", f"rm -rf {FOLDER}/new/* {FOLDER}/cur/*"])
    beginner.apply()
    stream = Stream(host.address)
    trouble = Trouble(beginner, host, random.Random(SEED))  # noqa: S311 no secret
    # A rollback may come first, and needs something to go back to.
    trouble.applies_another_configuration()
    sender = threading.Thread(target=stream.run)
    sender.start()
    try:
        # Each kind once before any comes again.
        kinds = [kind for _ in range(rounds) for kind in trouble.chance.sample(ROUNDS, len(ROUNDS))]
        for kind in kinds[:rounds]:
            kind(trouble)
    finally:
        stream.stop()
        sender.join()
    drain(host)
    delivered = Counter(map(int, host.check_run(["sh", "-c", COUNT]).split()))
    lost = sorted(set(stream.accepted) - set(delivered))
    repeated = [number for number, count in delivered.items() if count > 1]
    causeless = [number for number in repeated if not has_cause(number, stream, trouble.killed)]
    tell(
        f"no mail lost: {rounds} rounds, MAILPROV_TEST_SEED={SEED}: {len(stream.accepted)} "
        f"accepted, {len(delivered)} delivered, {len(lost)} lost, {len(repeated)} repeated, "
        f"{len(causeless)} without cause"
    )
    assert len(stream.accepted) > 5 * rounds
    assert (lost, causeless) == ([], [])


def has_cause(number: int, stream: Stream, killed: list[float]) -> bool:
    """Tell whether a message may be there twice."""
    moment = stream.accepted.get(number, 0.0)
    return stream.unanswered[number] > 0 or any(
        moment - WINDOW <= kill <= moment + WINDOW for kill in killed
    )


def drain(host: LabHost) -> None:
    """Return once nothing waits in the queue; fail where something stays."""
    for _ in range(60):
        host.run(["postqueue", "-f"])
        left = host.check_run(["postqueue", "-j"])
        if not re.search(r"\S", left):
            return
        time.sleep(1)
    pytest.fail(f"still in the queue: {left}")

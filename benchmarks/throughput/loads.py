"""The measurements: one variant does a load, and the result is judged and recorded.

A record has the rate (units a second) and the processor time that the host spent for each.
If the load shares the processors with the host, the second says more: it is the work.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from benchmarks.throughput.dns_load import right_answers, run_dnsperf, wrong_answers
from benchmarks.throughput.ground import Ground, ThroughputError
from benchmarks.throughput.mail_load import (
    Account,
    Called,
    Callers,
    Letter,
    log_in,
    submit,
)

SUBMIT, LOGIN, HASHED, ANSWER = "submission", "imap login", "slow-hash login", "dns answer"
LOADS = (SUBMIT, LOGIN, HASHED, ANSWER)

CONNECTIONS = 10
_SMALL, _LARGE, _LARGE_EVERY = 4_000, 64_000, 4
_WARM_UP = 20
_ONE_BY_ONE = 20
_SETTLE_SECONDS = 0.4  # what still ends after the last answer belongs to the work

_serials = count(1)


Record = dict[str, Any]
"""A load done once, as it stands in the results: `variant`, `load`, `number` of the round, and
the fields of `Done`."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a load.

    rate: units a second. cpu, load_cpu: seconds of processor time a unit, of the host and of
    the callers. flushes: of the disk, for each message sent one by one; 0 where none were sent.
    """

    units: int
    rate: float
    cpu: float
    load_cpu: float
    flushes: float = 0.0


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amount of each load: messages, logins, slow-hash logins, seconds of questions."""

    messages: int
    logins: int
    hashed: int
    seconds: int


class Bench:
    """The loads, on a host that becomes one variant after the other."""

    def __init__(self, ground: Ground, callers: Callers, amounts: Amounts) -> None:
        self._ground = ground
        self._callers = callers
        self._amounts = amounts

    def run(self, variant: str, number: int, loads: Sequence[str], slow: int) -> list[Record]:
        """Become a variant, warm it up, and do each of the loads.

        slow: the number of users, the last ones, whose passwords have slow hashes.
        ThroughputError where a call failed, a message is lost or an answer is wrong.
        """
        accounts = self._ground.become(variant)
        quick = accounts[: len(accounts) - slow]
        self._all_went_well(self._callers.run(submit, _letters(quick, _WARM_UP)))
        self._all_went_well(self._callers.run(log_in, _cycled(quick, _WARM_UP)))
        self._ground.drain()
        work: dict[str, Callable[[], Done]] = {
            SUBMIT: lambda: self._submission(quick),
            LOGIN: lambda: self._logins(_cycled(quick, self._amounts.logins)),
            HASHED: lambda: self._logins(_cycled(accounts[-slow:], self._amounts.hashed)),
            ANSWER: self._answers,
        }
        return [
            {"variant": variant, "load": load, "number": number, **asdict(work[load]())}
            for load in loads
        ]

    def _submission(self, accounts: Sequence[Account]) -> Done:
        flushes = self._one_by_one(accounts)
        letters = _letters(accounts, self._amounts.messages)
        before, begun = self._ground.cpu(), time.perf_counter()
        called = self._callers.run(submit, letters)
        self._ground.drain()
        seconds = time.perf_counter() - begun
        cpu = self._spent(before)
        self._all_went_well(called)
        self._all_arrived(letters)
        units = len(letters)
        return Done(units, units / seconds, cpu / units, called.cpu / units, flushes)

    def _one_by_one(self, accounts: Sequence[Account]) -> float:
        """Return the number of disk flushes for a message that is alone on its way."""
        time.sleep(_SETTLE_SECONDS)
        before = self._ground.flushes()
        for letter in _letters(accounts, _ONE_BY_ONE):
            outcome = submit(letter)
            self._all_went_well(Called(0, 0, (outcome.failure,) if outcome.failure else ()))
            self._ground.drain()
        return (self._ground.flushes() - before) / _ONE_BY_ONE

    def _logins(self, accounts: Sequence[Account]) -> Done:
        before = self._ground.cpu()
        called = self._callers.run(log_in, accounts)
        cpu = self._spent(before)
        self._all_went_well(called)
        units = len(accounts)
        return Done(units, units / called.seconds, cpu / units, called.cpu / units)

    def _answers(self) -> Done:
        address = self._ground.address
        wanted = right_answers(address)
        self._all_right(wrong_answers(address, wanted))
        before, load = self._ground.cpu(), self._ground.load_cpu()
        done = run_dnsperf(self._ground.load, address, self._amounts.seconds)
        cpu, load = self._spent(before), self._ground.load_cpu() - load
        if not done.sent == done.completed == done.right:
            raise ThroughputError(f"not every question was answered well: {done}")
        self._all_right(wrong_answers(address, wanted))
        return Done(done.sent, done.rate, cpu / done.sent, load / done.sent)

    def _spent(self, before: float) -> float:
        time.sleep(_SETTLE_SECONDS)
        return self._ground.cpu() - before

    def _all_arrived(self, letters: Sequence[Letter]) -> None:
        got = Counter(self._ground.delivered())
        sent = {letter.serial for letter in letters}
        lost = sorted(sent - set(got))
        twice = sorted(serial for serial in sent if got[serial] > 1)
        if lost or twice or got[""]:
            raise ThroughputError(
                f"{len(lost)} messages lost, {len(twice)} delivered twice, {got['']} damaged"
            )

    @staticmethod
    def _all_went_well(called: Called) -> None:
        if called.failures:
            raise ThroughputError(f"{len(called.failures)} calls failed: {called.failures[0]}")

    @staticmethod
    def _all_right(wrong: Sequence[str]) -> None:
        if wrong:
            raise ThroughputError(f"{len(wrong)} wrong answers: {wrong[0]}")


def _letters(accounts: Sequence[Account], amount: int) -> list[Letter]:
    """Return messages of every user to the next, every fourth of them large."""
    return [
        Letter(
            accounts[number % len(accounts)],
            accounts[(number + 1) % len(accounts)].name,
            f"{next(_serials):09}",
            _SMALL if number % _LARGE_EVERY else _LARGE,
        )
        for number in range(amount)
    ]


def _cycled(accounts: Sequence[Account], amount: int) -> list[Account]:
    return [accounts[number % len(accounts)] for number in range(amount)]

"""The transaction's own code on a disk that forgets: every order of steps and crashes.

Plans are made by the planner from what the observing program says, packed as ever and
carried out by the remote program itself, on a host that is nothing but a disk
(support.forgetful_host). Power fails at any call that changes a file, also while a
transaction is undone or finished, and again in the recovery. Whatever happened: the
configuration is one generation in whole, users who were applied stay applied, the
daemons run what is on the disk, and the next apply converges.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.chance import some_of
from support.crash_site import PROGRAMS, RECOVER_AT_BOOT, USERS, generation, observe
from support.forgetful_host import NEVER, ForgetfulHost, missing_for_forgetful_hosts, pending_of

from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.transaction import pack_transaction
from provisioner.render.artifact import Plane

pytestmark = pytest.mark.skipif(
    bool(missing_for_forgetful_hosts()), reason="; ".join(missing_for_forgetful_hosts())
)


@dataclass(frozen=True)
class Attempt:
    """One apply. crash, recovery: at which call the power fails then. end: what becomes of it."""

    letter: str
    users: int
    crash: int = NEVER
    end: str = "confirm"
    end_crash: int = NEVER
    recovery: tuple[int, ...] = ()


attempts = st.builds(
    Attempt,
    letter=st.sampled_from("abc"),
    users=st.integers(0, 3),
    crash=st.one_of(st.just(NEVER), st.integers(1, 130)),
    end=st.sampled_from(["confirm", "return", "late", "cut"]),
    end_crash=st.one_of(st.just(NEVER), st.integers(1, 40)),
    recovery=st.lists(st.integers(1, 40), max_size=2).map(tuple),
)


@dataclass
class Model:
    """What has to be true of a host. letters, users: each the values that are possible now.

    calls: how many counted calls the last transaction, and its end, made.
    """

    host: ForgetfulHost
    letters: set[str] = field(default_factory=lambda: {"a"})
    users: set[int] = field(default_factory=lambda: {0})
    calls: dict[str, int] = field(default_factory=dict)

    def attempt(self, attempt: Attempt) -> None:
        wanted = generation(attempt.letter, attempt.users)
        plan = diff_generation(wanted, observe(self.host, wanted))
        assert not plan.drift, [drift.what for drift in plan.drift]
        if not plan.changes:
            return
        before = set(self.letters)
        self.users |= {attempt.users}
        done = self.host.run(
            PROGRAMS["transact"],
            "test",
            "60",
            stdin=pack_transaction(plan),
            crash=attempt.crash,
        )
        self.calls["crash"] = self.host.calls
        if self.host.calls >= attempt.crash > NEVER:
            self.recover(attempt.recovery)
        else:
            assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
            self.users = {attempt.users}
            if serial := pending_of(done.stdout):
                self.end(attempt, serial)
        self.check()
        assert self.letters <= before | {attempt.letter}

    def end(self, attempt: Attempt, serial: str) -> None:
        program, arguments = {
            "confirm": ("settle", ["confirm", serial]),
            "return": ("settle", ["return", serial, "it does not work"]),
            "late": ("recover", ["late"]),
            "cut": ("recover", ["boot"]),
        }[attempt.end]
        if attempt.end == "cut":
            self.recover(attempt.recovery)
            return
        if attempt.end == "confirm":
            self.letters |= {attempt.letter}
        done = self.host.run(PROGRAMS[program], *arguments, crash=attempt.end_crash)
        self.calls["end_crash"] = self.host.calls
        if self.host.calls >= attempt.end_crash > NEVER:
            self.recover(attempt.recovery)
        else:
            assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
            if attempt.end == "confirm":
                self.letters = {attempt.letter}

    def recover(self, crashes: tuple[int, ...]) -> None:
        """Boot, with the power failing again in the recovery; at last it does not."""
        for crash in (*crashes, NEVER):
            self.host.boot()
            done = self.host.run(RECOVER_AT_BOOT, crash=crash)
            if crash == NEVER or self.host.calls < crash:
                assert done.returncode == 0, done.stderr.decode()
                break
        self.host.start_units()

    def check(self) -> None:
        """Fail unless the host is whole; narrow down which configuration it has."""
        files = self.host.files()
        letter = next(
            (one for one in sorted(self.letters) if self.is_whole(files, generation(one, 0))), None
        )
        assert letter is not None, (self.letters, files)
        self.letters = {letter}
        user_lists = {n for n in self.users if files[USERS] == f"users {n}\n".encode()}
        assert user_lists, (self.users, files[USERS])
        assert self.host.stale_units() == []
        facts = observe(self.host, generation(letter, 0))
        assert facts.introduction.pending is None
        assert facts.introduction.generation == generation(letter, 0).id

    @staticmethod
    def is_whole(files: dict[str, bytes], wanted: Generation) -> bool:
        """Tell whether the configuration's files are just those of a generation."""
        there = {p: c for p, c in files.items() if ".mailprov-" not in p}
        want = {a.path: a.content for a in wanted.in_plane(Plane.CONFIGURATION)}
        users = {a.path for a in wanted.in_plane(Plane.DIRECTORY)}
        return {p: c for p, c in there.items() if p not in users} == want


@pytest.fixture(scope="module")
def applied() -> Iterator[ForgetfulHost]:
    """Return a host with configuration `a`, confirmed."""
    with tempfile.TemporaryDirectory() as folder:
        host = ForgetfulHost.create(Path(folder) / "host")
        wanted = generation("a", 0)
        model = Model(host)
        plan = diff_generation(wanted, observe(host, wanted))
        done = host.run(
            PROGRAMS["transact"],
            "test",
            "60",
            stdin=pack_transaction(plan),
        )
        serial = pending_of(done.stdout)
        assert serial, done.stdout.decode() + done.stderr.decode()
        done = host.run(PROGRAMS["settle"], "confirm", serial)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        model.check()
        yield host


# Nothing is made smaller where it fails: an attempt takes a second, and says what it did.
@settings(
    max_examples=int(os.environ.get("MAILPROV_TEST_CRASHES", "12")),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(attempts, min_size=1, max_size=4))
def test_whatever_breaks_the_host_is_whole_and_the_next_apply_converges(
    applied: ForgetfulHost, tried: list[Attempt]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model(applied.copy(Path(folder) / "host"))
        for attempt in tried:
            model.attempt(attempt)
        for letter in ("b", "a"):
            model.attempt(Attempt(letter, 9))
            assert model.letters == {letter}
            assert model.users == {9}
        left = [path for path in model.host.files() if ".mailprov-" in path]
        assert left == []


@pytest.mark.parametrize("part", ["crash", "end_crash"])
@pytest.mark.parametrize("end", ["confirm", "return"])
def test_the_power_may_fail_at_every_call_of_one_apply(
    applied: ForgetfulHost, part: str, end: str
) -> None:
    whole = Attempt("b", 1, end=end)
    for crash in some_of(calls_of(applied, whole, part)):
        with tempfile.TemporaryDirectory() as folder:
            model = Model(applied.copy(Path(folder) / "host"))
            model.attempt(replace(whole, **{part: crash}))  # type: ignore[arg-type]
            model.attempt(Attempt("c", 2))
            assert (model.letters, model.users) == ({"c"}, {2}), crash


def calls_of(applied: ForgetfulHost, attempt: Attempt, part: str) -> int:
    """Return how many calls the transaction, or its end, makes where nothing fails."""
    with tempfile.TemporaryDirectory() as folder:
        model = Model(applied.copy(Path(folder) / "host"))
        model.attempt(attempt)
        return model.calls[part]

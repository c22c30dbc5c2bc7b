"""The measurements in their order: the work on a lab's hosts, run by run.

Every run is checked before its time counts: its exit codes, and the changes that the tool reports.
After a run that changes hosts, the resources themselves are checked. They have to be the same
for every tool.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import contenders
from benchmarks.contenders import Workplace
from benchmarks.figures import interleaved
from benchmarks.hosts import Hosts, differences, unlike_wanted
from benchmarks.layouts import SiteText
from benchmarks.measure import Command, Measurement, measure
from benchmarks.resources import Resources, generations_of, write_resources
from provisioner.lab.publish import publish_sites
from provisioner.site.load import parse_site

T = TypeVar("T")

BASE, CHANGED = "base", "changed"
NOOP, ONE_LINE, FIRST, SINGLE = "nothing to do", "one line", "first apply", "one host"
_REPEATS = 2


class BenchmarkError(Exception):
    """A run did not do its work, so its time means nothing."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run, as in `Measurement`. number: 0 is the run whose memory was sampled.

    inside: seconds that the process itself counted, None where it counts none.
    """

    layout: str
    scenario: str
    contender: str
    number: int
    seconds: float
    cpu: float
    hosts_cpu: float
    wire: int
    peak: int
    inside: float | None = None


@dataclass
class Bench:
    """Hosts with a layout's sites, the records so far, and the runs that failed.

    say: a function that writes the progress.
    """

    hosts: Hosts
    layout: str
    texts: Sequence[SiteText]
    say: Callable[[str], None]
    records: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    wanted: dict[str, dict[str, Resources]] = field(default_factory=dict)
    reference: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def place(self) -> Workplace:
        """The folder in which the tools find their input."""
        folder = self.hosts.lab.home / "benchmark" / self.layout
        return Workplace(folder, self.hosts.lab.home, self.hosts.addresses)

    def site_files(self, variant: str) -> list[Path]:
        """Return the site files of a variant."""
        return [self.place.folder / variant / f"{text.name}.yaml" for text in self.texts]

    def prepare(self) -> None:
        """Write all inputs, apply the base variant with mailprov, and keep that state."""
        for variant in (BASE, CHANGED):
            self._write(variant)

        def apply() -> None:
            self.hosts.return_to("found")
            check(contenders.MAILPROV, self._measure(contenders.MAILPROV, BASE), changes=True)

        self._insist(contenders.MAILPROV, apply)
        self.hosts.keep(self.layout)
        self.reference = self._check_hosts(BASE)

    def _write(self, variant: str) -> None:
        sites = []
        folder = self.place.resources(variant)
        folder.mkdir(parents=True, exist_ok=True)
        for text, path in zip(self.texts, self.site_files(variant), strict=True):
            content = text.base if variant == BASE else text.changed
            path.write_text(self.hosts.lab.site(content), encoding="utf-8")
            sites.append(parse_site(path.read_bytes(), str(path)).site)
        generations = [one for site in sites for one in generations_of(site)]
        self.wanted[variant] = write_resources(generations, folder)
        self.place.prepare(variant)
        publish_sites(self.hosts.lab.internet, sites)

    def nothing_to_do(self, names: Sequence[str], rounds: int) -> None:
        """Measure runs that find everything as it should be."""
        self.hosts.return_to(self.layout)

        def run(name: str, *, sample: bool) -> Measurement:
            done = self._measure(name, BASE, sample=sample)
            check(name, done, changes=False)
            return done

        self._rounds(NOOP, names, rounds, run)
        self._same(self._check_hosts(BASE))

    def one_line(self, names: Sequence[str], rounds: int) -> None:
        """Measure runs that bring one changed setting of main.cf to every host."""
        self._changing(ONE_LINE, CHANGED, self.layout, names, rounds)

    def first_apply(self, names: Sequence[str], rounds: int) -> None:
        """Measure runs on hosts that have the packages and nothing else."""
        self._changing(FIRST, BASE, "found", names, rounds)

    def _changing(
        self, scenario: str, variant: str, state: str, names: Sequence[str], rounds: int
    ) -> None:
        references: dict[str, dict[str, dict[str, str]]] = {}

        def run(name: str, *, sample: bool) -> Measurement:
            self.hosts.return_to(state)
            done = self._measure(name, variant, sample=sample)
            check(name, done, changes=True)
            references[name] = self._check_hosts(variant)
            return done

        self._rounds(scenario, names, rounds, run)
        for name in names:
            found = differences(references[name], references[names[0]])
            if found:
                raise BenchmarkError(f"{name} and {names[0]} differ:\n" + "\n".join(found))

    def _rounds(
        self, scenario: str, names: Sequence[str], rounds: int, run: Callable[..., Measurement]
    ) -> None:
        """Run all in turn for the time, and where nothing changes first once for the memory."""
        for name in names if scenario in {NOOP, SINGLE} else ():
            self._keep(scenario, name, 0, partial(run, name, sample=True))
        for number, name in interleaved(names, rounds):
            self._keep(scenario, name, number, partial(run, name, sample=False))

    def _insist(self, name: str, run: Callable[[], T]) -> T:
        """Return what a run returns; a failed one is counted and repeated, twice at most."""
        for _ in range(_REPEATS):
            try:
                return run()
            except BenchmarkError as problem:
                first = str(problem).splitlines()[0]
                self.failures.append(f"{self.layout}, {name}: {first}")
                self.say(str(problem))
        return run()

    def _keep(self, scenario: str, name: str, number: int, run: Callable[[], Measurement]) -> None:
        done = self._insist(f"{scenario}, {name}", run)
        self.say(f"{self.layout}, {scenario}, {name}, run {number}: {done.seconds:.2f} s")
        self.records.append(asdict(_record(self.layout, scenario, name, number, done)))

    def _measure(self, name: str, variant: str, *, sample: bool = False) -> Measurement:
        commands = self.place.commands(name, variant, self.site_files(variant))
        return measure(commands, self.hosts.bridge, self.hosts.groups, sample=sample)

    def _check_hosts(self, variant: str) -> dict[str, dict[str, str]]:
        described = self.hosts.describe(self.wanted[variant])
        found = unlike_wanted(described, self.wanted[variant])
        if found:
            raise BenchmarkError("resources are not as wanted:\n" + "\n".join(found))
        return described

    def _same(self, described: Mapping[str, Mapping[str, str]]) -> None:
        found = differences(described, self.reference)
        if found:
            raise BenchmarkError("a run with nothing to do changed:\n" + "\n".join(found))

    def one_host(self, rounds: int) -> None:
        """Measure single commands: one host's no-op, and those that connect nowhere."""
        self.hosts.return_to(self.layout)
        home = {"HOME": str(self.hosts.lab.home)}
        site = str(self.site_files(BASE)[0])
        command = contenders.mailprov()
        alone = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "mailprov --help": (command, "--help"),
            "mailprov validate": (command, "validate", site),
            "mailprov plan": (command, "plan", site),
            "mailprov apply": (command, "apply", site),
        }

        def run(name: str, *, sample: bool) -> Measurement:
            command = Command(alone[name], home)
            done = measure([command], self.hosts.bridge, self.hosts.groups, sample=sample)
            if set(done.statuses) != {0}:
                raise BenchmarkError(f"{name} failed:\n{done.output[-2000:]}")
            return done

        self._rounds(SINGLE, list(alone), rounds, run)


def _record(layout: str, scenario: str, name: str, number: int, done: Measurement) -> Record:
    return Record(
        layout=layout,
        scenario=scenario,
        contender=name,
        number=number,
        seconds=done.seconds,
        cpu=done.cpu,
        hosts_cpu=done.hosts_cpu,
        wire=done.wire,
        peak=done.peak,
        inside=inside_of(done.output),
    )


def inside_of(output: str) -> float | None:
    """Return what a run counted itself: `inside` of a last line in JSON."""
    last = (output.strip().splitlines() or [""])[-1]
    if not last.startswith('{"inside"'):
        return None
    return float(json.loads(last)["inside"])


def check(name: str, done: Measurement, *, changes: bool) -> None:
    """Raise BenchmarkError unless the run succeeded and changed what it should, or nothing."""
    if set(done.statuses) != {0}:
        raise BenchmarkError(f"{name} ended with {done.statuses}:\n{done.output[-4000:]}")
    counted = changes_in(name, done.output)
    if counted is not None and (counted > 0) != changes:
        raise BenchmarkError(f"{name} changed {counted} things:\n{done.output[-4000:]}")


def changes_in(name: str, output: str) -> int | None:
    """Return how many changes a tool says it made; None for one that does not say."""
    if name in {contenders.ANSIBLE, contenders.MITOGEN}:
        return sum(map(int, re.findall(r"\bchanged=(\d+)", output)))
    if name == contenders.PYINFRA:
        total = re.search(r"Grand total +\d+ +(\d+|-) ", output)
        return None if total is None else int(total[1].replace("-", "0"))
    if name in {contenders.MAILPROV, contenders.ONE_COMMAND}:
        return len(re.findall(r"^\S+ +changed ", output, re.MULTILINE))
    return None

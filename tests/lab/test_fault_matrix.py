"""Every fault at every step of an apply: the host ends wholly old or wholly new.

The steps are those that the remote programs go through, held there one by one
(support.stopping); a new step is in the matrix without anybody remembering it. Two applies
are broken off: the first one on a host, and one that changes a site in every way.

`make test` takes a sample that differs from run to run; the summary tells its seed, and
MAILPROV_TEST_SEED=N repeats it. `make test-all` takes every cell, and writes what came of
them on Debian 12 to docs/fault-matrix.md.
"""

from __future__ import annotations

import queue
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest
from support.chance import SEED
from support.deployed import DeployedSite
from support.fault_matrix import Bench, Fault, keep_disk, look_at, put_disk, steps_of
from support.fault_table import Cell, parse_table, render_table
from support.release import BARE, DEFAULT, DOVECOT, RELEASE

from provisioner.lab import HostSpec, Lab, LabHost

pytestmark = pytest.mark.lab

SAMPLE = 6
MIB = 400
TABLE = Path(__file__).parents[2] / "docs/fault-matrix.md"
# Nobody logs in by it: a hash that no password has, but for its last letter.
PASSWORD = "{SHA512-CRYPT}$6$faultsaltfault$" + "A" * 85
LAB_DNS = """
dns: {forward: {".": 10.89.0.253, test: 10.89.0.253}}
unbound: {server: {auto-trust-anchor-file: "", trust-anchor: "@LAB_TRUST_ANCHOR@"}}
submission: {logins_per_minute: 1000}
"""
# Users in files; every part of the site comes for the first time.
VIRTUAL = f"""
domain: example.org
hosts: {{mail: {{address: @ADDRESS@}}}}
users: {{alice: {{password: "{PASSWORD}0"}}}}
postfix: {{main: {{header_size_limit: "100000"}}}}
{LAB_DNS}"""
SYSTEM = f"""
domain: example.org
hosts: {{mail: {{address: @ADDRESS@}}}}
accounts: {{kind: system, group: mailusers}}
users:
  alice: {{password: "{PASSWORD}0"}}
  bob: {{password: "{PASSWORD}0"}}
dovecot: {{"{DOVECOT}": {{login_greeting: Before.}}}}
{LAB_DNS}"""
# Against SYSTEM: a user leaves and one comes, one has a new password, an alias, main.cf
# with what needs a restart, files that go.
CHANGED = f"""
domain: example.org
hosts: {{mail: {{address: @ADDRESS@}}}}
accounts: {{kind: system, group: mailusers}}
aliases: {{sales: [alice]}}
users:
  alice: {{password: "{PASSWORD}Z"}}
  carol: {{password: "{PASSWORD}Z"}}
pop3: {{ports: []}}
postfix: {{main: {{inet_protocols: ipv4}}}}
{LAB_DNS.replace("1000}", "1000, message_size: 13M}")}"""
# Steps that no apply of one host has: the way back, and a role that goes to another host. A
# table needs more users than a host is worth here; tests/crash breaks off each call of it. No
# daemon has a resource of a further kind; tests/lab/test_a_new_kind.py has a host go down with one.
ELSEWHERE = {"resource", "restore", "restore_resource", "retire", "table"}


@dataclass(frozen=True)
class Scenario:
    """An apply to break off: `wanted`, on a host where `before` was applied ("": nothing)."""

    name: str
    before: str
    wanted: str


SCENARIOS = (
    Scenario("the first apply", "", VIRTUAL),
    Scenario("a change of everything", SYSTEM, CHANGED),
)


@dataclass(frozen=True)
class Benches:
    """Hosts for one scenario, free ones in a queue, and the steps that each goes through."""

    scenario: Scenario
    steps: tuple[str, ...]
    free: queue.SimpleQueue[Bench]


def hosts_wanted(request: pytest.FixtureRequest) -> int:
    whole = any(item.get_closest_marker("matrix") for item in request.session.items)
    return 5 if whole else 2


@pytest.fixture(scope="module")
def lab(
    lab_factory: Callable[[str, Sequence[HostSpec]], Lab], request: pytest.FixtureRequest
) -> Lab:
    """Return a lab of hosts that are all alike, each with a disk that can lose its power."""
    numbers = range(1, hosts_wanted(request) + 1)
    specs = [
        HostSpec(f"m{n}", (f"10.89.0.{30 + n}",), "debian-12-mail", disk_mib=MIB) for n in numbers
    ]
    return lab_factory("matrix", specs)


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda scenario: scenario.name)
def benches(lab: Lab, request: pytest.FixtureRequest) -> Benches:
    """Return the hosts, ready for a scenario."""
    scenario: Scenario = request.param
    hosts = [lab.host(spec.name) for spec in lab.state.hosts if spec.name != "inet"]
    with ThreadPoolExecutor(len(hosts)) as pool:
        made = list(pool.map(lambda host: make_bench(lab, host, scenario), hosts))
    free: queue.SimpleQueue[Bench] = queue.SimpleQueue()
    for bench, _ in made:
        free.put(bench)
    for _, steps in made[1:]:
        assert steps == made[0][1], "the hosts differ in their steps"
    return Benches(scenario, tuple(made[0][1]), free)


def make_bench(lab: Lab, host: LabHost, scenario: Scenario) -> tuple[Bench, list[str]]:
    """Bring a host to where the scenario begins; return it, and the steps of its apply."""
    folder = lab.home / host.name
    folder.mkdir(exist_ok=True)
    found = folder / "found.ext4"
    if found.exists():
        put_disk(host, found)
    else:
        # As where a package was installed and never used.
        host.check_run(["systemctl", "disable", "--now", "dovecot"])
        keep_disk(host, found)
    texts = {"before.yaml": scenario.before, "wanted.yaml": scenario.wanted}
    for name, text in texts.items():
        (folder / name).write_text(lab.site(text).replace("@ADDRESS@", host.address))
    site = DeployedSite(lab, folder / "before.yaml")
    disk = found
    if scenario.before:
        site.apply()
        disk = folder / "before.ext4"
        # What is to be mended of a file whose content is the host's own affair.
        host.check_run(["chmod", "0640", "/etc/mailprov/tls/site.pem"])
        keep_disk(host, disk)
    old = look_at(host)
    steps = steps_of(site, host, folder / "wanted.yaml")
    bench = Bench(site, host, folder / "wanted.yaml", disk, old, look_at(host))
    bench.converge()
    return bench, steps


def try_out(benches: Benches, cells: Sequence[tuple[int, Fault]]) -> list[Cell]:
    """Carry out cells, as many at once as there are hosts; return what came of each."""

    def one(cell: tuple[int, Fault]) -> Cell:
        step, fault = cell
        bench = benches.free.get()
        try:
            outcome = bench.try_out(step, fault)
        except Exception as problem:  # noqa: BLE001 the others are still to be tried, and it is told
            outcome = f"{type(problem).__name__}: {problem}"
        finally:
            benches.free.put(bench)
        return Cell(benches.scenario.name, benches.steps[step - 1], step, fault, outcome)

    with ThreadPoolExecutor(benches.free.qsize()) as pool:
        return list(pool.map(one, cells))


def wrong_cells(cells: Sequence[Cell]) -> str:
    """Return the cells that did not end as they have to, in words."""
    wrong = [cell for cell in cells if cell.outcome not in {"old", "new"}]
    return "\n".join(f"{cell.step}, {cell.fault}: {cell.outcome}" for cell in wrong)


def test_a_fault_leaves_the_host_wholly_old_or_wholly_new(
    benches: Benches, tell: Callable[[str], None]
) -> None:
    every = [(n, fault) for n in range(1, len(benches.steps) + 1) for fault in Fault]
    chance = random.Random(f"{SEED} {benches.scenario.name}")  # noqa: S311 no secret
    cells = try_out(benches, chance.sample(every, SAMPLE // len(SCENARIOS)))
    tell(f"{benches.scenario.name}, MAILPROV_TEST_SEED={SEED}:")
    for cell in cells:
        tell(f"  {cell.step}, {cell.fault}: {cell.outcome[:200]}")
    assert not wrong_cells(cells), wrong_cells(cells)


@pytest.fixture(scope="module")
def all_cells() -> Iterator[list[Cell]]:
    """Return a list for what came of all cells of whole scenarios; it goes into the page."""
    cells: list[Cell] = []
    yield cells
    ran = {cell.scenario for cell in cells}
    page = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    known = [cell for cell in parse_table(page) if cell.scenario not in ran]
    names = [scenario.name for scenario in SCENARIOS]
    cells = sorted([*known, *cells], key=lambda cell: names.index(cell.scenario))
    if RELEASE.name == DEFAULT:
        TABLE.write_text(render_table(cells), encoding="utf-8")


@pytest.mark.matrix
def test_every_fault_at_every_step(benches: Benches, all_cells: list[Cell]) -> None:
    every = [(n, fault) for n in range(1, len(benches.steps) + 1) for fault in Fault]
    cells = try_out(benches, every)
    all_cells += cells
    assert not wrong_cells(cells), wrong_cells(cells)


@pytest.fixture(scope="module")
def gone_through() -> dict[str, tuple[str, ...]]:
    """Return a dictionary for the steps of each scenario."""
    return {}


def test_no_step_is_left_out(benches: Benches, gone_through: dict[str, tuple[str, ...]]) -> None:
    gone_through[benches.scenario.name] = benches.steps
    if len(gone_through) < len(SCENARIOS):
        return
    # What packages start, a first apply restarts.
    elsewhere = {*ELSEWHERE, "restart"} if BARE else ELSEWHERE
    assert named_steps() - steps_in(gone_through) == elsewhere


def named_steps() -> set[str]:
    """Return every step that the remote program has a function for."""
    folder = files("provisioner.remote") / "core"
    texts = [entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".sh")]
    return {name for text in texts for name in re.findall(r"^do_(\w+)\(\)", text, re.MULTILINE)}


def steps_in(gone_through: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the steps that the scenarios go through."""
    gates = [gate for steps in gone_through.values() for gate in steps]
    return {gate.split()[2] for gate in gates if gate.startswith("transact: step ")}

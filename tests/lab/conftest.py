"""Labs for tests: brought up in a free number, shared within a run, gone at its end.

A test asks `lab_factory` for a lab by key and gets the same one each time, so that
modules can share hosts that they do not break. Tests that need labs carry the
marker `lab`; where labs cannot run they are skipped, and the summary says why.

Names start with the run's process id. A run that is killed leaves its labs behind;
the next run finds that their process is gone and takes them down first.
MAILPROV_KEEP_LABS=1 keeps the labs of a run, for looking at what broke.
MAILPROV_TEST_RELEASE names the release that the servers run (support.release).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.release import complete, on_release

from provisioner.lab import HostSpec, Lab, list_states, missing_requirements, take_down
from provisioner.lab.package_cache import PackageCacheError

CHECKOUT = Path(__file__).parents[2]
INVENTORIES = CHECKOUT / "inventories"
TUTORIAL_PASSWORDS = {
    "WANGSHENG_PASSWORD": "correct horse 'battery' staple",
    "XHYHUIYING_PASSWORD": "Zwölf Boxkämpfer jagen",
}
BEGINNER_PASSWORDS = {"ALICE_PASSWORD": "a password of alice", "BOB_PASSWORD": "one of bob's"}

_TEST_LAB = re.compile(r"t(\d+)-.*")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not any(item.get_closest_marker("lab") for item in items):
        return
    reasons = missing_requirements()
    if reasons:
        skip = pytest.mark.skip(reason="; ".join(reasons))
        for item in items:
            if item.get_closest_marker("lab"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def lab_name() -> Callable[[str], str]:
    """Return the name that a lab of this run has for a key of at most 20 characters."""
    return lambda key: f"t{os.getpid()}-{key}"


@pytest.fixture(scope="session")
def lab_as_named(lab_name: Callable[[str], str]) -> Iterator[LabFactory]:
    """Return a function from a key and host specs to a running lab, the same all session."""
    for name in list_states():
        match = _TEST_LAB.fullmatch(name)
        if match and not Path("/proc", match[1]).exists():
            take_down(name)
    made: set[str] = set()
    without_packages: list[str] = []

    def bring_up(key: str, hosts: Sequence[HostSpec]) -> Lab:
        if without_packages:
            pytest.skip("the lab's package cache does not serve, as the first failure says")
        made.add(lab_name(key))
        try:
            return Lab.up(lab_name(key), hosts)
        except PackageCacheError as error:
            without_packages.append(key)
            # One line, without a traceback: whoever reads it has nothing to find in the lab.
            pytest.fail(error.diagnostics[0].summary, pytrace=False)

    yield bring_up
    if not os.environ.get("MAILPROV_KEEP_LABS"):
        for name in made:
            take_down(name)


@pytest.fixture(scope="session")
def lab_factory(lab_as_named: LabFactory) -> LabFactory:
    """Return the same function; servers run the release that the suite runs on."""

    def bring_up(key: str, hosts: Sequence[HostSpec]) -> Lab:
        lab = lab_as_named(key, on_release(hosts))
        complete(lab, hosts)
        return lab

    return bring_up


@pytest.fixture(scope="session")
def bare_lab(lab_factory: LabFactory) -> Lab:
    """Return a lab of two bare servers, `one` (IPv4 and IPv6) and `two` (IPv4)."""
    return lab_factory(
        "bare",
        [HostSpec("one", ("10.89.0.10", "fd00:89:0::10")), HostSpec("two", ("10.89.0.11",))],
    )


@pytest.fixture(scope="module")
def extended(
    lab_factory: LabFactory, beginner_text: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., DeployedSite]:
    """Return a function from a lab's key to a site before its first apply, whose program has more.

    What comes into a copy of the program follows the key: files and folders of this one, each with
    its place in `provisioner/`.
    """

    def bring_up(key: str, *parts: tuple[str, str]) -> DeployedSite:
        lab = lab_factory(key, [HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail")])
        copy = tmp_path_factory.mktemp("copy")
        for folder in ("provisioner", "templates"):
            shutil.copytree(CHECKOUT / folder, copy / folder)
        for part, place in parts:
            source, target = Path(__file__).parent / part, copy / "provisioner" / place
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        path = lab.home / f"{key}.yaml"
        path.write_text(lab.site(beginner_text))
        own = {"PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1"}
        return DeployedSite(lab, path, {"ALICE_PASSWORD": "a password of alice", **own})

    return bring_up


@pytest.fixture(scope="session")
def tutorial(lab_factory: LabFactory) -> DeployedSite:
    """Return the tutorial's site, applied to two bare hosts, and two machines beside them.

    `client` is within the site's trusted networks, `stranger` is not.
    """
    return _deploy(
        lab_factory,
        "tutorial",
        "tutorial/lab.yaml",
        [
            HostSpec("ns", ("10.89.0.2",), fqdn="ns.wangsheng.com"),
            HostSpec("mail", ("10.89.0.3",), fqdn="mail.wangsheng.com"),
            HostSpec("client", ("10.89.0.20",), tree="debian-12-client"),
            HostSpec("stranger", ("10.89.0.130",), tree="debian-12-client"),
        ],
        TUTORIAL_PASSWORDS,
    )


@pytest.fixture(scope="session")
def tutorial_open(lab_factory: LabFactory) -> DeployedSite:
    """Return the tutorial's site with its own open values."""
    hosts = [
        HostSpec("ns", ("10.89.0.2",)),
        HostSpec("mail", ("10.89.0.3",), tree="debian-12-mail"),
    ]
    return _deploy(lab_factory, "open", "tutorial/open-lab.yaml", hosts, TUTORIAL_PASSWORDS)


@pytest.fixture(scope="session")
def beginner(lab_factory: LabFactory) -> DeployedSite:
    """Return the beginner's site, applied to one bare host, and a machine of another site.

    `elsewhere` has the address of mail.outside.example; nobody configures it here.
    """
    hosts = [
        HostSpec("mail", ("10.89.0.4",)),
        HostSpec("elsewhere", ("198.18.0.252",), "debian-12-mail", fqdn="mail.outside.example"),
    ]
    return _deploy(lab_factory, "beginner", "beginner/lab.yaml", hosts, BEGINNER_PASSWORDS)


@pytest.fixture(scope="session")
def beginner_text() -> str:
    """Return the beginner's site file, written for lab 0."""
    return (INVENTORIES / "beginner/lab.yaml").read_text(encoding="utf-8")


def _deploy(
    factory: LabFactory,
    key: str,
    inventory: str,
    hosts: Sequence[HostSpec],
    environment: Mapping[str, str],
) -> DeployedSite:
    lab = factory(key, hosts)
    path = lab.home / "site.yaml"
    text = lab.site((INVENTORIES / inventory).read_text(encoding="utf-8"))
    # Tests verify more often in a minute than anybody else would.
    limits = "submission: {logins_per_minute: 1000}\n" if "submission:" not in text else ""
    path.write_text(text + limits, encoding="utf-8")
    site = DeployedSite(lab, path, environment)
    report = site.apply()
    path.with_name("first-apply.json").write_text(json.dumps(report), encoding="utf-8")
    # All that the hosts said since they booted, before any test broke something.
    diagnosis = site.mailprov("diagnose", "--json", "--since", "52w")
    path.with_name("first-diagnosis.json").write_text(diagnosis.stdout, encoding="utf-8")
    return site

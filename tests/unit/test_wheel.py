"""What `pip install` puts on a machine: mailprov, its templates, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the paths of the files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    built = WheelBuilder(str(CHECKOUT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(next(built)) as wheel:
        return wheel.namelist()


def test_it_brings_one_package_and_what_describes_it(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    (described,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {described} == {"provisioner"}


def test_nothing_of_tests_or_benchmarks_is_in_it(names: list[str]) -> None:
    assert not [name for name in names if {"tests", "benchmarks"} & set(Path(name).parts)]


def test_all_that_mailprov_runs_with_is_in_it(names: list[str]) -> None:
    def there(folder: str) -> set[str]:
        files = (file for file in (CHECKOUT / folder).rglob("*") if file.is_file())
        paths = (file.relative_to(CHECKOUT) for file in files)
        return {path.as_posix() for path in paths if "__pycache__" not in path.parts}

    wanted = there("provisioner") | {f"provisioner/{name}" for name in there("templates")}
    assert wanted <= set(names)

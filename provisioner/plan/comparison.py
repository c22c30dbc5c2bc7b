"""Which managed files and directories of a host are not as the generation has them."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.facts.host import Facts
from provisioner.plan.file_diff import access_problems, file_problems
from provisioner.plan.generation import Generation
from provisioner.probes.hosts import FileProblem

Compared = tuple[str, tuple[FileProblem, ...]]


def compare_paths(generation: Generation, facts: Facts) -> Iterator[Compared]:
    """Yield every managed path with its differences; none for one that is as written.

    Of what the host makes itself, and of directories, owner and mode alone are compared.
    """
    for recipe in generation.recipes:
        yield recipe.path, access_problems(recipe, facts.files.get(recipe.path))
    for artifact in generation.artifacts:
        yield artifact.path, file_problems(artifact, facts.files.get(artifact.path))
    for folder in generation.folders:
        yield folder.path, access_problems(folder, facts.files.get(folder.path))

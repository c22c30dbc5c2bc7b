"""Which managed files, folders and other resources are not as the generation has them."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.facts.host import Facts
from provisioner.plan.generation import Generation
from provisioner.resources.file_problems import access_problems, file_problems
from provisioner.resources.kind import Compared
from provisioner.resources.recipe import recipe_problems
from provisioner.resources.registry import kinds


def compare_paths(generation: Generation, facts: Facts) -> Iterator[Compared]:
    """Yield every managed path or name with its differences; none for one that is as written.

    Of what the host makes itself, and of directories, owner and mode alone are compared.
    """
    for recipe in generation.recipes:
        yield recipe.path, recipe_problems(recipe, facts.files.get(recipe.path))
    for artifact in generation.artifacts:
        yield artifact.path, file_problems(artifact, facts.files.get(artifact.path))
    for folder in generation.folders:
        yield folder.path, access_problems(folder, facts.files.get(folder.path))
    for kind in kinds():
        yield from kind.compared(generation, facts)

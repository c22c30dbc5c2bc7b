"""What a host makes itself: secrets that never leave it, and living keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from provisioner.probes.hosts import FileProblem
from provisioner.remote.protocol import Answer, Asked, Section, Staged
from provisioner.render.tls_chain import CHAIN_PATH
from provisioner.resources.change import Action, Change
from provisioner.resources.file_problems import access_problems, in_words
from provisioner.resources.file_state import FilesSeen, FileState, LeftFiles
from provisioner.resources.kind import Due, Packing, Readers, ResourceKind, Row, Turn


@dataclass(frozen=True)
class Recipe:
    """Something that the host makes itself: a secret that never leaves it, or a living key.

    kind: how it is made, by `recipe_KIND` of a room's shell or of the core. path: where it lies.
    subject: what the maker has to know, and for whom it holds: a name for a certificate, a login,
    a mail address, a command. owner, group, mode: as the file has to stay.
    """

    kind: str
    path: str
    subject: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600


class WithRecipes(Protocol):
    """A generation, as far as what the host makes itself goes."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What the host makes itself."""

    @property
    def certificate_path(self) -> str | None:
        """Where the host's certificate lies, None where it has none."""


class OwnCertificate(Protocol):
    """A certificate that lies on a host."""

    def flaw(self, name: str) -> str:
        """Return why the host has to make another one for this name, empty if it need not."""


class RecipesSeen(FilesSeen, Protocol):
    """Facts of what the host made itself."""

    @property
    def introduction(self) -> LeftFiles:
        """What the host told first."""

    @property
    def recipes(self) -> frozenset[str]:
        """The kinds that are there, and belong to their subject."""

    @property
    def certificate(self) -> OwnCertificate | None:
        """The certificate that lies on the host."""


def read_recipes(told: Answer) -> frozenset[str]:
    """Return the kinds of what the host made itself that are there."""
    return frozenset(told.lines(Section.RECIPES))


def recipe_problems(recipe: Recipe, state: FileState | None) -> tuple[FileProblem, ...]:
    """Return every way in which owner and mode differ of what the host made."""
    if state and recipe.kind == "trust-anchor" and state.kind == "symbolic link":
        # The package's own, to a file that anybody may read; Unbound puts its file there.
        return ()
    return access_problems(recipe, state)


def has_to_be_made(recipe: Recipe, facts: RecipesSeen) -> bool:
    """Tell whether the host has to make it, or another certificate of the same key."""
    return _is_unmade(recipe, facts) or bool(_certificate_flaw(recipe, facts))


def _is_unmade(recipe: Recipe, facts: RecipesSeen) -> bool:
    # What lies there may be the operator's own certificate, of a site that had one.
    if recipe.path in facts.introduction.managed_files:
        return True
    if recipe.kind == "self-signed":
        return facts.certificate is None
    return recipe.kind not in facts.recipes


def _certificate_flaw(recipe: Recipe, facts: RecipesSeen) -> str:
    """Return why the host's own certificate gives way to another of the same key, else nothing."""
    own = facts.certificate if recipe.kind == "self-signed" else None
    return own.flaw(recipe.subject) if own else ""


def _is_made(change: Change) -> bool:
    return change.action in {Action.CREATE, Action.RENEW}


class RecipeKind(ResourceKind[WithRecipes, object, RecipesSeen]):
    """A secret is made once, and stays; a certificate of its own is renewed."""

    name = "recipe"
    words = ("secret",)
    turn = Turn.MADE

    def asked(self, wanted: WithRecipes, introduction: object) -> Iterator[Row]:
        """Ask for each by kind and subject, and as a file whose content nobody compares."""
        del introduction
        for recipe in wanted.recipes:
            yield (Asked.RECIPE, recipe.kind, recipe.path, recipe.subject)
            yield (Asked.FILE, recipe.path, "-", "1", "-")
        if wanted.certificate_path:
            yield (Asked.CERTIFICATE, wanted.certificate_path)

    def changes(self, wanted: WithRecipes, facts: RecipesSeen) -> Iterator[Due]:
        """Yield those that are missing, for another subject, or not as they should be."""
        for recipe in wanted.recipes:
            for change in self._change(recipe, facts):
                yield Due(change, self.turn)

    def _change(self, recipe: Recipe, facts: RecipesSeen) -> Iterator[Change]:
        if _is_unmade(recipe, facts):
            reason = f"made on the host for {recipe.subject}"
            yield Change("secret", recipe.path, Action.CREATE, reason)
        elif flaw := _certificate_flaw(recipe, facts):
            reason = f"another certificate for {recipe.subject}, of the same key: {flaw}"
            yield Change("secret", recipe.path, Action.RENEW, reason)
        elif problems := recipe_problems(recipe, facts.files.get(recipe.path)):
            yield Change("secret", recipe.path, Action.UPDATE, in_words(problems))

    def declared(self, change: Change, packing: Packing[WithRecipes]) -> Iterator[Row]:
        """Yield what is made, because a checker has to see something of it."""
        if _is_made(change):
            yield self._row(change, packing)

    def steps(self, change: Change, packing: Packing[WithRecipes]) -> Iterator[Row]:
        """Yield the one that makes it, or gives it its owner and mode."""
        yield self._row(change, packing)

    def _row(self, change: Change, packing: Packing[WithRecipes]) -> Row:
        recipe = next(one for one in packing.wanted.recipes if one.path == change.name)
        if _is_made(change):
            kind = "renewed" if change.action is Action.RENEW else recipe.kind
            return (Staged.RECIPE, kind, recipe.path, recipe.subject)
        return ("access", recipe.path, recipe.owner, recipe.group, f"{recipe.mode:04o}")

    def listed(self, wanted: WithRecipes) -> Iterator[str]:
        """Yield them with owner, mode and subject."""
        for one in wanted.recipes:
            access = f"{one.owner}:{one.group} {one.mode:04o}"
            line = f"made by the host: {one.kind} {one.path} {access}, for {one.subject}"
            yield line.rstrip()

    def undone(self, change: Change) -> Iterator[str]:
        """Yield where a key or a certificate gives way to one that the host makes."""
        if _is_made(change) and change.name == CHAIN_PATH:
            yield change.name

    def readers(self, change: Change, wanted: WithRecipes) -> Readers:
        """Return that it is not known who reads it."""
        del change, wanted
        return None


KIND = RecipeKind()

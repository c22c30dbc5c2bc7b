"""What holds for every error that a unit test meets: it says where, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from provisioner.diagnostics import Diagnostic

# The caller knows the place and puts it in; or it is several hosts, or whoever sends and logs in.
_PLACELESS = {
    "provisioner.platforms.records",
    "provisioner.render.daemon_secrets",
    "provisioner.render.quoting",
    "provisioner.site.places",
    "provisioner.verbs.envelope",
    "provisioner.verbs.mail_deletion",
    "provisioner.verbs.restore",
}
_WITHOUT_REMEDY = {"provisioner.site.places", "provisioner.transport.failures"}


def _check(made: Diagnostic, module: str) -> None:
    texts = (made.summary, made.where, made.got, made.want, made.fix)
    assert all(isinstance(text, str) for text in texts), texts
    assert made.summary, f"{module} says nothing"
    assert "None" not in made.where, made.where
    if module.startswith("provisioner.lab."):
        return  # its users have the code before them
    assert made.fix or module in _WITHOUT_REMEDY, f"no remedy for: {made.summary}"
    # What somebody typed is its own place.
    typed = made.summary.startswith("--") or module.startswith("provisioner.cli.")
    placed = made.where or typed or module in _PLACELESS
    assert placed, f"no place of: {made.summary}"


@pytest.fixture(scope="session", autouse=True)
def _whole_diagnostics() -> Iterator[None]:
    """Have every diagnostic looked at that the program makes, whatever a test asks of it."""
    made = Diagnostic.__init__

    def make(self: Diagnostic, *args: Any, **named: Any) -> None:  # noqa: ANN401 as it is called
        made(self, *args, **named)
        module = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001 who made it
        if module.startswith("provisioner."):
            _check(self, module)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Diagnostic, "__init__", make)
        yield

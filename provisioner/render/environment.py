"""The Jinja environment that every configuration file goes through.

A template may print nothing but text that a quoting filter returned, text that stands in the
template itself, and numbers: what was forgotten is an error at the first rendering. A name that a
view does not have is an error too, never a silent blank.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, nodes, pass_eval_context
from jinja2.compiler import CodeGenerator, Frame

from provisioner.render.compiled import CompiledTemplates
from provisioner.render.quoting import FILTERS, Quoted
from provisioner.render.settings import Recorder, Rendered, refuse_unquoted

MANAGED = "# Managed by mailprov. Edits here show as drift; change site.yaml instead.\n"
"""The first line of a file that no template writes."""


# One for all daemons: it reads all of Jinja once.
_COMPILED = CompiledTemplates(sys.modules[__name__])


class Templates:
    """Templates, and the quoting filters of the languages that they are written in.

    filters: by the names that templates have for them, beside those that all share.
    """

    def __init__(
        self, filters: Mapping[str, Callable[[str], Quoted]] = MappingProxyType({})
    ) -> None:
        self._filters = {**FILTERS, **filters}

    @cached_property
    def environment(self) -> Environment:
        """The environment; it holds no state but compiled templates."""
        folder = template_folder()
        made = _Environment(
            loader=FunctionLoader(lambda name: _template_text(folder, name)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            bytecode_cache=_COMPILED,
            autoescape=False,  # the output is daemon configuration; `finalize` sees to quoting
            finalize=_printed,
            # Nothing in the templates could be worked out beforehand: looking for it takes a
            # fifth of the time that they take to compile, which each command waits for.
            optimized=False,
        )
        made.filters.update(self._filters)
        return made

    def render(self, name: str, view: object) -> bytes:
        """Return the text of `templates/NAME.j2` for a view, which the template calls `view`."""
        return self.environment.get_template(name).render(view=view).encode()

    def record(self, name: str, view: object, recorder: Recorder) -> Rendered:
        """Return the same for a template that sets what it sets by the recorder's words."""
        template = self.environment.get_template(name)
        return recorder.rendered(template.render(view=view, **recorder.words()))


@pass_eval_context
def _printed(context: nodes.EvalContext, value: Any) -> Any:  # noqa: ANN401 as refuse_unquoted
    """Return what a template may print.

    Jinja prints no constant ahead of the rendering where it has to hand over the context. So a
    compiled template holds nothing that a filter has made, and is right for other filters, too.
    """
    del context
    return refuse_unquoted(value)


class _Generator(CodeGenerator):
    """Text between quotes in a template is the template's own, and written as it has to be."""

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802 Jinja's name
        """Have such a text be quoted text."""
        if isinstance(node.value, str):
            self.write(f"environment.written({node.value!r})")
        else:
            super().visit_Const(node, frame)


class _Environment(Environment):
    """Jinja's, with that."""

    code_generator_class = _Generator
    written = Quoted


TEMPLATES = Templates()
"""Those of the system itself, which are no daemon's."""


def template_folder() -> Traversable:
    """Return templates/: inside the installed package, else beside it in a checkout."""
    packaged = resources.files("provisioner") / "templates"
    if packaged.is_dir():
        return packaged
    return Path(__file__).parents[2] / "templates"


def _template_text(folder: Traversable, name: str) -> str | None:
    file = folder.joinpath(*f"{name}.j2".split("/"))
    return file.read_text(encoding="utf-8") if file.is_file() else None

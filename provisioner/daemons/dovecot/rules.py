"""What a site file may not say in Dovecot's own words, where doveconf(1) lets a mistake through.

Dovecot 2.4 puts the content of a file that `<` names into its complaint, a key's too.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.daemons.dovecot.exposure import judge_dovecot
from provisioner.diagnostics import quoted
from provisioner.model.problems import SiteProblem
from provisioner.model.reading import HatchRules, HatchText, HeldRules, Reading, rule
from provisioner.model.rules.secrets import is_secret_name, named_secret_way_out


def judge_dovecot_options(reading: Reading) -> Iterator[SiteProblem]:
    """Require files to be named without `<` in `dovecot.2.4`, where their names are enough."""
    for name, value in reading.file.dovecot.get("2.4", {}).items():
        if name.endswith("_file") and value.lstrip().startswith("<"):
            plain = value.lstrip().removeprefix("<").lstrip()
            yield SiteProblem(
                ("dovecot", "2.4", name),
                "a file in the syntax of Dovecot 2.3: 2.4 would take the content of the file "
                "for its name",
                got=quoted(value),
                want="the file's name alone",
                fix=f"write {plain}",
            )


def _values(reading: Reading) -> Iterator[HatchText]:
    for version, settings in reading.file.dovecot.items():
        for name, value in settings.items():
            yield HatchText(("dovecot", version, name), name, value)


HATCH = HatchRules(
    "dovecot",
    judge_dovecot,
    (rule(judge_dovecot_options, "dovecot"),),
    values=_values,
    held=HeldRules(
        "a setting whose value is a secret, like imapc_password",
        is_secret_name,
        named_secret_way_out,
    ),
)

"""What destroy tells before anybody has agreed to it."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import Facts, Introduction, Pending
from provisioner.plan.generation import AS_FOUND
from provisioner.site.load import parse_site
from provisioner.verbs import rollback
from provisioner.verbs.apply import ApplyOptions
from provisioner.verbs.plan import DriftDecision
from provisioner.verbs.rollback import WayBack
from provisioner.verbs.run import Run

SITE = parse_site(
    b"""
domain: example.org
hosts: {mail: {address: 10.89.1.4}}
users: {alice: {password: {env: P}}}
""",
    "site.yaml",
).site


class Quiet:
    def tell(self, host: object, text: str) -> None: ...


@pytest.mark.parametrize(
    ("armed", "want"),
    [(False, "an earlier run was interrupted"), (True, "the change is not confirmed yet")],
)
@pytest.mark.parametrize("settle", [False, True])
def test_a_pending_transaction_is_told_and_not_settled_without_agreement(
    monkeypatch: pytest.MonkeyPatch, want: str, *, armed: bool, settle: bool
) -> None:
    pending = Pending("7", "abc", "root@elsewhere", armed)
    facts = Facts(Introduction({}, pending=pending), {})
    settled: list[object] = []

    def remember(*_: object) -> None:
        settled.append(pending)
        raise MailprovError([], ExitCode.FAILED)

    nothing: Any = None
    monkeypatch.setattr(WayBack, "_recall", lambda *_: nothing)
    monkeypatch.setattr(WayBack, "_observe", lambda *_: (nothing, facts))
    monkeypatch.setattr(rollback, "settle_pending", remember)
    run = Run(SITE, SITE.hosts, nothing, {}, nothing, Quiet(), "owner")
    options = ApplyOptions(DriftDecision.REFUSE, 60)
    back = WayBack(run, options, AS_FOUND, settle=settle)
    with pytest.raises(MailprovError) as raised:
        back.plan(SITE.hosts[0], nothing)
    assert bool(settled) is settle
    if not settle:
        (problem,) = raised.value.diagnostics
        assert want in problem.summary
        assert problem.got == "root@elsewhere, generation abc"
        assert raised.value.exit_code is ExitCode.REFUSED

"""What the observing program says of the host that it runs on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.observing import answer_of_this_host as answer

from provisioner.facts.host import Introduction
from provisioner.facts.observation import parse_facts, parse_introduction

# systemctl(1) before 247, as Enterprise Linux 8 has it: it knows no such option.
_OLD_SYSTEMCTL = """\
case $* in *--timestamp=*)
    echo "systemctl: unrecognized option '--timestamp=unix'" >&2
    exit 1
    ;;
esac
cat <<'END'
Id=postfix.service
ActiveEnterTimestamp=Wed 2026-11-25 23:30:57 UTC

Id=dovecot.service
ActiveEnterTimestamp=
END
"""


@pytest.mark.skipif(not shutil.which("postconf"), reason="postconf is missing")
def test_what_postfix_has_is_asked_of_postfix() -> None:
    got = parse_introduction(answer())
    said = subprocess.run(
        ["postconf", "-d", "-h", "mail_version"], capture_output=True, text=True, check=True
    )
    assert got.versions["postfix"] == said.stdout.strip()
    # Debian 12 and 13 have all of them.
    assert got.parameters == {
        "smtpd_forbid_bare_newline",
        "smtpd_forbid_unauth_pipelining",
        "cleanup_replace_stray_cr_lf",
    }


# What Postfix 3.5.8, built from its source, answers.
_POSTFIX_3_5_8 = """\
echo "postconf: warning: smtpd_forbid_bare_newline: unknown parameter" >&2
echo "postconf: warning: smtpd_forbid_unauth_pipelining: unknown parameter" >&2
echo "postconf: warning: cleanup_replace_stray_cr_lf: unknown parameter" >&2
echo "mail_version = 3.5.8"
"""


def test_a_postfix_that_knows_none_of_them_has_none(tmp_path: Path) -> None:
    got = parse_introduction(answer(folder=tmp_path, postconf=_POSTFIX_3_5_8))
    assert (got.versions["postfix"], got.parameters) == ("3.5.8", frozenset())


def test_resolvconf_of_any_kind_is_seen(tmp_path: Path) -> None:
    got = parse_introduction(answer(folder=tmp_path, resolvconf="exit 0\n"))
    assert "resolvconf" in got.resolver_managers


def test_a_systemd_of_old_tells_since_when_units_are_up_too(tmp_path: Path) -> None:
    rows = "unit\tpostfix.service\nunit\tdovecot.service\nstatus\tunits\t-\nstatus\tclock\t-\n"
    lines = answer(rows, tmp_path, systemctl=_OLD_SYSTEMCTL)
    status = parse_facts(Introduction({}), lines).status
    assert status is not None
    (up,) = status.since.items()
    assert up[0] == "postfix.service"
    assert up[1].isoformat() == "2026-11-25T23:30:57+00:00"

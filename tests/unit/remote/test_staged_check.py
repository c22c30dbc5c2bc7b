"""When postfix(1) has to look at its folders again, and what a checker of a staged tree sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.remote_parts import ROOMS, text_of

TEXT = text_of("prelude", "checks", *ROOMS, "staged_check")
# The live tree, and the staged one once it is entered; `postfix check` says that it ran.
TOOLS = """
have() {{ :; }}
postfix_places() {{
    if [ -e "$stage/entered" ]; then set -- {staged}; else set -- {live}; fi
    printf '%s\\n' "$@"
}}
postfix_runs() {{ [ "$1" = /queue ] && {runs}; }}
mount() {{ : >"$stage/entered"; echo "mount $*"; }}
postmap() {{ {postmap}; }}
postconf() {{ echo /queue; }}
see_chroot() {{ echo "sees its chroot"; }}
postfix() {{ echo "$* ran"; }}
"""


def told(  # noqa: PLR0913 what is otherwise, by name
    tmp_path: Path,
    *,
    live: str = "/queue /bin",
    staged: str = "/queue /bin",
    runs: str = "true",
    postmap: str = "echo ok",
    over: str = "/etc/postfix",
) -> list[str]:
    """Return what is said while a staged tree is entered and Postfix is checked."""
    (tmp_path / "over").write_text(f"{over}\n")
    (tmp_path / "through").write_text("/etc/ssl\n")
    tools = TOOLS.format(live=live, staged=staged, runs=runs, postmap=postmap)
    script = (
        f"{TEXT}{tools}\nstage={tmp_path}\nenter_staged_tree postfix certificate && check_postfix"
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.replace(str(tmp_path), "STAGE").splitlines()


COVERED = "mount --bind STAGE/tree/etc/postfix /etc/postfix"


def test_postfix_that_runs_where_it_ran_is_not_looked_at_again(tmp_path: Path) -> None:
    assert told(tmp_path) == [COVERED]


@pytest.mark.parametrize(
    "otherwise",
    [
        {"runs": "false"},
        {"staged": "/queue /elsewhere"},
        {"postmap": "echo warning: unused >&2"},
        {"postmap": "echo fatal: bad number >&2; return 1"},
    ],
)
def test_postfix_is_looked_at_where_anything_is_otherwise(
    tmp_path: Path, otherwise: dict[str, str]
) -> None:
    assert told(tmp_path, **otherwise) == [COVERED, "sees its chroot", "check ran"]


def test_where_all_of_etc_is_covered_the_systems_certificates_show_through(tmp_path: Path) -> None:
    assert told(tmp_path, over="/") == [
        "mount --bind /etc/ssl STAGE/tree/etc/ssl",
        "mount --rbind STAGE/tree/etc /etc",
    ]

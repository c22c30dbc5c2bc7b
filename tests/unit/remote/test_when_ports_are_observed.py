"""Who holds the site's ports is looked for only where a daemon is about to open them."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.observing import answer_of_this_host as answer

_SYSTEMCTL = """\
cat <<'END'
Id=postfix.service
ActiveState=active
SubState=exited

Id=postfix@-.service
ActiveState={active}
SubState={sub}
END
"""


@pytest.fixture
def port() -> Iterator[str]:
    """Yield a port on which somebody listens, as rows have it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"{server.getsockname()[1]:04X}"


def is_looked_for(  # noqa: PLR0913 - a fact each
    folder: Path,
    port: str,
    *,
    content: str = "x\n",
    row: str = "",
    active: str = "active",
    sub: str = "running",
    more: str = "",
) -> bool:
    """Tell whether the answer names who listens. row: of a file, else of one as it is wanted."""
    file = folder / "main.cf"
    file.write_text(content)
    digest = hashlib.sha256(b"x\n").hexdigest()
    rows = row or f"file\t{file}\t{digest}\t0\t{digest}\n"
    rows += f"unit\tpostfix.service\nunit\tpostfix@-.service\nruns\tpostfix@-.service\n{more}"
    rows += f"port\ttcp\t{port}\n"
    script = _SYSTEMCTL.format(active=active, sub=sub)
    return "@listening" in answer(rows, folder, systemctl=script)


def test_a_daemon_that_is_up_with_its_files_has_its_ports(tmp_path: Path, port: str) -> None:
    assert not is_looked_for(tmp_path, port)


def test_a_file_that_differs_is_read_anew(tmp_path: Path, port: str) -> None:
    assert is_looked_for(tmp_path, port, content="y\n")


def test_a_file_that_is_missing_will_be_there(tmp_path: Path, port: str) -> None:
    assert is_looked_for(tmp_path, port, row=f"file\t{tmp_path}/none\t{'0' * 64}\t1\t-\n")


def test_a_file_that_goes_is_read_no_more(tmp_path: Path, port: str) -> None:
    stale = f"file\t{tmp_path}/main.cf\t-\t1\t{'0' * 64}\n"
    assert is_looked_for(tmp_path, port, row=stale)
    # What is neither wanted in some form nor left by anybody is a folder, or the host's own.
    assert not is_looked_for(tmp_path, port, row=f"file\t{tmp_path}/main.cf\t-\t1\t-\n")


@pytest.mark.parametrize(
    ("active", "sub"), [("inactive", "dead"), ("failed", "failed"), ("active", "exited")]
)
def test_a_daemon_that_is_not_up_is_started(
    tmp_path: Path, port: str, active: str, sub: str
) -> None:
    assert is_looked_for(tmp_path, port, active=active, sub=sub)


def test_a_package_that_is_missing_brings_a_daemon(tmp_path: Path, port: str) -> None:
    assert is_looked_for(tmp_path, port, more="package\tnone-of-this-name\n")

"""`mailprov render` writes what apply would bring, files and the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.main import run

SITE = Path(__file__).parents[3] / "inventories/beginner/site.yaml"


def test_beside_a_hosts_files_stands_what_else_it_gets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["render", str(SITE), "-o", str(tmp_path), "--platform", "el-9"]) == 0
    (host,) = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    lines = (host / "HOST").read_text().splitlines()
    assert "package dovecot-pigeonhole" in lines
    assert "service unbound.service" in lines
    assert any(line.startswith("port tcp 993 of dovecot") for line in lines)
    assert (host / "etc/postfix/main.cf").is_file()
    # A second run writes over it.
    assert run(["render", str(SITE), "-o", str(tmp_path)]) == 0
    assert "package dovecot-core" in (host / "HOST").read_text().splitlines()
    assert "files of 1 hosts written" in capsys.readouterr().out

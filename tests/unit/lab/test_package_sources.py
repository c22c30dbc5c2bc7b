"""Debian's own package sources are found among whatever a machine has configured."""

from __future__ import annotations

from pathlib import Path

from provisioner.lab.package_sources import (
    PackageSource,
    parse_deb822,
    parse_sources_list,
    read_machine_sources,
    render_sources,
)

DEB822 = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
 bookworm-backports
Components: main non-free-firmware
# within a stanza
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_keeps_release_updates_and_security() -> None:
    assert parse_deb822(DEB822) == [
        PackageSource("http://mirror.example/debian", "", ("main", "non-free-firmware")),
        PackageSource("http://mirror.example/debian", "-updates", ("main", "non-free-firmware")),
        PackageSource("https://mirror.example/debian-security", "-security", ("main",)),
    ]


def test_one_line_style_with_options_and_comments() -> None:
    text = (
        "deb [arch=amd64 signed-by=/x] http://mirror.example/debian trixie main contrib # ours\n"
        "# deb http://mirror.example/debian bookworm main\n"
        "deb-src http://mirror.example/debian trixie main\n"
        "deb cdrom:[Debian]/ trixie main\n"
    )
    assert parse_sources_list(text) == [
        PackageSource("http://mirror.example/debian", "", ("main", "contrib"))
    ]


def test_others_that_use_debians_suite_names_are_left_out() -> None:
    text = (
        "deb https://download.example/linux/debian bookworm stable\n"
        "deb https://apt.example bookworm main\n"
        "deb https://deb.example/debian node_20.x main\n"
        "deb http://apt.example/debian bookworm-pgdg main\n"
    )
    assert parse_sources_list(text) == []


def test_sources_are_written_for_the_hosts_release_and_the_cache() -> None:
    sources = [
        PackageSource("http://mirror.example/debian", "", ("main",)),
        PackageSource("http://mirror.example/debian", "", ("main",)),
        PackageSource("https://mirror.example/debian-security", "-security", ("main",)),
    ]
    assert render_sources(sources, "trixie") == (
        "deb http://mirror.example/debian trixie main\n"
        "deb http://HTTPS///mirror.example/debian-security trixie-security main\n"
    )


def test_a_machine_without_sources_has_none(tmp_path: Path) -> None:
    assert read_machine_sources(tmp_path) == []
    assert render_sources([], "bookworm") == ""


def test_all_of_a_machines_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (tmp_path / "sources.list.d/b.list").write_text("deb http://b.example/debian bookworm main\n")
    (tmp_path / "sources.list.d/c.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/d.list.disabled").write_text("deb http://d/debian bookworm main\n")
    uris = [source.uri for source in read_machine_sources(tmp_path)]
    assert uris[:2] == ["http://a.example/debian", "http://b.example/debian"]
    assert len(uris) == 5

"""The platform records, and how a host's own description leads to one."""

from __future__ import annotations

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.platforms.record import Platform
from provisioner.platforms.records import (
    detect_platform,
    known_dialects,
    known_platforms,
    platform_named,
)
from provisioner.render.environment import template_folder


def test_the_known_platforms_are_named_in_order() -> None:
    assert [platform.name for platform in known_platforms()] == [
        "debian-12",
        "debian-13",
        "el-8",
        "el-9",
        "el-10",
        "ubuntu-22.04",
        "ubuntu-24.04",
    ]


@pytest.mark.parametrize(
    ("os_release", "want"),
    [
        ({"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12"}, "debian-12"),
        ({"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian GNU/Linux 13"}, "debian-13"),
        ({"ID": "centos", "VERSION_ID": "9", "ID_LIKE": "rhel fedora"}, "el-9"),
        ({"ID": "rocky", "VERSION_ID": "9.4", "ID_LIKE": "rhel centos fedora"}, "el-9"),
        ({"ID": "newel", "VERSION_ID": "9.1", "ID_LIKE": "fedora rhel"}, "el-9"),
        ({"ID": "centos", "VERSION_ID": "10", "ID_LIKE": "rhel fedora"}, "el-10"),
        ({"ID": "ubuntu", "VERSION_ID": "24.04", "ID_LIKE": "debian"}, "ubuntu-24.04"),
    ],
)
def test_a_host_is_recognised_by_its_own_description(os_release: dict[str, str], want: str) -> None:
    assert detect_platform(os_release).name == want


@pytest.mark.parametrize(
    ("os_release", "nearest"),
    [
        ({"ID": "debian", "VERSION_ID": "14"}, "debian-13"),
        ({"ID": "debian", "VERSION_ID": "11"}, "debian-12"),
        ({"ID": "debian"}, "debian-13"),  # unstable has no VERSION_ID
        ({"ID": "rhel", "VERSION_ID": "11.0", "ID_LIKE": "fedora"}, "el-10"),
        ({"ID": "newel", "VERSION_ID": "7.9", "ID_LIKE": "rhel fedora"}, "el-8"),
        ({"ID": "fedora", "VERSION_ID": "42"}, "el-10"),
        # Half of a version is none.
        ({"ID": "ubuntu", "VERSION_ID": "22", "ID_LIKE": "debian"}, "ubuntu-22.04"),
        ({"ID": "ubuntu", "VERSION_ID": "24.10", "ID_LIKE": "debian"}, "ubuntu-24.04"),
        ({}, ""),
        ({"ID": "\x1b[2J", "VERSION_ID": "12\n"}, ""),
    ],
)
def test_an_unknown_release_is_refused_with_the_nearest_known(
    os_release: dict[str, str], nearest: str
) -> None:
    with pytest.raises(MailprovError) as caught:
        detect_platform(os_release)
    got = caught.value
    assert got.exit_code is ExitCode.REFUSED
    assert f"the nearest known platform is {nearest}" in got.diagnostics[0].fix
    assert str(got).isprintable() or "\x1b" not in str(got)


def test_a_derivative_of_debian_is_not_taken_for_debian() -> None:
    # Its packages have other versions, and their defaults differ.
    with pytest.raises(MailprovError):
        detect_platform({"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "13.04"})


def test_the_dialects_are_those_that_some_release_speaks() -> None:
    assert known_dialects("dovecot") == ("2.3", "2.4")
    assert known_dialects("postfix") == ()


def test_a_misspelt_name_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(MailprovError, match="nearest known platform is debian-12") as caught:
        platform_named("debain-12")
    assert caught.value.exit_code is ExitCode.REFUSED


@pytest.mark.parametrize("platform", known_platforms(), ids=lambda platform: platform.name)
def test_every_record_is_complete(platform: Platform) -> None:
    assert set(platform.daemons) == {"unbound", "postfix", "dovecot"}
    for record in platform.daemons.values():
        assert record.packages
        assert record.unit.endswith(".service")
        assert record.config_dir.startswith("/etc/")
        assert not record.dialect or record.version.startswith(f"{record.dialect}.")
    unbound = platform.daemons["unbound"]
    assert unbound.habits["parts_dir"].startswith(f"{unbound.config_dir}/")
    folder = template_folder() / "dovecot" / platform.daemons["dovecot"].dialect
    assert (folder / "dovecot.conf.j2").is_file()
    assert 0 < platform.daemons["dovecot"].habits["first_valid_uid"] < 1000

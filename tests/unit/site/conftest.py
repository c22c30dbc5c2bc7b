"""Sites to start from, and what is told about those that are refused."""

from collections.abc import Callable

import pytest

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.site.load import LoadedSite, parse_site

HASH = f"{{BLF-CRYPT}}$2b$12${'a' * 53}"
BEGINNER = f"""\
domain: example.org
hosts:
  mail: {{address: 192.0.2.10}}
users:
  alice: {{password: "{HASH}"}}
"""

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]


@pytest.fixture
def beginner() -> str:
    """Return the smallest site; it ends in a user, so that further keys can follow."""
    return BEGINNER


@pytest.fixture
def password_hash() -> str:
    return HASH


@pytest.fixture
def loaded() -> Loaded:
    """Return a function that loads a text."""
    return lambda text: parse_site(text.encode(), "site.yaml")


@pytest.fixture
def refused() -> Refused:
    """Return a function from a bad site to its diagnostics, each as `line:column: summary`.

    It asserts what holds for every refusal: exit code 3, and all four parts told.
    """

    def told(text: str | bytes) -> list[str]:
        octets = text if isinstance(text, bytes) else text.encode()
        with pytest.raises(MailprovError) as refusal:
            parse_site(octets, "site.yaml")
        assert refusal.value.exit_code is ExitCode.INVALID_SITE
        for diagnostic in refusal.value.diagnostics:
            assert diagnostic.got, diagnostic
            assert diagnostic.want, diagnostic
            assert diagnostic.fix, diagnostic
        return [
            f"{diagnostic.where.removeprefix('site.yaml:')}: {diagnostic.summary}"
            for diagnostic in refusal.value.diagnostics
        ]

    return told

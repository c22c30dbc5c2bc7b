"""What the tests of the diagnosis share: the tutorial's site, and logs that real hosts wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.model.site import Site
from provisioner.site.load import parse_site

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def site() -> Site:
    """Return the tutorial's site as it is in lab 0, where the recorded logs are from."""
    text = (ROOT / "inventories/tutorial/lab.yaml").read_text(encoding="utf-8")
    anchor = ". IN DS 1 13 2 " + "00" * 32
    return parse_site(text.replace("@LAB_TRUST_ANCHOR@", anchor).encode(), "lab.yaml").site

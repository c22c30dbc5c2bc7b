"""Site files as the model reads them, from a map of sections."""

from __future__ import annotations

from typing import Any

from provisioner.model.reading import Reading
from provisioner.model.site_file import SiteFile
from provisioner.rooms.registry import hatch_rules


def reading_of(**sections: Any) -> Reading:  # noqa: ANN401 sections are as YAML gives them
    """Return the reading of a small valid site with further or other sections."""
    base = {
        "domain": "example.org",
        "hosts": {"mail": {"address": "192.0.2.10"}},
        "users": {"alice": {"password": {"env": "ALICE"}}},
    }
    return Reading(SiteFile.model_validate(base | sections), hatch_rules())

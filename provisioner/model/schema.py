"""The JSON Schema of the site file, for editors.

An editor reads YAML with types (ports are numbers, switches booleans) where `mailprov`
reads text, so scalars that are not words accept both. The schema helps while writing;
what is valid, `mailprov validate` decides.
"""

from __future__ import annotations

from typing import Any

from provisioner.model.site_file import SiteFile

_EXAMPLE = {
    "domain": "example.org",
    "hosts": {"mail": {"address": "192.0.2.10"}},
    "users": {"alice": {"password": {"env": "ALICE_PASSWORD"}}},
}


def site_schema() -> dict[str, Any]:
    """Return the schema in JSON Schema 2020-12."""
    schema = _without_null(SiteFile.model_json_schema())
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mailprov site file",
        "examples": [_EXAMPLE],
    }
    return {**head, **schema, **head}


def _without_null(node: Any) -> Any:  # noqa: ANN401 JSON is any of six types
    """Return the schema without nulls: "not written" is no value of the file."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _without_null(item)
        for key, item in node.items()
        if not (key == "default" and item is None)
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list):
        rest = [choice for choice in choices if choice != {"type": "null"}]
        if len(rest) == 1 and isinstance(rest[0], dict):
            del kept["anyOf"]
            return {**rest[0], **kept}
        kept["anyOf"] = rest
    return kept

"""The JSON Schema accepts the sites that load, as an editor reads them, and no strangers."""

import json
import re
from typing import Any

import pytest
import yaml

from provisioner.model.schema import site_schema

BEGINNER = """
domain: example.org
hosts:
  mail: {address: 192.0.2.10}
users:
  alice: {password: "{BLF-CRYPT}$2b$12$…"}
"""
TUTORIAL = """
domain: wangsheng.com
hosts:
  ns:   {address: 10.163.2.100, roles: [dns]}
  mail: {address: 10.163.2.106, roles: [mx, submission, store], ssh: {port: 2222}}
mx: {mail: 0}
networks: {trusted: [10.163.2.0/24], resolver: 10.163.2.0/24}
dns:
  forward: {".": [114.114.114.114, {address: 192.0.2.1, port: 853, tls_name: dns.example}]}
  insecure: [com, net, org]
  zone_type: static
  records: {www: {A: 192.0.2.1, TXT: [a, b]}}
accounts: {kind: system, group: mailusers, shell: /sbin/nologin, mailbox: "maildir:~/Maildir"}
users:
  wangsheng:  {password: {env: WANGSHENG_PASSWORD}, enabled: false}
  xhyhuiying: {password: {command: [pass, show, x]}, aliases: [x]}
submission: {ports: [587, "465"], message_size: 50M, connections: 20, cleartext_login: true}
pop3: {uidl: classic, workarounds: [outlook-no-nuls, oe-ns-eoh]}
allow_insecure: {cleartext-login: lab}
unbound: {server: {cache-max-ttl: 60, serve-expired: true, interface: [a, b]}}
postfix: {main: {message_size_limit: 0}}
dovecot: {"2.3": {mail_debug: true}}
tls: self-signed
"""
SCHEMA = site_schema()
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def _accepts(schema: dict[str, Any], value: object) -> bool:
    """Validate with the keywords that the schema uses, and fail on any other."""
    return all(_keyword(schema, name, value) for name in schema)


def _keyword(schema: dict[str, Any], name: str, value: Any) -> bool:  # noqa: ANN401 JSON
    wanted = schema[name]
    checks = {
        "$ref": lambda: _accepts(SCHEMA["$defs"][wanted.rpartition("/")[2]], value),
        "type": lambda: any(
            isinstance(value, TYPES[one]) and (one == "boolean" or not isinstance(value, bool))
            for one in ([wanted] if isinstance(wanted, str) else wanted)
        ),
        "enum": lambda: value in wanted,
        "const": lambda: value == wanted,
        "anyOf": lambda: any(_accepts(one, value) for one in wanted),
        "oneOf": lambda: sum(_accepts(one, value) for one in wanted) == 1,
        "pattern": lambda: not isinstance(value, str) or re.search(wanted, value) is not None,
        "minimum": lambda: not isinstance(value, int) or value >= wanted,
        "maximum": lambda: not isinstance(value, int) or value <= wanted,
        "minItems": lambda: not isinstance(value, list) or len(value) >= wanted,
        "minProperties": lambda: not isinstance(value, dict) or len(value) >= wanted,
        "maxProperties": lambda: not isinstance(value, dict) or len(value) <= wanted,
        "items": lambda: not isinstance(value, list) or all(_accepts(wanted, v) for v in value),
        "required": lambda: not isinstance(value, dict) or set(wanted) <= set(value),
        "properties": lambda: (
            not isinstance(value, dict)
            or all(_accepts(one, value[key]) for key, one in wanted.items() if key in value)
        ),
        "patternProperties": lambda: (
            not isinstance(value, dict)
            or all(
                _accepts(one, item)
                for pattern, one in wanted.items()
                for key, item in value.items()
                if re.search(pattern, key)
            )
        ),
        "propertyNames": lambda: (
            not isinstance(value, dict) or all(_accepts(wanted, key) for key in value)
        ),
        "additionalProperties": lambda: _additional(schema, value),
    }
    ignored = {"$schema", "$defs", "title", "description", "examples", "default"}
    return name in ignored or checks[name]()


def _additional(schema: dict[str, Any], value: object) -> bool:
    if not isinstance(value, dict):
        return True
    rest = [item for key, item in value.items() if key not in schema.get("properties", {})]
    allowed = schema["additionalProperties"]
    if isinstance(allowed, bool):
        return allowed or not rest
    return all(_accepts(allowed, item) for item in rest)


@pytest.mark.parametrize("text", [BEGINNER, TUTORIAL])
def test_sites_are_accepted_as_an_editor_reads_them(text: str) -> None:
    assert _accepts(SCHEMA, yaml.safe_load(text))


@pytest.mark.parametrize(
    "tail",
    [
        "unknown: 1",
        "mx: 5",
        "imap: {ports: [25]}",
        "imap: {connections: 0}",
        "tls: acme",
        "allow_insecure: {open-rely: x}",
        "accounts: {kind: other}",
        "users: {}",
        "users: {a: {}}",
        "users: {a: {password: cleartext}}",
        "users: {a: {password: {env: A, file: b}}}",
        "hosts: {mail: {addres: 192.0.2.1}}",
    ],
)
def test_mistakes_are_marked_while_writing(tail: str) -> None:
    site = yaml.safe_load(BEGINNER) | yaml.safe_load(tail)
    assert not _accepts(SCHEMA, site)


def test_every_key_has_a_description() -> None:
    models = [SCHEMA, *SCHEMA["$defs"].values()]
    silent = [
        f"{model.get('title')}.{key}"
        for model in models
        for key, field in model.get("properties", {}).items()
        if not field.get("description")
    ]
    assert silent == []


def test_the_schema_names_itself_and_is_json() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"] == "mailprov site file"
    assert _accepts(SCHEMA, SCHEMA["examples"][0])
    assert '"null"' not in json.dumps(SCHEMA)

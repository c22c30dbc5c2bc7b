"""Changes of users, as splices in the text of a site file and as changes of its tree.

The two are worked out apart from each other: whoever edits reads the spliced text again
and compares it with the tree that the change should have made.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from provisioner.site.nodes import YamlValue
from provisioner.site.splicing import (
    Lines,
    MapEntry,
    Splice,
    compose_map,
    entry_of,
    insert_entry,
    remove_entry,
    replace_value,
)

Secret = str | dict[str, str]
"""A hash, or a reference like {"env": "ALICE_PASSWORD"}."""
Tree = dict[str, YamlValue]


@dataclass(frozen=True)
class AddUser:
    """A new user, behind the last one. key: as it shall be written."""

    key: str
    password: Secret = field(repr=False)
    name: str = ""


@dataclass(frozen=True)
class SetPassword:
    """Another password for the user with this key."""

    key: str
    password: Secret = field(repr=False)


@dataclass(frozen=True)
class SetEnabled:
    """Whether the user with this key may log in."""

    key: str
    enabled: bool


@dataclass(frozen=True)
class RemoveUser:
    """The user with this key goes."""

    key: str


UserChange = AddUser | SetPassword | SetEnabled | RemoveUser


def changed_tree(tree: Tree, change: UserChange) -> Tree:
    """Return the tree of the file after a change; the order of keys counts."""
    users = tree["users"]
    assert isinstance(users, dict)  # noqa: S101 the file was valid
    changed: dict[str, object] = dict(users)
    match change:
        case AddUser(key, password, name):
            changed[key] = {"password": password} | ({"name": name} if name else {})
        case SetPassword(key, password):
            changed[key] = {**users[key], "password": password}  # type: ignore[dict-item]
        case SetEnabled(key, enabled):
            changed[key] = {**users[key], "enabled": _boolean(enabled=enabled)}  # type: ignore[dict-item]
        case RemoveUser(key):
            del changed[key]
    return {**tree, "users": changed}  # type: ignore[dict-item]


def user_splices(text: str, change: UserChange) -> list[Splice]:
    """Return how the text of a valid site file has to be changed.

    The user that is added is none of it yet, every other one is. Raises InvalidValueError
    where a file is written in a way that cannot be edited in place.
    """
    lines = Lines(text)
    found = entry_of(compose_map(text), "users")
    assert found is not None  # noqa: S101 the file was valid
    users = found.value
    assert isinstance(users, yaml.MappingNode)  # noqa: S101 the file was valid
    if isinstance(change, AddUser):
        return insert_entry(lines, users, _new_user(lines, users, change))
    user = entry_of(users, change.key)
    assert user is not None  # noqa: S101 the caller has looked it up
    if isinstance(change, RemoveUser):
        return remove_entry(lines, users, user)
    if isinstance(change, SetPassword):
        password = entry_of(user.value, "password")
        assert password is not None  # noqa: S101 every user of a valid file has one
        return [
            replace_value(lines, password, _secret(change.password, password.key, password.value))
        ]
    written = _boolean(enabled=change.enabled)
    enabled = entry_of(user.value, "enabled")
    if enabled is not None:
        return [replace_value(lines, enabled, written)]
    assert isinstance(user.value, yaml.MappingNode)  # noqa: S101 the file was valid
    neighbour = MapEntry(*user.value.value[-1])
    return insert_entry(lines, user.value, f"{_like(neighbour.key, 'enabled')}: {written}")


def _new_user(lines: Lines, users: yaml.MappingNode, change: AddUser) -> str:
    """Return the text of a new user in the style of the last one."""
    neighbour = MapEntry(*users.value[-1])
    assert isinstance(neighbour.value, yaml.MappingNode)  # noqa: S101 the file was valid
    field_key = neighbour.value.value[0][0]
    rows = [f"{_like(field_key, 'password')}: {_secret(change.password, field_key)}"]
    if change.name:
        rows.append(f"{_like(field_key, 'name')}: {quote(change.name)}")
    key = _like(neighbour.key, change.key)
    if neighbour.value.flow_style:
        return f"{key}:{_gap(users, len(key))}{{{', '.join(rows)}}}"
    indent = f"{lines.line_break}{' ' * neighbour.value.start_mark.column}"
    return f"{key}:{indent}{indent.join(rows)}"


def _gap(users: yaml.MappingNode, width: int) -> str:
    """Return the blanks behind a key's colon: values that stand in a column stay in it."""
    marks = [(key.start_mark, value.start_mark) for key, value in users.value]
    columns = {value.column if key.line == value.line else -1 for key, value in marks}
    if users.flow_style or len(marks) == 1 or len(columns) > 1:
        return " "
    return " " * max(1, columns.pop() - users.start_mark.column - width - 1)


def _secret(secret: Secret, field_key: yaml.ScalarNode, before: yaml.Node | None = None) -> str:
    """Return a secret as a value. field_key: whose quotes count; before: the old value."""
    if isinstance(secret, dict):
        ((kind, where),) = secret.items()
        written = _like(field_key, where) if kind == "env" else quote(where)
        return f"{{{_like(field_key, kind)}: {written}}}"
    if isinstance(before, yaml.ScalarNode) and before.style == "'":
        return f"'{secret}'"  # no hash has a quote in it
    return quote(secret)


def _like(neighbour: yaml.ScalarNode, key: str) -> str:
    """Return a key in the quotes that its neighbour has. No key, and no variable, needs any."""
    quotes = neighbour.style if neighbour.style in {'"', "'"} else ""
    return f"{quotes}{key}{quotes}"


def _boolean(*, enabled: bool) -> str:
    return "true" if enabled else "false"


def quote(text: str) -> str:
    """Return printable text as a double-quoted scalar (YAML 1.2 section 7.3.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

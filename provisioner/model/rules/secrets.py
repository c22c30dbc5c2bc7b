"""Rules about secrets in the daemons' own words: never in a file that everybody may read.

main.cf, dovecot.conf and unbound.conf are open to all accounts of a host, and what stands in them
is shown in plans and kept for rollbacks. So a value that holds a secret is refused, and goes in by
reference where the daemon can read it from a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.secrets import HeldSecret

# Settings whose value is a secret by itself (Dovecot's and Unbound's lists of settings; of
# Postfix's own parameters none is, but ldap_table(5) and the like may stand in main.cf).
_NAMED = re.compile(
    r"(.*[_-])?(password|passwd|dnpass|bind_pw|secret|api_key|hash_nonce|api_header)"
)
# `password=…` and the like inside of a value: a database's connect string, a table of rows.
_ASSIGNED = re.compile(
    r"\b(?:password|passwd|pwd|dnpass|bind_?pw|secret|api_?key)\s*[=:]\s*(?![$%<\s]|$)",
    re.IGNORECASE,
)
# `scheme://user:password@host`, and without a scheme `user:password@host`.
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:(?![$%])[^\s/@]+@", re.IGNORECASE)
_BEFORE_HOST = re.compile(r"(?:^|[\s,])(?P<user>[\w.+-]+):(?![$%])[^\s,:/@{}()=|^\\]+@[\w\[]")
# What stands before a colon in Postfix's own language: types of tables, transports, schemes.
_NO_USERS = frozenset(
    {"inline", "static", "regexp", "pcre", "cidr", "texthash", "hash", "lmdb", "cdb", "btree"}
    | {"proxy", "unionmap", "pipemap", "randmap", "environ", "fail", "error", "retry", "discard"}
    | {"smtp", "lmtp", "relay", "local", "virtual", "unix", "inet", "fifo", "mailto"}
)
_LOGINS = re.compile(r".*_sasl_password_maps")
_OPEN_TABLES = re.compile(r"\b(?:static|inline):")
# A setting as the daemons' files have it: `name = value`, `name: value`.
_SETTING = re.compile(r"\s*(?P<name>[\w-]+)\s*[=:]\s*(?P<value>\S.*)")
# A login that stands in a line of its own, below the parameter that it is for.
_STATIC_LOGIN = re.compile(r"\bstatic:[^\s:]+:\S+")
# Rows of a zone, which Unbound tells everybody who asks.
_PUBLIC = frozenset({"local-data", "local-data-ptr", "local-zone"})


def judge_open_secrets(reading: Reading) -> Iterator[SiteProblem]:
    """Require secrets in `postfix`, `dovecot` and `unbound` to be references."""
    for path, name, value in _values(reading):
        if isinstance(value, HeldSecret):
            continue
        if found := _secret_in(path, name, value):
            yield SiteProblem(
                path,
                f"{found}: everybody on the host could read it, and plans would show it",
                got=f"a text of {len(value)} characters",
                want="a reference to the secret",
                fix=_way_out(path, name),
            )


def judge_held_secrets(reading: Reading) -> Iterator[SiteProblem]:
    """Require `{secret: …}` to be where the daemon can read it from a file of its own."""
    for path, name, value in _values(reading):
        if not isinstance(value, HeldSecret):
            continue
        if not may_be_held(path, name):
            yield SiteProblem(
                path,
                "a secret where the daemon reads none from a file of its own",
                got="{secret: …}",
                want=_WHERE[str(path[0])],
                fix=_way_out(path, name),
            )
        elif isinstance(path[-1], int):  # the file of its own is named after the option
            yield SiteProblem(
                path,
                "a secret among several values of one option: its file of its own holds one value",
                got="a list",
                want="one secret and nothing else",
                fix=f"write `{name}: {{secret: …}}`, or name a file of your own that holds them",
            )


_WHERE = {
    "postfix": "a parameter that takes a lookup table (`…_maps`)",
    "dovecot": "a setting whose value is a secret, like imapc_password",
    "unbound": "an option whose value is a secret, like cookie-secret",
}


def may_be_held(path: KeyPath, name: str) -> bool:
    """Tell whether a daemon can be given the secret of this value in a file."""
    if path[0] == "postfix":
        return name.endswith("_maps")
    return _NAMED.fullmatch(name) is not None


def shows_secret(line: str) -> bool:
    """Tell whether a line of a daemon's file, as somebody wrote it by hand, holds a secret.

    Nothing keeps people from writing passwords into files that a plan then shows.
    """
    setting = _SETTING.match(line)
    found = setting and _secret_in(("found",), setting["name"], setting["value"])
    return bool(found or _STATIC_LOGIN.search(line) or _IN_URL.search(line))


def _values(reading: Reading) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield each value of the hatches, with its place and the name that it is for."""
    file = reading.file
    if file.postfix is not None:
        for name, value in file.postfix.main.items():
            yield ("postfix", "main", name), name, value
        for service, options in file.postfix.master.items():
            for name, value in options.items():
                yield ("postfix", "master", service, name), name, value
    for version, settings in file.dovecot.items():
        for name, value in settings.items():
            yield ("dovecot", version, name), name, value
    for name, values in (file.unbound.server if file.unbound else {}).items():
        for index, value in enumerate(values):
            place: KeyPath = ("unbound", "server", name)
            yield (*place, index) if len(values) > 1 else place, name, value


def _secret_in(path: KeyPath, name: str, value: str) -> str:
    """Return in words which secret stands open in a value; empty where none does."""
    bare = None if path[0] == "unbound" else _BEFORE_HOST.search(value)
    found = {
        "a password in a table in main.cf": _LOGINS.fullmatch(name) and _OPEN_TABLES.search(value),
        "a secret in a setting": _NAMED.fullmatch(name) and value.lstrip()[:1] not in "<$%",
        "a password in a value": _ASSIGNED.search(value),
        "a password in an address": _IN_URL.search(value)
        or (bare and bare["user"].lower() not in _NO_USERS),
    }
    told = (words for words, match in found.items() if match)
    return "" if name in _PUBLIC else next(told, "")


def _way_out(path: KeyPath, name: str) -> str:
    if path[0] != "postfix":
        if may_be_held(path, name):
            return f"write `{name}: {{secret: {{env: VARIABLE}}}}`"
        return "name a file of your own that holds it, readable by root alone"
    if "relay" in name:
        return "use `relay` with `password: {env: VARIABLE}`"
    rows = f"`{name}: {{secret: {{file: PATH}}}}`, which is to hold the table's rows"
    if _LOGINS.fullmatch(name):
        return f"use `relay` with `password: {{env: VARIABLE}}`; or {rows}"
    own = "name a file of your own that holds it, like mysql:/etc/postfix/users.cf, for root alone"
    return (
        f"{own}; or {rows}" if may_be_held(path, name) else f"for a smarthost `relay`; else {own}"
    )

"""Rules about secrets in the daemons' own words: never in a file that everybody may read.

main.cf, dovecot.conf and unbound.conf are open to all accounts of a host, and what stands in them
is shown in plans and kept for rollbacks. So a value that holds a secret is refused, and goes in by
reference where the daemon can read it from a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.model.problems import SiteProblem
from provisioner.model.reading import HatchRules, HeldRules, Reading
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


def judge_open_secrets(reading: Reading, hatch: HatchRules) -> Iterator[SiteProblem]:
    """Require secrets in a daemon's own words to be references."""
    for text in hatch.values(reading):
        if isinstance(text.value, HeldSecret):
            continue
        if found := _secret_in(hatch.held, text.name, text.value):
            yield SiteProblem(
                text.path,
                f"{found}: every user of the host could read it, and plans would show it",
                got=f"a text of {len(text.value)} characters",
                want="a reference to the secret",
                fix=hatch.held.way_out(text.name),
            )


def judge_held_secrets(reading: Reading, hatch: HatchRules) -> Iterator[SiteProblem]:
    """Require `{secret: …}` to be where the daemon can read it from a file of its own."""
    for text in hatch.values(reading):
        if not isinstance(text.value, HeldSecret):
            continue
        if not hatch.held.allowed(text.name):
            yield SiteProblem(
                text.path,
                "a secret where the daemon cannot read one from a separate file",
                got="{secret: …}",
                want=hatch.held.want,
                fix=hatch.held.way_out(text.name),
            )
        elif isinstance(text.path[-1], int):  # the file of its own is named after the option
            yield SiteProblem(
                text.path,
                "a secret among several values of one option: a secret's file has one value",
                got="a list",
                want="one secret and nothing else",
                fix=f"write `{text.name}: {{secret: …}}`, or name a file of your own that holds "
                "them",
            )


def is_secret_name(name: str) -> bool:
    """Tell whether the value of a setting is a secret by itself."""
    return _NAMED.fullmatch(name) is not None


def is_login_table(name: str) -> bool:
    """Tell whether a parameter names a table of logins."""
    return _LOGINS.fullmatch(name) is not None


def named_secret_way_out(name: str) -> str:
    """Return what to do with a secret where settings with certain names are read from a file."""
    if is_secret_name(name):
        return f"write `{name}: {{secret: {{env: VARIABLE}}}}`"
    return "name your own file with the secret, readable by root only"


def shows_secret(line: str) -> bool:
    """Tell whether a line of a daemon's file, as somebody wrote it by hand, holds a secret.

    Nothing keeps people from writing passwords into files that a plan then shows.
    """
    setting = _SETTING.match(line)
    found = setting and _secret_in(HeldRules(), setting["name"], setting["value"])
    return bool(found or _STATIC_LOGIN.search(line) or _IN_URL.search(line))


def _secret_in(held: HeldRules, name: str, value: str) -> str:
    """Return in words which secret stands open in a value; empty where none does."""
    bare = _BEFORE_HOST.search(value) if held.in_address else None
    found = {
        "a password in a table in main.cf": _LOGINS.fullmatch(name) and _OPEN_TABLES.search(value),
        "a secret in a setting": _NAMED.fullmatch(name) and value.lstrip()[:1] not in "<$%",
        "a password in a value": _ASSIGNED.search(value),
        "a password in an address": _IN_URL.search(value)
        or (bare and bare["user"].lower() not in _NO_USERS),
    }
    told = (words for words, match in found.items() if match)
    return "" if name in held.public else next(told, "")

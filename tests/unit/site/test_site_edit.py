"""Users are edited in place: the change and nothing else, or nothing and a reason."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.site.load import parse_site
from provisioner.site.site_edit import edit_site, user_keys
from provisioner.site.user_edits import (
    AddUser,
    RemoveUser,
    SetEnabled,
    SetPassword,
    UserChange,
)
from provisioner.site.yaml_reader import read_yaml

HASH = f"{{BLF-CRYPT}}$2b$12${'a' * 53}"
NEW = f"{{BLF-CRYPT}}$2b$12${'b' * 53}"
HEAD = "domain: example.org\nhosts: {mail: {address: 192.0.2.10}}\n"


def edited(text: str, change: UserChange) -> str:
    octets = text.encode()
    return edit_site(octets, parse_site(octets, "site.yaml"), change).octets.decode()


def users(text: str, change: UserChange) -> str:
    """Return what became of a users section that follows the head of a file."""
    return edited(HEAD + text, change).removeprefix(HEAD)


BLOCK = f"""\
users:                    # people
  # the owner
  alice:                  # first
    password: "{HASH}"    # since May
    aliases: [al]
    # alice's last words

  bob:
      password: {{env: BOB}}
  # the end of users
aliases: {{sales: alice}}
"""
FLOW = f"""\
users:
  alice: {{password: "{HASH}"}}   # the owner
  bob:   {{password: {{env: BOB}}}} # away
aliases: {{sales: alice}}
"""
INLINE = f'users: {{alice: {{password: "{HASH}"}}, bob: {{password: {{env: BOB}}}}}} # all\n'
LADDER = f"""\
users: {{
  alice: {{password: "{HASH}"}},  # the owner
  bob: {{password: {{env: BOB}}}}   # away
}}
"""
JSON = json.dumps(
    {
        "domain": "example.org",
        "hosts": {"mail": {"address": "192.0.2.10"}},
        "users": {"alice": {"password": HASH}, "bob": {"password": {"env": "BOB"}}},
    }
)


def test_a_new_user_of_a_block_file_follows_the_last_one_in_its_style() -> None:
    got = users(BLOCK, AddUser("carol", NEW, 'Carol "C" Example'))
    assert got == BLOCK.replace(
        "  # the end of users\n",
        f'  carol:\n      password: "{NEW}"\n      name: "Carol \\"C\\" Example"\n'
        "  # the end of users\n",
    )


def test_a_comment_inside_of_the_last_user_stays_with_that_user() -> None:
    text = f'users:\n  alice:\n    password: "{HASH}"\n    # hers\n# of the file\n'
    got = users(text, AddUser("bob", {"env": "BOB"}))
    assert got == text.replace("# of the", "  bob:\n    password: {env: BOB}\n# of the")


def test_a_comment_of_the_last_user_behind_a_blank_line_stays_with_that_user() -> None:
    text = f'users:\n  alice:\n    password: "{HASH}"\n\n    # enabled: false\n\n# of the file\n'
    got = users(text, AddUser("bob", {"env": "BOB"}))
    assert got == text.replace("false\n", "false\n  bob:\n    password: {env: BOB}\n")
    plain = text.replace("    # enabled: false\n", "")
    got = users(plain, AddUser("bob", {"env": "BOB"}))
    assert got == plain.replace('"\n', '"\n  bob:\n    password: {env: BOB}\n')


def test_values_that_stand_in_a_column_stay_in_it() -> None:
    got = users(FLOW, AddUser("eve", {"env": "EVE"}))
    assert got == FLOW.replace("aliases", "  eve:   {password: {env: EVE}}\naliases")
    got = users(FLOW, AddUser("maximilian", {"env": "MAX"}))
    assert "  maximilian: {password: {env: MAX}}\n" in got


def test_a_new_user_of_an_inline_map_stands_in_it() -> None:
    got = users(INLINE, AddUser("carol", NEW))
    assert got == INLINE.replace("}}} #", f'}}}}, carol: {{password: "{NEW}"}}}} #')
    trailing = INLINE.replace("}}} #", "}}, } #")
    got = users(trailing, AddUser("carol", {"env": "C"}))
    assert got == trailing.replace("}}, } #", "}}, carol: {password: {env: C}}, } #")


def test_a_new_user_of_an_inline_map_on_several_lines_has_one_of_its_own() -> None:
    got = users(LADDER, AddUser("carol", {"env": "C"}))
    assert got == LADDER.replace("}}   # away\n", "}},   # away\n  carol: {password: {env: C}}\n")
    trailing = LADDER.replace("}}   # away", "}},   # away")
    got = users(trailing, AddUser("carol", {"env": "C"}))
    assert got == trailing.replace("# away\n", "# away\n  carol: {password: {env: C}},\n")


def test_a_json_file_stays_json() -> None:
    got = edited(JSON, AddUser("carol", NEW, "Carol"))
    assert json.loads(got)["users"]["carol"] == {"password": NEW, "name": "Carol"}
    assert list(json.loads(edited(JSON, RemoveUser("bob")))["users"]) == ["alice"]
    for reference in ({"env": "CAROL"}, {"file": "secrets/carol"}):
        got = json.loads(edited(JSON, AddUser("carol", reference)))
        assert got["users"]["carol"] == {"password": reference}


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_line_ends_and_the_end_of_the_file_stay(line_break: str, *, final: bool) -> None:
    end = line_break if final else ""
    text = (HEAD + f'users:\n  alice:\n    password: "{HASH}"').replace("\n", line_break) + end
    added = edited(text, AddUser("bob", {"env": "BOB"}))
    want = f"{line_break}  bob:{line_break}    password: {{env: BOB}}"
    assert added == text.removesuffix(end) + want + end
    assert edited(added, RemoveUser("bob")) == text
    assert edited(added, RemoveUser("alice")).endswith(f"users:{want}{end}")


def test_a_password_is_replaced_where_it_stands() -> None:
    assert users(BLOCK, SetPassword("alice", NEW)) == BLOCK.replace(HASH, NEW)
    assert users(FLOW, SetPassword("alice", NEW)) == FLOW.replace(HASH, NEW)
    single = FLOW.replace(f'"{HASH}"', f"'{HASH}'")
    assert users(single, SetPassword("alice", NEW)) == single.replace(HASH, NEW)
    got = users(FLOW, SetPassword("bob", NEW))
    assert got == FLOW.replace("{env: BOB}", f'"{NEW}"')


def test_a_reference_in_block_style_gives_way_to_a_hash_on_the_line_of_its_key() -> None:
    text = "users:\n  bob:\n    password:\n      command:\n      - pass\n      - bob\n    name: B\n"
    got = users(text, SetPassword("bob", NEW))
    assert got == f'users:\n  bob:\n    password: "{NEW}"\n    name: B\n'
    remarked = text.replace("password:\n", "password: # where\n")
    got = users(remarked, SetPassword("bob", NEW))
    assert got == f'users:\n  bob:\n    password: # where\n      "{NEW}"\n    name: B\n'


def test_a_switch_is_added_or_turned() -> None:
    off = users(BLOCK, SetEnabled("bob", enabled=False))
    assert off == BLOCK.replace("BOB}\n", "BOB}\n      enabled: false\n")
    assert users(off, SetEnabled("bob", enabled=True)) == off.replace("false", "true")
    got = users(FLOW, SetEnabled("bob", enabled=False))
    assert got == FLOW.replace("BOB}}", "BOB}, enabled: false}")


def test_a_removed_user_takes_only_lines_of_its_own() -> None:
    got = users(BLOCK.replace("sales: alice", "sales: bob"), RemoveUser("alice"))
    assert "# the owner" in got
    assert "# alice's last words" in got
    assert "since May" not in got
    assert users(BLOCK, RemoveUser("bob")) == BLOCK.replace(
        "  bob:\n      password: {env: BOB}\n", ""
    )
    assert users(FLOW, RemoveUser("bob")) == FLOW.replace(
        "  bob:   {password: {env: BOB}} # away\n", ""
    )
    assert users(INLINE, RemoveUser("bob")) == INLINE.replace(", bob: {password: {env: BOB}}", "")
    assert users(INLINE, RemoveUser("alice")) == INLINE.replace(
        f'alice: {{password: "{HASH}"}}, ', ""
    )
    assert users(LADDER, RemoveUser("bob")) == LADDER.replace(
        "  bob: {password: {env: BOB}}   # away\n", ""
    )


def test_a_removed_user_of_a_map_whose_commas_lead_leaves_a_valid_map() -> None:
    text = "users: {\n    alice: {password: {env: A}}\n  , bob: {password: {env: B}}\n  }\n"
    assert list(user_keys_of(users(text, RemoveUser("alice")))) == ["bob"]
    assert list(user_keys_of(users(text, RemoveUser("bob")))) == ["alice"]


def user_keys_of(section: str) -> list[str]:
    octets = (HEAD + section).encode()
    return list(user_keys(octets, parse_site(octets, "x")).values())


def test_users_are_found_by_address_however_they_are_written() -> None:
    octets = (
        HEAD + 'users: {"alice@EXAMPLE.org": {password: {env: A}}, bob: {password: {env: B}}}\n'
    ).encode()
    got = user_keys(octets, parse_site(octets, "x"))
    assert got == {"alice@example.org": "alice@EXAMPLE.org", "bob@example.org": "bob"}


def test_a_key_with_a_question_mark_is_edited_as_well() -> None:
    text = f'users:\n  ? alice\n  : password: "{HASH}"\n  bob: {{password: {{env: B}}}}\n'
    assert users(text, RemoveUser("alice")) == "users:\n  bob: {password: {env: B}}\n"
    assert users(text, SetPassword("alice", NEW)) == text.replace(HASH, NEW)


def test_characters_beyond_the_basic_plane_and_folded_texts_move_nothing() -> None:
    folded = f"""\
  bob:
    name: |-
      Bob 😀
    password: >-
      {HASH}
"""
    text = (
        f"%YAML 1.2\n--- # 😀\n{HEAD}users:\n"
        f'  alice: {{password: {{env: A}}, name: "😀 A"}}  # 😀\n{folded}\n  # 😀\n...\n'
    )
    got = edited(text, SetEnabled("alice", enabled=False))
    assert got == text.replace('"😀 A"', '"😀 A", enabled: false')
    got = edited(text, SetEnabled("bob", enabled=False))
    assert got == text.replace(f"      {HASH}\n", f"      {HASH}\n    enabled: false\n")
    got = edited(text, SetPassword("bob", NEW))
    assert got == text.replace(f">-\n      {HASH}", f'"{NEW}"')
    assert edited(text, RemoveUser("bob")) == text.replace(folded, "")


def refused(text: str, change: UserChange) -> MailprovError:
    with pytest.raises(MailprovError) as refusal:
        edited(HEAD + text, change)
    return refusal.value


def test_an_alias_that_would_lead_nowhere_is_told_with_its_place() -> None:
    error = refused(BLOCK, RemoveUser("alice"))
    assert error.exit_code is ExitCode.INVALID_SITE
    assert "this change would" in error.diagnostics[0].summary
    assert error.diagnostics[1].where == "site.yaml:10:18"
    assert "alice@example.org" in error.diagnostics[1].got


# Over many files.

NAMES = ["alice", "bob", "carol", "dave", "eve"]
COMMENTS = st.sampled_from(["", "", "# {env: X}", "# users:", "#"])


@st.composite
def user_lines(draw: st.DrawFn, name: str, indent: int) -> list[str]:
    """Draw the lines of one user: block or flow, with quotes and comments in all places."""
    quoted = draw(st.sampled_from(["{}", '"{}"', "'{}'"]))
    key = quoted.format(draw(st.sampled_from([name, f"{name}@example.org"])))
    secret = draw(st.sampled_from([f'"{HASH}"', f"'{HASH}'", "{env: A}", "{command: [a, b]}"]))
    fields = [f"password: {secret}"]
    if draw(st.booleans()):
        fields.append("name:   " + draw(st.sampled_from(["Ann Other", '"A; #1"', "é ß"])))
    if draw(st.booleans()):
        fields.insert(0, f"enabled: {draw(st.sampled_from(['true', 'false']))}")
    pad, blank = " " * indent, " " * draw(st.integers(1, 4))
    remark = draw(COMMENTS)
    if draw(st.booleans()):
        return [f"{pad}{key}:{blank}{{{', '.join(fields)}}}  {remark}".rstrip()]
    deeper = pad + " " * draw(st.integers(1, 4))
    rows = [f"{pad}{key}: {remark}".rstrip()]
    for row in fields:
        if "command" in row and draw(st.booleans()):
            rows += [f"{deeper}password:", f"{deeper} command:", f"{deeper} - a", f"{deeper} - b"]
        else:
            rows.append(f"{deeper}{row} {draw(COMMENTS)}".rstrip())
    return rows


@st.composite
def site_files(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Draw a file as lines, each with the user it is of, or none."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True))
    indent = draw(st.integers(1, 5))
    body: list[tuple[str, str]] = []
    for name in names:
        between = st.sampled_from(["", "# c", f"{' ' * indent}# d", "      # e"])
        body += [("", line) for line in draw(st.lists(between, max_size=2))]
        body += [(name, line) for line in draw(user_lines(name, indent))]
    section = [("", "users:  # all"), *body, ("", "# behind")]
    head = [("", "domain: example.org"), ("", "hosts: {mail: {address: 192.0.2.10}} # h")]
    rest = [("", "imap: {ports: 993}")]
    order = draw(st.permutations([section, head, rest]))
    return [line for part in order for line in part]


CHANGES = st.sampled_from(["add", "password", "on", "off", "remove"])


@given(
    file=site_files(),
    verb=CHANGES,
    pick=st.integers(0, 3),
    line_break=st.sampled_from(["\n", "\r\n"]),
    final=st.booleans(),
)
def test_a_change_touches_nothing_but_its_user(
    file: list[tuple[str, str]], verb: str, pick: int, line_break: str, *, final: bool
) -> None:
    text = line_break.join(line for _, line in file) + (line_break if final else "")
    present = list(dict.fromkeys(owner for owner, _ in file if owner))
    name = present[pick % len(present)]
    loaded = parse_site(text.encode(), "x")
    key = user_keys(text.encode(), loaded)[f"{name}@example.org"]  # type: ignore[index]
    change: UserChange = {
        "add": AddUser("zoe", NEW, "Zoe"),
        "password": SetPassword(key, NEW),
        "on": SetEnabled(key, enabled=True),
        "off": SetEnabled(key, enabled=False),
        "remove": RemoveUser(key),
    }[verb]
    got = edited(text, change)

    # The tree, by a reader that shares no code with the editor.
    want = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 the loader that makes texts only
    if verb == "add":
        want["users"]["zoe"] = {"password": NEW, "name": "Zoe"}
    elif verb == "remove":
        del want["users"][key]
    elif verb == "password":
        want["users"][key]["password"] = NEW
    else:
        want["users"][key]["enabled"] = "true" if verb == "on" else "false"
    tree = yaml.load(got, Loader=yaml.BaseLoader)  # noqa: S506 as above
    assert json.dumps(tree) == json.dumps(want)
    assert read_yaml(got).problems == []

    # The lines of everybody else, in order and whole.
    owner = "" if verb == "add" else name
    kept = [line for whose, line in file if not owner or whose != owner]
    lines = iter(got.split(line_break))
    assert [line for line in kept if line not in lines] == []
    assert got.endswith(line_break) == text.endswith(line_break) or verb == "remove"
    assert ("\r" in got) == (line_break == "\r\n")
    assert all(after == "\n" for before, after in pairwise(got) if before == "\r")
    touched = len(got.split(line_break)) - len(file) - final
    assert touched <= {"add": 3, "on": 1, "off": 1}.get(verb, 0)


JOINTS = [", ", ",\n  ", ",   # c\n    ", "\n  , ", "  # c\n  , "]
ENDS = ["}\n", " }", "\n}\n", ",\n}", ", # c\n }\n", "  # c\n}"]


@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True),
    joint=st.sampled_from(JOINTS),
    begin=st.sampled_from(["{", "{ ", "{\n  ", "{ # c\n    "]),
    end=st.sampled_from(ENDS),
    verb=CHANGES,
    pick=st.integers(0, 3),
)
def test_a_flow_map_has_exactly_the_change_and_keeps_its_comments(  # noqa: PLR0913 what is drawn
    *, names: list[str], joint: str, begin: str, end: str, verb: str, pick: int
) -> None:
    entries = [f"{name}: {{password: {{env: A}}, aliases: [x{name}]}}" for name in names]
    text = f"{HEAD}users: {begin}{joint.join(entries)}{end}"
    name = names[pick % len(names)]
    change: UserChange = {
        "add": AddUser("zoe", NEW),
        "password": SetPassword(name, NEW),
        "on": SetEnabled(name, enabled=True),
        "off": SetEnabled(name, enabled=False),
        "remove": RemoveUser(name),
    }[verb]
    got = edited(text, change)  # which compares the trees
    assert got.count("#") >= text.count("#") - (verb == "remove")
    lines = iter(got.splitlines())
    others = [line for line in text.splitlines() if "password" not in line and "," not in line]
    assert [line for line in others if line not in lines] == []

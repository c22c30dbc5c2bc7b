"""What a host remembers of a generation is that generation, or it is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.generations import GENERATION, HOST, MAIN_CF, MAP, USERS

from provisioner.diagnostics import MailprovError
from provisioner.plan.generation import Generation
from provisioner.plan.recall import (
    Remembered,
    generation_as_found,
    recall_generation,
    with_present_secrets,
)
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact, Plane, SealedArtifact
from provisioner.resources.account import Account
from provisioner.resources.file_state import LeftFile, left_by
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener, Unit

KEY = Artifact("/etc/mailprov/tls/site.pem", b"secret key", mode=0o600, secret=True)
WITH_KEY = replace(GENERATION, artifacts=(KEY, MAIN_CF, MAP, USERS), recipes=())

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
modes = st.integers(0, 0o777)
artifacts = st.builds(
    Artifact,
    path=words.map(lambda text: f"/etc/{text}"),
    content=st.binary(max_size=60),
    owner=words,
    group=words,
    mode=modes,
    plane=st.sampled_from(Plane),
    daemons=st.lists(st.sampled_from(["unbound", "postfix", "dovecot"])).map(tuple),
    restart=st.booleans(),
    rank=st.integers(0, 99),
)
generations = st.builds(
    Generation,
    host=st.just(HOST.key),
    platform=st.just(platform_named("debian-12")),
    packages=st.lists(words).map(tuple),
    groups=st.lists(st.builds(Group, words, st.booleans())).map(tuple),
    accounts=st.lists(
        st.builds(Account, words, words, words, words, st.booleans(), st.none(), st.booleans())
    ).map(tuple),
    folders=st.lists(st.builds(Folder, words, words, words, modes)).map(tuple),
    recipes=st.lists(
        st.builds(Recipe, st.sampled_from(["self-signed", "probe"]), words, words)
    ).map(tuple),
    artifacts=st.lists(artifacts, max_size=4, unique_by=lambda one: one.path).map(tuple),
    units=st.lists(st.builds(Unit, st.sampled_from(["postfix", "dovecot"]), words, words)).map(
        tuple
    ),
    certificate_path=st.none() | words,
    ports=st.lists(st.integers(1, 65535)).map(tuple),
    listeners=st.lists(
        st.builds(
            Listener,
            st.sampled_from(["postfix", "unbound"]),
            st.sampled_from(["tcp", "udp"]),
            st.integers(1, 65535),
            st.lists(st.ip_addresses()).map(tuple),
        )
    ).map(tuple),
    user_files=st.lists(words).map(tuple),
)


def remembered(generation: Generation) -> Remembered:
    """Return what a host has of a generation after a transaction."""
    files = generation.in_plane(Plane.CONFIGURATION)
    return Remembered(generation.record, {a.path: a.content for a in files if not a.secret})


def configuration_of(generation: Generation) -> Generation:
    """Return a generation without its users."""
    return replace(
        generation,
        accounts=tuple(
            replace(account, locked=False) for account in generation.accounts if account.system
        ),
        artifacts=generation.in_plane(Plane.CONFIGURATION),
    )


def in_order(generation: Generation) -> Generation:
    """Return a generation with what a record has in no order sorted."""
    lists = ("packages", "groups", "accounts", "folders", "recipes", "artifacts", "ports")
    lists += ("listeners", "user_files")
    sort = {name: tuple(sorted(getattr(generation, name), key=repr)) for name in lists}
    return replace(generation, **sort)


def refusal(wanted: str, what: Remembered) -> str:
    with pytest.raises(MailprovError) as caught:
        recall_generation(HOST, wanted, what)
    (diagnostic,) = caught.value.diagnostics
    assert "nothing was changed" in diagnostic.summary
    assert wanted in diagnostic.summary
    assert diagnostic.where == f"mail:/var/lib/mailprov/generations/{wanted}"
    assert diagnostic.want
    assert "mailprov history" in diagnostic.fix
    return diagnostic.got


@given(generations)
def test_what_is_recalled_is_what_was_recorded(generation: Generation) -> None:
    got = recall_generation(HOST, generation.id, remembered(generation))
    assert in_order(got) == in_order(configuration_of(generation))
    assert got.id == generation.id
    assert got.record == got.stored == generation.record


@given(st.data())
def test_a_record_with_any_octet_changed_is_refused(data: st.DataObject) -> None:
    whole = remembered(GENERATION)
    place = data.draw(st.integers(0, len(whole.record) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda one: one != whole.record[place]))
    record = bytearray(whole.record)
    record[place] = octet
    assert refusal(GENERATION.id, replace(whole, record=bytes(record)))


@given(st.integers(0, len(GENERATION.record) - 1))
def test_a_record_that_is_cut_short_is_refused(length: int) -> None:
    whole = remembered(GENERATION)
    assert refusal(GENERATION.id, replace(whole, record=whole.record[:length]))


def test_what_is_behind_a_generation_comes_back_with_it() -> None:
    behind = replace(GENERATION, passed=("0123456789abcdef",))
    assert recall_generation(HOST, behind.id, remembered(behind)).passed == behind.passed


def test_a_file_with_another_content_is_refused() -> None:
    whole = remembered(GENERATION)
    contents = {**whole.contents, MAIN_CF.path: b"a = 2\n"}
    assert refusal(GENERATION.id, replace(whole, contents=contents)) == (
        f"another content of {MAIN_CF.path}"
    )


def test_a_file_that_is_missing_and_one_too_many_are_refused() -> None:
    whole = remembered(GENERATION)
    lacking = {MAP.path: MAP.content}
    more = {**whole.contents, "/etc/shadow": b"x"}
    assert "no content" in refusal(GENERATION.id, replace(whole, contents=lacking))
    assert "/etc/shadow" in refusal(GENERATION.id, replace(whole, contents=more))


def test_a_whole_record_in_the_place_of_another_is_refused() -> None:
    other = replace(GENERATION, packages=())
    assert refusal(GENERATION.id, remembered(other)) == "a record that is not as it was written"


def test_a_record_for_a_release_that_nobody_knows_is_refused() -> None:
    platform = GENERATION.platform.model_copy(update={"name": "debian-3"})
    other = replace(GENERATION, platform=platform)
    assert "debian-3" in refusal(other.id, remembered(other))


def test_no_record_is_refused() -> None:
    assert refusal(GENERATION.id, replace(remembered(GENERATION), record=b"")) == "no record"


def test_a_record_holds_no_user_and_no_secret() -> None:
    person = Account("alice", "mailusers", "/home/alice", "/bin/sh", system=False)
    record = replace(WITH_KEY, accounts=(*WITH_KEY.accounts, person)).record
    for secret in (b"alice", USERS.path.encode(), KEY.content, b"secret-hash"):
        assert secret not in record


def test_a_key_that_was_replaced_stays_replaced_and_gives_another_generation() -> None:
    recalled = recall_generation(HOST, WITH_KEY.id, remembered(WITH_KEY))
    now = replace(left_by(KEY), sha256="f" * 64)
    got = with_present_secrets(recalled, HOST, {KEY.path: now})
    assert [a.sha256 for a in got.artifacts if a.secret] == [now.sha256]
    assert got.id != WITH_KEY.id
    same = with_present_secrets(recalled, HOST, {KEY.path: left_by(KEY)})
    assert same.id == WITH_KEY.id


def test_where_the_host_now_makes_its_own_key_it_keeps_that() -> None:
    recalled = recall_generation(HOST, WITH_KEY.id, remembered(WITH_KEY))
    got = with_present_secrets(recalled, HOST, {})
    assert got.recipes == (Recipe("self-signed", KEY.path, HOST.fqdn),)
    assert not [a for a in got.artifacts if a.secret]


def test_the_operators_key_of_today_takes_the_place_of_one_that_the_host_made() -> None:
    recalled = recall_generation(HOST, GENERATION.id, remembered(GENERATION))
    today = replace(KEY, owner="root", group="ssl-cert", mode=0o640)
    got = with_present_secrets(recalled, HOST, {KEY.path: left_by(today)})
    assert got.recipes == ()
    (sealed,) = (a for a in got.artifacts if a.secret)
    assert isinstance(sealed, SealedArtifact)
    assert left_by(sealed) == left_by(today)
    assert (sealed.content, sealed.daemons) == (b"", ())
    # What main.cf names comes before it.
    assert sealed.rank < MAIN_CF.rank


def test_a_key_that_was_replaced_is_still_read_by_the_same_daemons() -> None:
    key = replace(KEY, daemons=("postfix",))
    before = replace(WITH_KEY, artifacts=(key, MAIN_CF, MAP, USERS))
    recalled = recall_generation(HOST, before.id, remembered(before))
    got = with_present_secrets(recalled, HOST, {key.path: replace(left_by(key), owner="x")})
    (sealed,) = (a for a in got.artifacts if a.secret)
    assert (sealed.daemons, sealed.owner) == (("postfix",), "x")


def test_users_files_are_no_secret_of_the_configuration() -> None:
    recalled = recall_generation(HOST, GENERATION.id, remembered(GENERATION))
    users: dict[str, LeftFile] = {USERS.path: left_by(USERS)}
    assert with_present_secrets(recalled, HOST, users) == recalled


def test_the_host_as_found_has_the_id_0() -> None:
    platform = platform_named("debian-12")
    found = generation_as_found(HOST, platform)
    assert (found.id, found.host, found.platform) == ("0", HOST.key, platform)
    nothing = (found.packages, found.groups, found.accounts, found.folders, found.recipes)
    assert {*nothing, found.artifacts, found.units} == {()}

"""What the remote program keeps on a host and what it lets go, in a folder of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.remote_parts import text_of


def run_parts(state: Path, script: str, *parts: str) -> str:
    """Run a script after the named parts of the remote program; fail unless it exits with 0."""
    prelude, *rest = map(text_of, ("prelude", *parts))
    text = "\n".join([prelude, f"state={state}", *rest, script])
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def queue_line(queue: str, name: str, *recipients: str, sender: str = "a@b.example") -> str:
    """Return a message as postqueue(1) -j has it."""
    rows = [{"address": address, "delay_reason": "refused"} for address in recipients]
    message = {"queue_name": queue, "queue_id": name, "sender": sender, "recipients": rows}
    return json.dumps(message) + "\n"


def queued(tmp_path: Path, *lines: str) -> list[str]:
    (tmp_path / "queue").write_text("".join(lines))
    (tmp_path / "domains").write_text("other.example\nthird.example\n")
    script = f"postqueue() {{ cat {tmp_path}/queue; }}\nqueued_for {tmp_path}/domains"
    return run_parts(tmp_path, script, "queue").splitlines()


def test_messages_are_found_by_the_domains_of_their_recipients(tmp_path: Path) -> None:
    got = queued(
        tmp_path,
        queue_line("deferred", "Q1", "x@kept.example", "y@other.example", "z@other.example"),
        queue_line("active", "Q2", "x@kept.example"),
        queue_line("incoming", "Q3", "X@Third.Example", "y@other.example"),
    )
    assert got == [
        "Q1\tother.example",
        "Q3\tthird.example",
        "Q3\tother.example",
    ]


def test_what_somebody_put_on_hold_is_left_alone(tmp_path: Path) -> None:
    assert queued(tmp_path, queue_line("hold", "Q1", "y@other.example")) == []


def test_no_address_passes_for_another_or_for_the_queue_itself(tmp_path: Path) -> None:
    quoted = '"a\\"b@kept.example"@other.example'
    crafted = '"queue_id": "X", "queue_name": "hold", "address": "y@other.example"@kept.example'
    got = queued(
        tmp_path,
        queue_line("deferred", "Q1", quoted),
        queue_line("deferred", "Q2", crafted, sender=crafted),
        queue_line("deferred", "Q3", "y@other.example.kept.example", "y@xother.example"),
    )
    assert got == ["Q1\tother.example"]


def generation(state: Path, name: str, *, serial: int | None) -> Path:
    """Make a generation that was confirmed by that transaction, None if it never was."""
    folder = state / "generations" / name
    folder.mkdir(parents=True)
    if serial is not None:
        manifest = folder / "manifest"
        manifest.write_text("")
        (folder / "serial").write_text(f"{serial}\n")
        # A clock that was set back: what came last looks oldest.
        os.utime(manifest, (1_000_000 - serial, 1_000_000 - serial))
    return folder


def test_ten_confirmed_generations_stay_and_0_and_no_unconfirmed_one(tmp_path: Path) -> None:
    # The one in force was confirmed long ago.
    for number in range(14):
        generation(tmp_path, f"{number:016x}", serial=number + 1)
    generation(tmp_path, "0", serial=0)
    generation(tmp_path, "f" * 16, serial=None)
    (tmp_path / "head").write_text(f"20\t{0:016x}\n")
    run_parts(tmp_path, "prune_generations", "queue", "pending")
    got = {folder.name for folder in (tmp_path / "generations").iterdir()}
    assert got == {"0", f"{0:016x}", *(f"{number:016x}" for number in range(5, 14))}


def snapshot(state: Path, users: Path, serial: int) -> Path:
    left = state / "directory/left"
    left.parent.mkdir(exist_ok=True)
    left.write_text(f"file\t{users}\tdigest\troot\troot\t0640\t1\n")
    script = f"getent() {{ :; }}\nsync() {{ :; }}\nkeep_directory {serial}"
    run_parts(state, script, "queue", "pending", "tables", "directory")
    return state / f"directory/{serial}/tree{users}"


def test_a_snapshot_shares_what_did_not_change_and_is_no_link_to_the_live_file(
    tmp_path: Path,
) -> None:
    users = tmp_path / "users"
    users.write_text("alice\n")
    first, second = snapshot(tmp_path, users, 1), snapshot(tmp_path, users, 2)
    users.write_text("alice\nbob\n")
    third = snapshot(tmp_path, users, 3)
    assert first.samefile(second)
    assert (first.read_text(), third.read_text()) == ("alice\n", "alice\nbob\n")
    assert not third.samefile(users)
    assert first.stat().st_mode & 0o077 == 0


def test_the_last_five_snapshots_stay(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("alice\n")
    for serial in range(7, 14):
        snapshot(tmp_path, users, serial)
    got = {folder.name for folder in (tmp_path / "directory").iterdir() if folder.is_dir()}
    assert got == {"9", "10", "11", "12", "13"}


def test_whatever_may_lie_beside_its_place_is_noted_before(tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    rows = ["stage\t/etc/a\t0\troot\troot\t0644", "undo\t/etc/b"]
    rows += ["recipe\tprobe\t/etc/dovecot/mailprov/probe\tprobe@example.org"]
    (tmp_path / "stage/steps").write_text("".join(f"{row}\n" for row in rows))
    script = f"stage={tmp_path}/stage\nsync() {{ :; }}\nnote_litter"
    run_parts(tmp_path, script, "staging", "begin")
    got = (tmp_path / "litter").read_text().split()
    assert got == ["/etc/a", "/etc/b", "/etc/dovecot/mailprov/probe"]


def test_what_was_found_stays_until_what_is_found_now_is_there(tmp_path: Path) -> None:
    place = tmp_path / "main.cf"
    kept = tmp_path / f"generations/0/tree{place}"
    place.write_text("the operator's\n")
    run_parts(tmp_path, f"keep_as_found {place}", "found")
    place.write_text("mailprov's\n")
    # A disk that is full cuts the list off, and takes no copy.
    full = 'grep() { case $1 in -vxF) return 2 ;; esac; command grep "$@"; }\n'
    run_parts(tmp_path, f"{full}! find_again {place}", "found")
    run_parts(tmp_path, f"keep_as_found {place}", "found")
    assert kept.read_text() == "the operator's\n"
    run_parts(
        tmp_path, f"find_again {place}\ncp() {{ return 1; }}\n! keep_as_found {place}", "found"
    )
    assert kept.read_text() == "the operator's\n"
    run_parts(tmp_path, f"keep_as_found {place}", "found")
    assert kept.read_text() == "mailprov's\n"


def test_what_is_found_is_named_once_for_many_paths(tmp_path: Path) -> None:
    there, absent, below = tmp_path / "main.cf", tmp_path / "users", tmp_path / "users/list"
    there.write_text("the operator's\n")
    count = 'sync() { echo sync >>calls; }\nmv() { echo mv >>calls; command mv "$@"; }\n'
    paths = f"{there} {below} {absent}"
    script = f"cd {tmp_path}\n{count}keep_as_found {paths} && keep_as_found {paths}"
    run_parts(tmp_path, script, "found")
    zero = tmp_path / "generations/0"
    assert (zero / "paths").read_text().split() == paths.split()
    assert (tmp_path / "calls").read_text().split() == ["mv", "sync", "sync"]
    # A folder for what is below would be taken for the folder as it was found.
    assert [one.name for one in (zero / f"tree{tmp_path}").iterdir()] == ["main.cf"]


def test_of_many_paths_those_that_are_known_are_found_again(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a", "b", "c")]
    run_parts(tmp_path, f"keep_as_found {' '.join(names)}", "found")
    (tmp_path / "a").write_text("the operator's\n")
    run_parts(tmp_path, f"find_again {names[0]} {names[2]} /etc/unknown", "found")
    zero = tmp_path / "generations/0"
    assert (zero / "paths").read_text().split() == [names[1]]
    run_parts(tmp_path, f"find_again {names[0]} && keep_as_found {' '.join(names)}", "found")
    assert (zero / "paths").read_text().split() == [names[1], names[0], names[2]]
    assert (zero / f"tree{names[0]}").read_text() == "the operator's\n"


def found_units(state: Path, head: str, now: str) -> str:
    """Return generation 0's rows after a service was found down once, and then as it is now."""
    systemctl = (
        "systemctl() {{ case $* in *is-enabled*) echo {0}; return ;; esac; "
        "echo {1}; [ {1} = active ]; }}"
    )
    script = f"{systemctl.format('disabled', 'inactive')}\nkeep_unit_as_found p.service p.service"
    run_parts(state, script, "pending", "found")
    (state / "head").write_text(head)
    script = f"{systemctl.format('enabled', now)}\nfind_unit_again p.service p.service"
    run_parts(state, f"{script}\nkeep_unit_as_found p.service p.service", "pending", "found")
    return (state / "generations/0/units").read_text()


def test_a_service_that_its_operator_set_up_after_a_return_is_found_again(tmp_path: Path) -> None:
    assert found_units(tmp_path, "1\t\n", "active") == "p.service\tp.service\tenabled\tactive\n"


@pytest.mark.parametrize(
    ("head", "now"), [("1\t0123456789abcdef\n", "active"), ("1\t\n", "inactive")]
)
def test_a_service_that_mailprov_may_have_started_is_not(
    tmp_path: Path, head: str, now: str
) -> None:
    assert found_units(tmp_path, head, now) == "p.service\tp.service\tdisabled\tinactive\n"


def test_several_that_broke_off_leave_one_whole_list(tmp_path: Path) -> None:
    parts = ("pending", "state", "directory")
    settings = "program_format=1\n"
    for number in (1, 2):
        rows = f"file\\t/etc/{number}\\tabc\\troot\\troot\\t0644\\t0\\n"
        run_parts(tmp_path, f"printf '{rows}' | note_activating\nnote_owed p.service", *parts)
    run_parts(tmp_path, f"{settings}is_whole {tmp_path}/activating", *parts)
    got = (tmp_path / "activating").read_text().splitlines()
    assert [row.split("\t")[:2] for row in got[1:]] == [["file", "/etc/1"], ["file", "/etc/2"]]
    assert (tmp_path / "unfinished").read_text() == "p.service\n"


def _left(state: Path, *paths: Path) -> None:
    """Write what the last transaction left: users' files and secrets of daemons."""
    rows = "".join(f"file\t{path}\tab\troot\troot\t0600\t1\n" for path in paths)
    (state / "directory").mkdir(exist_ok=True)
    whole = hashlib.sha256(rows.encode()).hexdigest()
    (state / "directory/left").write_text(f"whole\t{whole}\n{rows}")


def test_no_snapshot_of_the_users_has_a_secret_of_a_daemon(tmp_path: Path) -> None:
    users, secret = tmp_path / "mailprov/users", tmp_path / "mailprov/secrets/relay"
    secret.parent.mkdir(parents=True)
    for file in (users, secret):
        file.write_text(f"{file.name}\n")
    _left(tmp_path, users, secret)
    run_parts(tmp_path, "keep_directory 7", "tables", "directory", "pending", "queue")
    kept = [path for path in (tmp_path / "directory/7").rglob("*") if path.is_file()]
    assert users.name in {path.name for path in kept}
    assert not any(b"relay" in path.read_bytes() for path in kept)


def test_a_secret_that_goes_is_forgotten_and_that_may_be_done_twice(tmp_path: Path) -> None:
    users, secret = tmp_path / "mailprov/users", tmp_path / "mailprov/secrets/relay"
    secret.parent.mkdir(parents=True)
    for file in (users, secret):
        file.write_text("x\n")
    _left(tmp_path, users, secret)
    (tmp_path / "pending").mkdir()
    (tmp_path / "pending/removals").write_text(f"{secret}\n")
    for _ in range(2):
        run_parts(tmp_path, "drop_secrets", "directory", "pending", "finish")
        assert (users.exists(), secret.exists()) == (True, False)
        head, rows = (tmp_path / "directory/left").read_text().split("\n", 1)
        assert [row.split("\t")[1] for row in rows.splitlines()] == [str(users)]
        assert head == f"whole\t{hashlib.sha256(rows.encode()).hexdigest()}"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that everybody may enter."""
    with TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="gives files away")
def test_what_a_link_leads_to_is_not_given_away(tmp_path: Path, open_folder: Path) -> None:
    theirs, ours = open_folder / "root.key", open_folder / "shadow"
    ours.write_text("secret")
    ours.chmod(0o600)
    theirs.symlink_to(ours)
    # Whoever may not change what is behind it fails; who may changes no owner of it.
    run_parts(tmp_path, f"do_access {theirs} nobody nogroup 0644 2>/dev/null || :", "steps")
    assert (ours.stat().st_uid, ours.stat().st_mode & 0o777) == (os.getuid(), 0o600)
    plain = open_folder / "plain"
    plain.touch(0o600)
    run_parts(tmp_path, f"do_access {plain} nobody nogroup 0640", "steps")
    assert (plain.owner(), plain.stat().st_mode & 0o777) == ("nobody", 0o640)


@pytest.mark.parametrize("table", [False, True])
def test_the_mail_of_who_is_a_user_is_not_deleted(tmp_path: Path, table: bool) -> None:  # noqa: FBT001 - a case
    lists = tmp_path / "lists"
    lists.mkdir()
    settings = f"users_table={tmp_path}/table\n"
    if table:
        shards = tmp_path / "table/shards"
        shards.mkdir(parents=True)
        for user in ("alice@d.example", "carol@d.example"):
            shard = shards / hashlib.md5(user.encode(), usedforsecurity=False).hexdigest()[:3]
            shard.write_text(f"aliases\tbob@d.example\tx\nmailboxes\t{user}\tx\nusers\t{user}\tx\n")
    else:
        (lists / "users").write_text("alice@d.example:{X}y::\n")
        (lists / "mailboxes").write_text("alice@d.example::\n")
    text = text_of("delete_mail")
    functions = text[: text.index("delete_virtual()")]
    told = {}
    for user in ("alice@d.example", "bob@d.example"):
        script = f"{settings}{functions}\n(refuse_user {user} {lists})\necho status $?"
        told[user] = run_parts(tmp_path, script, "pending", "tables").splitlines()[-1]
    assert told == {"alice@d.example": "status 65", "bob@d.example": "status 0"}

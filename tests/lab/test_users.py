"""Users come, change and go on real hosts, and nobody else notices.

Everything here is asked of both kinds of account where nothing else is said: virtual
ones (the beginner's site) and accounts of the host (the tutorial's). The judges are
Python's own mail clients. The site files are copies; at the end the original is applied
again and the mail of the test's people is gone.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator

import pytest
from support.deployed import DeployedSite
from support.roster import People, Step, is_open

from provisioner.lab import LabHost
from provisioner.remote.program import remote_programs
from provisioner.site.new_password import NEW_SCHEMES, hash_password

pytestmark = pytest.mark.lab

PASSWORD = "seventeen grüne Ponies"
NEW_PASSWORD = "no more ponies, 2 owls"
EVERY_WAY = {"imap": True, "pop3": True, "submission": True}
NO_WAY = dict.fromkeys(EVERY_WAY, False)
FAR_EXPIRY = "47117"  # 2099-01-01, in days
# A word that is no restriction: no check knows it, and every recipient gets a 451.
BREAKS_MAIL = "postfix: {main: {smtpd_client_restrictions: rejekt}}\n"
ONLY_SYSTEM = pytest.mark.parametrize("people", ["system"], indirect=True)
ONLY_VIRTUAL = pytest.mark.parametrize("people", ["virtual"], indirect=True)
PEOPLE = ("carol", "dave", "erin", "frank", "grace", "henry")


@contextlib.contextmanager
def peopled(
    site: DeployedSite, domain: str, owner: tuple[str, str], homes: str
) -> Iterator[People]:
    path = site.path.with_name("people.yaml")
    path.write_bytes(site.path.read_bytes())
    people = People(site, path, domain, owner, homes)
    try:
        yield people
    finally:
        people.hang_up()
        site.apply()
        for name in PEOPLE:
            if people.system:
                site.host("mail").run(["userdel", "--remove", name])
            else:
                site.host("mail").run(["rm", "-rf", f"{homes}/{name}"])
        path.unlink()


@pytest.fixture(scope="module", params=["virtual", "system"])
def people(request: pytest.FixtureRequest) -> Iterator[People]:
    """Return a site that nobody was added to yet."""
    if request.param == "virtual":
        site: DeployedSite = request.getfixturevalue("beginner")
        where = ("example.org", ("alice", site.environment["ALICE_PASSWORD"]))
        homes = "/srv/vmail/example.org"
    else:
        site = request.getfixturevalue("tutorial")
        where = ("wangsheng.com", ("wangsheng", site.environment["WANGSHENG_PASSWORD"]))
        homes = "/home"
    with peopled(site, *where, homes) as found:
        yield found


@pytest.fixture(scope="module")
def added(people: People) -> Step:
    """Add all the people, and apply."""

    def edit() -> None:
        for name in PEOPLE[1:]:
            people.user("add", name, str(people.path), stdin=f"{PASSWORD}\n")
        made = people.user(
            "add", "carol", str(people.path), "--generate", "--name", "Carol Ünder, C."
        )
        people.made_password = made.strip()

    return people.step(edit)


@pytest.fixture(scope="module")
def changed(people: People, added: Step) -> Step:
    """Give carol another password and name, disable dave, apply, and try what was lost."""
    if people.system:
        people.mail.check_run(["usermod", "--expiredate", "2099-01-01", "dave"])
        for name in ("dave", people.owner[0]):
            people.mail.check_run(["systemd-run", f"--uid={name}", "sleep", "7777"])

    def edit() -> None:
        people.user("passwd", "carol", str(people.path), stdin=f"{NEW_PASSWORD}\n")
        people.user("disable", "dave", str(people.path))
        text = people.path.read_text()
        people.path.write_text(text.replace("Carol Ünder, C.", "Carol Other"))

    step = people.step(edit, {"carol": people.made_password, "dave": PASSWORD})
    step.allowed = people.may_log_in(("dave", PASSWORD), ("carol", people.made_password))
    for name, subject in (("dave", "while away"), ("erin", "to be kept"), ("grace", "to go")):
        assert people.receives(name, subject), added
        assert people.delivered(name, subject)
    return step


@pytest.fixture(scope="module")
def taken_back(people: People, changed: Step) -> Step:
    """Enable dave again, remove erin, and apply."""
    assert changed

    def edit() -> None:
        people.user("enable", "dave", str(people.path))
        told = people.user("remove", "erin", str(people.path))
        assert f"the mail is kept in {people.homes}/erin on mail" in told

    return people.step(edit, {"erin": PASSWORD})


def test_a_new_user_can_log_in_and_nobody_else_notices(people: People, added: Step) -> None:
    assert added.stayed
    assert all(added.served.values()), added.served
    assert added.restarts() == []
    assert people.may_log_in(("frank", PASSWORD)) == {"frank": EVERY_WAY}


def test_a_new_password_ends_that_users_sessions_alone(people: People, changed: Step) -> None:
    assert changed.left["carol"] == []
    assert changed.stayed
    assert len(changed.served) == 8
    assert all(changed.served.values()), changed.served
    assert changed.restarts() == []
    at = "" if people.system else f"@{people.domain}"
    (told,) = [note for note in changed.outcome["notices"] if note.startswith("logged out")]
    assert f"carol{at}" in told
    assert f"dave{at}" in told
    assert f"{people.owner[0]}{at}" not in told
    assert changed.allowed["carol"] == NO_WAY
    people.imap("carol", NEW_PASSWORD)


def test_a_disabled_user_receives_and_cannot_log_in(people: People, changed: Step) -> None:
    assert changed.left["dave"] == []
    assert changed.allowed["dave"] == NO_WAY
    assert people.delivered("dave", "while away")


def test_an_enabled_user_finds_the_mail_of_meanwhile(people: People, taken_back: Step) -> None:
    assert taken_back.stayed
    assert all(taken_back.served.values()), taken_back.served
    assert taken_back.restarts() == []
    again = people.imap("dave", PASSWORD)
    again.select()
    assert len(again.search(None, "SUBJECT", '"while away"')[1][0].split()) == 1


def test_a_removed_user_is_gone_and_the_mail_is_kept_until_a_second_word(
    people: People, taken_back: Step
) -> None:
    assert taken_back.left["erin"] == []
    assert not people.receives("erin")
    assert people.delivered("erin", "to be kept")
    session, before = people.imap(*people.owner), people.processes()
    for name in ("erin", "grace"):  # one removed before, one in the same go
        listing = ["find", f"{people.homes}/dave", people.homes, "-maxdepth", "1"]
        beside = people.mail.check_run(listing)
        told = people.user("remove", name, str(people.path), "--delete-mail")
        deleted = f"{people.homes}/{name}" + ("/Maildir" if people.system else "")
        assert f"mail: deleted {deleted}\n" in told
        assert people.mail.run(["test", "-e", deleted]).returncode == 1
        assert f"{name}: " not in people.path.read_text()
        if people.system:  # home and account stay
            assert people.mail.run(["getent", "passwd", name]).returncode == 0
            assert people.mail.check_run(listing) == beside
        else:
            gone = beside.replace(f"{people.homes}/{name}\n", "")
            assert people.mail.check_run(listing) == gone
        assert not people.receives(name)
    assert people.delivered("dave", "while away")
    assert is_open(session)
    assert people.processes() == before
    again = people.user("remove", "erin", str(people.path), "--delete-mail", code=64)
    assert "no change was pending, so nothing was changed" in again


@ONLY_VIRTUAL
@pytest.mark.usefixtures("taken_back")
def test_a_session_that_cannot_be_ended_fails_nothing_and_is_told(people: People) -> None:
    fault = "/usr/local/sbin/doveadm"
    people.mail.write_file(
        fault,
        '#!/bin/sh\n[ "$1" != kick ] || { echo no answer >&2; exit 75; }\n'
        'exec /usr/bin/doveadm "$@"\n',
        mode=0o755,
    )
    people.imap("henry", PASSWORD).select()  # which makes the mailbox
    try:
        told = people.user("remove", "henry", str(people.path), "--delete-mail")
    finally:
        people.mail.check_run(["rm", fault])
        people.hang_up()
    assert "note: mailprov could not end open sessions: henry@example.org (no answer)" in told
    assert "mail: deleted" in told


@pytest.mark.usefixtures("taken_back")
def test_mail_is_not_deleted_while_other_changes_are_pending(people: People) -> None:
    text = people.path.read_text()
    people.path.write_text(text.replace("users:", "imap: {connections: 31}\nusers:"))
    before = people.path.read_bytes()
    try:
        told = people.user("remove", "frank", str(people.path), "--delete-mail", code=5)
        assert "20-imap.conf" in told
        assert people.path.read_bytes() == before
    finally:
        people.path.write_text(text)
    assert people.receives("frank", "still here")
    assert people.delivered("frank", "still here")


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_a_mailbox_that_is_a_link_is_refused_and_the_user_is_gone(people: People) -> None:
    box = "/home/frank/Maildir"
    people.mail.run(["mkdir", "-p", box])  # nobody may have written to frank yet
    people.mail.check_run(["sh", "-c", f"mv {box} /srv/elsewhere && ln -s /srv/elsewhere {box}"])
    people.mail.check_run(["touch", "/srv/elsewhere/precious"])
    try:
        told = people.user("remove", "frank", str(people.path), "--delete-mail", code=5)
        assert "is a symbolic link" in told
        assert "these were deleted: nothing" in told
        people.mail.check_run(["test", "-f", "/srv/elsewhere/precious"])
        assert not people.receives("frank")
    finally:
        people.mail.check_run(["rm", "-rf", "/srv/elsewhere", box])


def test_the_host_itself_refuses_what_must_not_be_deleted(people: People) -> None:
    name, home = people.owner[0], f"{people.homes}/{people.owner[0]}"
    if people.system:
        box = ("mailusers", "Maildir")
        asked = {
            "still a user|is not locked": ("system", name, home, *box),
            "the home of": ("system", name, "/home/other", *box),
            "no home of a mail user": ("system", "root", "/root", *box),
            "there is no account": ("system", "nobody-here", "/home/nobody-here", *box),
        }
    else:
        owner = ("vmail", "/etc/dovecot/mailprov")
        gone = f"gone@{people.domain}"
        asked = {
            "still a user": ("virtual", f"{name}@{people.domain}", home, *owner),
            "no plain path": ("virtual", gone, f"{people.homes}/../x", *owner),
            "no home of a mail user": ("virtual", gone, "/srv/other/x", *owner),
            "is missing": ("virtual", gone, f"{people.homes}/gone", "vmail", "/nonexistent"),
            "belongs to root": ("virtual", gone, f"{people.homes}/foreign", *owner),
            "is a symbolic link": ("virtual", gone, f"{people.homes}/link", *owner),
            "below a symbolic link": ("virtual", gone, "/srv/vmail/link.example/gone", *owner),
            "is no folder": ("virtual", gone, f"{people.homes}/file", *owner),
            "is mounted at": ("virtual", gone, f"{people.homes}/mounted", *owner),
        }
    prepare = (
        f"cd {people.homes} && mkdir -p foreign mounted/inner && touch file && "
        "ln -s foreign link && ln -s example.org ../link.example && "
        "chown -R vmail mounted && mount -t tmpfs tmpfs mounted/inner && touch mounted/inner/kept"
    )
    undo = (
        f"cd {people.homes} && umount mounted/inner; "
        "rm -rf foreign mounted file link ../link.example"
    )
    look = ["find", people.homes, "-maxdepth", "2"]
    before = people.mail.check_run(look)
    if not people.system:
        people.mail.check_run(["sh", "-c", prepare])
    try:
        for words, request in asked.items():
            program = ["sh", "-c", remote_programs()["delete_mail"], "mailprov", "test", *request]
            done = people.mail.run(program)
            assert done.returncode == 65, done.stdout + done.stderr
            assert re.search(words, done.stdout), done.stdout
            assert "@deleted" not in done.stdout
        if not people.system:
            assert (
                people.mail.run(["test", "-f", f"{people.homes}/mounted/inner/kept"]).returncode
                == 0
            )
    finally:
        if not people.system:
            people.mail.run(["sh", "-c", undo])
    assert people.mail.check_run(look) == before


def shadow_of(host: LabHost, *names: str) -> str:
    return host.check_run(
        ["sh", "-c", f"getent passwd {' '.join(names)}; getent shadow {names[0]}"]
    )


@ONLY_SYSTEM
def test_the_persons_name_is_the_accounts_comment_and_changes_with_it(
    people: People, changed: Step
) -> None:
    rows = [row for row in changed.outcome["changes"] if row["kind"] == "account"]
    assert [(row["name"], row["action"], row["reason"]) for row in rows] == [
        ("carol", "update", 'name is "Carol Ünder, C."')
    ]
    assert people.mail.check_run(["getent", "passwd", "carol"]).split(":")[4] == "Carol Other"


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_an_account_of_somebody_elses_is_left_alone_and_refused_as_a_user(people: People) -> None:
    host = people.mail
    for name in ("mallory", "oscar"):
        host.check_run(["useradd", "--comment", "Somebody", "--create-home", name])
    host.check_run(["chpasswd"], stdin="mallory:of my own\noscar:of my own\n")
    names = ("mallory", "oscar")
    before = shadow_of(host, *names) + shadow_of(host, *reversed(names))
    text = people.path.read_bytes()
    try:
        people.user("add", "mallory", str(people.path), stdin=f"{PASSWORD}\n")
        done = people.site.mailprov("apply", site=people.path)
        assert done.returncode == 5
        assert "the account mallory exists, but mailprov did not make it" in done.stderr
        assert "usermod -g mailusers mallory" in done.stderr
        people.path.write_bytes(text)
        told = people.user("remove", "oscar", str(people.path), "--delete-mail", code=5)
        assert "the primary group of oscar is not mailusers" in told
        assert shadow_of(host, *names) + shadow_of(host, *reversed(names)) == before
        assert host.run(["test", "-d", "/home/oscar"]).returncode == 0
    finally:
        people.path.write_bytes(text)
        for name in names:
            host.run(["userdel", "--remove", name])


@ONLY_VIRTUAL
def test_dovecot_knows_every_scheme_that_passwd_can_write(people: People) -> None:
    password = "Grüße an 'alle' \"$HOME\""
    for scheme in NEW_SCHEMES:
        hashed = hash_password(password, scheme)
        for tried, want in ((password, 0), (password + "x", True)):
            check = ["doveadm", "pw", "-t", hashed, "-p", tried]
            got = people.mail.run(check).returncode
            assert bool(got) == bool(want), scheme


def expiry_of(host: LabHost, name: str) -> str:
    return host.check_run(["getent", "shadow", name]).split(":")[7]


def processes_of(host: LabHost, name: str) -> str:
    return host.run(["pgrep", "-f", "-u", name, "sleep 7777"]).stdout


@ONLY_SYSTEM
def test_what_runs_for_a_disabled_user_ends_and_nobody_elses(people: People, changed: Step) -> None:
    assert changed
    assert processes_of(people.mail, "dave") == ""
    assert processes_of(people.mail, people.owner[0]) != ""


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_an_enabled_users_account_holds_as_long_as_before(people: People) -> None:
    assert expiry_of(people.mail, "dave") == FAR_EXPIRY
    assert expiry_of(people.mail, "erin") == "1"


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_a_removed_users_account_lets_nobody_in_by_key(people: People) -> None:
    """A lock alone does not keep out who has a key, and such a person went on running sendmail."""
    host, key = people.mail, people.site.lab.home / ".ssh/id_ed25519"
    host.check_run(["usermod", "--shell", "/bin/sh", "erin"])
    host.write_file("/home/erin/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
    host.check_run(["chown", "-R", "erin", "/home/erin/.ssh"])
    words = ["ssh", "-i", str(key), "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null"]
    words += ["-o", "StrictHostKeyChecking=no", f"erin@{host.address}", "echo in"]

    def enters() -> bool:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout == "in\n"

    try:
        assert not enters()
        host.check_run(["usermod", "--expiredate", "", "erin"])
        assert host.check_run(["getent", "shadow", "erin"]).split(":")[1].startswith("!")
        assert enters()
    finally:
        host.check_run(["usermod", "--expiredate", "1", "--shell", "/sbin/nologin", "erin"])


@pytest.fixture
def pilot(people: People) -> Iterator[LabHost]:
    """Return the host with an account of its own, whose sudo may do all."""
    host, home = people.mail, people.site.lab.home
    host.check_run(["useradd", "--create-home", "--shell", "/bin/bash", "-g", "users", "pilot"])
    host.write_file("/home/pilot/.ssh/authorized_keys", (home / ".ssh/id_ed25519.pub").read_text())
    host.check_run(["chown", "-R", "pilot", "/home/pilot/.ssh"])
    host.write_file("/etc/sudoers.d/pilot", "pilot ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
    text = people.path.read_bytes()
    yield host
    people.path.write_bytes(text)
    # A connection that ended a moment ago may still have a process of hers.
    host.run(["pkill", "-KILL", "-u", "pilot"])
    host.check_run(["userdel", "--force", "--remove", "pilot"])
    host.run(["rm", "-f", "/etc/sudoers.d/pilot"])


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_a_user_who_carries_the_connection_is_refused_before_anything_changes(
    people: People, pilot: LabHost
) -> None:
    """Her shell and password became those of a mail user; root was locked, and all were out."""
    people.user("add", "pilot", str(people.path), stdin=f"{PASSWORD}\n")
    text = people.path.read_text().replace(
        f"address: {pilot.address}", f"address: {pilot.address}, ssh: {{user: pilot, become: sudo}}"
    )
    people.path.write_text(text)
    before = shadow_of(pilot, "pilot")
    for group in ("users", "mailusers"):
        pilot.check_run(["usermod", "-g", group, "pilot"])
        for verb in ("plan", "apply"):
            done = people.site.mailprov(verb, "--limit", "mail", site=people.path)
            assert done.returncode == 5, done.stdout + done.stderr
            assert "pilot carries this connection or its sudo" in done.stderr
            assert "hosts.mail.ssh.user" in done.stderr
    pilot.check_run(["usermod", "-g", "users", "pilot"])
    assert shadow_of(pilot, "pilot") == before


@ONLY_SYSTEM
@pytest.mark.usefixtures("taken_back")
def test_an_account_that_was_there_is_itself_again_when_the_configuration_returns(
    people: People, pilot: LabHost
) -> None:
    people.user("add", "pilot", str(people.path), stdin=f"{PASSWORD}\n")
    pilot.check_run(["usermod", "-g", "mailusers", "pilot"])
    pilot.check_run(["sh", "-c", "printf 'From a@b.example\\n\\nx\\n' >/var/mail/pilot"])
    row = pilot.check_run(["getent", "passwd", "pilot"])
    working = people.path.read_text()
    try:
        people.path.write_text(working + BREAKS_MAIL)
        done = people.site.mailprov("apply", "--limit", "mail", site=people.path)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "returned" in done.stdout
        assert "/var/mail/pilot contains 1 message that pilot will not see" in done.stdout
        assert pilot.check_run(["getent", "passwd", "pilot"]) == row
        # The directory does not go back: the password is what the site file says.
        assert pilot.check_run(["getent", "shadow", "pilot"]).split(":")[1].startswith("$")
    finally:
        pilot.run(["rm", "-f", "/var/mail/pilot"])

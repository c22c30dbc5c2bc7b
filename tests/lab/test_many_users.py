"""A site with more users than text files are for: one of them changes, and little is done.

One host, in the order of its life: a site of one user grows to 25,000, one user's change
is applied, an edit is found, a configuration goes back, the site shrinks again. Mail for
somebody who is there all the time never bounces meanwhile.
"""

from __future__ import annotations

import contextlib
import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite, LabFactory
from support.release import RELEASE
from support.roster import People, is_ended, is_open

from provisioner.lab import HostSpec, LabHost
from provisioner.platforms.record import Platform
from provisioner.platforms.records import platform_named
from provisioner.site.new_password import NEW_SCHEMES, hash_password

pytestmark = pytest.mark.lab


USERS = 25_000
PASSWORD = "twenty-five thousand ponies"
NEW_PASSWORD = "one pony has moved on"
TABLE = "/var/lib/mailprov-directory"
ALICE = "  alice: {password: {env: ALICE_PASSWORD}}\n"
# As docs/reference/site-file.md has it.
SHARED = """
dovecot:
  "2.3":
    service/imap-login/service_count: "0"
    service/imap-login/process_min_avail: "2"
    service/imap-login/vsz_limit: 1G
  "2.4":
    service/imap-login/restart_request_count: unlimited
    service/imap-login/process_min_avail: "2"
    service/imap-login/vsz_limit: 1G
"""
# What a change of one user may cost on the wire, of some 9 MB that the users are; most of it
# is the program and the verification.
FEW_BYTES = 1_000_000


@dataclass
class Bounces:
    """Mail for alice, handed in all the time. refused: every answer of 500 or more."""

    address: str
    accepted: int = 0
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Hand in one message after the other until somebody says that it is enough."""
        while not self._end.is_set():
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._hand_in()
            time.sleep(0.05)

    def _hand_in(self) -> None:
        with smtplib.SMTP(self.address, 25, timeout=20) as client:
            client.ehlo("outside.example")
            for words in ("MAIL FROM:<>", "RCPT TO:<alice@example.org>", "DATA"):
                code, text = client.docmd(words)
                if code >= 500:
                    self.refused.append((code, text))
                if code not in {250, 354}:
                    return
            client.send(b"Subject: all the time\r\n\r\nx\r\n.\r\n")
            code, text = client.getreply()
            self.accepted += code == 250
            if code >= 500:
                self.refused.append((code, text))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        self._end.clear()
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()


@dataclass
class Life:
    """The site, and what each step of its life told. costs: bytes that a step sent to the host.

    platform: the record of the host's release.

    ended: of two people who were logged in when one of them got another password, whose
    session was.
    """

    site: DeployedSite
    people: People
    text: str
    hashed: str
    other: str
    bounces: Bounces
    platform: Platform
    told: dict[str, Any] = field(default_factory=dict)
    costs: dict[str, int] = field(default_factory=dict)
    ended: dict[str, bool] = field(default_factory=dict)

    @property
    def mail(self) -> LabHost:
        return self.site.host("mail")

    def write(self, users: dict[str, str], aliases: dict[str, str]) -> None:
        lines = [f'  {name}: {{password: "{hashed}"}}\n' for name, hashed in users.items()]
        lines += ["aliases:\n", *(f"  {name}: {to}\n" for name, to in aliases.items())]
        lines += ["submission: {logins_per_minute: 1000}\n", SHARED]
        text = self.text.replace(ALICE, "".join(lines))
        self.site.path.write_text(self.site.lab.site(text), encoding="utf-8")

    def apply(self, step: str) -> dict[str, Any]:
        before = self.sent()
        self.told[step] = self.site.apply()["hosts"]["mail"]
        self.costs[step] = self.sent() - before
        return dict(self.told[step])

    def sent(self) -> int:
        """Return how many bytes went to the host since it was plugged in."""
        return int(Path(f"/sys/class/net/{self.mail.cable}/statistics/tx_bytes").read_text())

    def lost(self) -> int:
        """Wait until all that was accepted for alice is in her mailbox; return what is not.

        One may be there whose answer nobody heard. What waits in the queue, because Dovecot was
        restarting just then, is not lost: its turn comes now.
        """
        self.mail.check_run(["postqueue", "-f"])
        folder = f"{self.people.homes}/alice/Maildir"
        find = f"grep -rlF 'Subject: all the time' {folder} | wc -l"
        deadline = time.monotonic() + 30
        while (lost := self.bounces.accepted - int(self.mail.check_run(["sh", "-c", find]))) > 0:
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        return max(lost, 0)

    def generations(self) -> list[str]:
        """Return the generations that were confirmed, the first one first."""
        rows = self.mail.check_run(["cat", "/var/lib/mailprov/history"]).splitlines()
        fields = [row.split("\t") for row in rows]
        return [row[3] for row in fields if row[2] == "configuration" and row[5] == "confirmed"]

    def processes(self) -> str:
        """Return the daemons' lasting processes, with when each started.

        Workers come and go, and so does whoever checks the passwords of one session of Postfix's.
        """
        lasting = "doveadm process status | awk '$1 ~ /^(auth|anvil|config)$/ { print $1, $2 }'"
        masters = "ps -eo pid,lstart,args | grep -E '[/]master -w|[/]dovecot -F'"
        return self.mail.check_run(["sh", "-c", f"{lasting}; {masters}"])


@pytest.fixture(scope="module")
def many() -> dict[str, str]:
    """Return the names of many users, without their hash."""
    return {f"user{number:05}": "" for number in range(USERS)}


@pytest.fixture(
    scope="module",
    params=["debian-12-mail", pytest.param("debian-13-mail", marks=pytest.mark.matrix)],
)
def life(
    request: pytest.FixtureRequest,
    lab_factory: LabFactory,
    beginner_text: str,
    many: dict[str, str],
) -> Iterator[Life]:
    """Give a site of one user that has grown; Dovecot is 2.3, or 2.4 on Debian 13."""
    tree = str(request.param)
    lab = lab_factory(f"many{tree[7:9]}", [HostSpec("mail", ("10.89.0.4",), tree=tree)])
    site = DeployedSite(lab, lab.home / "site.yaml")
    people = People(site, site.path, "example.org", ("alice", PASSWORD), "/srv/vmail/example.org")
    hashed, other = (str(hash_password(text, NEW_SCHEMES[0])) for text in (PASSWORD, NEW_PASSWORD))
    platform = platform_named("debian-13") if tree.startswith("debian-13") else RELEASE
    bounces = Bounces(site.host("mail").address)
    life = Life(site, people, beginner_text, hashed, other, bounces, platform)
    life.write({"alice": hashed}, {"info": "alice"})
    life.apply("small")
    many.update(dict.fromkeys(many, hashed))
    life.write({"alice": hashed, **many}, {"info": "alice", "sales": "user00001"})
    with life.bounces.watched():
        life.apply("grown")
    yield life
    people.hang_up()


@pytest.fixture(scope="module")
def changed(life: Life, many: dict[str, str]) -> Life:
    """Change one password, add a user, remove an alias; look at the daemons' processes."""
    losing, staying = (life.people.imap(name, PASSWORD) for name in ("user00002", "alice"))
    assert life.people.receives("sales")
    users = {"alice": life.hashed, **many, "user00002": life.other, "newcomer": life.hashed}
    life.write(users, {"info": "alice"})
    before = life.processes()
    life.apply("changed")
    assert life.processes() == before
    life.ended = {"user00002": is_ended(losing), "alice": not is_open(staying)}
    return life


def test_whom_users_are_looked_up_by_is_not_root(changed: Life) -> None:
    # With 2.4 it is auth itself that looks them up.
    look = "doveadm user alice >/dev/null && ps -eo user,args | grep '[d]ovecot/auth'"
    rows = changed.mail.check_run(["sh", "-c", look]).splitlines()
    assert {row.split()[0] for row in rows} == {"dovecot"}


def test_a_site_that_grows_moves_its_users_in_one_apply(life: Life) -> None:
    told = life.told["grown"]
    packages = {row["name"] for row in told["changes"] if row["kind"] == "package"}
    assert packages == set(life.platform.table_packages)
    files = life.mail.check_run(
        ["sh", "-c", f"ls {TABLE} /etc/dovecot/mailprov /etc/postfix/mailprov"]
    )
    assert "users.sqlite" in files
    assert not {"users", "mailboxes", "recipients", "senders"} & set(files.split())
    assert (life.bounces.refused, life.bounces.accepted > 0, life.lost()) == ([], True, 0)


def test_one_users_change_costs_what_it_is_and_no_daemon_is_told(changed: Life) -> None:
    rows = [(row["kind"], row["name"]) for row in changed.told["changed"]["changes"]]
    assert rows == [("file", TABLE), ("record", "directory")]
    reason = changed.told["changed"]["changes"][0]["reason"]
    assert reason in {f"content differs ({n} of its shards)" for n in (2, 3)}
    assert changed.costs["changed"] < FEW_BYTES < changed.costs["grown"]


def test_it_is_in_force_at_once(changed: Life) -> None:
    people = changed.people
    assert people.may_log_in(
        ("user00002", NEW_PASSWORD), ("newcomer", PASSWORD), ("user00001", PASSWORD)
    ) == {
        name: {"imap": True, "pop3": True, "submission": True}
        for name in ("user00002", "newcomer", "user00001")
    }
    assert not any(people.may_log_in(("user00002", PASSWORD))["user00002"].values())
    assert people.receives("newcomer", "welcome")
    assert people.delivered("newcomer", "welcome")
    assert not people.receives("sales")
    assert people.receives("info", "to whom it concerns")
    assert people.delivered("alice", "to whom it concerns")


def test_who_has_another_password_is_logged_out_and_nobody_else(changed: Life) -> None:
    assert changed.ended == {"user00002": True, "alice": False}


def test_a_second_plan_is_empty_and_small(changed: Life) -> None:
    before = changed.sent()
    done = changed.site.mailprov("plan", "--json")
    assert done.returncode == 0, done.stdout
    assert changed.sent() - before < 100_000


def test_names_are_never_part_of_a_statement(changed: Life) -> None:
    unknown = 67  # EX_NOUSER; a statement that breaks would be 75
    for name in ("x' OR '1'='1", "alice'--", "%u", "alice\\", "'; DROP TABLE mailboxes; --"):
        assert changed.mail.run(["doveadm", "user", name]).returncode == unknown, name
    assert changed.mail.run(["doveadm", "user", "alice@example.org"]).returncode == 0


def test_an_edited_shard_is_shown_and_not_overwritten(changed: Life) -> None:
    edit = f"cd {TABLE}/shards && set -- * && cp -p $1 /root/kept && echo >>$1 && echo $1"
    shard = changed.mail.check_run(["sh", "-c", edit]).strip()
    done = changed.site.mailprov("apply", "--json")
    assert done.returncode == 5
    assert TABLE in done.stdout + done.stderr
    assert shard in done.stdout + done.stderr
    changed.mail.check_run(["sh", "-c", f"cat /root/kept >{TABLE}/shards/{shard}"])
    done = changed.site.mailprov("plan", "--json")
    assert done.returncode == 0, done.stdout


@pytest.mark.matrix
def test_a_rollback_of_the_configuration_leaves_the_users(changed: Life) -> None:
    path = changed.site.path
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("submission: {", "imap: {connections: 9}\nsubmission: {"))
    changed.apply("configured")
    path.write_text(before, encoding="utf-8")
    done = changed.site.mailprov("rollback", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert changed.people.may_log_in(("user00002", NEW_PASSWORD))["user00002"]["imap"]
    done = changed.site.mailprov("plan", "--json")
    assert done.returncode == 0, done.stdout
    # Before it grew, the users were in other files, which are not there any more.
    first = [*changed.generations(), ""][0]
    done = changed.site.mailprov("rollback", "--to", first, "--json")
    assert done.returncode == 5, first + done.stdout + done.stderr
    assert changed.people.may_log_in(("user00002", NEW_PASSWORD))["user00002"]["imap"]


@pytest.mark.matrix
def test_a_site_that_shrinks_moves_its_users_back_in_one_apply(changed: Life) -> None:
    before = changed.bounces.accepted
    changed.write({"alice": changed.hashed, "newcomer": changed.other}, {"info": "alice"})
    with changed.bounces.watched():
        changed.apply("shrunk")
    assert (changed.bounces.refused, changed.bounces.accepted > before) == ([], True)
    assert changed.lost() == 0
    assert changed.people.may_log_in(("newcomer", NEW_PASSWORD))["newcomer"]["imap"]
    assert not changed.people.receives("user00002")
    names = changed.mail.check_run(["ls", "/var/lib"]).split()
    assert not [name for name in names if name.startswith("mailprov-directory")]
    assert changed.site.mailprov("plan", "--json").returncode == 0

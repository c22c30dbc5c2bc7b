"""Debian 13: Dovecot 2.4 in a language of its own, Postfix 3.10, and the way there.

The judges are Debian's own mail programs and the standard library's clients.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.deployed import DeployedSite, LabFactory
from support.readers import (
    Mailbox,
    fetch_new,
    imap,
    read_mailbox,
    read_uidls,
    submit,
    write_mpoprc,
)
from support.under_way import wait_for

from provisioner.daemons.dovecot.quoting import dovecot_value
from provisioner.diagnostics import MailprovError
from provisioner.lab import HostSpec, Lab, LabHost
from provisioner.lab.package_sources import read_machine_sources, render_sources

pytestmark = pytest.mark.lab


INVENTORIES = Path(__file__).parents[2] / "inventories"
ALICE, BOB = "a password of alice", "one of bob's"
PASSWORDS = {
    "ALICE_PASSWORD": ALICE,
    "BOB_PASSWORD": BOB,
    "WANGSHENG_PASSWORD": "correct horse 'battery' staple",
    "XHYHUIYING_PASSWORD": "Zwölf Boxkämpfer jagen",
}
# A client's first: the host that plays the internet is of the release of the first one.
CLIENT = HostSpec("client", ("10.89.0.20",), tree="debian-12-client")
MORE = """
  bob: {password: {env: BOB_PASSWORD}}
submission: {logins_per_minute: 1000}
"""


def deployable(lab: Lab, inventory: str) -> DeployedSite:
    """Return an inventory as a site of the lab's, not applied yet."""
    text = lab.site((INVENTORIES / inventory).read_text(encoding="utf-8"))
    users = "  alice: {password: {env: ALICE_PASSWORD}}\n"
    text = text.replace(users, users.rstrip() + MORE)
    if "submission:" not in text:
        text += "submission: {logins_per_minute: 1000}\n"
    path = lab.home / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return DeployedSite(lab, path, PASSWORDS)


@pytest.fixture(scope="module")
def beginner13(lab_factory: LabFactory) -> DeployedSite:
    """Return the beginner's site on a bare Debian 13, applied."""
    lab = lab_factory("trixie", [CLIENT, HostSpec("mail", ("10.89.0.4",), tree="debian-13")])
    site = deployable(lab, "beginner/lab.yaml")
    report = site.apply()
    assert report["verify"]["passed"], report
    return site


@pytest.fixture(scope="module")
def tutorial13(lab_factory: LabFactory) -> DeployedSite:
    """Return the tutorial's site, whose users are accounts of the host, on Debian 13, applied."""
    hosts = [
        CLIENT,
        HostSpec("ns", ("10.89.0.2",), tree="debian-13"),
        HostSpec("mail", ("10.89.0.3",), tree="debian-13-mail"),
    ]
    site = deployable(lab_factory("trixie-tutorial", hosts), "tutorial/lab.yaml")
    report = site.apply()
    assert report["verify"]["passed"], report
    return site


def complaints(host: LabHost) -> str:
    """Return what the daemons' tools say on standard error of the live configuration."""
    command = "for c in 'doveconf -n' 'postconf -n' 'postconf -M' 'postfix check'; do $c; done"
    return host.check_run(["sh", "-c", f"{{ {command}; }} 2>&1 >/dev/null"])


def assert_settled(site: DeployedSite) -> None:
    """Require that a second apply has nothing to do, and that no daemon has a doubt."""
    report = site.apply()
    assert (report["changes"], report["verify"]) == (0, None), report
    assert site.mailprov("plan").returncode == 0
    assert complaints(site.host("mail")) == ""
    code, verified = site.verify()
    assert (code, verified["counts"]["failed"]) == (0, 0), verified


def test_a_beginners_site_is_in_force_and_stays_as_it_is(beginner13: DeployedSite) -> None:
    assert_settled(beginner13)
    host = beginner13.host("mail")
    assert host.check_run(["dovecot", "--version"]).startswith("2.4.")
    assert (
        host.check_run(["systemctl", "is-active", "postfix", "dovecot", "unbound"]).split()
        == ["active"] * 3
    )


@pytest.mark.matrix
def test_a_site_of_system_users_is_in_force_and_stays_as_it_is(tutorial13: DeployedSite) -> None:
    assert_settled(tutorial13)
    address, password = tutorial13.host("mail").address, PASSWORDS["WANGSHENG_PASSWORD"]
    me = "wangsheng@wangsheng.com"
    submit(address, me, password, me, "to an account")
    with imap(address, "wangsheng", password) as client:
        wait_for(lambda: bool(read_mailbox(client).flags), 20, "the message is not there")
    uidls = read_uidls(address, "wangsheng", password)
    assert [one for one in uidls if not re.fullmatch(r"[0-9a-f]{16}", one)] == []
    assert len(uidls) == 1


def test_programs_of_people_read_and_keep_mail(beginner13: DeployedSite) -> None:
    mail, client = beginner13.host("mail"), beginner13.host("client")
    for number in range(3):
        submit(mail.address, "alice@example.org", ALICE, "bob+tag@example.org", f"no. {number}")
    write_mpoprc(client, mail.address, "bob", BOB)
    fetched: list[str] = []

    def has_all() -> bool:
        fetched.extend(fetch_new(client))
        return len(fetched) >= 3

    wait_for(has_all, 20, "the messages do not come")
    assert sorted(fetched) == ["no. 0", "no. 1", "no. 2"]
    assert fetch_new(client) == []
    with imap(mail.address, "bob@example.org", BOB) as session:
        folders = b" ".join(row for row in session.lsub()[1] if isinstance(row, bytes))
        for name in (b"\\Archive", b"\\Drafts", b"\\Junk", b"\\Sent", b"\\Trash"):
            assert name in folders
        assert len(read_mailbox(session).flags) == 3


@pytest.mark.parametrize(
    ("setting", "code", "says"),
    [
        ("ssl_min_protocol: TLSv1.9", 1, "ssl_min_protocol: no such version of TLS: TLSv1.9"),
        ("ssl_server_cert_file: /etc/nothing.pem", 1, "open(/etc/nothing.pem) failed"),
        ("disable_plaintext_auth: 'no'", 1, "Unknown setting: disable_plaintext_auth"),
        ("ssl_server_key_file: '</etc/shadow'", 3, "a file in the syntax of Dovecot 2.3"),
    ],
)
def test_a_setting_of_the_sites_that_breaks_dovecot_never_goes_live(
    beginner13: DeployedSite, setting: str, code: int, says: str
) -> None:
    edit = ("domain:", f"dovecot: {{'2.4': {{{setting}}}}}\ndomain:")
    done = beginner13.mailprov("apply", site=beginner13.edited("broken.yaml", edit))
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert "root:" not in done.stderr
    assert beginner13.mailprov("plan").returncode == 0


@pytest.mark.matrix
def test_settings_of_the_sites_are_in_force_and_an_old_password_logs_out(
    beginner13: DeployedSite,
) -> None:
    address = beginner13.host("mail").address
    settings = "'2.3': {ssl_options: no_compression}, '2.4': {login_greeting: I am new}"
    edited = beginner13.edited("own.yaml", ("domain:", f"dovecot: {{{settings}}}\ndomain:"))
    environment = {**PASSWORDS, "BOB_PASSWORD": "another"}
    session = imap(address, "bob", BOB)
    try:
        report = DeployedSite(beginner13.lab, edited, environment).apply()
        assert report["verify"]["passed"]
        assert any("bob@example.org" in one for one in report["hosts"]["mail"]["notices"])
        with pytest.raises((OSError, session.abort)):
            session.noop()
        with imap(address, "bob", "another") as new:
            assert b"I am new" in new.welcome
    finally:
        session.shutdown()
        beginner13.apply()


def test_a_value_of_dovecot_conf_reads_back(beginner13: DeployedSite) -> None:
    host = beginner13.host("mail")
    odd = ["a", "#", "a # b", '"a"', "'", "\\", "a\\", "a\\b", "{", "}", " a ", "=", "é ü", "@a"]
    for value in odd:
        text = f"login_greeting = {dovecot_value(value)}\n"
        head = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
        host.write_file("/tmp/dovecot.conf", head + text)  # noqa: S108 the lab host is ours alone
        said = host.check_run(["doveconf", "-c", "/tmp/dovecot.conf", "login_greeting"])  # noqa: S108 as above
        # What needs it is shown in quotes, and nothing in them is written otherwise.
        assert said.rstrip("\n") in {f"login_greeting = {value}", f'login_greeting = "{value}"'}
    with pytest.raises(MailprovError):
        dovecot_value("</etc/shadow")


def test_nothing_that_a_sound_host_logs_is_taken_for_a_failure(beginner13: DeployedSite) -> None:
    done = beginner13.mailprov("diagnose", "--json", "--since", "52w")
    report = json.loads(done.stdout)
    host = report["hosts"]["mail"]
    rows = [row for row in host["diagnoses"] if row["severity"] != "notice"]
    assert (done.returncode, rows, host["unknown"]) == (0, [], [])


@pytest.mark.matrix
def test_the_way_back_is_open(tutorial13: DeployedSite) -> None:
    host = tutorial13.host("mail")
    back = tutorial13.mailprov("rollback", "--to", "0")
    assert back.returncode == 0, back.stdout + back.stderr
    for path in ("/etc/dovecot/dovecot.conf", "/etc/postfix/main.cf"):
        assert "mailprov" not in host.read_file(path)
    assert complaints(host) == ""


def test_the_way_out_is_open_and_mail_stays(beginner13: DeployedSite) -> None:
    host = beginner13.host("mail")
    sent = beginner13.mailprov("send", "--from", "alice", "--to", "bob")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    gone = beginner13.mailprov("destroy", "--yes-destroy")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert host.run(["test", "-e", "/var/lib/mailprov"]).returncode == 1
    assert host.run(["test", "-d", "/srv/vmail/example.org/bob/Maildir"]).returncode == 0


# What an operator types, without a terminal and without a word about files of configuration.
UPGRADE = "apt-get -q update && apt-get -q -y -o Dpkg::Options::=--force-unsafe-io dist-upgrade"
FOLDERS = ("INBOX", "Projects.2026")


def put_filter(host: LabHost) -> None:
    """Give alice a script that files mail, as ManageSieve would leave it."""
    home = "/srv/vmail/example.org/alice"
    rule = (
        'require "fileinto";\nif header :contains "subject" "filed" {fileinto "Projects.2026";}\n'
    )
    host.write_file(f"{home}/sieve/file.sieve", rule)
    link = f"ln -s sieve/file.sieve {home}/.dovecot.sieve"
    host.check_run(["sh", "-c", f"{link} && chown -hR vmail: {home}/sieve {home}/.dovecot.sieve"])


def write_to_alice(host: LabHost, subject: str) -> None:
    submit(host.address, "bob@example.org", BOB, "alice@example.org", subject)


def fill_mailbox(host: LabHost) -> None:
    """Give alice mail with flags in two folders, and a filter."""
    for number in range(12):  # so many that a digit of a unique id is a letter
        write_to_alice(host, f"no. {number}")
    with imap(host.address, "alice", ALICE) as session:
        wait_for(lambda: len(read_mailbox(session).flags) == 12, 30, "the messages do not come")
        session.create("Projects.2026")
        put_filter(host)
        write_to_alice(host, "filed before")
        wait_for(lambda: bool(read_mailbox(session, "Projects.2026").flags), 20, "nothing is filed")
        session.select("INBOX")
        session.store("2", "+FLAGS", r"(\Seen \Flagged)")
        session.store("3", "+FLAGS", r"(\Answered $Label1)")
        session.copy("2:4", "Projects.2026")


def read_folders(host: LabHost) -> dict[str, Mailbox]:
    with imap(host.address, "alice", ALICE) as session:
        return {name: read_mailbox(session, name) for name in FOLDERS}


def upgrade(site: DeployedSite) -> None:
    """Upgrade the host's system in place, as far as its vendor's packages come."""
    host = site.host("mail")
    host.write_file("/etc/apt/sources.list", render_sources(read_machine_sources(), "trixie"))
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
    done = host.run([*environment, "sh", "-c", UPGRADE], timeout=540)
    (site.lab.home / "upgrade.log").write_text(done.stdout + done.stderr)
    assert "VERSION_CODENAME=trixie" in host.read_file("/etc/os-release")


@pytest.mark.matrix
def test_an_upgrade_of_the_system_loses_no_mail_no_flag_and_no_unique_id(
    lab_as_named: LabFactory,
) -> None:
    lab = lab_as_named("upgrade", [CLIENT, HostSpec("mail", ("10.89.0.4",), tree="debian-12")])
    site = deployable(lab, "beginner/lab.yaml")
    host, client = site.host("mail"), site.host("client")
    assert site.apply()["verify"]["passed"]
    fill_mailbox(host)
    uidls = read_uidls(host.address, "alice", ALICE)
    assert any(letter in uidl[:8] for uidl in uidls for letter in "abc")
    write_mpoprc(client, host.address, "alice", ALICE)
    assert len(fetch_new(client)) == 12
    before = read_folders(host)

    ahead = site.mailprov("plan", "--platform", "debian-13")
    assert ahead.returncode == 2, ahead.stdout + ahead.stderr
    for words in ("Dovecot 2.3.19.1", "Dovecot 2.4.1", "+dovecot_config_version"):
        assert words in ahead.stdout
    assert site.mailprov("plan").returncode == 0

    upgrade(site)
    planned = site.mailprov("plan")
    assert planned.returncode == 2, planned.stdout + planned.stderr
    assert "edited on the host" not in planned.stdout
    # Whether Dovecot is up or not, mail from outside is taken in.
    outside = f"swaks --server {host.address} --from a@outside.example --to alice@example.org"
    client.check_run(["sh", "-c", f"{outside} --h-Subject meanwhile --ehlo client.outside.example"])
    assert site.apply()["verify"]["passed"]
    assert_settled(site)

    host.check_run(["postqueue", "-f"])
    with imap(host.address, "alice", ALICE) as session:
        count = len(before["INBOX"].flags) + 1
        wait_for(lambda: len(read_mailbox(session).flags) == count, 30, "what waited does not come")
    after = read_folders(host)
    assert after["INBOX"].flags.pop(max(after["INBOX"].flags)) == frozenset()
    assert after == before
    assert read_uidls(host.address, "alice", ALICE)[:-1] == uidls
    assert fetch_new(client) == ["meanwhile"]
    write_to_alice(host, "filed after")
    with imap(host.address, "alice", ALICE) as session:
        count = len(before["Projects.2026"].flags) + 1
        wait_for(
            lambda: len(read_mailbox(session, "Projects.2026").flags) == count, 20, "not filed"
        )

    refused = site.mailprov("rollback")
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "another release" in refused.stderr

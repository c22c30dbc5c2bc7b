"""What the submission ports take, and what comes of mail that a host writes itself."""

from __future__ import annotations

import imaplib
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid

import pytest
from support.deployed import DeployedSite
from support.readers import insecure_tls

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Person:
    """A user of a site: address, name at login, password."""

    site: DeployedSite
    address: str
    login: str
    password: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @contextmanager
    def sending(self, port: int = 465, *, logged_in: bool = True) -> Iterator[smtplib.SMTP]:
        """Open a session on a submission port."""
        address, tls = self.site.host("mail").address, insecure_tls()
        smtp = (
            smtplib.SMTP_SSL(address, port, context=tls)
            if port == 465
            else smtplib.SMTP(address, port)
        )
        with smtp:
            if port != 465:
                smtp.starttls(context=tls)
            smtp.ehlo()
            if logged_in:
                smtp.login(self.login, self.password)
            yield smtp

    def received(self, words: str, count: int = 1) -> list[bytes]:
        """Wait for messages that hold these words; return them."""
        address = self.site.host("mail").address
        deadline = time.monotonic() + 20
        with imaplib.IMAP4_SSL(address, ssl_context=insecure_tls(), timeout=20) as imap:
            imap.login(self.login, self.password)
            while True:
                imap.select("INBOX")
                numbers = imap.search(None, "TEXT", f'"{words}"')[1][0].split()
                if len(numbers) >= count or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            assert len(numbers) == count, numbers
            return [imap.fetch(number.decode(), "(BODY[])")[1][0][1] for number in numbers]


@pytest.fixture(params=["tutorial", "beginner"])
def person(request: pytest.FixtureRequest) -> Person:
    """Return the first user of a site with system accounts, and of one with virtual ones."""
    site: DeployedSite = request.getfixturevalue(request.param)
    if request.param == "tutorial":
        password = site.environment["WANGSHENG_PASSWORD"]
        return Person(site, "wangsheng@wangsheng.com", "wangsheng", password)
    (domain,) = (
        line.split()[1] for line in site.path.read_text().splitlines() if line.startswith("domain:")
    )
    return Person(site, f"alice@{domain}", f"alice@{domain}", site.environment["ALICE_PASSWORD"])


def message(words: str, **headers: str) -> bytes:
    content = EmailMessage()
    for name, value in headers.items():
        content[name.replace("_", "-")] = value
    content["Subject"] = words
    content["Message-ID"] = make_msgid()
    content.set_content("hello\n")
    return content.as_bytes()


@pytest.mark.parametrize("port", [465, 587])
def test_a_bare_postmaster_opens_no_submission_port_before_a_login(
    person: Person, port: int
) -> None:
    """Postfix asks no restriction about a bare postmaster; anybody's message was delivered."""
    for sender in ("<>", "<anyone@elsewhere.example>", f"<{person.address}>", "<postmaster>"):
        with person.sending(port, logged_in=False) as smtp:
            assert smtp.docmd(f"MAIL FROM:{sender}")[0] == 530
            assert smtp.docmd("RCPT TO:<postmaster>")[0] == 503


@pytest.mark.parametrize("sender", ["own", ""])
def test_from_has_to_be_of_the_site_whatever_the_envelope_says(person: Person, sender: str) -> None:
    """A read receipt has no sender in its envelope (RFC 8098), and its From is checked too."""
    words = f"from-{sender or 'null'}-{time.monotonic_ns()}"
    envelope = person.address if sender else ""
    with person.sending() as smtp:
        with pytest.raises(smtplib.SMTPDataError, match="From has to be an address of") as refused:
            smtp.sendmail(envelope, person.address, message(words, From="ceo@bank.example"))
        assert refused.value.smtp_code == 550
        smtp.sendmail(envelope, person.address, message(words, From=f"Me <{person.address}>"))
    person.received(words)


def test_a_message_without_from_gets_the_senders(person: Person) -> None:
    words = f"no-from-{time.monotonic_ns()}"
    with person.sending() as smtp:
        smtp.sendmail(person.address, person.address, message(words))
    (content,) = person.received(words)
    assert f"\nFrom: {person.address}\r\n".encode() in content


def test_what_a_host_writes_to_an_account_that_is_no_user_reaches_roots_reader(
    person: Person,
) -> None:
    """Cron's mail to www-data was bounced to www-data, and the bounce was thrown away."""
    mail, words = person.site.host("mail"), f"cron-{time.monotonic_ns()}"
    text = f"Subject: {words}\n\nhello\n"
    for recipient in ("www-data", "daemon@localhost"):
        mail.check_run(["runuser", "-u", "www-data", "--", "sendmail", "-i", recipient], stdin=text)
    person.received(words, count=2)
    with smtplib.SMTP(mail.address) as smtp:
        smtp.ehlo("[192.0.2.7]")
        smtp.mail("")
        assert smtp.rcpt(f"www-data@{person.domain}")[0] == 550


def test_mail_that_can_neither_be_delivered_nor_sent_back_is_told_to_somebody(
    person: Person,
) -> None:
    mail, words = person.site.host("mail"), f"lost-{time.monotonic_ns()}"
    text = f"Subject: {words}\n\nhello\n"
    for sender in ("www-data", "nobody-here"):
        mail.check_run(["sendmail", "-i", "-f", sender, "nobody-there"], stdin=text)
    told = b"".join(person.received(words, count=2))
    assert b"Subject: Undelivered Mail Returned to Sender" in told
    assert b"Subject: Postmaster Copy: Undelivered Mail" in told


def test_users_get_their_own_mail_from_the_host(person: Person) -> None:
    mail, words = person.site.host("mail"), f"own-{time.monotonic_ns()}"
    recipients = [person.address, person.address.partition("@")[0]]
    mail.check_run(["sendmail", "-i", *recipients], stdin=f"Subject: {words}\n\nhello\n")
    person.received(words, count=2)


def test_a_device_in_a_trusted_network_sends_from_whatever_name_it_has(
    tutorial: DeployedSite,
) -> None:
    """Scanners and printers cannot always be given a full address to send from."""
    lab = tutorial.lab

    def sent(key: str, sender: str) -> str:
        to = "xhyhuiying@wangsheng.com"
        words = ["swaks", "--server", lab.site("10.89.0.3"), "--ehlo", "pc.outside.example"]
        done = tutorial.host(key).run(
            [*words, "--from", sender, "--to", to, "--quit-after", "RCPT"]
        )
        replies = [line for line in done.stdout.splitlines() if line.startswith("<")]
        return replies[-2].split(maxsplit=1)[1]  # the last one is to QUIT

    for sender in ("root@localhost", "scanner@printer", "abuse", "abuse@wangsheng.com"):
        assert sent("client", sender).startswith("250"), sender
    assert sent("client", "scanner@wangsheng.com").startswith("550 5.1.0")
    assert sent("stranger", "scanner@printer").startswith("504")

"""Users of a domain that is not all ASCII log in as they write it."""

from __future__ import annotations

import base64
import imaplib
import poplib
import smtplib
import unicodedata

import pytest
from support.deployed import DeployedSite
from support.readers import insecure_tls

pytestmark = pytest.mark.lab

MUNICH = "münchen.example"
ADDRESS = "carol@xn--mnchen-3ya.example"


def logins(address: str, name: str, password: str) -> dict[str, bool]:
    """Try a name on every kind of port; return which of them opened."""
    token = f"\0{name}\0{password}".encode()
    tls, found = insecure_tls(), {}
    with imaplib.IMAP4_SSL(address, ssl_context=tls, timeout=20) as imap:
        try:
            found["imap"] = imap.authenticate("PLAIN", lambda _: token)[0] == "OK"
        except imaplib.IMAP4.error:
            found["imap"] = False
    pop3 = poplib.POP3_SSL(address, context=tls, timeout=20)
    pop3.encoding = "utf-8"
    try:
        pop3.user(name)
        found["pop3"] = pop3.pass_(password).startswith(b"+OK")
    except poplib.error_proto:
        found["pop3"] = False
    pop3.close()
    with smtplib.SMTP_SSL(address, 465, context=tls, timeout=20) as smtp:
        smtp.ehlo()
        code, _ = smtp.docmd("AUTH", f"PLAIN {base64.b64encode(token).decode()}")
        # What may be sent under is that address, however the name was typed.
        found["submission"] = code == 235 and smtp.mail(ADDRESS)[0] == 250
    return found


def test_a_user_of_an_international_domain_logs_in_under_every_spelling_of_it(
    beginner: DeployedSite,
) -> None:
    """Only the bare name and the xn-- form worked, which no user has ever seen."""
    user = "  alice: {password: {env: ALICE_PASSWORD}}\n"
    path = beginner.edited(
        "international.yaml",
        (user, f'{user}  "carol@{MUNICH}": {{password: {{env: ALICE_PASSWORD}}}}\n'),
        ("dns:\n", f"domains: {{{MUNICH}: {{}}}}\ndns:\n"),
    )
    password, address = beginner.environment["ALICE_PASSWORD"], beginner.host("mail").address
    everywhere = {"imap": True, "pop3": True, "submission": True}
    try:
        beginner.apply(site=path)
        apart = unicodedata.normalize("NFD", MUNICH)
        for domain in (MUNICH, "MÜNCHEN.example", apart, "xn--mnchen-3ya.example"):
            assert logins(address, f"carol@{domain}", password) == everywhere, domain
        nowhere = dict.fromkeys(everywhere, False)
        assert logins(address, "carol@munchen.example", password) == nowhere
    finally:
        beginner.apply()

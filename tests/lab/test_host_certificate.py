"""A host's own certificate is for its name and nothing else, and its key stays.

Earlier versions left it to openssl(1) what the certificate says of itself, which is that it
may sign for any name: who trusted the host's certificate trusted the host for all the world.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.deployed import DeployedSite

from provisioner.lab import LabHost

pytestmark = pytest.mark.lab

CHAIN = "/etc/mailprov/tls/site.pem"
# As the versions before made it, but of the key that is there.
AS_BEFORE = f"""
cd /root
openssl pkey -in {CHAIN} -out old.key
openssl req -x509 -key old.key -days 3650 -subj /CN=mail.example.org \
    -addext subjectAltName=DNS:mail.example.org -out old.crt
echo '# Managed by mailprov: made on this host, where the key stays.' >{CHAIN}
cat old.key old.crt >>{CHAIN}
rm old.*
systemctl reload postfix dovecot
"""


def said(host: LabHost, command: str) -> str:
    return host.check_run(["sh", "-c", command]).strip()


def key_of(host: LabHost) -> str:
    return said(host, f"openssl pkey -in {CHAIN} -pubout -outform DER | sha256sum")


def certificate_of(host: LabHost) -> str:
    return said(host, f"openssl x509 -in {CHAIN} -noout -fingerprint -sha256")


def served_on(host: LabHost, port: int) -> str:
    shown = f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null"
    return said(host, f"{shown} | openssl x509 -noout -fingerprint -sha256")


@pytest.fixture
def upgraded(beginner: DeployedSite) -> Iterator[DeployedSite]:
    """Return the beginner's site as a version before left it, under another message size."""
    limits = "submission: {"
    other = beginner.edited("upgraded.yaml", (limits, f"{limits}message_size: 33M, "))
    beginner.apply(site=other)
    said(beginner.host("mail"), AS_BEFORE)
    assert "CA:TRUE" in said(beginner.host("mail"), f"openssl x509 -in {CHAIN} -noout -text")
    yield DeployedSite(beginner.lab, other, beginner.environment)
    beginner.apply()


def test_a_certificate_that_may_sign_gives_way_to_one_that_may_not_of_the_same_key(
    upgraded: DeployedSite,
) -> None:
    host = upgraded.host("mail")
    key, before = key_of(host), certificate_of(host)
    planned = upgraded.mailprov("plan", "--json")
    assert planned.returncode == 2
    changes = json.loads(planned.stdout)["hosts"]["mail"]["changes"]
    assert [(row["action"], row["kind"]) for row in changes] == [
        ("renew", "secret"),
        ("reload", "unit"),
        ("reload", "unit"),
        ("update", "record"),
    ]
    assert "of the same key" in changes[0]["reason"]

    report = upgraded.apply()
    # Its pins are those of the certificate that is there now, on every port.
    assert report["verify"]["passed"]
    after = certificate_of(host)
    assert key_of(host) == key
    assert after != before
    assert {served_on(host, port) for port in (465, 993)} == {after}
    text = said(host, f"openssl x509 -in {CHAIN} -noout -text")
    for words in (
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature",
        "TLS Web Server Authentication",
        "DNS:mail.example.org",
    ):
        assert words in text
    assert upgraded.mailprov("plan").returncode == 0

    # The configuration goes back, and what the host made for itself does not.
    back = upgraded.mailprov("rollback")
    assert back.returncode == 0, back.stderr
    assert said(host, "postconf -h message_size_limit") != str(33 * 1024**2)
    assert certificate_of(host) == after

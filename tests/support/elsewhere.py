"""Somebody else's mail server: mail.outside.example, with two mailboxes and a certificate."""

from __future__ import annotations

from provisioner.lab import LabHost

_MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.outside.example
inet_protocols = ipv4
mydestination =
virtual_mailbox_domains = outside.example
virtual_mailbox_maps = inline:{someone@outside.example=x, partner@outside.example=x}
virtual_transport = discard:
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/postfix/key.pem, /etc/postfix/certificate.pem
"""
_START = (
    "cd /etc/postfix && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
    "-subj /CN=mail.outside.example -keyout key.pem -out certificate.pem -days 30 2>&1 "
    "&& systemctl restart postfix"
)


def serve_elsewhere(host: LabHost) -> None:
    """Configure a lab host of the tree `debian-12-mail` as that server, and start it."""
    host.write_file("/etc/postfix/main.cf", _MAIN_CF)
    host.check_run(["sh", "-c", _START])

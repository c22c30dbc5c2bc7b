"""The demo: the tutorial's site on real lab hosts, from nothing to a mail that was read.

It does what an operator does, with the commands an operator types: apply, verify,
then a mail from one user to the other as a desktop client would send and fetch it.
What it makes stays up until `mailprov lab down demo`.
"""

from __future__ import annotations

import os
import poplib
import secrets
import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

from provisioner.inventory.load import parse_site
from provisioner.lab.failures import lab_error
from provisioner.lab.lab import Lab
from provisioner.lab.state import HostSpec
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Role, Site, User
from provisioner.render.tls_chain import CHAIN_PATH

DEMO_LAB = "demo"
_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Demo:
    """A site on the demo lab's hosts. passwords: by environment variable."""

    lab: Lab
    site: Site
    site_file: Path
    passwords: dict[str, str]

    def mailprov(self, verb: str) -> None:
        """Run a verb of the command line on the site; MailprovError if it fails."""
        command = [sys.executable, "-m", "provisioner", verb, str(self.site_file)]
        environment = {**os.environ, **self.passwords, "HOME": str(self.lab.home)}
        status = subprocess.run(command, env=environment, check=False).returncode
        if status != 0:
            raise lab_error(f"mailprov {verb} ended with exit code {status}")


def specs_for(site: Site, tree: str = "debian-12") -> list[HostSpec]:
    """Return bare hosts with the names and addresses of a site's hosts."""
    return [
        HostSpec(host.key, tuple(map(str, host.addresses)), tree, fqdn=host.fqdn)
        for host in site.hosts
    ]


def run_demo(inventory: Path, say: Say) -> None:
    """Bring up the lab, apply and verify the inventory's site, send and read a mail.

    say: told each step, in words for a person. Raises MailprovError.
    """
    text = inventory.read_text(encoding="utf-8")
    say("booting the lab's hosts (the first time builds their root trees: minutes)")
    lab = Lab.up(DEMO_LAB, specs_for(parse_site(text.encode(), str(inventory)).site))
    site_file = lab.home / "site.yaml"
    site_file.write_text(lab.site(text), encoding="utf-8")
    site = parse_site(site_file.read_bytes(), str(site_file)).site
    demo = Demo(lab, site, site_file, _passwords(lab.home, site.users))
    for verb in ("apply", "verify"):
        say(f"mailprov {verb} {site_file}")
        demo.mailprov(verb)
    sender, reader = site.users[0], site.users[-1]
    say(f"a mail from {sender.address} to {reader.address}")
    try:
        say(_send_and_read(demo, sender, reader))
    except (OSError, smtplib.SMTPException, poplib.error_proto) as problem:
        raise lab_error(
            "the mail did not go through", got=str(problem), fix="`mailprov verify` says why"
        ) from problem
    say(_summary(demo))


def _passwords(folder: Path, users: Sequence[User]) -> dict[str, str]:
    """Return a password for every variable that the users' references name; kept for later runs."""
    passwords = {}
    for user in users:
        if isinstance(user.password, SecretReference) and user.password.source == "env":
            name = str(user.password.value)
            path = folder / f"{name}.txt"
            if not path.exists():
                path.touch(mode=0o600)
                path.write_text(secrets.token_urlsafe(15), encoding="ascii")
            passwords[name] = path.read_text(encoding="ascii")
    return passwords


def _send_and_read(demo: Demo, sender: User, reader: User) -> str:
    store = demo.site.hosts_with(Role.STORE)[0]
    certificate = demo.lab.host(store.key).check_run(["openssl", "x509", "-in", CHAIN_PATH])
    context = ssl.create_default_context(cadata=certificate)
    address = str(store.addresses[0])
    message = _message(sender, reader)
    with smtplib.SMTP(timeout=_SECONDS) as client:
        client._host = store.fqdn  # type: ignore[attr-defined] # noqa: SLF001 the name to check, as in DNS
        client.connect(address, 587)
        client.starttls(context=context)
        client.login(sender.address, _password(demo, sender))
        client.send_message(message)
    return _fetch(demo, reader, context, message["Message-ID"])


def _fetch(demo: Demo, reader: User, context: ssl.SSLContext, message_id: str) -> str:
    """Return the message's lines as POP3 gave them; it is deleted from the mailbox."""
    store = demo.site.hosts_with(Role.STORE)[0]
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        client = poplib.POP3(str(store.addresses[0]), 110, timeout=_SECONDS)
        client.host = store.fqdn
        client.stls(context)
        client.user(reader.address)
        client.pass_(_password(demo, reader))
        for number in range(len(client.list()[1]), 0, -1):
            lines = [line.decode(errors="replace") for line in client.retr(number)[1]]
            if any(message_id in line for line in lines):
                client.dele(number)
                client.quit()
                return "\n".join(f"    {line}" for line in lines)
        client.quit()
        time.sleep(0.2)
    raise lab_error("the mail did not arrive", want=f"within {_SECONDS:.0f} s, by POP3")


def _message(sender: User, reader: User) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender.address
    message["To"] = reader.address
    message["Subject"] = "It works"
    message["Message-ID"] = make_msgid(domain=sender.address.domain)
    message.set_content("Submitted on port 587 with STARTTLS, read by POP3 with STLS.\n")
    return message


def _password(demo: Demo, user: User) -> str:
    if isinstance(user.password, SecretReference):
        return demo.passwords[str(user.password.value)]
    raise lab_error("the demo needs passwords by environment variable", got=user.address)


def _summary(demo: Demo) -> str:
    hosts = [f"  {host.key:<6} {host.fqdn:<24} {host.addresses[0]}" for host in demo.site.hosts]
    users = ", ".join(user.address for user in demo.site.users)
    home = demo.lab.home
    return "\n".join(
        [
            f"The site {demo.site.domain} is up on {len(hosts)} hosts:",
            *hosts,
            f"  users  {users} (passwords: {home}/*.txt)",
            "",
            f"Look around:     ssh -F {home}/.ssh/config {demo.site.hosts[-1].key}",
            f"The site file:   {demo.site_file}",
            "Take it away:    make demo-down",
        ]
    )

"""The demo: the tutorial's site on real lab hosts, from nothing to a mail that was read.

It does what an operator does, with the commands an operator types: apply, verify, send a
mail from one user to the other; then it fetches that mail as a desktop client would.
What it makes stays up until `mailprov lab down demo`.
"""

from __future__ import annotations

import os
import poplib
import secrets
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.directory.inline import directory_of
from provisioner.lab.failures import lab_error
from provisioner.lab.lab import Lab
from provisioner.lab.state import HostSpec
from provisioner.lab.tree_recipes import DEFAULT_TREE
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Role, Site, User
from provisioner.render.tls_chain import CHAIN_PATH
from provisioner.site.load import parse_site

DEMO_LAB = "demo"
_SECONDS = 30.0

Say = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Demo:
    """A site on the demo lab's hosts. passwords: by environment variable."""

    lab: Lab
    site: Site
    site_file: Path
    passwords: dict[str, str]

    def mailprov(self, verb: str, *options: str) -> None:
        """Run a verb of the command line on the site; MailprovError if it fails."""
        command = [sys.executable, "-m", "provisioner", verb, str(self.site_file), *options]
        environment = {**os.environ, **self.passwords, "HOME": str(self.lab.home)}
        status = subprocess.run(command, env=environment, check=False).returncode
        if status != 0:
            raise lab_error(f"mailprov {verb} ended with exit code {status}")


def specs_for(site: Site, tree: str = DEFAULT_TREE) -> list[HostSpec]:
    """Return bare hosts with the names and addresses of a site's hosts."""
    return [
        HostSpec(host.key, tuple(map(str, host.addresses)), tree, fqdn=host.fqdn)
        for host in site.hosts
    ]


def run_demo(inventory: Path, say: Say) -> None:
    """Bring up the lab, apply and verify the inventory's site, send and read a mail.

    say: told each step, in lines for a person. Raises MailprovError.
    """
    text = inventory.read_text(encoding="utf-8")
    say(["booting the lab's hosts (the first time builds their root trees: minutes)"])
    lab = Lab.up(DEMO_LAB, specs_for(parse_site(text.encode(), str(inventory)).site))
    site_file = lab.home / "site.yaml"
    site_file.write_text(lab.site(text), encoding="utf-8")
    site = parse_site(site_file.read_bytes(), str(site_file)).site
    users = directory_of(site).users
    demo = Demo(lab, site, site_file, _passwords(lab.home, users))
    for verb in ("apply", "verify"):
        say([f"mailprov {verb} {site_file}"])
        demo.mailprov(verb)
    sender, reader = users[0], users[-1]
    subject = f"It works ({secrets.token_hex(4)})"
    say([f"mailprov send {site_file} --from {sender.address} --to {reader.address}"])
    options = ("--from", sender.address, "--to", reader.address, "--subject", subject)
    demo.mailprov("send", *options)
    say([f"the mailbox of {reader.address}, by POP3 with STLS"])
    try:
        say(_fetch(demo, reader, subject))
    except (OSError, poplib.error_proto) as problem:
        raise lab_error(
            "the mail cannot be read", got=str(problem), fix="`mailprov verify` says why"
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


def _fetch(demo: Demo, reader: User, subject: str) -> list[str]:
    """Return the message's lines as POP3 gave them; it is deleted from the mailbox."""
    store = demo.site.hosts_with(Role.STORE)[0]
    certificate = demo.lab.host(store.key).check_run(["openssl", "x509", "-in", CHAIN_PATH])
    client = poplib.POP3(str(store.addresses[0]), 110, timeout=_SECONDS)
    client.host = store.fqdn  # the name to check, as in DNS
    client.stls(ssl.create_default_context(cadata=certificate))
    client.user(reader.address)
    client.pass_(_password(demo, reader))
    for number in range(len(client.list()[1]), 0, -1):
        lines = [line.decode(errors="replace") for line in client.retr(number)[1]]
        if f"Subject: {subject}" in lines:
            client.dele(number)
            client.quit()
            return [f"    {line}" for line in lines]
    client.quit()
    raise lab_error("the mail that was delivered is not in the mailbox", want=subject)


def _password(demo: Demo, user: User) -> str:
    if isinstance(user.password, SecretReference):
        return demo.passwords[str(user.password.value)]
    raise lab_error("the demo needs passwords by environment variable", got=user.address)


def _summary(demo: Demo) -> list[str]:
    hosts = [f"  {host.key:<6} {host.fqdn:<24} {host.addresses[0]}" for host in demo.site.hosts]
    users = ", ".join(user.address for user in directory_of(demo.site).users)
    home = demo.lab.home
    return [
        f"The site {demo.site.domain} is up on {len(hosts)} hosts:",
        *hosts,
        f"  users  {users} (passwords: {home}/*.txt)",
        "",
        f"Look around:     ssh -F {home}/.ssh/config {demo.site.hosts[-1].key}",
        f"The site file:   {demo.site_file}",
        "Take it away:    make demo-down",
    ]

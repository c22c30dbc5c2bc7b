"""A site on lab hosts that no `apply` made: real daemons, configured by hand.

It stands apart from rendering and applying, so that what asks it proves something of
the asking alone. Its files are in tests/lab/handmade/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from provisioner.clients.asker import SiteAsker
from provisioner.lab import Lab
from provisioner.model.secrets import SecretReference
from provisioner.model.site import Networks, Site
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.finding import Finding
from provisioner.probes.question import judge
from provisioner.transport.fleet import OpenFleet
from provisioner.transport.options import SshOptions
from provisioner.verbs.asking import ProbeAccount
from provisioner.verbs.ports import Transport
from support.probe_site import ACCOUNT, two_host_site
from support.release import DOVECOT as DIALECT

HANDMADE = Path(__file__).parents[1] / "lab" / "handmade"
DOVECOT = "/etc/dovecot/dovecot.conf"
UNBOUND = "/etc/unbound/unbound.conf"
PROBER = ProbeAccount(ACCOUNT, ACCOUNT, "right horse")


@dataclass
class HandmadeSite:
    """A site on lab hosts that no `apply` made."""

    lab: Lab
    transports: Mapping[str, Transport]
    fingerprint: str

    def model(self, resolver: str = "10.89.0.0/24") -> Site:
        return two_host_site(
            ns=self.lab.host("ns").address,
            mail=self.lab.host("mail").address,
            forwarder=self.lab.internet.address,
            networks=Networks(resolver=(ip_network(self.lab.site(resolver)),)),
        )

    def ask(
        self, wanted: Callable[[str], bool] = lambda _: True, site: Site | None = None
    ) -> dict[str, Finding]:
        """Ask the questions whose ids are wanted and return the findings by id."""
        site = site or self.model()
        pins = {"mail": self.fingerprint}
        asker = SiteAsker(
            hosts=site.hosts,
            transports=self.transports,
            account=PROBER,
            fingerprints=pins,
        )
        targets = ProbeTargets(account=ACCOUNT, fingerprints=pins)
        questions = [q for q in questions_for(site, targets) if wanted(q.id)]
        assert questions
        return {f.id: f for answered in asker.ask(questions) for f in judge(answered)}

    def restore(self, host: str) -> None:
        if host == "ns":
            self.lab.host(host).write_file(UNBOUND, self._text("unbound.conf"))
            # So many restarts in so little time would otherwise be systemd's limit.
            restart = "systemctl reset-failed; systemctl restart unbound"
        else:
            self.lab.host(host).write_file("/etc/postfix/main.cf", self._text("main.cf"))
            self.lab.host(host).write_file(DOVECOT, self._text(f"dovecot-{DIALECT}.conf"))
            restart = self._text("restore.sh")
        self.lab.host(host).check_run(["sh", "-c", restart])

    @contextmanager
    def broken(self, host: str, command: str) -> Iterator[None]:
        """Break a host with a shell command for the length of a `with` block."""
        try:
            self.lab.host(host).check_run(["sh", "-ec", f"systemctl reset-failed; {command}"])
            yield
        finally:
            self.lab.host(host).run(["sh", "-c", "while ip rule del pref 100; do :; done"])
            self.restore(host)

    def _text(self, name: str) -> str:
        text = (HANDMADE / name).read_text(encoding="utf-8")
        text = text.replace("@OTHER_NAME@", PROBER.other_name)
        return self.lab.site(text.replace("$anchor", self.lab.trust_anchor))


@contextmanager
def handmade_site(lab: Lab) -> Iterator[HandmadeSite]:
    """Configure the lab's hosts `ns` and `mail`, and open SSH connections to them."""
    mail = lab.host("mail")
    mail.check_run(["sh", "-c", (HANDMADE / "make.sh").read_text(encoding="utf-8")])
    shown = ["openssl", "x509", "-in", "/etc/ssl/private/probe.crt", "-noout", "-fingerprint"]
    fingerprint = mail.check_run([*shown, "-sha256"]).partition("=")[2].strip()
    home = Path(lab.home) / ".ssh"
    options = SshOptions(
        user_config=home / "config", known_hosts=home / "known_hosts", identities=home
    )
    with OpenFleet(options, lambda _: _reveal_nothing) as fleet:
        site = HandmadeSite(lab, {}, fingerprint.replace(":", "").lower())
        site.transports = {host.key: fleet.transport(host) for host in site.model().hosts}
        site.restore("mail")
        site.restore("ns")
        yield site


def _reveal_nothing(reference: SecretReference) -> str:
    raise AssertionError(reference)

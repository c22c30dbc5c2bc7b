"""Slips in Postfix's own words that Postfix itself passes over or only logs.

What is here is written often enough, in guides and by hand, to be worth a name. Any
other unknown parameter is found by the daemon's own check on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.site import Role

# What is written, and what is meant (postconf(5) has the right-hand side alone).
NO_SUCH_PARAMETERS: Mapping[str, str] = {
    "smtpd_sasl_security_restrictions": "smtpd_sasl_security_options and "
    "smtpd_sasl_tls_security_options",
    "smtp_sasl_security_restrictions": "smtp_sasl_security_options and "
    "smtp_sasl_tls_security_options",
    "smtpd_sasl_auth_enabled": "smtpd_sasl_auth_enable",
    "smtpd_sasl_authenticated_headers": "smtpd_sasl_authenticated_header",
    "smtpd_sasl_local_domains": "smtpd_sasl_local_domain",
    "broken_sasl_auth_client": "broken_sasl_auth_clients",
    "smtpd_client_restriction": "smtpd_client_restrictions",
    "smtpd_helo_restriction": "smtpd_helo_restrictions",
    "smtpd_sender_restriction": "smtpd_sender_restrictions",
    "smtpd_relay_restriction": "smtpd_relay_restrictions",
    "smtpd_recipient_restriction": "smtpd_recipient_restrictions",
    "inet_interface": "inet_interfaces",
    "inet_protocol": "inet_protocols",
    "mynetwork": "mynetworks",
    "mydestinations": "mydestination",
    "relay_domain": "relay_domains",
}

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))")
# Lists of names that are the site's own.
_OWN_LISTS = frozenset({"mydestination", "virtual_mailbox_domains", "virtual_alias_domains"})
# Empty, they mean that every name exists (postconf(5), local_recipient_maps).
_RECIPIENT_MAPS = ("local_recipient_maps", "virtual_mailbox_maps")

Services = Mapping[str, Mapping[str, str]]


def absent_parameters(main: Mapping[str, str], master: Services) -> frozenset[str]:
    """Return the names in options of main.cf and master.cf that are not handed on.

    Postfix has none of that name: it would ignore them, and its check would refuse all the
    rest. A name that a value refers to is a variable of the writer's own, and stays.
    """
    sections = (main, *master.values())
    written = {name for options in sections for name in options}
    referred = {name for one in sections for value in one.values() for name in _variables(value)}
    return frozenset(written & NO_SUCH_PARAMETERS.keys() - referred)


def repeated_domains(relay_domains: str, domain: str, own: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a relay_domains that name what is local to the site already.

    domain: what $mydomain stands for. own: all names that the site's mail host is the
    destination of.
    """
    names = {"$myhostname", "localhost", f"localhost.{domain}", *own}

    def is_own(word: str) -> bool:
        if _OWN_LISTS.intersection(_variables(word)):
            return True
        expanded = _VARIABLE.sub(
            lambda found: domain if found[found.lastindex or 0] == "mydomain" else found[0], word
        )
        return re.sub(r"[{}()]", "", expanded).lower().rstrip(".") in names

    return tuple(word for word in re.split(r"[\s,]+", relay_domains) if word and is_own(word))


def warn_postfix_slips(reading: Reading) -> Iterator[SiteProblem]:
    """Yield a warning for every slip in `postfix` of the site file."""
    postfix = reading.file.postfix
    if postfix is None:
        return
    absent = absent_parameters(postfix.main, postfix.master)
    yield from _warn_absent(("postfix", "main"), absent.intersection(postfix.main))
    for service, options in postfix.master.items():
        yield from _warn_absent(("postfix", "master", service), absent.intersection(options))
    own = [*reading.domains, *(reading.fqdn(key) for key in reading.hosts_with(Role.MX))]
    yield from _warn_accepted_for_nobody(postfix.main)
    value = postfix.main.get("relay_domains", "")
    if repeated := repeated_domains(value, reading.file.domain, own):
        yield SiteProblem(
            ("postfix", "main", "relay_domains"),
            "relay_domains repeats mydestination: Postfix then accepts mail from "
            "anybody for every name below these domains, even for missing names",
            got=", ".join(repeated),
            want="no `relay_domains`: every domain of the site is in its one right class already",
            fix="remove it, or name only domains whose mail this host relays to other servers",
        )


def _warn_accepted_for_nobody(main: Mapping[str, str]) -> Iterator[SiteProblem]:
    for name in _RECIPIENT_MAPS:
        if name in main and not main[name].strip():
            yield SiteProblem(
                ("postfix", "main", name),
                "Postfix would accept mail for unknown users and bounce it later, "
                "mostly to forged senders (backscatter)",
                got="an empty value",
                want="mailprov's own value, which refuses mail for unknown users at once",
                fix="remove it",
            )


def _warn_absent(path: KeyPath, names: Iterable[str]) -> Iterator[SiteProblem]:
    for name in sorted(names):
        yield SiteProblem(
            (*path, name),
            "Postfix has no such parameter and would ignore it, so mailprov leaves it out",
            got=name,
            want=NO_SUCH_PARAMETERS[name],
            fix="remove it; set the intended one only if mailprov's own value (see "
            "`mailprov render`) does not fit",
            at_key=True,
        )


def _variables(text: str) -> Iterator[str]:
    for found in _VARIABLE.finditer(text):
        yield found[found.lastindex or 0]

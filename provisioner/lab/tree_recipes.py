"""What each root tree contains: data, and nothing but data.

A tree is named after its release and what it adds:

    debian-12           what every server has, and no more: no Python, no mail
    debian-12-mail      + Postfix, Dovecot, Unbound, installed and never started
    debian-12-inet      + BIND, which plays the internet's DNS
    debian-12-client    + the mail clients that people really use

and the same for debian-13. A tree with a base is a layer over it, so that all of
them together cost little more disk than their packages.

    el-9                a bare host with the layout of Enterprise Linux 9 over Debian 12's
                        binaries: dnf and rpm, and no apt (see `layout`)
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.lab.failures import lab_error

CODENAMES = {"debian-12": "bookworm", "debian-13": "trixie"}
DEFAULT_TREE = "debian-12"
INTERNET_ADDITION = "inet"
LAYOUTS = {"el-9": "debian-12"}
"""Trees that are remade in another system's layout, with the release whose binaries they run."""

# Timers that would fetch, trim or scan on their own while a test looks at the host,
# and logins on a console that nobody has.
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
)

_BARE = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "iproute2",
    "ca-certificates",
    "sudo",
    "nftables",
)
_ADDITIONS = {
    "mail": (
        "postfix",
        "dovecot-core",
        "dovecot-imapd",
        "dovecot-pop3d",
        "dovecot-lmtpd",
        "dovecot-sieve",
        "dovecot-managesieved",
        "unbound",
        "dns-root-data",  # Unbound's validator does not start without it
        "openssl",
    ),
    INTERNET_ADDITION: ("bind9", "bind9-utils", "bind9-dnsutils"),
    "client": (
        "netbase",  # /etc/protocols, without which Perl does not know what tcp is
        "s-nail",
        "swaks",
        "libnet-ssleay-perl",  # swaks speaks TLS with it
        "libauthen-sasl-perl",
        "libio-socket-inet6-perl",
        "msmtp",
        "mpop",
        "fetchmail",
        "isync",
        "neomutt",
        "bind9-dnsutils",
        "openssl",
    ),
}
# What a layout is made with, and what its bare hosts have beside systemd.
_LAYOUT_PACKAGES = (
    "dnf",
    "rpm",
    "createrepo-c",
    "rsyslog",
    "unbound-anchor",
    "firewalld",
    "postfix-cdb",
    "dovecot-sqlite",
    "sqlite3",
)


@dataclass(frozen=True, slots=True)
class TreeRecipe:
    """How to make one tree: `base` is the name of the tree below it, or "".

    layout: another system's, in which the tree is remade (see `layout`), or "".
    """

    name: str
    codename: str
    packages: tuple[str, ...]
    base: str = ""
    layout: str = ""


def tree_recipe(name: str) -> TreeRecipe:
    """Return the recipe of a tree; raise MailprovError, naming all trees, if there is none."""
    if name in CODENAMES:
        return TreeRecipe(name, CODENAMES[name], _BARE)
    if name in LAYOUTS:
        release = LAYOUTS[name]
        mail = f"{release}-mail"
        return TreeRecipe(name, CODENAMES[release], _LAYOUT_PACKAGES, mail, layout=name)
    base, _, addition = name.rpartition("-")
    if base in CODENAMES and addition in _ADDITIONS:
        return TreeRecipe(name, CODENAMES[base], _ADDITIONS[addition], base)
    raise lab_error("there is no such root tree", got=name, want=", ".join(tree_names()))


def tree_names() -> list[str]:
    """Return the names of all trees that can be built."""
    trees = [f"{base}{rest}" for base in CODENAMES for rest in ("", *(f"-{a}" for a in _ADDITIONS))]
    return [*trees, *LAYOUTS]


def base_of(name: str) -> str:
    """Return the bare Debian tree of a tree's release: `debian-12` for `debian-12-mail`."""
    recipe = tree_recipe(name)
    if recipe.layout:
        return LAYOUTS[recipe.layout]
    return recipe.base or recipe.name

"""Of a Dovecot that somebody set up, names of settings are told, and those alone."""

from __future__ import annotations

import pytest

from provisioner.daemons.dovecot.found import found_lines
from provisioner.rooms.found_server import FoundServer

# Some of what `doveconf -n` says of Enterprise Linux's package, which keeps no copy of its files.
_EL = """
# 2.3.16 (7e2e900c1a): /etc/dovecot/dovecot.conf
# Hostname: mail.example.org

mbox_write_locks = fcntl
namespace inbox {
  inbox = yes
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
  prefix =
}
passdb {
  driver = pam
}
ssl = required
ssl_key = # hidden, use -P to show it
""".splitlines()


def test_a_package_that_keeps_no_copy_of_its_files_is_known_by_what_it_sets() -> None:
    assert list(found_lines(FoundServer(settings=tuple(_EL)))) == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("ssl = required", "ssl = no", "ssl"),
        ("  driver = pam", "  driver = ldap", "passdb"),
        ("  prefix =", "  prefix = INBOX.", "namespace inbox"),
        ("    special_use = \\Sent", "    special_use = \\Junk", "namespace inbox"),
        ("}", "}\nplugin {\nquota = a = b\n}", "plugin"),
        ("ssl = required", "ssl = required\nauth_realms = a = b", "auth_realms"),
    ],
)
def test_what_stands_in_a_block_is_told_by_the_outermost_one(old: str, new: str, name: str) -> None:
    text = "\n".join(_EL)
    settings = text.replace(f"\n{old}\n", f"\n{new}\n", 1).splitlines()
    got = list(found_lines(FoundServer(settings=tuple(settings))))
    assert got == [f"Dovecot: 1 setting: {name}"]


def test_what_sieve_can_do_is_nobodys_setting() -> None:
    more = "managesieve_sieve_capability = fileinto reject"
    assert list(found_lines(FoundServer(settings=(*_EL, more)))) == []

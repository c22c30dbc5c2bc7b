"""What a Dovecot that somebody set up before mailprov came would lose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from provisioner.rooms.found_server import FoundServer, counted, listed

# What the packages of Enterprise Linux set, which keep no copy of their files.
_SHIPPED_SETTINGS = """
first_valid_uid = 1000
mbox_write_locks = fcntl
namespace inbox {
  inbox = yes
  location =
  mailbox Drafts {
    special_use = \\Drafts
  }
  mailbox Junk {
    special_use = \\Junk
  }
  mailbox Sent {
    special_use = \\Sent
  }
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
  mailbox Trash {
    special_use = \\Trash
  }
  prefix =
}
passdb {
  driver = pam
}
ssl = required
ssl_cert = </etc/pki/dovecot/certs/dovecot.pem
ssl_cipher_list = PROFILE=SYSTEM
ssl_key = # hidden, use -P to show it
userdb {
  driver = passwd
}
""".splitlines()


def found_lines(found: FoundServer) -> Iterator[str]:
    """Yield what is set up, a line each; nothing where a package alone is installed."""
    shipped = Counter(_paths(found.shipped or _SHIPPED_SETTINGS))
    changed = Counter(_paths(found.settings)) - shipped
    # What Sieve can do doveconf(1) tells as if it were set.
    names = dict.fromkeys(
        name
        for name in (path.partition("\t")[0] for path in changed)
        if not name.endswith("_capability")
    )
    if names:
        yield f"Dovecot: {counted(len(names), 'setting')}: {listed(names)}"
    for file, count in found.users:
        yield f"Dovecot: {counted(count, 'user')} in {file}"


def _paths(lines: Iterable[str]) -> Iterator[str]:
    """Yield each setting of a `doveconf -n` with the blocks that it is in, outermost first."""
    blocks: list[str] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text == "}":
            blocks = blocks[:-1]
        elif text.endswith("{"):
            blocks.append(text.removesuffix("{").strip())
        else:
            name, _, value = text.partition(" =")
            yield "\t".join([*blocks, name, value.strip()])

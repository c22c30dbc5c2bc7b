"""What a person is told of mail that nobody gets: on hold in the queue, or where no mailbox is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.diagnostics import as_root
from provisioner.facts.host import Facts
from provisioner.model.names import HostKey
from provisioner.plan.generation import Generation

_NAMED = 3


def held_notices(host: HostKey, rows: Iterable[str]) -> Iterator[str]:
    """Yield a notice for each domain. rows: queue id and domain, tabbed (queue.sh)."""
    waiting: dict[str, list[str]] = {}
    for row in rows:
        message, _, domain = row.partition("\t")
        waiting.setdefault(domain, []).append(message)
    for domain, messages in sorted(waiting.items()):
        several = len(messages) > 1
        release = as_root("postsuper", "-H", *messages[:_NAMED])
        more = ", and likewise the others" if len(messages) > _NAMED else ""
        yield (
            f"{host}: {len(messages)} message{'s' if several else ''} for {domain} "
            f"wait{'' if several else 's'} on hold in the queue: the present configuration "
            f"would bounce {'them' if several else 'it'}. A configuration that accepts mail for "
            f"{domain} releases {'them' if several else 'it'}; by hand, on the host: "
            f"{release}{more}"
        )


def spool_notices(generation: Generation, facts: Facts) -> Iterator[str]:
    """Yield what is told of mail that lies where no mailbox of the site does.

    A user's mailbox is in the home: what a server before delivered to /var/mail is not in it.
    """
    users = {account.name for account in generation.accounts if not account.system}
    for path, number in facts.spools.items():
        name = path.rpartition("/")[2]
        if name in users:
            messages = "1 message" if number == "1" else f"{number} messages"
            yield (
                f"{generation.host}: {path} contains {messages} that {name} will not "
                "see, because the mailbox is in the home: import them "
                "(doveadm-import(1)), then move the file away"
            )

"""What a person is told of mail that waits on hold for want of its domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from provisioner.diagnostics import as_root
from provisioner.model.names import HostKey

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
            f"{host}: {len(messages)} message{'s' if several else ''} for {domain} wait"
            f"{'' if several else 's'} on hold in the queue: the configuration in force does not "
            f"take mail for it, and would return it. A configuration that does releases "
            f"{'them' if several else 'it'}; by hand, on the host: {release}{more}"
        )

"""The platforms that a site file names, compared with the records there are."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.diagnostics import MailprovError
from provisioner.model.problems import SiteProblem
from provisioner.model.site_file import SiteFile


def judge_platforms(file: SiteFile) -> Iterator[SiteProblem]:
    """Yield a problem for each host whose `platform` no record has."""
    named = [(key, host.platform) for key, host in file.hosts.items() if host.platform]
    if not named:
        return
    # Few sites name one, and to read the records takes a while.
    from provisioner.platforms.records import platform_named  # noqa: PLC0415 see above

    for key, name in named:
        try:
            platform_named(name)
        except MailprovError as error:
            told = error.diagnostics[0]
            yield SiteProblem(
                ("hosts", key, "platform"), told.summary, told.got, told.want, told.fix
            )

"""The cost of deriving the questions of `verify` for a site of many hosts; no host is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import figure_of, seconds_text
from provisioner.model.prober import probe_address
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.site.load import parse_site

DERIVATION_HEAD = ("HOSTS", "RUNS", "CPU s", "QUESTIONS", "OF ONE HOST, EACH: CPU s")


def derivation_row(site_file: Path, runs: int) -> Sequence[str]:
    """Return a row of the table: processor seconds for all hosts together, and one by one.

    `apply` derives them one by one, because each host is proven by itself.
    """
    text = site_file.read_bytes()
    together, alone, count = [], [], 0
    for _ in range(runs):
        # Read anew each time: what is derived once for a site is remembered with it.
        site = parse_site(text, site_file.name).site
        targets = ProbeTargets(account=probe_address(site))
        began = time.process_time()
        count = len(questions_for(site, targets))
        together.append(time.process_time() - began)
        site = parse_site(text, site_file.name).site
        began = time.process_time()
        for host in site.hosts:
            questions_for(site, targets, frozenset({host.key}))
        alone.append(time.process_time() - began)
    return (
        f"{len(site.hosts):,}",
        str(runs),
        seconds_text(figure_of(together)),
        f"{count:,}",
        seconds_text(figure_of(alone)),
    )

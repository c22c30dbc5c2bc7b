"""What Unbound writes to the mail log. Complaints stand before the text."""

from __future__ import annotations

import re

from provisioner.rooms.message_log import LogRules

LOG = LogRules(
    program=re.compile("unbound"),
    complaint=re.compile(
        r"^(?:\[\d+\] unbound)?\[\d+:\d+\] (?:fatal error|error|warning): ", re.ASCII
    ),
)

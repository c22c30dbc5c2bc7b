"""What echod writes to the journal."""

from __future__ import annotations

import re

from provisioner.rooms.message_log import LogRules

LOG = LogRules(program=re.compile("echod"), complaint=re.compile(r"^error: "))

"""What the property tests of the quoting filters share.

Each example is a whole batch of values in one file, read back by one run of the
daemon's tool, so that a test takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from support.chance import examples

from provisioner.diagnostics import MailprovError
from provisioner.render.quoting import Quoted

Filter = Callable[[str], Quoted]

with_tools = examples(15)

# What means something in one of the languages, more often than chance would bring it.
_SIGNIFICANT = "$#%\"'\\{}<>:;=,| \t\n\r\x00\x7f@[]()`!&~^*?+-/._é\u00a0\u2028\u202e\U0001f4ec"

words = st.text(st.sampled_from(_SIGNIFICANT) | st.characters(), max_size=20)
batches = st.lists(words, min_size=1, max_size=40)


def expressible(filter_: Filter, values: list[str]) -> dict[str, Quoted]:
    """Return the values that a filter does not refuse, with what it makes of them."""
    found: dict[str, Quoted] = {}
    for value in values:
        try:
            found[value] = filter_(value)
        except MailprovError:
            continue
    return found

"""Streams longer than what is kept of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provisioner.transport.retention import HeadAndTail


@given(st.lists(st.binary(max_size=30)))
def test_beginning_and_end_are_kept_however_the_stream_is_cut(chunks: list[bytes]) -> None:
    kept = HeadAndTail(16)
    for chunk in chunks:
        kept.add(chunk)
    whole = b"".join(chunks)
    if len(whole) <= 32:
        assert kept.read() == whole
    else:
        gap = f"\n… {len(whole) - 32} bytes left out …\n".encode()
        assert kept.read() == whole[:16] + gap + whole[-16:]

"""resolv.conf: a resolver library reads back the addresses that went in."""

from __future__ import annotations

import io

import dns.resolver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.diagnostics import MailprovError
from provisioner.render.quoting import pam_word, resolv_conf


@given(st.lists(st.ip_addresses(), min_size=1, max_size=3, unique=True))
def test_addresses_read_back(addresses: list[object]) -> None:
    want = [str(address) for address in addresses]
    text = "".join(f"nameserver {resolv_conf(address)}\n" for address in want)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.read_resolv_conf(io.StringIO(text))
    assert list(resolver.nameservers) == want


@pytest.mark.parametrize("value", ["", "a b", "a\nnameserver 192.0.2.1"])
def test_more_than_one_word_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match=r"resolv\.conf cannot express"):
        resolv_conf(value)


@pytest.mark.parametrize("value", ["a b", "[a]", "a\nb", "", "#"])
def test_more_than_one_word_of_a_pam_rule_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match=r"pam\.conf cannot express"):
        pam_word(value)

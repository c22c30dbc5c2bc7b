"""Numbers, switches and sizes: one spelling is read, the others are told the right one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.scalars import parse_boolean, parse_integer, parse_size, render_size
from provisioner.model.values import InvalidValueError


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("08", "write 8"),
        ("010", "write 10"),
        ("1:30", "decimal digits"),
        ("0x1f", "decimal digits"),
        ("0o17", "decimal digits"),
        ("1_000", "decimal digits"),
        ("1e3", "decimal digits"),
        ("true", "decimal digits"),
        ("", "decimal digits"),
        ("-1", "decimal digits"),
        ("+1", "decimal digits"),
        (" 1", "decimal digits"),
        ("1\n", "decimal digits"),
        ("٣", "decimal digits"),
        ("00", "decimal digits"),
        ("0", "write 1 or"),
        ("65536", "write 65535 or"),
        ("9" * 10_000, "decimal digits"),
    ],
)
def test_what_is_no_number_in_range_is_refused(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_integer(written, 1, 65535)
    assert fix in refusal.value.fix
    assert refusal.value.want == "a whole number from 1 to 65535"


@given(st.integers(0, 10**9))
def test_a_number_is_read_as_itself(number: int) -> None:
    assert parse_integer(str(number), 0, 10**9) == number


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("yes", "write true"),
        ("On", "write true"),
        ("no", "write false"),
        ("off", "write false"),
        ("True", "write true"),
        ("FALSE", "write false"),
        ("1", "write true or false"),
        ("", "write true or false"),
    ],
)
def test_a_switch_is_true_or_false_and_nothing_else(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_boolean(written)
    assert refusal.value.fix == fix


@pytest.mark.parametrize(
    ("written", "want"), [("65536", 65536), ("64K", 65536), ("50M", 52428800), ("1G", 1 << 30)]
)
def test_a_size_is_in_powers_of_1024(written: str, want: int) -> None:
    assert parse_size(written, 1, 1 << 31) == want


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("50MB", "write 50M"),
        ("50 M", "write 50M"),
        ("50MiB", "write 50M"),
        ("50m", "write 50M"),
        ("1.5G", "digits"),
        ("0", "digits"),
        ("", "digits"),
        ("1K", "write 64K"),
        ("3G", "write 2G"),
    ],
)
def test_what_is_no_size_in_range_is_refused(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_size(written, 64 * 1024, 2 << 30)
    assert fix in refusal.value.fix


@given(st.integers(1, 1 << 31))
def test_a_rendered_size_reads_back(octets: int) -> None:
    assert parse_size(render_size(octets), 1, 1 << 31) == octets

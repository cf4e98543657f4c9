"""Codes of literals: known code words, and back again."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError
from precocial.preferences.occam.codes import (
    INTEGERS,
    Reader,
    decimal_parts,
    encode_choice,
    encode_delta,
    encode_gamma,
    encode_number,
    folded,
    prefix_codes,
    read_choice,
    read_number,
    unfolded,
)


@pytest.mark.parametrize(
    ("number", "gamma", "delta"),
    [(1, "1", "1"), (2, "010", "0100"), (3, "011", "0101"), (4, "00100", "01100"),
     (9, "0001001", "00100001")],
)  # fmt: skip
def test_elias_codes_are_the_published_ones(number: int, gamma: str, delta: str) -> None:
    assert encode_gamma(number) == gamma
    assert encode_delta(number) == delta


@given(st.integers(1, 10**30))
def test_whole_numbers_come_back(number: int) -> None:
    for write, read in INTEGERS.values():
        reader = Reader(write(number) + "0101")
        assert read(reader) == number
        assert reader.place == len(write(number))
    with pytest.raises(ConfigError, match="starts at 1"):
        encode_delta(1 - number)


@given(st.integers(1, 300))
def test_a_choice_uses_its_whole_code_space(count: int) -> None:
    words = [encode_choice(value, count) for value in range(count)]
    assert sum(2.0 ** -len(word) for word in words) == 1
    bits = math.log2(count)
    assert {len(word) for word in words} <= {math.floor(bits), math.ceil(bits)}
    assert [read_choice(Reader(word), count) for word in words] == list(range(count))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_come_back_and_a_sign_costs_nothing(value: float) -> None:
    for write, read in INTEGERS.values():
        word = encode_number(value, write)
        assert read_number(Reader(word), read) == value
        assert len(encode_number(-value, write)) == len(word)


def test_short_decimals_are_short() -> None:
    assert decimal_parts(-1200.0) == (-12, 2)
    assert decimal_parts(0.05) == (5, -2)
    assert encode_number(0.0, encode_delta) == "1"
    # 1 = 1e0: folded to 2 and 1.
    assert encode_number(1.0, encode_delta) == "0100" + "1"
    assert len(encode_number(1 / 3, encode_delta)) > 50
    with pytest.raises(ConfigError, match="finite"):
        decimal_parts(math.nan)


def test_folding_alternates_signs() -> None:
    assert [unfolded(n) for n in range(1, 8)] == [0, 1, -1, 2, -2, 3, -3]
    assert all(unfolded(folded(n)) == n for n in range(-50, 50))


def test_code_words_are_prefix_free_and_kraft_is_kept() -> None:
    words = prefix_codes({"a": 1, "b": 3, "c": 2, "d": 3})
    assert words == {"a": "0", "c": "10", "b": "110", "d": "111"}
    with pytest.raises(ConfigError, match=r"sum of 2\^-length is 1\.25"):
        prefix_codes({"a": 1, "b": 1, "c": 2})


def test_a_program_that_ends_early_is_refused() -> None:
    with pytest.raises(DataError, match="ends too early"):
        Reader("01").take(3)

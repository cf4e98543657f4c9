"""The range coder: exact, short, the same everywhere, and calm about nonsense."""

from __future__ import annotations

import contextlib
import lzma
import math
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from precocial.errors import ConfigError, DataError
from precocial.genome.file.entropy import MOST_VALUES, decode, encode


@st.composite
def integers(draw: st.DrawFn) -> tuple[list[int], int]:
    bits = draw(st.integers(2, 16))
    most = 2 ** (bits - 1) - 1
    near = st.integers(-min(2, most), min(2, most))
    edges = st.sampled_from([-most, most, 0])
    values = draw(st.lists(st.integers(-most, most) | near | edges, max_size=120))
    return values * draw(st.sampled_from([1, 1, 40])), bits


@settings(max_examples=150)
@given(drawn=integers())
@example(drawn=([], 2))
@example(drawn=([0], 2))
@example(drawn=([-32767] * 3 + [32767] * 3, 16))
@example(drawn=([0] * 20_000 + [7], 4))
def test_what_is_coded_is_decoded(drawn: tuple[list[int], int]) -> None:
    values, bits = drawn
    back = decode(encode(np.array(values, dtype=np.int32), bits), len(values), bits)
    assert back.tolist() == values


def test_carries_run_through_bytes_of_ones() -> None:
    # Long runs of the last class keep the interval at its upper end, where carries happen.
    random = np.random.default_rng(0)
    for trial in range(60):
        values = np.full(400, 7, dtype=np.int32)
        values[random.integers(0, 400, trial % 7)] = -7
        assert np.array_equal(decode(encode(values, 4), 400, 4), values)


def test_the_code_is_frozen() -> None:
    # Kept by value: a change of the coder would make old files unreadable.
    values = np.array([0, 1, -1, 2, -3, 5, 0, 0, 100, -127, 64, 12], dtype=np.int32)
    assert encode(values, 8).hex() == "0397534cb5a506e1017b"


def entropy_bytes(values: NDArray[np.int32]) -> float:
    _, counts = np.unique(values, return_counts=True)
    shares = counts / counts.sum()
    return float(-(counts * np.log2(shares)).sum() / 8)


def draws(kind: str, count: int, bits: int) -> NDArray[np.int32]:
    random = np.random.default_rng(1)
    most = 2 ** (bits - 1) - 1
    drawn = random.normal(size=count) if kind == "normal" else random.laplace(size=count)
    return np.clip(np.rint(drawn * most / 4), -most, most).astype(np.int32)


@pytest.mark.parametrize("kind", ["normal", "laplace"])
@pytest.mark.parametrize("bits", [3, 4, 6, 8])
def test_the_code_is_near_the_entropy_and_shorter_than_zlib_and_lzma(kind: str, bits: int) -> None:
    values = draws(kind, 2000, bits)
    coded = len(encode(values, bits))
    plain = values.astype(np.int8).tobytes()
    # The empirical entropy of 2,000 values in 255 bins is itself too low by about (K-1)/2 nats,
    # because it is fitted to them.
    bins = len(np.unique(values))
    assert coded < entropy_bytes(values) + (bins - 1) / 2 / math.log(2) / 8 + 0.02 * coded + 4
    assert coded < len(zlib.compress(plain, 9))
    assert coded < len(lzma.compress(plain, preset=9))


def test_many_zeros_cost_next_to_nothing() -> None:
    assert len(encode(np.zeros(50_000, dtype=np.int32), 8)) < 30


@given(drawn=integers(), cut=st.integers(1, 8))
def test_a_code_that_is_cut_short_or_prolonged_never_passes_for_the_whole(
    drawn: tuple[list[int], int], cut: int
) -> None:
    values, bits = drawn
    code = encode(np.array(values, dtype=np.int32), bits)
    for damaged in (code[:-cut], code + bytes(cut)):
        with contextlib.suppress(DataError):
            assert decode(damaged, len(values), bits).tolist() != values


@settings(max_examples=150)
@given(data=st.binary(max_size=60), count=st.integers(0, 2000), bits=st.integers(2, 16))
def test_any_bytes_are_refused_or_decoded_to_values_that_fit(
    data: bytes, count: int, bits: int
) -> None:
    try:
        values = decode(data, count, bits)
    except DataError:
        return
    assert len(values) == count
    assert count == 0 or int(abs(values).max()) < 2 ** (bits - 1)


def test_what_is_declared_costs_nothing_before_the_bytes_are_there() -> None:
    with pytest.raises(DataError, match="cut short"):
        decode(b"\x80" * 20, MOST_VALUES, 8)
    with pytest.raises(DataError, match="no bytes"):
        decode(b"", 3, 8)
    with pytest.raises(DataError, match="at most"):
        decode(b"\x80" * 20, MOST_VALUES + 1, 8)
    with pytest.raises(DataError, match="go on"):
        decode(encode(np.ones(3, dtype=np.int32), 8) + b"\1", 3, 8)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="8 does not fit 4 bits"):
        encode(np.array([1, 8], dtype=np.int32), 4)
    with pytest.raises(ConfigError, match="at most"):
        encode(np.zeros(MOST_VALUES + 1, dtype=np.int32), 4)

"""Labels: unique, of the declared width, Gray where they say so, and the same for ever."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError
from precocial.genome import (
    Axis,
    Binary,
    Fourier,
    Gray,
    Hashed,
    OneHot,
    Outer,
    Product,
    gray_grid,
    labels_for,
    labels_from,
)
from precocial.genome.labels.codes import hashed_normals

FROZEN = [
    -0.7344839305442825,
    0.33668454193435543,
    0.4956929241589797,
    -0.34299237493954193,
    0.6150303366839693,
    0.7620236707144294,
]
FROZEN_FAR = [0.9896204088454545, 0.003199116222944963, -1.0362919356161198]


@st.composite
def one_axis(draw: st.DrawFn, most: int = 70) -> list[Any]:
    """A spec: labels are made in the test, because beartype draws random numbers as it checks."""
    count = draw(st.integers(1, most))
    bits = max(1, (count - 1).bit_length()) + draw(st.integers(0, 3))
    kinds: list[list[Any]] = [
        ["binary", count, bits + 1, draw(st.integers(0, 2**bits))],
        ["gray", count, bits],
        ["one_hot", count],
        ["hashed", count, draw(st.integers(1, 12)), draw(st.integers(0, 2**32 - 1))],
        ["fourier", [count + 1], count, None, draw(st.booleans())],
    ]
    return draw(st.sampled_from(kinds))


def specs() -> st.SearchStrategy[list[Any]]:
    several = st.lists(one_axis(most=12), min_size=1, max_size=3)
    return one_axis() | several.map(lambda parts: ["product", *parts])


@given(spec=specs())
def test_labels_are_unique_and_of_the_declared_size(spec: list[Any]) -> None:
    drawn = labels_from(spec)
    table = drawn.table()
    assert table.shape == (drawn.count, drawn.width)
    assert table.dtype == np.float64
    assert np.isfinite(table).all()
    assert len(np.unique(table.round(9), axis=0)) == drawn.count


@given(spec=specs())
def test_a_spec_remakes_the_labels_by_way_of_json(spec: list[Any]) -> None:
    drawn = labels_from(spec)
    assert json.loads(json.dumps(drawn.spec())) == spec
    assert np.array_equal(labels_from(drawn.spec()).table(), drawn.table())


@given(count=st.integers(2, 2000))
def test_gray_neighbours_differ_in_one_bit(count: int) -> None:
    table = Gray(count).table()
    assert (np.abs(np.diff(table, axis=0)).sum(1) == 1).all()


def test_neighbouring_pixels_of_a_gray_grid_differ_in_one_bit() -> None:
    grid = gray_grid(28, 28)
    assert grid.width == 10
    table = grid.table().reshape(28, 28, 10)
    assert (np.abs(np.diff(table, axis=0)).sum(-1) == 1).all()
    assert (np.abs(np.diff(table, axis=1)).sum(-1) == 1).all()


def test_digits_are_binary_with_the_most_significant_first() -> None:
    assert Binary(3, 3, 4).table().tolist() == [[1, 0, 0], [1, 0, 1], [1, 1, 0]]
    assert Gray(4).table().tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]
    assert Binary(800, None, 1).width == 10  # the paper's hidden neurons
    powers = 2 ** np.arange(9, -1, -1)
    assert (Binary(800, 10, 1).table() @ powers).tolist() == list(range(1, 801))


def test_waves_are_the_cosine_transforms_basis() -> None:
    waves = Fourier((4, 6), 3, total=4)
    table = waves.table().reshape(4, 6, waves.width)
    frequencies = [
        k for k in itertools.product(range(4), range(4)) if 1 <= sum(k) <= 4 and k[0] <= 3
    ]
    expected = {
        k: [
            [math.cos(math.pi * k[0] * (y + 0.5) / 4) * math.cos(math.pi * k[1] * (x + 0.5) / 6)]
            for y in range(4)
            for x in range(6)
        ]
        for k in frequencies
    }
    assert waves.width == len(frequencies)
    found = [np.asarray(wave).reshape(4, 6) for wave in expected.values()]
    for wave in found:
        assert any(np.allclose(wave, table[..., column]) for column in range(waves.width))
    # Different frequencies are orthogonal on the grid.
    gram = waves.table().T @ waves.table()
    assert np.allclose(gram, np.diag(np.diag(gram)), atol=1e-9)
    assert (Fourier((4, 6), constant=True).table()[:, 0] == 1).all()


def test_a_product_puts_codes_side_by_side_row_major() -> None:
    first, second = Gray(3), Binary(5)
    table = Product(first, second).table()
    for i, j in itertools.product(range(3), range(5)):
        expected = np.concatenate([first.table()[i], second.table()[j]])
        assert np.array_equal(table[5 * i + j], expected)


def test_an_outer_code_is_the_outer_product_of_its_axes_codes() -> None:
    first, second = OneHot(3), Hashed(4, 2)
    both = Outer(first, second)
    assert (both.count, both.width) == (12, 6)
    for i, j in itertools.product(range(3), range(4)):
        expected = np.outer(first.table()[i], second.table()[j]).ravel()
        assert np.allclose(both.table()[4 * i + j], expected)


def test_hashed_labels_are_frozen_by_value() -> None:
    # A genome keeps the seed only: if these numbers moved, every kept genome would be born wrong.
    assert Hashed(2, 3, 7).table().ravel().tolist() == pytest.approx(FROZEN, abs=1e-12)
    assert hashed_normals(0, 1_000_003)[-3:].tolist() == pytest.approx(FROZEN_FAR, abs=1e-12)


def test_hashed_labels_are_standard_normals_without_correlation() -> None:
    table = Hashed(20_000, 6, 3).table()
    # 4.9 standard errors: one false alarm in a million.
    assert np.abs(table.mean(0)).max() < 4.9 / math.sqrt(20_000)
    assert np.abs(table.var(0) - 1).max() < 4.9 * math.sqrt(2 / 20_000)
    off = np.corrcoef(table.T) - np.eye(6)
    assert np.abs(off).max() < 4.9 / math.sqrt(20_000)
    assert abs(np.corrcoef(table[:-1, 0], table[1:, 0])[0, 1]) < 4.9 / math.sqrt(20_000)
    assert not np.array_equal(table, Hashed(20_000, 6, 4).table())


def test_more_hashed_neurons_leave_the_first_ones_alone() -> None:
    assert np.array_equal(Hashed(50, 4, 1).table()[:20], Hashed(20, 4, 1).table())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Binary(0), "count must be an integer of at least 1"),
        (lambda: Binary(5, 2), "2 bits name at most 4 neurons"),
        (lambda: Binary(4, 2, 1), "got 4 from 1 on"),
        (lambda: Binary(4, 2, -1), "first must be at least 0"),
        (lambda: Gray(5, 2), "2 bits name at most 4 neurons"),
        (lambda: Gray(-1), "at least 1"),
        (lambda: OneHot(0), "at least 1"),
        (lambda: Hashed(3, 0), "width"),
        (lambda: Hashed(3, 2, -1), "seed must lie"),
        (lambda: Hashed(3, 2, 2**32), "seed must lie"),
        (lambda: Fourier((0, 3)), "a side"),
        (lambda: Fourier((4, 4), 0), "highest must be at least 1"),
        (lambda: Fourier((30,), 1, total=0), "highest must be at least 1"),
        (Product, "at least one axis"),
        (Outer, "at least one axis"),
        (lambda: gray_grid(3, 3, bits=[2]), "one width an axis"),
    ],
)
def test_labels_that_cannot_be_are_refused(make: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


@pytest.mark.parametrize(
    "spec",
    [None, 3, [], ["magic", 3], [["gray", 3]], ["gray"], ["gray", 3, 2, 1, 0], ["product", 3]],
)
def test_specs_that_describe_nothing_are_refused(spec: Any) -> None:
    with pytest.raises(ConfigError):
        labels_from(spec)


def test_styles_choose_labels_by_what_an_axis_is() -> None:
    grid = (Axis("grid", 28), Axis("grid", 28))
    assert labels_for(grid, "paper").spec() == gray_grid(28, 28).spec()
    assert isinstance(labels_for(grid, "smooth"), Fourier)
    assert labels_for((Axis("classes", 10),), "paper") == OneHot(10)
    assert labels_for((Axis("units", 800),), "paper") == Binary(800, None, 1)
    assert labels_for((Axis("units", 1024),), "paper") == Binary(1024, None, 0)
    assert labels_for((Axis("units", 800),), "smooth") == Hashed(800, 10)
    assert labels_for((Axis("classes", 1000),), "binary") == Binary(1000, None, 1)
    for style in ("paper", "smooth", "binary", "gray", "one_hot", "hashed"):
        for axes in (grid, (Axis("units", 7),), (Axis("units", 3), Axis("grid", 5))):
            made = labels_for(axes, style)
            assert made.count == math.prod(axis.size for axis in axes)


@pytest.mark.parametrize("sizes", [(1,), (1, 1), (7,), (40,), (9, 1), (64, 64), (3, 3), (200,)])
def test_smooth_labels_tell_all_places_of_any_grid_apart(sizes: tuple[int, ...]) -> None:
    made = labels_for(tuple(Axis("grid", size) for size in sizes), "smooth")
    assert len(np.unique(made.table().round(9), axis=0)) == math.prod(sizes)


@pytest.mark.wrong_types
def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ConfigError, match="labels must be one of"):
        labels_for((Axis("units", 3),), "magic")

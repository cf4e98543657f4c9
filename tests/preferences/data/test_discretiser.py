from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.preferences.data.discretiser import Discretiser


def test_uniform_intervals_hold_their_lower_edge() -> None:
    cut = Discretiser.uniform([0.0, 4.0], 4)
    assert cut.edges[0].tolist() == [1, 2, 3]
    assert cut([[-5.0], [0.9], [1.0], [2.5], [3.0], [99.0]]).tolist() == [0, 0, 1, 2, 3, 3]
    assert cut.n_states == 4


def test_quantiles_hold_equally_many() -> None:
    x = np.random.default_rng(0).exponential(size=1000)
    cut = Discretiser.quantiles(x, 5)
    assert np.bincount(cut(x)).tolist() == [200] * 5


def test_the_last_dimension_counts_fastest_and_boxes_have_words() -> None:
    cut = Discretiser(edges=(np.array([0.5]), np.array([1.0, 2.0])), names=("x", "y"))
    assert cut.shape == (2, 3)
    assert cut([[0.0, 0.0], [0.0, 1.5], [0.7, 3.0]]).tolist() == [0, 1, 5]
    assert cut.describe(1) == "x < 0.5, 1 <= y < 2"
    assert cut.describe(5) == "0.5 <= x, 2 <= y"
    assert cut.grid is not None
    assert cut.grid[5].tolist() == [1, 2]
    assert Discretiser.uniform([3.0, 3.0], 7).describe(0) == "any x0"


@given(
    x=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), bins=st.integers(1, 8),
    quantiles=st.booleans(),
)  # fmt: skip
def test_every_interval_at_the_ends_is_used(x: list[float], bins: int, quantiles: bool) -> None:
    cut = (Discretiser.quantiles if quantiles else Discretiser.uniform)(x, bins)
    states = cut(x)
    assert states.min() == 0
    assert states.max() == cut.n_states - 1 <= bins - 1
    order = np.argsort(x, kind="stable")
    assert (np.diff(states[order]) >= 0).all()


def test_mistakes_are_named() -> None:
    cut = Discretiser.uniform(np.eye(2), 2)
    for observations, said in (
        ([[0.0, np.nan]], "observation 0 is NaN"), ([1.0], "have 1 numbers and the Discretiser 2"),
        ([], "none of them 0"), ([["a", "b"]], "must be numbers"), ([[1.0], [1.0, 2.0]], "numbers"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            cut(observations)
    with pytest.raises(DataError, match="span"):
        Discretiser.uniform([-1.7e308, 1.7e308], 3)
    for bins, said in ((0, "at least 1"), ([2, 2, 2], "or 2"), ([2000, 2000], "boxes")):
        with pytest.raises(ConfigError, match=said):
            Discretiser.uniform(np.random.default_rng(0).random((9000, 2)), bins)
    with pytest.raises(ConfigError, match="rise"):
        Discretiser(edges=(np.array([1.0, 1.0]),))
    with pytest.raises(ConfigError, match="one name"):
        Discretiser(edges=(np.array([1.0]),), names=("a", "b"))
    with pytest.raises(ConfigError, match="states are 0 to 3"):
        cut.describe(4)
    assert issubclass(ConfigError, PrecocialError)

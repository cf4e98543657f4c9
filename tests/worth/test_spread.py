"""The spread of seeds and the curves redrawn from it."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.worth import Curve
from precocial.worth.curve import Levels
from precocial.worth.spread import borrow, redraw, spread


def levels(losses: np.ndarray, sizes: np.ndarray | None = None) -> Levels:
    sizes = np.geomspace(1e3, 1e6, len(losses)) if sizes is None else sizes
    return Curve.from_arrays(sizes, losses).levels()


def noisy(sd: np.ndarray, seeds: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.exp(1 + sd[:, None] * rng.standard_normal((len(sd), seeds)))


def test_few_levels_share_one_spread() -> None:
    got = spread(levels(np.exp([[1.0, 1.2], [0.5, 0.5], [0.0, 0.1]])))
    assert got is not None
    np.testing.assert_allclose(got.sd, np.sqrt((0.02 + 0 + 0.005) / 3))
    assert got.freedom == 3
    assert np.mean(got.residuals**2) == pytest.approx(1)


def test_residuals_of_small_levels_are_widened_more() -> None:
    rows = [(1, 0, 1.0), (1, 1, -1.0), (2, 0, 1.0), (2, 1, 1.0), (2, 2, -1.0), (2, 3, -1.0)]
    curve = Curve.from_rows({"data": d, "seed": s, "loss": np.exp(y)} for d, s, y in rows)
    got = spread(curve.levels())
    assert got is not None
    size = np.abs(got.residuals)
    np.testing.assert_allclose(size[:2] / size[2], np.sqrt((2 / 1) / (4 / 3)))


def test_many_levels_let_the_spread_change_with_data() -> None:
    sd = np.geomspace(0.03, 0.001, 10)
    got = spread(levels(noisy(sd, 40)))
    assert got is not None
    np.testing.assert_allclose(got.sd, sd, rtol=0.2)
    assert got.freedom == 10 * 39 - 1


def test_the_trend_is_the_maximum_of_its_likelihood() -> None:
    curve = levels(noisy(np.geomspace(0.05, 0.001, 6), 3))
    got = spread(curve)
    assert got is not None
    squares = np.array([((g - g.mean()) ** 2).sum() for g in curve.log_loss])
    x = np.log(curve.data)
    line = np.polynomial.polynomial.polyfit(x, 2 * np.log(got.sd), 1)

    def likelihood(a: float, b: float) -> float:
        log_variance = a + b * x
        return float(-np.sum(log_variance + squares / 2 * np.exp(-log_variance)))

    best = likelihood(*line)
    for move in ((1e-3, 0), (-1e-3, 0), (0, 1e-4), (0, -1e-4)):
        assert likelihood(line[0] + move[0], line[1] + move[1]) < best


def test_no_repeated_seeds_no_spread() -> None:
    assert spread(levels(np.ones((5, 1)))) is None


def test_equal_seeds_have_no_spread_and_draw_nothing_else() -> None:
    curve = levels(np.tile(np.geomspace(3, 1, 6)[:, None], 3))
    got = spread(curve)
    assert got is not None
    assert got.sd.tolist() == [0] * 6
    drawn = redraw(curve, got, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, np.repeat(curve.mean[:, None], 50, axis=1))


def test_a_level_without_data_does_not_break_the_trend() -> None:
    sizes = np.array([0, *np.geomspace(1e3, 1e6, 5)])
    got = spread(levels(noisy(np.full(6, 0.01), 4), sizes))
    assert got is not None
    assert np.isfinite(got.sd).all()


@pytest.mark.parametrize("tiny", [0.0, 1e-9])
def test_a_level_of_almost_equal_seeds_does_not_break_the_trend(tiny: float) -> None:
    sd = np.array([0.02, tiny, 0.01, 0.02, 0.01])
    got = spread(levels(noisy(sd, 2)))
    assert got is not None
    assert np.isfinite(got.sd).all()
    assert (got.sd > 0).all()


def test_a_borrowed_spread_says_so() -> None:
    other = spread(levels(noisy(np.full(5, 0.01), 4)))
    assert other is not None
    got = borrow(levels(np.ones((2, 1))), other)
    assert got.borrowed
    assert got.freedom == other.freedom
    np.testing.assert_allclose(got.sd, np.sqrt(np.mean(other.sd**2)))


def test_redrawn_means_have_the_spread_of_a_t() -> None:
    """Variance sd^2/n * freedom/(freedom-2) at each level, levels independent given the scale."""
    seeds, draws = 3, 20_000
    curve = levels(noisy(np.full(8, 0.02), seeds))
    got = spread(curve)
    assert got is not None
    drawn = redraw(curve, got, draws, np.random.default_rng(1)) - curve.mean[:, None]
    want = got.sd**2 / seeds * got.freedom / (got.freedom - 2)
    # the kurtosis of a t with 15 degrees of freedom makes the error of a variance about 1.2 %
    np.testing.assert_allclose(drawn.var(axis=1), want, rtol=0.08)
    np.testing.assert_allclose(drawn.mean(axis=1), 0, atol=0.05 * float(got.sd.max()))
    off = np.corrcoef(drawn)[np.triu_indices(8, 1)]
    assert np.abs(off).max() < 0.04

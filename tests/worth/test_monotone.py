"""The monotone cubic: exact at knots, accurate between, honest outside, no line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from precocial.errors import FitError
from precocial.worth.monotone import MonotoneCurve, cross, evaluate, limited_slopes

SIZES = np.geomspace(1e4, 1e7, 7)
LAWS = [
    lambda d: 1.7 + 40 * d**-0.28,
    lambda d: 0.5 + 3e3 * d**-0.6,
    lambda d: 12 * d**-0.1,
]


@pytest.mark.parametrize("law", LAWS)
def test_the_read_off_beats_a_line_by_far(law: Callable[[np.ndarray], np.ndarray]) -> None:
    between = np.geomspace(2e4, 5e6, 50)
    curve = MonotoneCurve.through(SIZES, np.log(law(SIZES)))
    error = np.abs(curve.log_data_at(np.log(law(between))) - np.log(between))
    line = np.interp(-law(between), -law(SIZES), SIZES)
    assert error.max() < 0.005
    assert error.max() < 0.1 * np.abs(np.log(line / between)).max()


def test_pchip_is_another_monotone_cubic_and_a_coarser_one() -> None:
    law, between = LAWS[0], np.geomspace(2e4, 5e6, 50)
    errors = [
        np.abs(
            MonotoneCurve.through(SIZES, np.log(law(SIZES)), pchip=pchip).log_data_at(
                np.log(law(between))
            )
            - np.log(between)
        ).mean()
        for pchip in (False, True)
    ]
    assert 0 < 5 * errors[0] < errors[1] < 0.01


def test_knots_are_read_exactly_and_the_outside_has_no_number() -> None:
    log_loss = np.log(LAWS[0](SIZES))
    curve = MonotoneCurve.through(SIZES, log_loss)
    np.testing.assert_allclose(curve.log_data_at(log_loss), np.log(SIZES), atol=1e-13)
    assert curve.log_data_at([log_loss[0] + 1e-9, log_loss[-1] - 1e-9, np.nan]).tolist()[:2] == [
        -np.inf, np.inf,
    ]  # fmt: skip
    assert np.isnan(curve.log_data_at([np.nan]))[0]
    assert curve.log_data_at(np.array(log_loss[2])) == pytest.approx(np.log(SIZES[2]))
    assert np.isnan(curve.log_loss_at([0.0, 99.0])).all()


def test_levels_out_of_order_move_as_little_as_possible() -> None:
    curve = MonotoneCurve.through([1, 10, 100, 1000], [3.0, 1.0, 2.0, 0.5], weights=[1, 1, 3, 1])
    np.testing.assert_allclose(curve.log_loss, [3, 1.75, 1.75, 0.5], atol=2e-3)
    assert np.all(np.diff(curve.log_loss) < 0)
    # below the two levels the curve is read beyond both, not between them
    assert curve.log_data_at([1.74])[0] > np.log(100)


def test_levels_that_share_a_size_are_averaged() -> None:
    curve = MonotoneCurve.through([1, 10, 10, 100], [3.0, 1.0, 2.0, 0.5], weights=[1, 1, 3, 1])
    np.testing.assert_allclose(curve.log_loss, [3, 1.75, 0.5])


@pytest.mark.parametrize("losses", [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [1.0]])
def test_a_curve_that_never_falls_is_refused(losses: list[float]) -> None:
    with pytest.raises(FitError, match="does not fall"):
        MonotoneCurve.through(range(1, len(losses) + 1), losses)


heights_apart = st.integers(-3000, 3000).map(lambda step: step / 1000)
values = st.lists(heights_apart, min_size=3, max_size=9, unique=True)
gaps = st.lists(st.floats(0.05, 3), min_size=9, max_size=9)


@given(values, gaps, st.booleans())
def test_no_piece_leaves_its_two_levels(
    heights: list[float], steps: list[float], pchip: bool
) -> None:
    y = np.array(heights)
    x = np.cumsum(steps)[: len(y)]
    slopes = limited_slopes(x, y, pchip=pchip)
    spline = CubicHermiteSpline(x, y, slopes)
    for left in range(len(x) - 1):
        low, high = sorted(y[left : left + 2])
        inside = spline(np.linspace(x[left], x[left + 1], 41))
        assert low - 1e-9 <= inside.min() <= inside.max() <= high + 1e-9
        assert np.all(np.diff(inside) * np.sign(y[left + 1] - y[left]) >= -1e-9)


@given(values, gaps, st.integers(-3500, 3500).map(lambda step: step / 1000))
def test_first_and_last_crossing_bracket_every_crossing(
    heights: list[float], steps: list[float], wanted: float
) -> None:
    y = np.array(heights)[:, None]
    x = np.cumsum(steps)[: len(y)]
    loss = np.array([[wanted]])
    first, last = cross(x, y, loss)[0, 0], cross(x, y, loss, last=True)[0, 0]
    assert first <= last
    grid = np.linspace(x[0], x[-1], 400)
    above = evaluate(x, y, grid)[:, 0] > wanted
    assert above[grid < first - 1e-6].all()
    assert not above[grid > last + 1e-6].any()
    if np.all(np.diff(y[:, 0]) < 0):
        assert first == last
        np.testing.assert_allclose(
            first, MonotoneCurve.through(np.exp(x), y[:, 0]).log_data_at([wanted])[0], atol=1e-6
        )


def test_a_crossing_on_a_level_is_exact() -> None:
    x = np.log([3.0, 5.0, 11.0])
    y = np.array([[3.0], [2.0], [1.0]])
    assert cross(x, y, y).tolist() == x[:, None].tolist()
    assert cross(x, y, y, last=True).tolist() == x[:, None].tolist()
    assert np.isnan(cross(x, y, np.array([[np.nan]]))).all()


def test_curves_in_one_batch_do_not_touch_one_another() -> None:
    rng = np.random.default_rng(0)
    x, y, loss = np.arange(5.0), rng.normal(size=(5, 40)), rng.normal(size=(3, 40))
    together = cross(x, y, loss)
    for draw in range(40):
        pair = (y[:, [draw]], loss[:, [draw]])
        np.testing.assert_array_equal(cross(x, *pair)[:, 0], together[:, draw])

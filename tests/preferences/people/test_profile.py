"""Profile intervals: exact where the likelihood is a parabola, open where it is flat."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from precocial.preferences.people.models import Axis
from precocial.preferences.people.profile import profile_interval, trade_offs


def test_of_a_normal_likelihood_it_is_the_usual_interval() -> None:
    axis = Axis.linear("x", -6.0, 8.0, 2801)
    profile = -0.5 * ((axis.values[:, None] - np.array([1.0, 0.5])) / np.array([1.0, 2.0])) ** 2
    low, high = profile_interval(axis, profile, 0.95)
    z = norm.ppf(0.975)
    assert low == pytest.approx([1 - z, 0.5 - 2 * z], abs=1e-3)
    assert high == pytest.approx([1 + z, 0.5 + 2 * z], abs=1e-3)


def test_on_a_logarithmic_axis() -> None:
    axis = Axis.logarithmic("k", 1e-5, 10.0, 4001)
    profile = -0.5 * ((np.log(axis.values) - np.log(0.02)) / 0.5)[:, None] ** 2
    low, high = profile_interval(axis, profile, 0.9)
    z = norm.ppf(0.95)
    assert np.log([low.item(), high.item()]) == pytest.approx(
        np.log(0.02) + np.array([-1, 1]) * z * 0.5, abs=1e-3
    )


def test_where_the_likelihood_is_flat_there_is_no_end() -> None:
    axis = Axis.linear("x", 0.0, 1.0, 101)
    x = axis.values
    profiles = np.stack([-40 * x, 40 * x, np.zeros(101), -0.001 * x], axis=1)
    low, high = profile_interval(axis, profiles, 0.95)
    assert np.isnan(low).tolist() == [True, False, True, True]
    assert np.isnan(high).tolist() == [False, True, True, True]
    assert high[0] == pytest.approx(norm.ppf(0.975) ** 2 / 80)


def test_the_outermost_ends_of_two_hills() -> None:
    axis = Axis.linear("x", -10.0, 10.0, 2001)
    x = axis.values
    profile = np.logaddexp(-0.5 * (x + 5) ** 2, -0.5 * (x - 5) ** 2)[:, None]
    low, high = profile_interval(axis, profile, 0.95)
    assert (low.item(), high.item()) == pytest.approx((-6.96, 6.96), abs=0.01)


def test_trade_offs_are_correlations_of_the_median_person() -> None:
    axes = (Axis.linear("a", -4.0, 4.0, 81), Axis.logarithmic("b", np.exp(-4), np.exp(4), 81))
    x = np.linspace(-4, 4, 81)
    a, b = np.meshgrid(x, x, indexing="ij")
    cells = np.stack([
        np.exp(-0.5 * (a**2 - 2 * r * a * b + b**2) / (1 - r**2)) for r in (-0.8, 0.3, 0.5)
    ], axis=-1)  # fmt: skip
    cells /= cells.sum(axis=(0, 1))
    (found,) = trade_offs(axes, cells)
    assert (found.first, found.second) == ("a", "b")
    assert found.correlation == pytest.approx(0.3, abs=0.01)
    assert trade_offs(axes[:1], cells.sum(axis=1)) == ()

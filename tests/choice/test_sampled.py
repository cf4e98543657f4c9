"""Quantilizers of samplers: their interval covers, their bound holds, and a pool is a pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm

from precocial.choice import Quantilizer, quantilize
from precocial.errors import ConfigError

POOLS, DRAWS, Q = 600, 1500, 0.1
FALSE_ALARM = 1e-7
"""Of each test here; the suite's budget is 1e-6."""
NORMAL = Quantilizer(lambda n, g: g.normal(size=n), lambda x: x, Q)
TRUE_RATIO = norm.sf(norm.isf(Q) - 1) / Q
"""E[exp(x) | x in the best tenth] / E[exp(x)] of a standard normal x."""


def covered(shift: float = 0.0) -> int:
    """Pools whose 99 % interval holds the true ratio, moved by `shift`."""
    found = (NORMAL.sample(DRAWS, seed=i).certificate(np.exp) for i in range(POOLS))
    return sum(one.ratio_low <= TRUE_RATIO + shift <= one.ratio_high for one in found)


def test_the_interval_covers_the_true_ratio() -> None:
    """0.98 is granted to a normal interval of a skewed cost; it says 0.99."""
    assert covered() >= binom.ppf(FALSE_ALARM, POOLS, 0.98)


def test_the_test_of_coverage_can_fail() -> None:
    assert covered(0.25) < binom.ppf(FALSE_ALARM, POOLS, 0.98)


def test_the_bound_holds_over_pools_of_any_size() -> None:
    """What small pools choose from is still at most 1 / q of the base: of 4 draws and q = 1/4,
    best-of-4. By the cost of being above 1."""
    cheap = Quantilizer(lambda n, g: g.normal(size=n), lambda x: x, 0.25)
    pools = (cheap.sample(4, seed=i) for i in range(3000))
    costs = [float(pool.weights @ (pool.scores > 1)) for pool in pools]
    true = norm.sf(1)
    assert np.mean(costs) == pytest.approx(1 - (1 - true) ** 4, abs=5 * 0.5 / np.sqrt(3000))
    assert np.mean(costs) <= true / 0.25


def test_the_pool_is_the_quantilizer_of_its_draws() -> None:
    pool = NORMAL.sample(200, seed=3)
    np.testing.assert_array_equal(pool.weights, quantilize(pool.scores, Q))
    assert pool.weights.max() <= 1 / (200 * Q) * (1 + 1e-12)
    again = NORMAL.sample(200, seed=3)
    np.testing.assert_array_equal(pool.options, again.options)
    assert pool.choose(np.random.default_rng(0)) in pool.options[pool.weights > 0]
    sure = pool.certificate(np.exp, confidence=0.9)
    wide = pool.certificate(np.exp)
    assert wide.ratio_low < sure.ratio_low < sure.ratio == wide.ratio < sure.ratio_high
    assert wide.share_low < sure.share_low < Q < sure.share_high < wide.share_high
    assert sure.ratio <= sure.cost_ratio_bound == 10
    assert sure.cost == pytest.approx(pool.weights @ np.exp(pool.options))


def test_the_share_of_the_base_above_the_boundary_is_within_its_interval() -> None:
    held = 0
    for i in range(300):
        pool = NORMAL.sample(400, seed=i)
        sure = pool.certificate(np.ones_like)
        held += sure.share_low <= norm.sf(pool.scores[pool.weights > 0].min()) <= sure.share_high
    assert held >= binom.ppf(FALSE_ALARM, 300, 0.99)


def test_a_cost_that_no_draw_has_and_draws_that_are_not_allowed() -> None:
    unseen = NORMAL.sample(50).certificate(np.zeros_like)
    assert (unseen.status, unseen.ratio, unseen.ratio_low, unseen.ratio_high) == (
        "no cost seen", 0.0, 0.0, 10.0
    )  # fmt: skip
    half = Quantilizer(lambda n, g: g.normal(size=n), lambda x: np.where(x > 0, -x, -np.inf), 0.5)
    pool = half.sample(300)
    sure = pool.certificate(np.abs)
    assert sure.draws == (pool.options > 0).sum()
    assert sure.base_cost == pytest.approx(pool.options[pool.options > 0].mean())
    assert 0 < sure.ratio < 1  # the smallest half of the allowed
    one = Quantilizer(lambda n, g: ["only"], lambda x: [1.0], 0.5).sample(1)
    assert one.choose(np.random.default_rng(0)) == "only"
    assert one.certificate(lambda x: [2.0]).ratio == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: NORMAL.sample(0), "n must be 1 or more; got 0"),
        (lambda: Quantilizer(lambda n, g: [1.0], lambda x: x, 0.5).sample(2), "gave 1"),
        (lambda: Quantilizer(lambda n, g: np.ones(n), lambda x: 1.0, 0.5).sample(2), "score must"),
        (lambda: Quantilizer(lambda n, g: np.ones(n), lambda x: x, 0.0).sample(2), "q must lie"),
        (lambda: Quantilizer(lambda n, g: np.ones(n), lambda x: x * np.nan, 0.5).sample(2), "NaN"),
        (lambda: NORMAL.sample(9).certificate(lambda x: -np.ones(9)), "not negative"),
        (lambda: NORMAL.sample(9).certificate(lambda x: np.ones(8)), "cost must be finite"),
        (lambda: NORMAL.sample(9).certificate(np.exp, confidence=1.0), "confidence must lie"),
    ],
)
def test_what_is_not_allowed_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call()

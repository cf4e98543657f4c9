"""Quantilizers of samplers: their interval covers, their bound holds, and a pool is a pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, norm

from precocial.choice import Quantilizer, quantilize
from precocial.choice.sampled import FEWEST
from precocial.errors import ConfigError

POOLS, DRAWS, Q = 600, 1500, 0.1
FALSE_ALARM = 1e-7
"""Of each test here; the suite's budget is 1e-6."""
NORMAL = Quantilizer(lambda n, g: g.normal(size=n), lambda x: x, Q)
TRUE_RATIO = norm.sf(norm.isf(Q) - 1) / Q
"""E[exp(x) | x in the best tenth] / E[exp(x)] of a standard normal x."""
PLAIN_RATIO = norm.pdf(norm.isf(Q)) / Q / np.sqrt(2 / np.pi)
"""The same of abs(x)."""


def _steep(x: np.ndarray) -> np.ndarray:
    """Bounded, and the largest two hundred times the smallest."""
    return np.minimum(np.exp(1.5 * np.abs(x)), 200.0)


HALF_LINE = np.linspace(0, 12, 400_001)
SMALL = {
    "plain": (np.abs, PLAIN_RATIO),
    "heavy": (
        _steep,
        np.average(_steep(HALF_LINE), weights=norm.pdf(HALF_LINE) * (norm.isf(Q) < HALF_LINE))
        / np.average(_steep(HALF_LINE), weights=norm.pdf(HALF_LINE)),
    ),
}


def covered(shift: float = 0.0) -> int:
    """Pools whose 99 % interval holds the true ratio, moved by `shift`."""
    found = (NORMAL.sample(DRAWS, seed=i).certificate(np.exp) for i in range(POOLS))
    return sum(one.ratio_low <= TRUE_RATIO + shift <= one.ratio_high for one in found)


def test_the_interval_covers_the_true_ratio() -> None:
    """0.98 is granted to a normal interval of a skewed cost; it says 0.99."""
    assert covered() >= binom.ppf(FALSE_ALARM, POOLS, 0.98)


def test_the_test_of_coverage_can_fail() -> None:
    assert covered(0.25) < binom.ppf(FALSE_ALARM, POOLS, 0.98)


@pytest.mark.parametrize("n", [1, 3, 10, 30, 100, 200])
@pytest.mark.parametrize("name", ["plain", "heavy"])
def test_the_interval_of_a_small_pool_covers_or_is_all_that_the_bound_allows(
    n: int, name: str
) -> None:
    """Of 400 pools 99 % at least. Before, one of three draws covered in three pools of four."""
    cost, true = SMALL[name]
    found = [NORMAL.sample(n, seed=i).certificate(cost) for i in range(400)]
    assert np.mean([one.ratio_low <= true <= one.ratio_high for one in found]) >= 0.99
    for one in found:
        assert (one.status == "measured") == (one.effective >= FEWEST)
        assert one.status == "measured" or (one.ratio_low, one.ratio_high) == (0, 1 / Q)
    assert {one.status for one in found} <= {"measured", "too few draws"}
    if n <= 100:
        assert found[0].status == "too few draws"
    elif name == "plain":
        assert np.mean([one.ratio_high - one.ratio_low for one in found]) < 1.5


def test_a_cost_seen_on_one_side_of_the_boundary_alone_decides_nothing() -> None:
    """Others may cost too, rarely: a pool that has none of them cannot know."""
    for cost in (lambda x: x > 1.5, lambda x: x < -1.5):
        sure = NORMAL.sample(1000, seed=1).certificate(cost)
        assert (sure.status, sure.ratio_low, sure.ratio_high) == ("too few draws", 0, 10)


@pytest.mark.parametrize("unit", [1e308, 1e-300])
def test_the_unit_of_a_cost_is_no_matter(unit: float) -> None:
    pool = NORMAL.sample(1000, seed=1)
    plain = pool.certificate(lambda x: np.minimum(np.abs(x), 1.0))
    other = pool.certificate(lambda x: unit * np.minimum(np.abs(x), 1.0))
    for name in ("ratio", "ratio_low", "ratio_high", "effective"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name))
    assert other.cost == pytest.approx(unit * plain.cost)


def test_a_quantilizer_of_all_of_the_base_has_the_ratio_one() -> None:
    whole = Quantilizer(lambda n, g: g.normal(size=n), lambda x: x, 1.0)
    for n in (1, 5):
        sure = whole.sample(n).certificate(np.abs)
        assert (sure.status, sure.ratio_low) == ("measured", pytest.approx(1))


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
    pool = NORMAL.sample(1000, seed=3)
    np.testing.assert_array_equal(pool.weights, quantilize(pool.scores, Q))
    assert pool.weights.max() <= 1 / (1000 * Q) * (1 + 1e-12)
    again = NORMAL.sample(1000, seed=3)
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


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: NORMAL.sample("a"), "sample: n must be a whole number; got str 'a'"),
        (lambda: NORMAL.sample(1.5), "sample: n must be a whole number; got float 1.5"),
        (lambda: NORMAL.sample(3, seed=-1), "seed must be 0 or more; got -1"),
        (lambda: Quantilizer(lambda n, g: None, np.abs, 0.5).sample(2), "an array or a sequence"),
        (lambda: Quantilizer(lambda n, g: [1, 2], lambda x: "a", 0.5).sample(2), "Quantilizer: sc"),
        (lambda: NORMAL.sample(3).certificate([1]), "cost must be a function; got list"),
        (lambda: NORMAL.sample(3).certificate(np.abs, confidence="x"), "confidence must be a num"),
        (lambda: NORMAL.sample(3).certificate(lambda x: "abc"), "cost must be numbers"),
        (lambda: NORMAL.sample(3).choose(0), "generator must be a Generator; got int 0"),
    ],
)
def test_what_is_of_another_type_is_named(call: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        call()

"""The paper's Eq. 2 and what follows from it, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError, DataError
from precocial.genome.lab.survival import (
    lifetime_survival,
    lineage_shares,
    scores_at_every_step,
    survival_curve,
    takeover_generations,
)

inside = st.floats(0.01, 0.99)


@given(c=st.floats(0, 1), alpha=inside, lifetime=st.integers(1, 60))
def test_a_constant_score_decays_geometrically(c: float, alpha: float, lifetime: int) -> None:
    curve = survival_curve([c] * lifetime, alpha)
    expected = (1 - alpha * (1 - c)) ** np.arange(lifetime + 1)
    np.testing.assert_allclose(curve, expected, rtol=1e-9)
    assert lifetime_survival([c] * lifetime, alpha) == pytest.approx(expected[-1])


def test_each_step_is_eq_2() -> None:
    scores = np.array([[0.2, 0.9, 0.5], [1.0, 0.0, 1.0]])
    curve = survival_curve(scores, 0.3)
    for t in range(3):
        np.testing.assert_allclose(curve[:, t + 1], curve[:, t] * (1 - 0.3 * (1 - scores[:, t])))
    assert curve[1, -1] == pytest.approx(0.7)


def test_zador_s_two_species() -> None:
    # 98 % at birth against 50 % that learns in 30 steps: the first survives better.
    learner = scores_at_every_step([0, 30], [0.5, 0.98], 31)
    assert learner[15] == pytest.approx(0.74)
    assert lifetime_survival([0.98] * 31, 0.1) > lifetime_survival(learner, 0.1)


@given(first=inside, second=inside, start=inside, generations=st.integers(0, 30))
def test_shares_follow_the_recursion(
    first: float, second: float, start: float, generations: int
) -> None:
    x = start
    for share in lineage_shares(first, second, start=start, generations=generations):
        assert share == pytest.approx(x, rel=1e-6, abs=1e-12)
        x = x * first / (x * first + (1 - x) * second)


def test_takeover_is_when_the_share_arrives() -> None:
    time = takeover_generations(0.9, 0.8, start=0.01, end=0.99)
    assert time == pytest.approx(2 * math.log(99) / math.log(0.9 / 0.8))
    shares = lineage_shares(0.9, 0.8, start=0.01, generations=math.ceil(time))
    assert shares[-2] < 0.99 <= shares[-1]


def test_who_does_not_survive_better_never_takes_over() -> None:
    assert takeover_generations(0.5, 0.5) == math.inf
    assert takeover_generations(0.4, 0.5) == math.inf
    assert takeover_generations(0.4, 0.5, start=0.99, end=0.01) < 50
    assert takeover_generations(0.4, 0.5, start=0.3, end=0.3) == 0


@pytest.mark.parametrize("alpha", [0, 1, -0.1, math.nan])
def test_alpha_is_between_0_and_1(alpha: float) -> None:
    with pytest.raises(ConfigError, match="alpha"):
        survival_curve([0.5], alpha)


@pytest.mark.parametrize("scores", [[], [1.2], [math.nan], 0.5])
def test_scores_are_rates(scores: list[float] | float) -> None:
    with pytest.raises(DataError):
        survival_curve(scores, 0.5)


def test_marks_must_cover_the_lifetime() -> None:
    with pytest.raises(DataError, match="reach from 0 to 9"):
        scores_at_every_step([0, 5], [0.1, 0.2], 10)
    with pytest.raises(DataError, match="rise"):
        scores_at_every_step([0, 5, 5, 12], [0.1, 0.2, 0.2, 0.3], 10)
    with pytest.raises(ConfigError, match="share"):
        takeover_generations(0.9, 0.8, start=0.0)
    with pytest.raises(ConfigError, match="survival"):
        takeover_generations(0.0, 0.8)

"""Goodness of fit: right sums, few false alarms, and misfits that no likelihood would show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from precocial.preferences import TabularMDP, boltzmann, goals_and_dangers, infer, simulate
from precocial.preferences.auditing.fitting import goodness_of_fit
from precocial.preferences.auditing.likely import LikelyPairs, likely_pairs
from precocial.preferences.auditing.record import Fit
from tests.preferences.small_worlds import random_world

Floats = np.ndarray
LIST = (boltzmann(0.0), boltzmann(4.0))


def world() -> TabularMDP:
    return random_world(5, states=5, actions=3, ends=1, spread=0.2)


def fit_of(policy: Floats, *, seed: int, replicates: int = 99, episodes: int = 25) -> Fit:
    demos = simulate(world(), policy, episodes=episodes, steps=8, seed=seed)
    posterior = infer(world(), demos, LIST, goals_and_dangers(world()))
    counts = demos.counts(world())
    return goodness_of_fit(
        world(), counts, posterior, likely_pairs(posterior), seed=seed, replicates=replicates
    )


def test_a_planner_in_the_list_is_seldom_refused() -> None:
    policy = boltzmann(4.0).policies(world(), goals_and_dangers(world()).block(2, 3))[0]
    p = np.array([fit_of(policy, seed=seed).p_value for seed in range(60)])
    # under the pair itself P(p <= 0.1) is 0.1; 15 of 60 or more would come once in 3,000 runs
    assert (p <= 0.1).sum() < stats.binom.isf(3e-4, 60, 0.1) + 1
    # and it is no formality: p is not always large
    assert p.min() < 0.25


def test_a_habit_that_no_pair_has_is_refused_though_its_likelihood_looks_like_chance() -> None:
    habit = np.full((5, 3), 0.1)
    habit[np.arange(5), np.arange(5) % 3] = 0.8
    found = fit_of(habit, seed=1)
    assert found.p_value == pytest.approx(1 / 100)
    assert not replace(found, threshold=0.02).explains
    assert found.misfit_nats > 0.1
    worst = found.rows[0]
    assert worst.seen > worst.foretold + 0.2 or worst.seen < worst.foretold - 0.2


def test_the_misfit_is_the_divergence_of_what_was_seen() -> None:
    """Under the uniform pair: D / n -> KL(seen || uniform), less what chance alone adds."""
    posterior = infer(world(), None, [boltzmann(0.0)], goals_and_dangers(world()))
    counts = np.zeros((5, 3))
    counts[0], counts[2] = [700, 200, 100], [300, 300, 400]
    found = goodness_of_fit(world(), counts, posterior, likely_pairs(posterior), seed=0)
    share = counts[[0, 2]] / 1000
    divergence = float((share * np.log(3 * share)).sum() / 2)
    assert found.random_nats == pytest.approx(divergence)
    # chi-square with 2 degrees of freedom in each of two states: D is 2 nats by chance
    assert found.misfit_nats == pytest.approx(divergence - 2 / 2000, abs=2e-4)
    assert (found.rows[0].state, found.rows[0].action, found.rows[0].visits) == ("0", "0", 1000)
    assert found.rows[0].foretold == pytest.approx(1 / 3)


def test_what_the_pair_itself_does_is_explained() -> None:
    posterior = infer(world(), None, [boltzmann(0.0)], goals_and_dangers(world()))
    even = np.full((5, 3), 40.0)
    even[4] = 0
    found = goodness_of_fit(world(), even, posterior, likely_pairs(posterior), seed=0)
    assert found.p_value == 1
    assert found.explains
    assert found.misfit_nats == 0


def test_the_same_seed_gives_the_same_figure() -> None:
    policy = boltzmann(4.0).policies(world(), goals_and_dangers(world()).block(2, 3))[0]
    assert fit_of(policy, seed=3) == fit_of(policy, seed=3)


def test_the_best_of_the_likely_pairs_is_the_one_that_is_judged() -> None:
    habit = np.full((5, 3), 0.1)
    habit[:, 0] = 0.8
    both = np.stack([np.full((5, 3), 1 / 3), habit])
    posterior = infer(world(), None, LIST, goals_and_dangers(world()))
    pairs = LikelyPairs(
        kept=1.0, weight=np.array([0.6, 0.4]), planner=np.array([0, 1]), reward=np.array([2, 3]),
        rewards=np.zeros((2, 5, 3)), policies=both,
    )  # fmt: skip
    counts = 100 * habit
    counts[4] = 0
    found = goodness_of_fit(world(), counts, posterior, pairs, seed=0)
    assert (found.planner, found.reward) == ("boltzmann 4", posterior.rewards.name(3))
    assert found.p_value == 1  # nothing fits better than what was seen, share by share
    assert found.rows[0].seen == pytest.approx(found.rows[0].foretold)

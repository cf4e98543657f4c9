"""Feedback on trajectories: feature counts by hand, and the posterior of a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.choice import log_likelihood
from precocial.errors import ConfigError, DataError
from precocial.preferences import Rewards, TabularMDP, boltzmann, greedy, infer
from precocial.preferences.feedback import (
    choice_of,
    comparison,
    correction,
    feature_counts,
    ranking,
    stop,
)
from tests.preferences.inference_worlds import corridor, random_features


def line(length: int = 4) -> TabularMDP:
    """Right or stay, for certain; the last state is terminal."""
    P = np.zeros((length, 2, length))
    for s in range(length):
        P[s, 0, min(s + 1, length - 1)] = P[s, 1, s] = 1
    start = np.eye(length)[0]
    return TabularMDP.from_arrays(
        P, discount=0.5, start=start, terminal=np.arange(length) == length - 1
    )


RIGHT = [(0, 0), (1, 0), (2, 0)]


def test_feature_counts_are_discounted_visits() -> None:
    mdp = line()
    phi = np.arange(16, dtype=float).reshape(2, 4, 2)
    rewards = Rewards.grid(phi, [0.0, 1.0])
    # (0,0), (1,0), (1,1), each half of the one before; phi[f, s, a] = 8 f + 2 s + a.
    told = feature_counts(mdp, rewards, [(0, 0), (1, 1), (1, 0)])
    assert told == pytest.approx([0 + 0.5 * 3 + 0.25 * 2, 8 + 0.5 * 11 + 0.25 * 10])
    assert feature_counts(mdp, rewards, []) == pytest.approx([0, 0])


def test_a_trajectory_to_the_end_scores_the_return_of_its_policy() -> None:
    mdp = line()
    rewards = Rewards.grid(random_features(0, mdp, 3), [-1.0, 0.0, 2.0])
    always_right = np.tile([1.0, 0.0], (4, 1))
    returns = mdp.policy_return(always_right[None], rewards.block())
    assert rewards.weights @ feature_counts(mdp, rewards, RIGHT) == pytest.approx(returns)


def test_a_comparison_is_a_logistic_in_the_difference() -> None:
    mdp = line()
    rewards = Rewards.grid(random_features(1, mdp, 2), [-1.0, 0.0, 1.0])
    worse = [(0, 1), (0, 0)]
    scores = [rewards.weights @ feature_counts(mdp, rewards, t) for t in (RIGHT, worse)]
    expected = 1 / (1 + np.exp(-3.0 * (scores[0] - scores[1])))
    said = comparison(mdp, rewards, RIGHT, worse, beta=3.0)
    assert np.exp(log_likelihood([said], rewards.weights)) == pytest.approx(expected)
    # And it weighs rewards in infer, whatever the planner.
    post = infer(mdp, None, [greedy(), boltzmann(1.0)], rewards, feedback=[said])
    assert post.reward_probability == pytest.approx(expected / expected.sum())


def test_the_kinds_of_feedback_are_choices_from_their_options() -> None:
    mdp = line()
    rewards = Rewards.grid(random_features(2, mdp, 2), [-1.0, 1.0])
    one, two, three = RIGHT, [(0, 1), (0, 1)], [(0, 0), (1, 1)]
    x = {i: feature_counts(mdp, rewards, t) for i, t in enumerate(([], one, two, three))}
    pushed = correction(mdp, rewards, two, one, [three], beta=2.0)
    assert (pushed.features == [x[1], x[2], x[3]]).all()
    assert (pushed.chosen, pushed.beta, pushed.kind) == (0, 2.0, "correction")
    off, on = stop(mdp, rewards, one), stop(mdp, rewards, one, stopped=False)
    assert (off.features == [x[0], x[1]]).all()
    assert (off.chosen, on.chosen) == (0, 1)
    first, second = ranking(mdp, rewards, [three, one, two])
    assert (first.features == [x[3], x[1], x[2]]).all()
    assert (second.features == [x[1], x[2]]).all()


def test_being_stopped_speaks_against_what_was_intended() -> None:
    mdp = line()
    rewards = Rewards.grid(random_features(3, mdp, 1), [-1.0, 1.0])
    worth = rewards.weights @ feature_counts(mdp, rewards, RIGHT)
    post = infer(mdp, None, [greedy()], rewards, feedback=[stop(mdp, rewards, RIGHT, beta=5.0)])
    assert post.reward_probability[worth.argmin()] > 0.5


def test_trajectories_that_cannot_happen_are_refused() -> None:
    mdp = line()
    rewards = Rewards.grid(random_features(0, mdp, 1), [1.0])
    with pytest.raises(DataError, match="cannot lead"):
        comparison(mdp, rewards, [(0, 0), (2, 0)], RIGHT)
    with pytest.raises(DataError, match="terminal"):
        comparison(mdp, rewards, [*RIGHT, (3, 0)], RIGHT)
    with pytest.raises(DataError, match="0 to 1"):
        comparison(mdp, rewards, [(0, 2)], RIGHT)
    with pytest.raises(ConfigError, match="at least two"):
        choice_of(mdp, rewards, [RIGHT], 0)
    with pytest.raises(ConfigError, match="at least two"):
        ranking(mdp, rewards, [RIGHT])
    other = Rewards.grid(random_features(0, corridor(), 2), [1.0])
    with pytest.raises(ConfigError, match="1 features"):
        infer(corridor(), None, [greedy()], other, feedback=[stop(mdp, rewards, RIGHT)])

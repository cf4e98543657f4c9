"""One likelihood for every kind of feedback."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.choice import Choice, log_likelihood
from precocial.errors import ConfigError

OPTIONS = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])


def test_it_is_the_log_probability_of_what_was_chosen() -> None:
    rewards = np.array([[1.0, -1.0], [0.0, 3.0]])
    feedback = [
        Choice(features=OPTIONS, chosen=1, beta=2.0, count=3.0),
        Choice(features=OPTIONS[:2], chosen=0, kind="comparison"),
    ]
    expected = []
    for w in rewards:
        p = np.exp(2 * OPTIONS @ w)
        q = np.exp(OPTIONS[:2] @ w)
        expected.append(3 * np.log(p[1] / p.sum()) + np.log(q[0] / q.sum()))
    np.testing.assert_allclose(log_likelihood(feedback, rewards), expected)
    assert log_likelihood([], rewards).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": np.zeros((0, 2))}, r"\(options, F\)"),
        ({"features": np.array([[np.nan, 1.0]])}, "must be finite"),
        ({"chosen": 3}, "chosen must lie in 0 to 2; got 3"),
        ({"beta": np.inf}, "beta and count|beta must be finite|count finite"),
        ({"count": -1.0}, "not negative"),
    ],
)
def test_a_broken_choice_is_refused(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Choice(**({"features": OPTIONS, "chosen": 0} | changes))


def test_feedback_of_another_world_is_refused() -> None:
    with pytest.raises(ConfigError, match="a correction has 2 features, the rewards 3"):
        log_likelihood([Choice(features=OPTIONS, chosen=0, kind="correction")], np.ones((1, 3)))


@pytest.mark.parametrize("rewards", [np.ones((1, 2, 2)), [[np.nan, 1.0]], [[np.inf, 1.0]]])
def test_rewards_of_another_shape_are_refused(rewards: object) -> None:
    with pytest.raises(ConfigError, match=r"rewards must be finite, \(H, F\)"):
        log_likelihood([Choice(features=OPTIONS, chosen=0)], rewards)  # type: ignore[arg-type]


def test_what_was_said_no_time_says_nothing() -> None:
    never = Choice(features=np.array([[0.0], [1e9]]), chosen=0, count=0.0)
    assert log_likelihood([never], [[1.0]]).tolist() == [0]

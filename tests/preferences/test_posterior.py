"""The exact posterior, against sums written out, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from precocial.choice import Choice
from precocial.errors import ConfigError, DataError, FitError
from precocial.preferences import (
    Block,
    Demonstrations,
    Negated,
    Rewards,
    boltzmann,
    defaults,
    infer,
    myopic,
    optimal,
    simulate,
)
from precocial.preferences import posterior as posterior_module
from precocial.preferences.planning import values
from tests.preferences.small_worlds import random_world, rewards

WORLD = random_world(ends=1)
TABLE = rewards(WORLD, 5)
LIST = Rewards.tables(TABLE)
PLANNERS = (boltzmann(3.0), Negated(planner=boltzmann(3.0)), boltzmann(0.5))


def demos(seed: int = 0, episodes: int = 40) -> Demonstrations:
    pi = boltzmann(3.0).policies(WORLD, TABLE[:1])[0]
    return simulate(WORLD, pi, episodes=episodes, steps=10, seed=seed)


@dataclass(frozen=True)
class FirstIsGood:
    name: str = "first"

    def log_factor(self, block: Block) -> np.ndarray:
        return -np.abs(block.rewards[:, 0, 0]) - 2.0 * (block.planner.name == "boltzmann 0.5")


def test_it_is_likelihood_times_prior_times_factors() -> None:
    seen, weights = demos(), np.random.default_rng(1).uniform(0.1, 1, (3, 5))
    got = infer(WORLD, seen, PLANNERS, LIST, prior=weights, assume=[FirstIsGood()])
    expected = np.log(weights / weights.sum())
    for p, planner in enumerate(PLANNERS):
        for h in range(5):
            pi = planner.policies(WORLD, TABLE[h : h + 1])[0]
            expected[p, h] += np.log(pi[seen.state, seen.action]).sum()
            expected[p, h] -= abs(TABLE[h, 0, 0]) + 2.0 * (p == 2)
    np.testing.assert_allclose(got.log_joint, expected, rtol=1e-7)
    probability = np.exp(expected - expected.max())
    np.testing.assert_allclose(got.probability, probability / probability.sum(), atol=1e-9)
    np.testing.assert_allclose(got.planner_probability, got.probability.sum(1))
    np.testing.assert_allclose(
        got.mean_reward(), np.einsum("h,hsa->sa", got.reward_probability, TABLE)
    )
    plain = got.without("first")
    np.testing.assert_allclose(plain.log_joint, got.log_prior + got.log_data)


def test_the_truth_wins_with_data_and_its_double_stays() -> None:
    both = Rewards.tables(np.concatenate([TABLE, -TABLE]))
    got = infer(WORLD, demos(episodes=200), PLANNERS, both)
    pairs = got.probability
    assert pairs[0, 0] == pytest.approx(pairs[1, 5], rel=1e-9)  # (p, R) and (-p, -R), Prop. 8
    assert pairs[0, 0] + pairs[1, 5] > 0.99
    assert {row[:2] for row in got.top(2)} == {
        ("boltzmann 3", "R0"),
        ("-(boltzmann 3)", "R5"),
    }
    assert got.entropy_bits == pytest.approx(1, abs=0.1)


def test_without_demonstrations_it_is_the_prior() -> None:
    got = infer(WORLD, None, PLANNERS, LIST)
    np.testing.assert_allclose(got.probability, 1 / 15)
    assert got.entropy_bits == pytest.approx(np.log2(15))


def test_feedback_counts_like_a_choice() -> None:
    comparison = Choice(features=np.eye(5)[:2], chosen=0, beta=2.0)
    got = infer(WORLD, None, PLANNERS, LIST, feedback=[comparison])
    weight = np.array([np.exp(2) / (np.exp(2) + 1), 1 / (np.exp(2) + 1), 0.5, 0.5, 0.5])
    np.testing.assert_allclose(got.reward_probability, weight / weight.sum())


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Rewards.tables(rewards(WORLD, 37))
    whole = infer(WORLD, demos(), defaults(), many).log_data
    monkeypatch.setattr(posterior_module, "BLOCK", 8)
    told: list[tuple[int, int]] = []
    parts = infer(
        WORLD, demos(), defaults(), many, on_done=lambda done, total: told.append((done, total))
    )
    np.testing.assert_allclose(parts.log_data, whole, rtol=1e-6)
    total = 5 * len(defaults())
    assert told == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"planners": ()}, ConfigError, "1 to 10000000 pairs"),
        ({"prior": np.ones((2, 2))}, ConfigError, r"prior must be weights \(3, 5\)"),
        ({"prior": np.zeros((3, 5))}, ConfigError, "must give weight to some pair"),
        ({"assume": [FirstIsGood(), FirstIsGood()]}, ConfigError, "two assumptions have one name"),
        ({"demos": Demonstrations.from_arrays([99], [0])}, DataError, "state 99"),
        ({"planners": (optimal(), myopic(1))}, FitError, "no pair of planner and reward"),
    ],
)
def test_what_cannot_be_inferred_is_refused(changes: dict, error: Any, said: str) -> None:
    plain = {"mdp": WORLD, "demos": demos(), "planners": PLANNERS, "rewards": LIST}
    with pytest.raises(error, match=said):
        infer(**(plain | changes))


def test_an_unknown_assumption_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match="no such assumptions"):
        infer(WORLD, None, PLANNERS, LIST).without("first")


def test_the_engine_is_chosen_by_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = demos()
    numpy_only = infer(WORLD, seen, PLANNERS, LIST)
    assert posterior_module.planning_work(WORLD, PLANNERS, LIST) < values.WORTH_COMPILING
    asked: list[str] = []
    reference = values.solve_reference

    def noted(*args: Any) -> Any:
        asked.append("numpy")
        return reference(*args)

    monkeypatch.setattr(values, "solve_reference", noted)
    # the rewards and their opposites: each alone is less work than this, both together more
    work = posterior_module.planning_work(WORLD, PLANNERS, LIST)
    monkeypatch.setattr(values, "WORTH_COMPILING", 0.9 * work)
    compiled = infer(WORLD, seen, PLANNERS, LIST)
    assert asked == []
    np.testing.assert_allclose(compiled.log_data, numpy_only.log_data, atol=1e-4)
    boltzmann(3.0).policies(WORLD, TABLE)
    assert asked == ["numpy"]

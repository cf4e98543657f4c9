from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from precocial.errors import ConfigError
from precocial.preferences import TabularMDP, simulate
from precocial.preferences.data.counted import mdp_from_counts
from precocial.preferences.demos import Demonstrations

COUNTS = np.array([[[3.0, 1.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 5.0]]])


def test_the_mean_is_counts_plus_prior() -> None:
    world = mdp_from_counts(COUNTS, discount=0.9, prior=1.0)
    assert world.mdp.dense[0, 0] == pytest.approx([4 / 6, 2 / 6])
    assert world.mdp.dense[0, 1] == pytest.approx([0.5, 0.5])
    assert world.unvisited.tolist() == [[False, True], [False, False]]
    assert world.coverage == pytest.approx(3 / 4)
    assert world.mdp.start.tolist() == [0.5, 0.5]


def test_the_default_prior_is_one_observation() -> None:
    world = mdp_from_counts(COUNTS, discount=0.9)
    assert world.concentration[0, 1].tolist() == [0.5, 0.5]


def test_intervals_are_the_quantiles_of_the_marginals() -> None:
    low, high = mdp_from_counts(COUNTS, discount=0.9, prior=1.0).interval(0.9)
    assert low[0, 0, 0] == pytest.approx(beta.ppf(0.05, 4, 2))
    assert high[1, 1, 0] == pytest.approx(beta.ppf(0.95, 1, 6))


def test_samples_have_the_moments_of_the_posterior() -> None:
    world = mdp_from_counts(COUNTS, discount=0.9, prior=0.2)
    drawn = np.array([w.dense[:, :, 0] for w in world.sample(4000, seed=1)])
    a, total = world.concentration[:, :, 0], world.concentration.sum(axis=2)
    mean, spread = a / total, np.sqrt(a * (total - a) / total**2 / (total + 1))
    # Five standard errors of a mean of 4,000: a false alarm of about 2e-6 over four cells.
    assert (np.abs(drawn.mean(axis=0) - mean) < 5 * spread / np.sqrt(4000)).all()
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.1)
    low, high = world.interval(0.8)
    inside = ((drawn >= low[:, :, 0]) & (drawn <= high[:, :, 0])).mean(axis=0)
    assert inside == pytest.approx(np.full((2, 2), 0.8), abs=0.04)


def test_tiny_concentrations_can_be_drawn() -> None:
    world = mdp_from_counts(np.zeros((3, 1, 3)), discount=0.9, prior=1e-4)
    for sampled in world.sample(20):
        assert np.sort(sampled.dense[0, 0])[-1] == pytest.approx(1)


def test_impossible_and_certain_transitions_have_no_width() -> None:
    prior = np.ones((2, 2, 2))
    prior[0, 0] = [1, 0]
    counts = COUNTS.copy()
    counts[0, 0] = [4, 0]
    world = mdp_from_counts(counts, discount=0.9, prior=prior)
    low, high = world.interval()
    assert low[0, 0].tolist() == high[0, 0].tolist() == [1, 0]
    assert world.sample(1)[0].dense[0, 0].tolist() == [1, 0]
    with pytest.raises(ConfigError, match="state 0 by action 0 to 1 was counted"):
        mdp_from_counts(COUNTS, discount=0.9, prior=prior)


def test_a_world_is_found_again_from_its_demonstrations() -> None:
    rng = np.random.default_rng(0)
    true = TabularMDP.from_arrays(rng.dirichlet(np.ones(4), size=(4, 2)), discount=0.9)
    demos = simulate(true, true.uniform_policy(), episodes=300, steps=50, seed=2)
    world = mdp_from_counts(demos, discount=0.9)
    assert np.abs(world.mdp.dense - true.dense).max() < 0.06
    low, high = world.interval(0.95)
    inside = (low <= true.dense) & (true.dense <= high)
    # 32 intervals at 0.95: fewer than 24 inside has probability below 1e-4.
    assert inside.sum() >= 24


def test_demonstrations_give_the_start_and_skip_unknown_arrivals() -> None:
    demos = Demonstrations.from_arrays([0, 1, 1], [0, 0, 1], episode=[0, 0, 1])
    world = mdp_from_counts(demos, discount=0.9, n_states=4, terminal=[3])
    assert world.mdp.start.tolist() == [0.5, 0.5, 0, 0]
    assert world.counts.sum() == 1
    assert world.mdp.terminal.tolist() == [False, False, False, True]
    assert world.coverage == pytest.approx(1 / 6)
    assert world.sample(1)[0].dense[3, 0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("counts", "options", "said"),
    [
        (np.zeros((2, 2)), {}, "must be \\(S, A, S\\)"),
        (-COUNTS, {}, "not negative"),
        (COUNTS * np.nan, {}, "finite"),
        (COUNTS, {"prior": -1.0}, "prior must be"),
        (COUNTS, {"prior": 0.0}, "above 0"),
        (COUNTS, {"terminal": [7]}, "states 0 to 1"),
        (COUNTS, {"terminal": [1]}, "state 1 is terminal"),
        (np.zeros((2, 1, 2)), {"prior": np.zeros((2, 1, 2))}, "no possible next state"),
        (COUNTS, {"discount": 2.0}, "discount"),
    ],
)
def test_mistakes_are_named(counts: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        mdp_from_counts(counts, **{"discount": 0.9, **options})


def test_a_table_too_large_and_states_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="too large"):
        mdp_from_counts(Demonstrations.from_arrays([0, 10**6], [0, 0]), discount=0.9)
    for states, actions in (([0, 1], [300_000, 1]), ([0, 2999], [0, 3])):
        with pytest.raises(ConfigError, match=r"too large .* Number the states .*--bins"):
            mdp_from_counts(Demonstrations.from_arrays(states, actions), discount=0.9)
    with pytest.raises(ConfigError, match="states must be 0 to 0"):
        mdp_from_counts(Demonstrations.from_arrays([0, 1], [0, 0]), discount=0.9, n_states=1)
    with pytest.raises(ConfigError, match="level"):
        mdp_from_counts(COUNTS, discount=0.9).interval(1.0)
    with pytest.raises(ConfigError, match="count"):
        mdp_from_counts(COUNTS, discount=0.9).sample(0)

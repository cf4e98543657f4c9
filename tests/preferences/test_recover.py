"""Gradients through planners are those of finite differences; planted rewards come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import Planner, Rule, myopic, optimist, soft_optimal, solve
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.recover import PlannerGradient, recover
from precocial.preferences.worlds.grids import cell_rewards, shah_agents, shah_world

AGENTS = shah_agents() | {"soft": soft_optimal(0.7)}
AGENTS["one delay"] = replace(AGENTS["naive"], backup=replace(AGENTS["naive"].backup, delays=1))


def ending_world(rng: np.random.Generator) -> TabularMDP:
    """A random world whose last state is the end."""
    P = rng.dirichlet(np.full(6, 0.5), size=(6, 3))
    return TabularMDP.from_arrays(P, discount=0.9, terminal=np.arange(6) == 5)


@pytest.mark.parametrize("name", AGENTS)
@pytest.mark.parametrize("world", ["grid", "ending"])
def test_values_are_those_of_solve_and_slopes_those_of_differences(name: str, world: str) -> None:
    rng = np.random.default_rng(1)
    mdp = shah_world(2, size=8).mdp if world == "grid" else ending_world(rng)
    shape = (2, mdp.n_states, mdp.n_actions)
    R, G, D = rng.normal(size=(3, *shape))
    values = PlannerGradient(mdp, AGENTS[name])
    assert np.abs(values.forward(R) - solve(mdp, R, AGENTS[name].backup).Q).max() < 1e-7
    found = (values.backward(G) * D).sum(axis=(1, 2))
    small = 1e-6
    ends = [(values.forward(R + sign * small * D) * G).sum(axis=(1, 2)) for sign in (1, -1)]
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * small), abs=1e-5)


@pytest.mark.parametrize("name", ["optimal", "naive", "myopic", "underconfident", "soft"])
def test_a_planted_reward_comes_back(name: str) -> None:
    world, agent = shah_world(5, size=7, rewards=3), AGENTS[name]
    mdp, S = world.mdp, world.mdp.n_states
    counts = 10_000 * agent.policies(mdp, world.rewards[None])[0]
    found = recover(
        mdp, counts, agent, cell_rewards(mdp, np.eye(S)),
        base=cell_rewards(mdp, np.zeros(S), living=world.living), prior_std=3.0,
    )  # fmt: skip
    # A constant more in every cell changes nothing: compare without it.
    error = (found.weights - found.weights.mean()) - (world.paid - world.paid.mean())
    assert np.abs(error).max() < 0.2
    assert found.log_posterior == found.tops.max()
    penalty = (found.weights**2).sum() / (2 * 9)
    assert found.log_likelihood - penalty == pytest.approx(found.log_posterior)


def test_without_data_the_prior_says_nothing_pays() -> None:
    mdp = shah_world(5, size=7, rewards=3).mdp
    phi = cell_rewards(mdp, np.eye(mdp.n_states))
    nothing = np.zeros((mdp.n_states, mdp.n_actions))
    found = recover(mdp, nothing, AGENTS["optimal"], phi, prior_std=2.0)
    assert np.abs(found.weights).max() < 1e-3
    assert found.slope < 1e-3


def test_what_cannot_be_differentiated_is_refused() -> None:
    mdp = shah_world(5, size=7, rewards=3).mdp
    phi = cell_rewards(mdp, np.eye(mdp.n_states))
    counts = np.ones((mdp.n_states, mdp.n_actions))
    rule = Rule(kind="boltzmann", parameter=1.0)
    for planner in (myopic(3), optimist(0.5, rule=rule), Planner(name="greedy one")):
        with pytest.raises(ConfigError, match="Boltzmann"):
            recover(mdp, counts, planner, phi)
    with pytest.raises(ConfigError, match="counts must be"):
        recover(mdp, counts[:-1], AGENTS["optimal"], phi)
    with pytest.raises(ConfigError, match="not negative"):
        recover(mdp, -counts, AGENTS["optimal"], phi)

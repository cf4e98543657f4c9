"""Better than random on the built-in worlds."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.preferences import Negated, Rewards, infer, simulate
from precocial.preferences.assumptions import BetterThanRandom
from precocial.preferences.worlds.grids import shah_agents, shah_world
from precocial.preferences.worlds.restaurant import restaurants
from precocial.preferences.worlds.stories import buttons


@pytest.mark.parametrize("seed", [0, 1])
def test_on_shahs_grids_the_opposites_of_six_agents_go(seed: int) -> None:
    world = shah_world(seed, size=6, rewards=4)
    agents = tuple(shah_agents().values())
    planners = agents + tuple(Negated(planner=agent) for agent in agents)
    other = world.rewards[np.random.default_rng(seed).permutation(len(world.rewards))]
    rewards = Rewards.tables([world.rewards, other, -world.rewards, -other])
    for i, agent in enumerate(agents):
        policy = agent.policies(world.mdp, world.rewards[None])[0]
        demos = simulate(world.mdp, policy, episodes=20, steps=40, seed=seed)
        before = infer(world.mdp, demos, planners, rewards).probability
        after = infer(world.mdp, demos, planners, rewards, assume=[BetterThanRandom()]).probability
        assert before[6 + i, 2] == pytest.approx(before[i, 0])
        assert after[6 + i, 2] < 1e-3
        assert after[6:].sum() < 1e-3


def test_on_a_naive_walk_among_restaurants_the_opposites_go() -> None:
    world = restaurants()
    agents = tuple(world.agent(10.0, k=k, sophisticated=s) for k, s in ((0.0, False), (1.0, True)))
    planners = agents + tuple(Negated(planner=agent) for agent in agents)
    one = world.rewards(([0, 10], [-10, 0]), ([0, 10], [0, 20]))
    demos = world.walk("uuuul", times=3)
    before = infer(world.mdp, demos, planners, one | (-one)).probability
    after = infer(world.mdp, demos, planners, one | (-one), assume=[BetterThanRandom()]).probability
    assert before[2:].sum() == pytest.approx(0.5)
    assert after[2:].sum() < 1e-3


def test_of_the_buttons_pairs_both_readings_stay_and_their_opposites_go() -> None:
    story = buttons()
    planners, tables = zip(*story.pairs.values(), strict=True)
    demos = simulate(story.mdp, story.behaviour, episodes=30, steps=5)
    post = infer(
        story.mdp, demos, planners, Rewards.tables(tables), prior=np.eye(len(planners)),
        assume=[BetterThanRandom()],
    )  # fmt: skip
    left = dict(zip(story.pairs, post.probability.diagonal(), strict=True))
    assert left["plausible"] == pytest.approx(0.5)
    assert left["rational"] == pytest.approx(0.5)  # the wrong reading is not ruled out
    assert max(value for name, value in left.items() if "," in name) == 0.0

"""The restaurant world against a second, plain reading of its rules, and the chapter's results."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import Rewards, infer
from precocial.preferences.worlds.restaurant import (
    FEATURES,
    PATHS,
    donut_tempting,
    restaurants,
    veg_minus_donut,
)

WORLD = restaurants()
SMALL = WORLD.rewards(((10.0, 20.0), (-10.0,)), ((-10.0, 10.0), (0.0, 20.0)))
ROWS = ["####V#", "###...", "##D.#.", "###.#.", "###...", "###.#N", "....##", "S##.##"]


def told(x: int, y: int) -> str:
    """The map as the chapter counts it: x from the left, y from the bottom."""
    return ROWS[7 - y][x] if 0 <= x < 6 and 0 <= y < 8 else "#"


def softmax_agent(
    utility: dict[str, tuple[float, float]], alpha: float, k: float, sophisticated: bool
):
    """The chapter's agent, by plain recursion over (x, y, before, time left, eaten)."""
    steps = {"l": (-1, 0), "r": (1, 0), "u": (0, 1), "d": (0, -1)}

    def moves(x, y, before):
        if told(x, y) in "VDSN":
            return ["l"]
        after = {m: (x + dx, y + dy) for m, (dx, dy) in steps.items()}
        there = [m for m, cell in after.items() if told(*cell) != "#" and cell != before]
        return there or ["l"]

    @cache
    def worth(x, y, before, left, eaten, last, move, delay):
        name = told(x, y)
        paid = (utility[name][eaten] if name in "VDSN" else -0.01) / (1 + k * delay)
        if last:
            return paid
        if name in "VDSN":
            later = (x, y, (x, y), left, eaten + 1, True)
        else:
            cell = (x + steps[move][0], y + steps[move][1])
            cell = (x, y) if told(*cell) == "#" else cell
            later = (*cell, (x, y), left - 1, 0, left - 1 <= 1)
        chances = choose(*later, 0 if sophisticated else delay + 1)
        return paid + sum(p * worth(*later, m, delay + 1) for m, p in chances.items())

    @cache
    def choose(x, y, before, left, eaten, last, delay):
        there = moves(x, y, before)
        score = np.array([alpha * worth(x, y, before, left, eaten, last, m, delay) for m in there])
        weight = np.exp(score - score.max())
        return dict(zip(there, weight / weight.sum(), strict=True))

    return choose


@pytest.mark.parametrize(("alpha", "k", "sophisticated"), [
    (0.1, 0.0, False), (1.0, 1.0, False), (1.0, 1.0, True), (1000.0, 1.0, True),
])  # fmt: skip
def test_agents_choose_as_a_plain_recursion_says(
    alpha: float, k: float, sophisticated: bool
) -> None:
    agent = WORLD.agent(alpha, k=k, sophisticated=sophisticated)
    reward = 5
    policies = agent.policies(WORLD.mdp, SMALL.block(reward, reward + 1))[0]
    w = dict(zip(FEATURES, SMALL.weights[reward], strict=True))
    names = {"V": "Veg", "D": "Donut N", "S": "Donut S", "N": "Noodle"}
    utility = {c: (w[f"{name} at once"], w[f"{name} later"]) for c, name in names.items()}
    choose = softmax_agent(utility, alpha, k, sophisticated)
    for s, place in enumerate(WORLD.places):
        (row, column), before = place.cell, place.before
        was = None if before is None else (before[1], 7 - before[0])
        chances = choose(column, 7 - row, was, place.time_left, place.eaten, place.last, 0)
        expected = [chances.get(action, 0.0) for action in WORLD.mdp.actions]
        assert policies[s] == pytest.approx(expected, abs=1e-9), place


def test_the_world_has_the_rules_of_the_chapter() -> None:
    assert WORLD.mdp.longest_episode == 11
    assert WORLD.mdp.state_name(0) == "3,1 left 11"
    naive = WORLD.walk(PATHS["naive"])
    assert [WORLD.mdp.actions[a] for a in naive.action] == list("uuuulll")
    assert WORLD.mdp.state_name(int(naive.state[-1])) == "2,5 from 2,5 left 6 eaten 1 last"
    assert len(WORLD.walk(PATHS["sophisticated"])) == 11
    assert len(WORLD.walk(PATHS["direct"], times=3).episodes) == 3
    # Nobody turns round.
    up = int(WORLD.walk("uuuul").state[1])
    assert WORLD.open[up].tolist() == [False, False, True, False]


def test_walks_that_cannot_be_are_refused() -> None:
    for moves, said in (("ud", "not open"), ("x", "not open"), ("u", "not open"), ("", "not open")):
        with pytest.raises(ConfigError, match=said):
            WORLD.walk(moves if moves else "r" + "r")


def test_temptation_is_a_reversal_of_preference() -> None:
    rewards = WORLD.rewards(((10.0,), (-10.0,)), ((-10.0,), (20.0,)))
    # donut(4) = 2 - 10/6 < veg(6) = -10/7 + 20/8, donut(0) = 10 - 5 > veg(2) = -10/3 + 5.
    assert donut_tempting(rewards, 1.0).tolist() == [True]
    assert donut_tempting(rewards, 0.0).tolist() == [False]
    assert veg_minus_donut(rewards).tolist() == [10.0]


def test_a_sophisticated_agent_walks_round_the_donuts_and_a_naive_one_does_not() -> None:
    rewards = WORLD.rewards(((10.0,), (-10.0,)), ((-10.0,), (20.0,)))
    for path, sophisticated in (("naive", False), ("sophisticated", True)):
        agent = WORLD.agent(1000.0, k=1.0, sophisticated=sophisticated)
        pi = agent.policies(WORLD.mdp, rewards.block())[0]
        walk = WORLD.walk(PATHS[path])
        assert pi[walk.state, walk.action].min() > 0.99, path


def reading(rewards: Rewards, path: str) -> tuple[float, float]:
    """P(naive) and P(donut tempting) after a walk of a hyperbolic discounter."""
    planners = [WORLD.agent(1000.0, k=1.0, sophisticated=s) for s in (False, True)]
    posterior = infer(WORLD.mdp, WORLD.walk(PATHS[path]), planners, rewards)
    tempting = donut_tempting(rewards, 1.0)
    return float(posterior.planner_probability[0]), float(
        posterior.reward_probability[tempting].sum()
    )


def test_the_naive_walk_tells_of_naivety_and_the_direct_one_is_silent() -> None:
    rewards = WORLD.rewards(((0.0, 10.0, 20.0), (-10.0,)), ((-10.0, 0.0, 10.0), (20.0,)))
    naive, tempting = reading(rewards, "naive")
    assert naive > 0.9
    assert tempting > 0.9 > 2 * donut_tempting(rewards, 1.0).mean()
    assert reading(rewards, "direct")[0] == pytest.approx(0.5, abs=0.005)


@pytest.mark.slow
def test_the_figures_of_the_chapter() -> None:
    four = (-10.0, 0.0, 10.0, 20.0)
    rewards = WORLD.rewards((four, four), (four, four))
    naive, tempting = reading(rewards, "naive")
    assert naive > 0.9
    assert 0.85 < tempting < 0.93
    assert reading(rewards, "direct")[0] == pytest.approx(0.5, abs=0.005)

"""Grid worlds: who goes where, what pays, and Shah et al.'s worlds and agents."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from precocial.errors import ConfigError
from precocial.preferences import Backup, optimal, solve
from precocial.preferences.worlds.grids import (
    AGENTS,
    cell_rewards,
    cells_marked,
    grid_world,
    shah_agents,
    shah_world,
    with_other_walls,
)

ROOM = ("A.G", ".#.", "..L")


def test_moves_slip_to_the_sides_and_stop_at_walls() -> None:
    mdp = grid_world(ROOM, discount=0.9, slip=0.2)
    assert (mdp.n_states, mdp.actions) == (8, ("north", "south", "east", "west", "stay"))
    P = mdp.dense
    # From the corner: east goes on, a slip north stays, a slip south goes down.
    assert P[0, 2].tolist() == pytest.approx([0.1, 0.8, 0, 0.1, 0, 0, 0, 0])
    assert P[0, 0, 0] == pytest.approx(0.9)  # north and the slip west both stay
    assert P[0, 0, 1] == pytest.approx(0.1)
    assert P[0, 4, 0] == 1
    assert P[1, 1].tolist() == pytest.approx([0.1, 0.8, 0.1, 0, 0, 0, 0, 0])  # a wall below
    # Successors that coincide are one.
    assert (np.diff(np.sort(mdp.successors[0, 0][mdp.probability[0, 0] > 0])) > 0).all()
    assert mdp.start.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert mdp.grid is not None
    assert mdp.grid[3].tolist() == [1, 0]


def test_marks_ends_and_rewards() -> None:
    goal, pit = cells_marked(ROOM, "G")[0], cells_marked(ROOM, "L")[0]
    mdp = grid_world(ROOM, discount=0.5, stay=False, terminal="GL")
    assert mdp.terminal.nonzero()[0].tolist() == sorted((goal, pit))
    arriving = np.zeros(8)
    arriving[[goal, pit]] = 1, -1
    values = solve(mdp, mdp.on_arrival(arriving)).Q[0].max(axis=1)
    assert values[:2].tolist() == pytest.approx([0.5, 1.0])


def test_acting_where_it_pays() -> None:
    mdp = grid_world(ROOM, discount=0.5)
    paid = np.zeros(8)
    paid[2] = 4.0
    R = cell_rewards(mdp, paid, living=-0.25)
    assert R[2].tolist() == [3.75, 3.75, 3.75, 3.75, 4.0]
    assert R[0].tolist() == [-0.25] * 4 + [0.0]
    # Two moves, then stay for ever: -0.25 - 0.125 + 0.25 * 4 / (1 - 0.5).
    assert solve(mdp, R).Q[0, 0].max() == pytest.approx(-0.375 + 2.0)


@pytest.mark.parametrize("seed", range(12))
def test_worlds_of_shah_et_al(seed: int) -> None:
    world = shah_world(seed)
    free = ~world.walls
    assert world.walls[[0, -1]].all()
    assert world.walls[:, [0, -1]].all()
    assert ndimage.label(free)[1] == 1
    assert free.sum() >= (14 * 14 - 8) / 2
    assert free.sum() == world.mdp.n_states
    goals = world.paid[world.paid != 0]
    assert len(goals) == 7
    assert set(goals) <= set(range(-9, 10)) - {0}
    assert world.mdp.grid is not None
    assert world.mdp.grid[world.mdp.start.argmax()].tolist() == [8, 8]
    assert world.paid[world.mdp.start.argmax()] == 0
    assert np.array_equal(world.off_the_map(world.on_the_map(world.paid)), world.paid)
    assert not world.mdp.terminal.any()


def test_the_same_goals_between_other_walls() -> None:
    world = shah_world(3)
    other = with_other_walls(world, 0)
    assert np.array_equal(world.on_the_map(world.paid), other.on_the_map(other.paid))
    assert (world.walls != other.walls).any()
    assert ndimage.label(~other.walls)[1] == 1
    assert (other.living, other.slip) == (world.living, world.slip)


def test_a_seed_decides_a_world() -> None:
    assert np.array_equal(shah_world(1).paid, shah_world(1).paid)
    assert (shah_world(1).walls != shah_world(2).walls).any()


def test_the_six_agents_have_the_parameters_of_the_source() -> None:
    agents = shah_agents()
    assert tuple(agents) == AGENTS
    betas = {name: agent.rule.parameter for name, agent in agents.items()}
    assert betas == dict(zip(AGENTS, (0.1, 1, 1, 1, 0.1, 1), strict=True))
    assert agents["naive"].backup == Backup(hyperbolic=1.0, delays=10)
    assert agents["sophisticated"].backup == Backup(
        hyperbolic=1.0, delays=10, sophisticated=True, steps=50
    )
    assert agents["myopic"].backup == Backup(steps=10)
    assert agents["overconfident"].backup == Backup(confidence=5.0)
    assert agents["underconfident"].backup == Backup(confidence=0.5)
    assert {agent.rule.kind for agent in shah_agents(noisy=False).values()} == {"greedy"}


def test_biased_agents_lose_a_little() -> None:
    world = shah_world(0)
    best, *others = (
        world.mdp.policy_return(agent.policies(world.mdp, world.rewards[None]), world.rewards)[0]
        for agent in (optimal(), *shah_agents(noisy=False).values())
    )
    assert others[0] == pytest.approx(best)
    assert all(other <= best + 1e-9 for other in others)
    assert min(others[1:]) < best - 1e-3


def test_maps_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="equal length"):
        grid_world(("..", "."), discount=0.9)
    with pytest.raises(ConfigError, match="no wall"):
        grid_world(("##",), discount=0.9)
    with pytest.raises(ConfigError, match="slip"):
        grid_world(("..",), discount=0.9, slip=1.5)
    with pytest.raises(ConfigError, match="terminal"):
        grid_world(("G",), discount=0.9, terminal="G")
    with pytest.raises(ConfigError, match="rewards 1 to 3"):
        shah_world(0, size=4, rewards=4)

"""Grid worlds: a text map becomes a `TabularMDP`, and the random worlds of Shah et al. (2019).

Rows are counted from the top. The facts about Shah et al.'s worlds and agents are from their code
(`HumanCompatibleAI/learning_biases`, a20d36a); nothing here is copied from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import (
    Planner,
    Rule,
    hyperbolic,
    miscalibrated,
    myopic,
    optimal,
)
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WALL = "#"
START = "A"
MOVES = {"north": (-1, 0), "south": (1, 0), "east": (0, 1), "west": (0, -1), "stay": (0, 0)}
"""Row and column added by each action; `stay` is the last."""
AGENTS = ("optimal", "naive", "sophisticated", "myopic", "overconfident", "underconfident")
MOST_PAID = 9
"""A reward cell of Shah et al. pays one of -9 to 9, never 0."""


@checked
def grid_world(
    rows: Sequence[str], *, discount: float, slip: float = 0.0, stay: bool = True,
    terminal: str = "",
) -> TabularMDP:  # fmt: skip
    """The world of a text map: one state a cell that is no wall, in reading order.

    A move goes one cell that way with probability 1 - slip and to either side with slip / 2; where
    a wall or the edge is, it stays. `stay` stays surely. Successors that coincide are one, so that
    "the likeliest successor" of a miscalibrated planner is a state.

    Args:
        rows: lines of equal length; `#` is a wall, `A` a start (several share; none: every state
            that is not terminal). Any other character is free.
        slip: share of moves that go astray.
        stay: whether there is a fifth action, to stay.
        terminal: characters whose cells end an episode.

    Raises:
        ConfigError: a ragged or empty map, or a slip outside [0, 1].
    """
    cells = _cells(rows)
    if not 0 <= slip <= 1:
        raise ConfigError(f"grid_world: slip must lie in [0, 1]; got {slip!r}")
    free = cells != WALL
    number = np.where(free, free.cumsum().reshape(free.shape) - 1, -1)
    place = np.argwhere(free).astype(np.int64)
    marks = cells[free]
    ends = np.isin(marks, list(terminal))
    begins = marks == START if (marks == START).any() else ~ends
    if not begins.any():
        raise ConfigError("grid_world: every cell of the map is terminal; no episode can start")
    names = list(MOVES) if stay else [name for name in MOVES if name != "stay"]
    after, probability = _successors(number, place, names, slip)
    return TabularMDP(
        successors=after, probability=probability, start=begins / begins.sum(), discount=discount,
        terminal=ends, states=tuple(f"{row},{column}" for row, column in place),
        actions=tuple(names), grid=place,
    )  # fmt: skip


def cells_marked(rows: Sequence[str], marks: str) -> Ints:
    """The states of `grid_world(rows)` whose character is one of `marks`, in reading order."""
    cells = _cells(rows)
    return np.flatnonzero(np.isin(cells[cells != WALL], list(marks)))


def cell_rewards(mdp: TabularMDP, paid: ArrayLike, *, living: float = 0.0) -> Floats:
    """R[s, a] of rewards of cells (..., S), paid for acting there, as (..., S, A).

    R(s, a) = paid(s) + living * 1[a is not "stay"]: as in Shah et al.'s code, where a cell pays as
    long as one acts in it, and nothing ends an episode. `TabularMDP.on_arrival` is the other kind.
    """
    r = np.asarray(paid, dtype=np.float64)
    moves = np.array([mdp.action_name(a) != "stay" for a in range(mdp.n_actions)])
    return r[..., None] + living * moves


@dataclass(frozen=True, kw_only=True, eq=False)
class ShahWorld:
    """A random world of Shah et al., with its reward.

    Attributes:
        mdp: one start, the middle cell; nothing is terminal.
        paid: (S,) what each cell pays to whoever acts there; 0 but for the reward cells.
        living: added to every action but `stay`.
        slip: share of moves that go astray.
        walls: (size, size).
    """

    mdp: TabularMDP
    paid: Floats
    living: float
    slip: float
    walls: Bools

    @property
    def rewards(self) -> Floats:
        """R[s, a]."""
        return cell_rewards(self.mdp, self.paid, living=self.living)

    def on_the_map(self, paid: ArrayLike) -> Floats:
        """Numbers of cells (..., S) on the map, (..., size, size); walls are 0."""
        numbers = np.asarray(paid, dtype=np.float64)
        found = np.zeros((*numbers.shape[:-1], *self.walls.shape))
        found[..., ~self.walls] = numbers
        return found

    def off_the_map(self, numbers: ArrayLike) -> Floats:
        """(..., size, size) as numbers of this world's cells, (..., S)."""
        return np.asarray(np.asarray(numbers, dtype=np.float64)[..., ~self.walls])


@checked
def shah_world(
    seed: int, *, size: int = 16, rewards: int = 7, slip: float = 0.2, discount: float = 0.95,
    living: float = -0.01,
) -> ShahWorld:  # fmt: skip
    """A connected random world; the defaults are those of Shah et al.'s `run_benchmarks.py`.

    The border is wall. `rewards` cells inside, any but the start in the middle, are worth a whole
    number from -9 to 9, not 0. All other cells inside begin as walls and are opened in random
    order until at least half as many cells are free as there were such walls, and the free cells
    hang together. A move slips to either side with probability slip / 2. That a positive reward
    exists is not promised.

    Raises:
        ConfigError: a size without room for the rewards.
    """
    inside = (size - 2) ** 2
    if size < 4 or not 1 <= rewards < inside:
        raise ConfigError(
            f"shah_world: size must be at least 4 and rewards 1 to {max(inside - 1, 0)}, the cells "
            f"inside but the start; got size={size!r}, rewards={rewards!r}"
        )
    rng = stream(seed, "preferences", "shah world")
    others = np.setdiff1d(_inside(size), [_middle(size)])
    goals = rng.choice(others, rewards, replace=False)
    paid = np.zeros(size * size)
    paid[goals] = rng.choice([v for v in range(-MOST_PAID, MOST_PAID + 1) if v], rewards)
    return _shah(rng, paid, size, discount=discount, slip=slip, living=living)


def with_other_walls(world: ShahWorld, seed: int) -> ShahWorld:
    """The same reward cells between new walls: where what was inferred is put to use elsewhere.

    Shah et al. test on such worlds.
    """
    rng = stream(seed, "preferences", "shah world", "other walls")
    paid = world.on_the_map(world.paid)
    size = len(world.walls)
    return _shah(rng, paid.ravel(), size, discount=world.mdp.discount, slip=world.slip,
                 living=world.living)  # fmt: skip


@checked
def shah_agents(*, noisy: bool = True) -> dict[str, Planner]:
    """The six agents of Shah et al. by name, with the parameters of their `run_benchmarks.py`.

    Delays up to 10 with k = 1; the myopic agent sees 10 actions; the likeliest successor counts 5
    times or half. With `noisy` they act by exp(beta Q), beta = 0.1 for the optimal and the
    overconfident, else 1; without, they take the best action (ties share). Departures: values
    converge, where theirs stop after 50 sweeps; the sophisticated agent follows their reference
    class, V(s', 1), not their vectorised one.
    """
    soft, sharp = (
        (Rule(kind="boltzmann", parameter=0.1), Rule(kind="boltzmann", parameter=1.0))
        if noisy
        else (Rule(), Rule())
    )
    made = (
        Planner(name="optimal", backup=optimal().backup, rule=soft),
        hyperbolic(1.0, sophisticated=False, delays=10, rule=sharp),
        hyperbolic(1.0, sophisticated=True, delays=10, rule=sharp),
        myopic(10, rule=sharp),
        miscalibrated(5.0, rule=soft),
        miscalibrated(0.5, rule=sharp),
    )
    return dict(zip(AGENTS, made, strict=True))


def _inside(size: int) -> Ints:
    return np.flatnonzero(np.pad(np.ones((size - 2, size - 2), dtype=bool), 1))


def _middle(size: int) -> int:
    return (size // 2) * size + size // 2


def _shah(
    rng: np.random.Generator, paid: Floats, size: int, *, discount: float, slip: float,
    living: float,
) -> ShahWorld:  # fmt: skip
    """Walls opened at random around the start and the cells that pay (size * size,)."""
    free = paid != 0
    free[_middle(size)] = True
    closed = rng.permutation(np.setdiff1d(_inside(size), np.flatnonzero(free)))
    for cell in closed:
        if free.sum() >= len(closed) / 2 and ndimage.label(free.reshape(size, size))[1] == 1:
            break
        free[cell] = True
    text = np.where(free, ".", WALL)
    text[_middle(size)] = START
    rows = ["".join(row) for row in text.reshape(size, size)]
    return ShahWorld(
        mdp=grid_world(rows, discount=discount, slip=slip), paid=paid[free], living=living,
        slip=slip, walls=~free.reshape(size, size),
    )  # fmt: skip


def _cells(rows: Sequence[str]) -> NDArray[np.str_]:
    if not rows or not rows[0] or len({len(row) for row in rows}) != 1:
        raise ConfigError("a map needs lines of equal length, at least one cell")
    cells = np.array([list(row) for row in rows])
    if (cells == WALL).all():
        raise ConfigError("a map needs a cell that is no wall")
    return cells


def _successors(
    number: Ints, place: Ints, names: Sequence[str], slip: float
) -> tuple[Ints, Floats]:
    """(S, A, 3) successors, those that coincide made one, with their probabilities."""
    padded = np.pad(number, 1, constant_values=-1)
    own = np.arange(len(place))

    def moved(step: tuple[int, int]) -> Ints:
        after = padded[place[:, 0] + 1 + step[0], place[:, 1] + 1 + step[1]]
        return np.where(after < 0, own, after)

    after = np.empty((len(place), len(names), 3), dtype=np.int64)
    probability = np.zeros(after.shape)
    for a, name in enumerate(names):
        row, column = MOVES[name]
        sides = [(column, row), (-column, -row)]
        after[:, a] = np.stack([moved((row, column)), *(moved(side) for side in sides)], axis=1)
        astray = 0.0 if name == "stay" else slip
        probability[:, a] = (1 - astray, astray / 2, astray / 2)
    for later in (1, 2):
        for earlier in range(later):
            same = after[:, :, later] == after[:, :, earlier]
            probability[:, :, earlier] += np.where(same, probability[:, :, later], 0)
            probability[:, :, later][same] = 0
    return after, probability

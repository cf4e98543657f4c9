"""The restaurant world of Evans, Stuhlmüller and Goodman (2016), as in agentmodels.org, ch. 5e.

Somebody walks a street of restaurants without turning round, eats at one for two steps, and has 11
steps in all. What a restaurant is worth comes in two parts, at once and one step later. Veg, the
healthy one, lies beyond Donut N; a hyperbolic discounter is tempted on the way.

    V Veg   D Donut N   S Donut S   N Noodle   # wall   A start

The facts are from the chapter and its library `webppl-agents`; nothing is copied from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Planner, Rule
from precocial.preferences.planning.values import Backup
from precocial.preferences.rewards import Rewards

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MAP = (
    "####V#",
    "###...",
    "##D.#.",
    "###.#.",
    "###...",
    "###.#N",
    "...A##",
    "S##.##",
)
RESTAURANTS = {"D": "Donut N", "S": "Donut S", "V": "Veg", "N": "Noodle"}
ACTIONS = {"l": (0, -1), "r": (0, 1), "u": (-1, 0), "d": (1, 0)}
TOTAL_TIME = 11
TIME_AT_RESTAURANT = 2
TIME_COST = -0.01
NOODLE = (-10.0, -10.0)
FORBIDDEN = -1e6
"""What an action that is not open (into a wall, or back) pays: exp(0.1 * FORBIDDEN / 12) is 0 in
double precision, so that a softmax agent never takes it, whatever the delay (ours)."""
PATHS = {"naive": "uuuul", "sophisticated": "uurruuulu", "direct": "uuuuuru"}
"""The three walks that the chapter looks at, up to the restaurant."""
FEATURES = (
    *(f"{name} {part}" for name in RESTAURANTS.values() for part in ("at once", "later")),
    "time", "closed",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A state: the cell, the cell before (None at the start), the time left, the steps already
    spent at this restaurant, and whether the next action is the last."""

    cell: tuple[int, int]
    before: tuple[int, int] | None
    time_left: int
    eaten: int
    last: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Restaurants:
    """The world, its features, and where each place stands.

    Attributes:
        mdp: states are places; the last state is the end. The discount is 1.
        features: (F, S, A) phi[f, s, a]: see `FEATURES`.
        places: S - 1 places, in the order of their states.
    """

    mdp: TabularMDP
    features: Floats
    places: tuple[Place, ...]

    def walk(self, moves: str, *, times: int = 1) -> Demonstrations:
        """A walk by letters l, r, u, d from the start, its meal added, `times` over.

        Raises:
            ConfigError: a move that is not open, or a walk that does not end.
        """
        state, rows = int(self.mdp.start.argmax()), []
        for move in moves + "l" * TIME_AT_RESTAURANT:
            if state == self.mdp.n_states - 1:
                break
            if move not in ACTIONS or not self.open[state, list(ACTIONS).index(move)]:
                raise ConfigError(f"walk: {move!r} is not open at {self.mdp.state_name(state)}")
            action = list(ACTIONS).index(move)
            after = int(self.mdp.successors[state, action, 0])
            rows.append((state, action, after))
            state = after
        if state != self.mdp.n_states - 1:
            raise ConfigError(f"walk: {moves!r} ends at no restaurant and before time is up")
        s, a, after_all = np.tile(np.array(rows).T, times)
        episode = np.repeat(np.arange(times), len(rows))
        return Demonstrations.from_arrays(s, a, episode=episode, arrived=after_all)

    @cached_property
    def open(self) -> Bools:
        """(S, A) the actions that there are."""
        return np.asarray(self.features[FEATURES.index("closed")] == 0)

    def agent(self, alpha: float, *, k: float = 0.0, sophisticated: bool = False) -> Planner:
        """Evans et al.'s agent: acts by exp(alpha EU), and EU foresees its own noise.

        EU(s, a, d) = u(s, a) / (1 + k d) + E EU(s', a', d + 1), a' as the agent expects to act: a
        naive one at delay d + 1, a sophisticated one at delay 0. k = 0 does not discount, and is
        then neither.
        """
        steps = self.mdp.longest_episode
        backup = Backup(
            kind="softmax", beta=alpha, steps=steps, hyperbolic=k,
            delays=(steps or 0) if k else 0, sophisticated=sophisticated and k > 0,
        )  # fmt: skip
        kind = "no discounting" if k == 0 else "sophisticated" if sophisticated else "naive"
        rule = Rule(kind="boltzmann", parameter=alpha)
        return Planner(name=f"{kind}, k={k:g}, alpha={alpha:g}", backup=backup, rule=rule)

    def rewards(
        self, donut: tuple[Sequence[float], Sequence[float]],
        veg: tuple[Sequence[float], Sequence[float]],
    ) -> Rewards:  # fmt: skip
        """Every combination of what donuts (both branches) and Veg pay at once and later."""
        grid = np.meshgrid(donut[0], donut[1], veg[0], veg[1], indexing="ij")
        at_once, later, veg_at_once, veg_later = (axis.ravel() for axis in grid)
        one = np.ones(len(at_once))
        columns = [at_once, later, at_once, later, veg_at_once, veg_later,
                   NOODLE[0] * one, NOODLE[1] * one, TIME_COST * one, FORBIDDEN * one]  # fmt: skip
        return Rewards(
            features=self.features, weights=np.stack(columns, axis=1), feature_names=FEATURES
        )


@checked
def restaurants() -> Restaurants:
    """The world with totalTime 11, maxTimeAtRestaurant 2 and no turning round."""
    rows, columns = np.nonzero(np.array([list(row) for row in MAP]) == "A")
    start = Place((int(rows[0]), int(columns[0])), None, TOTAL_TIME, 0, last=False)
    number, waiting, steps = {start: 0}, [start], []
    while waiting:
        place = waiting.pop(0)
        ahead = [None if place.last else _after(place, move) for move in ACTIONS.values()]
        for after in ahead:
            if after is not None and after not in number:
                number[after] = len(number)
                waiting.append(after)
        steps.append(ahead)
    places = tuple(number)
    end = len(places)
    successors = np.full((end + 1, len(ACTIONS), 1), end)
    closed = np.zeros((end + 1, len(ACTIONS)))
    for s, (place, ahead) in enumerate(zip(places, steps, strict=True)):
        there = _open(place)
        closed[s] = [name not in there for name in ACTIONS]
        for a, after in enumerate(ahead):
            if not closed[s, a] and after is not None:
                successors[s, a] = number[after]
    mdp = TabularMDP(
        successors=successors, probability=np.ones(successors.shape), start=np.eye(end + 1)[0],
        discount=1.0, terminal=np.arange(end + 1) == end,
        states=(*(_name(place) for place in places), "end"), actions=tuple(ACTIONS),
    )  # fmt: skip
    return Restaurants(mdp=mdp, features=_features(places, closed), places=places)


def donut_tempting(rewards: Rewards, k: float) -> Bools:
    """(H,) whether Veg is preferred at the start, and Donut N beside it: the chapter's definition.

    With u(d) = at once / (1 + k d) + later / (1 + k (d + 1)): donut(4) < veg(6) and
    donut(0) > veg(2).
    """

    def worth(name: str, delay: int) -> Floats:
        at = FEATURES.index(f"{name} at once")
        w = rewards.weights
        return np.asarray(w[:, at] / (1 + k * delay) + w[:, at + 1] / (1 + k * (delay + 1)))

    start = worth("Donut N", 4) < worth("Veg", 6)
    return np.asarray(start & (worth("Donut N", 0) > worth("Veg", 2)))


def veg_minus_donut(rewards: Rewards) -> Floats:
    """(H,) total worth of Veg less that of Donut N, undiscounted."""
    w = rewards.weights
    veg, donut = FEATURES.index("Veg at once"), FEATURES.index("Donut N at once")
    return np.asarray(w[:, veg] + w[:, veg + 1] - w[:, donut] - w[:, donut + 1])


def _restaurant(cell: tuple[int, int]) -> str | None:
    return RESTAURANTS.get(MAP[cell[0]][cell[1]])


def _beside(cell: tuple[int, int], move: tuple[int, int]) -> tuple[int, int]:
    """The cell that way, or the same one where there is none."""
    row, column = cell[0] + move[0], cell[1] + move[1]
    there = 0 <= row < len(MAP) and 0 <= column < len(MAP[0]) and MAP[row][column] != "#"
    return (row, column) if there else cell


def _open(place: Place) -> tuple[str, ...]:
    """The actions that change the cell and do not turn back; `l` alone where there is none."""
    if _restaurant(place.cell):
        return ("l",)
    found = tuple(
        name
        for name, move in ACTIONS.items()
        if _beside(place.cell, move) not in (place.cell, place.before)
    )
    return found or ("l",)


def _after(place: Place, move: tuple[int, int]) -> Place:
    """Time stands still at a restaurant; elsewhere the action with one step left is the last."""
    if _restaurant(place.cell):
        eaten = place.eaten + 1
        return Place(
            place.cell, place.cell, place.time_left, eaten, eaten >= TIME_AT_RESTAURANT - 1
        )
    cell, time_left = _beside(place.cell, move), place.time_left - 1
    full = _restaurant(cell) is not None and TIME_AT_RESTAURANT == 1
    return Place(cell, place.cell, time_left, 0, time_left <= 1 or full)


def _features(places: Sequence[Place], closed: Floats) -> Floats:
    phi = np.zeros((len(FEATURES), *closed.shape))
    for s, place in enumerate(places):
        name = _restaurant(place.cell)
        part = "later" if place.eaten else "at once"
        phi[FEATURES.index("time" if name is None else f"{name} {part}"), s] = 1.0
    phi[-1] = closed
    return phi


def _name(place: Place) -> str:
    row, column = place.cell
    before = (
        "" if place.before is None else f" from {place.before[1]},{len(MAP) - 1 - place.before[0]}"
    )
    eaten = f" eaten {place.eaten}" if _restaurant(place.cell) else ""
    last = " last" if place.last else ""
    return f"{column},{len(MAP) - 1 - row}{before} left {place.time_left}{eaten}{last}"

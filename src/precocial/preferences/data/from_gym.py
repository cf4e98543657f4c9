"""Worlds from Gymnasium's toy-text tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, need
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MAX_TRANSITIONS = 20_000_000
"""A table of more entries than this is refused."""
ACTIONS = {
    "FrozenLakeEnv": ("left", "down", "right", "up"),
    "CliffWalkingEnv": ("up", "right", "down", "left"),
    "TaxiEnv": ("south", "north", "east", "west", "pick up", "drop off"),
}
"""What the action numbers mean (Gymnasium 1.x, the docstrings of toy_text)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GymWorld:
    """A toy-text environment as a world and the reward that it pays.

    Attributes:
        mdp: the world. States 0 to n-1 are the environment's own.
        rewards: R[s, a], (S, A), the environment's own expected reward; 0 in terminal states.
        ends: the own state that each extra end state stands for; extra state n + i is ends[i].
    """

    mdp: TabularMDP
    rewards: Floats
    ends: tuple[int, ...] = ()

    def relabelled(self, demos: Demonstrations) -> Demonstrations:
        """Demonstrations in the environment's own numbers, with the end states of this world.

        The last arrival of an episode becomes the end state where that action can end there. If
        the same action can arrive there and go on as well, an episode cut by a time limit at
        that very step cannot be told from one that ended.
        """
        arrived = demos.arrived.copy()
        last = np.r_[demos.episode[1:] != demos.episode[:-1], True]
        own = self.mdp.n_states - len(self.ends)
        for extra, state in enumerate(self.ends, own):
            for row in np.flatnonzero(last & (demos.arrived == state)):
                s, a = demos.state[row], demos.action[row]
                if not (0 <= s < self.mdp.n_states and 0 <= a < self.mdp.n_actions):
                    continue  # `check` names it
                after = self.mdp.successors[s, a][self.mdp.probability[s, a] > 0]
                if extra in after:
                    arrived[row] = extra
        return replace(demos, arrived=arrived)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """The n entries of P, one a row."""

    state: Ints
    action: Ints
    probability: Floats
    after: Ints
    reward: Floats
    done: Bools
    n_states: int
    n_actions: int


@checked
def mdp_from_gym(
    env: Any, *, discount: float, start: ArrayLike | None = None, **options: Any
) -> GymWorld:
    """The world and the reward of a Gymnasium toy-text environment, read from its table P.

    P[s][a] lists (probability, next state, reward, done). A state that play enters only with
    `done` is terminal; where it is also entered without (or is a start), the arrivals with
    `done` go to an extra end state instead, so that the episode ends there and the state lives.
    Play is what can be reached from the start without going on after `done`; a state outside it
    (a taxi that drives on after delivery) ends where it enters a terminal state.

    Args:
        env: an environment, its id such as "FrozenLake-v1", or P itself (a dict or a list).
        discount: in [0, 1].
        start: (S,) distribution of the first state; default: the environment's own, or for a
            bare P every state that is not terminal alike.
        options: given to `gymnasium.make` with an id (`is_slippery=False`).

    Raises:
        ConfigError: no such environment, no table, or a table that is not a world.
        MissingExtraError: an id, and Gymnasium is not installed.
    """
    made = _made(env, options)
    raw = made if isinstance(made, Mapping | Sequence) else getattr(made, "P", None)
    if raw is None:
        raise ConfigError(
            f"mdp_from_gym: {type(made).__name__} has no table P; only toy-text environments "
            "(FrozenLake, Taxi, CliffWalking) have one. For others see mdp_from_counts"
        )
    table = _table(raw)
    S = table.n_states
    own = getattr(made, "initial_state_distrib", None) if start is None else start
    first = None if own is None else _start(own, S)
    terminal, extra = _endings(table, first)
    return _world(table, first, terminal, extra, discount, made)


def _made(env: Any, options: Mapping[str, Any]) -> Any:
    if not isinstance(env, str):
        if options:
            raise ConfigError(f"mdp_from_gym: {sorted(options)} need the id of an environment")
        return getattr(env, "unwrapped", env)
    if ":" in env:
        raise ConfigError(
            f"mdp_from_gym: {env!r} would import a module. Import it yourself, and give the "
            "environment"
        )
    gymnasium = need("gymnasium", "gym")
    try:
        return gymnasium.make(env, **options).unwrapped
    except Exception as error:  # Gymnasium raises its own family, environments raise anything
        raise ConfigError(f"mdp_from_gym: {env!r} cannot be made ({error})") from error


def _table(raw: Any) -> _Table:
    rows: list[tuple[int, int, float, int, float, bool]] = []
    states = _numbered(raw, "P")
    width = -1
    for s, actions in enumerate(states):
        listed = _numbered(actions, f"P[{s}]")
        width = len(listed) if width < 0 else width
        if len(listed) != width:
            raise ConfigError(
                f"mdp_from_gym: P[{s}] has {len(listed)} actions and P[0] {width}; every state "
                "needs the same"
            )
        for a, entries in enumerate(listed):
            rows += [(s, a, *_entry(entry, s, a, len(states))) for entry in _entries(entries, s, a)]
            if len(rows) > MAX_TRANSITIONS:
                raise ConfigError(f"mdp_from_gym: more than {MAX_TRANSITIONS} transitions")
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return _Table(
        state=columns[0], action=columns[1], probability=columns[2], after=columns[3],
        reward=columns[4], done=columns[5], n_states=len(states), n_actions=width,
    )  # fmt: skip


def _numbered(items: Any, name: str) -> list[Any]:
    """The values of a mapping 0..n-1, or of a list, in order."""
    if isinstance(items, Mapping):
        missing = [i for i in range(len(items)) if i not in items]
        if missing:
            raise ConfigError(
                f"mdp_from_gym: {name} has {len(items)} keys, which must be 0 to {len(items) - 1}; "
                f"{missing[0]} is missing"
            )
        items = [items[i] for i in range(len(items))]
    if isinstance(items, str) or not isinstance(items, Sequence) or not len(items):
        raise ConfigError(
            f"mdp_from_gym: {name} must be a dict or a list with something in it; got "
            f"{type(items).__name__}"
        )
    return list(items)


def _entries(entries: Any, s: int, a: int) -> Iterable[Any]:
    if isinstance(entries, str) or not isinstance(entries, Sequence) or not len(entries):
        raise ConfigError(f"mdp_from_gym: P[{s}][{a}] must list (p, next state, reward, done)")
    return entries


def _entry(entry: Any, s: int, a: int, states: int) -> tuple[float, int, float, bool]:
    try:
        p, after, reward, done = entry
        p, reward, number = float(p), float(reward), int(after)
        fine = (
            number == after and 0 <= number < states and p >= 0 and np.isfinite([p, reward]).all()
        )
        ended = bool(done)
    except (TypeError, ValueError, OverflowError):
        fine = False
    if not fine:
        raise ConfigError(
            f"mdp_from_gym: P[{s}][{a}] holds {str(entry)[:80]}; needed are (probability, next "
            f"state 0 to {states - 1}, finite reward, done)"
        )
    return p, number, reward, ended


def _start(given: Any, states: int) -> Floats:
    start = np.asarray(given, dtype=np.float64)
    if start.shape != (states,):
        raise ConfigError(f"mdp_from_gym: start must have shape ({states},); got {start.shape}")
    return start


def _endings(table: _Table, start: Floats | None) -> tuple[Bools, Ints]:
    """(S,) terminal states, and the states that need an end state beside them."""
    S = table.n_states
    likely = table.probability > 0
    if start is None:
        # Nothing says where play begins: every state may be met, but not by its own circles.
        goes_on = likely & ~table.done & (table.state != table.after)
        played = np.ones(S, dtype=bool)
        entered = np.zeros(S, dtype=bool)
        entered[table.after[goes_on]] = True
    else:
        goes_on = likely & ~table.done
        played = start > 0
        while True:
            more = played.copy()
            more[table.after[goes_on & played[table.state]]] = True
            if (more == played).all():
                break
            played = more
        entered = played
    finished = np.zeros(S, dtype=bool)
    finished[table.after[likely & table.done & played[table.state]]] = True
    return finished & ~entered, np.flatnonzero(finished & entered).astype(np.int64)


def _world(
    table: _Table, start: Floats | None, terminal: Bools, extra: Ints, discount: float, env: Any
) -> GymWorld:
    S, A, total = table.n_states, table.n_actions, table.n_states + len(extra)
    end_of = np.arange(S)
    end_of[extra] = S + np.arange(len(extra))
    after = np.where(table.done, end_of[table.after], table.after)
    keys, place = np.unique((table.state * A + table.action) * total + after, return_inverse=True)
    weight = np.bincount(place, weights=table.probability)
    pair, target = keys // total, keys % total
    rank = np.arange(len(pair)) - np.searchsorted(pair, pair)
    successors = np.zeros((total, A, int(rank.max()) + 1), dtype=np.int64)
    probability = np.zeros(successors.shape)
    successors[pair // A, pair % A, rank] = target
    probability[pair // A, pair % A, rank] = weight
    successors[S:, :, 0], probability[S:, :, 0] = np.arange(S, total)[:, None], 1.0
    ended = np.r_[terminal, np.ones(len(extra), dtype=bool)]
    rewards = np.zeros((total, A))
    np.add.at(rewards, (table.state, table.action), table.probability * table.reward)
    rewards[ended] = 0.0
    first = (~terminal).astype(float) if start is None else start
    if start is None and not first.any():
        raise ConfigError("mdp_from_gym: every state is terminal; give start")
    names, grid = _pictured(env, S, extra)
    actions = ACTIONS.get(type(env).__name__, ())
    mdp = TabularMDP(
        successors=successors, probability=probability, terminal=ended, discount=discount,
        start=np.r_[first / first.sum() if start is None else first, np.zeros(len(extra))],
        states=names, actions=actions if len(actions) == A else (), grid=grid,
    )  # fmt: skip
    return GymWorld(mdp=mdp, rewards=rewards, ends=tuple(int(state) for state in extra))


def _pictured(env: Any, states: int, extra: Ints) -> tuple[tuple[str, ...], Ints | None]:
    """Names and (S, 2) cells of an environment on a grid; nothing for others."""
    desc = getattr(env, "desc", None)
    shape = getattr(env, "shape", None) if desc is None else np.shape(desc)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[0] * shape[1] != states:
        return (), None
    rows, columns = np.unravel_index(np.arange(states), shape)
    letters = [""] * states if desc is None else [_letter(cell) for cell in np.ravel(desc)]
    names = [f"{letter}({r},{c})" for letter, r, c in zip(letters, rows, columns, strict=True)]
    cells = np.stack([rows, columns], axis=1).astype(np.int64)
    return (
        (*names, *(f"end at {names[state]}" for state in extra)),
        np.concatenate([cells, cells[extra]]),
    )


def _letter(cell: Any) -> str:
    return cell.decode("ascii", "replace") if isinstance(cell, bytes) else str(cell)

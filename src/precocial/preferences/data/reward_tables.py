"""Candidate rewards and features from users' tables: a row a state (and action), a column each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.rewards import MAX_BYTES, Rewards

Floats = NDArray[np.float64]
PLACE = ("state", "action")
"""The columns that say where; every other column is a reward or a feature."""


@checked
def read_rewards(path: io.PathLike, mdp: TabularMDP, *, ends: Sequence[int] = ()) -> Rewards:
    """Candidate rewards from a table (.csv, .tsv, .jsonl, .parquet), one a column.

    The column state holds numbers or names of the world's states; every column but state and
    action is a candidate, called as its column. With a column action a cell is R[s, a], paid on
    acting; without it a cell is r[s], paid on arriving: R[s, a] = sum_s' P(s'|s, a) r[s'].
    What is not listed is 0.

    Rewards for arriving keep r[s], so that in another world (`Rewards.in_world`, as in an audit of
    a counted one) they are paid by the successors there.

    Args:
        path: the table.
        mdp: the world.
        ends: of a `GymWorld`: the own state that each of its last states stands for; arriving
            there pays what arriving at the own state does.

    Raises:
        DataError: with file, line and column: no such state or action, one listed twice, a cell
            that is no finite number, or R[s, a] other than 0 in a terminal state.
        ConfigError: a table too large for this world.
    """
    names, tables, arrival = read_table(path, mdp, ends=ends)
    return replace(Rewards.tables(tables, names), arrival=arrival)


@checked
def read_features(
    path: io.PathLike, mdp: TabularMDP, *, ends: Sequence[int] = ()
) -> tuple[tuple[str, ...], Floats]:
    """Names and phi[f, s, a], (F, S, A), from a table as `read_rewards` reads it, a feature a
    column: `Rewards.grid` weighs them.

    Args:
        path: the table.
        mdp: the world.
        ends: of a `GymWorld`, as in `read_rewards`.

    Raises:
        DataError: as `read_rewards`.
        ConfigError: a table too large for this world.
    """
    names, tables, _ = read_table(path, mdp, ends=ends)
    return names, tables


def read_table(
    path: io.PathLike, mdp: TabularMDP, *, ends: Sequence[int] = ()
) -> tuple[tuple[str, ...], Floats, Floats | None]:
    """Names, phi[f, s, a] and, of what is paid on arriving, phi[f, s]; see `read_rewards`."""
    rows = io.read_table(path)
    names = tuple(dict.fromkeys(name for row in rows for name in row if name not in PLACE))
    if not rows or not names:
        raise DataError(
            "needs rows, a column state, if it depends on the action a column action, and a column "
            "for each reward or feature",
            path=path,
        )  # fmt: skip
    size = 8 * len(names) * mdp.n_states * mdp.n_actions
    if size > MAX_BYTES:
        raise ConfigError(
            f"{path}: {len(names)} columns in this world need {size / 2**30:.1f} GiB; at most "
            f"{MAX_BYTES / 2**30:g} are held. Name fewer"
        )
    acts = any("action" in row for row in rows)
    shape = (mdp.n_states, mdp.n_actions) if acts else (mdp.n_states,)
    found, seen = np.zeros((len(names), *shape)), np.zeros(shape, dtype=bool)
    # Parquet has no lines; a JSON lines file has no header.
    ending = str(path).rpartition(".")[2].lower()
    first = {"jsonl": 1, "parquet": None}.get(ending, 2)
    for i, row in enumerate(rows):
        line = None if first is None else i + first
        place = _place(row, mdp, acts, path, line)
        if seen[place]:
            raise DataError("stands twice", path=path, line=line, column=PLACE[acts])
        seen[place] = True
        for f, name in enumerate(names):
            found[(f, *place)] = _number(row.get(name), path, line, name)
            if acts and mdp.terminal[place[0]] and found[(f, *place)]:
                raise DataError(
                    f"state {mdp.state_name(place[0])} is terminal, and what is done there counts "
                    "for nothing. Leave out the column action to pay for arriving",
                    path=path, line=line, column=name,
                )  # fmt: skip
    if acts:
        return names, found, None
    for extra, state in enumerate(ends, mdp.n_states - len(ends)):
        found[:, extra] = np.where(seen[extra], found[:, extra], found[:, state])
    return names, mdp.on_arrival(found), found


def state_of(mdp: TabularMDP, told: object) -> int:
    """The number of a state that is told by its number or its name.

    Raises:
        ConfigError: there is no such state.
    """
    return _index(told, mdp.n_states, mdp.states, "state")


def action_of(mdp: TabularMDP, told: object) -> int:
    """The number of an action that is told by its number or its name.

    Raises:
        ConfigError: there is no such action.
    """
    return _index(told, mdp.n_actions, mdp.actions, "action")


def _index(told: object, count: int, names: Sequence[str], what: str) -> int:
    text = str(told).strip()
    if text in names:
        return names.index(text)
    try:
        value = float(text)
        if value == int(value) and 0 <= value < count:
            return int(value)
    except (ValueError, OverflowError):
        pass
    named = f", or a name such as {names[0]}" if names else ""
    raise ConfigError(f"{what} must be 0 to {count - 1}{named}; got {text[:40]!r}")


def _place(
    row: io.Row, mdp: TabularMDP, acts: bool, path: io.PathLike, line: int | None
) -> tuple[int, ...]:
    found = []
    for column, index in zip(PLACE[: 1 + acts], (state_of, action_of), strict=False):
        if column not in row:
            raise DataError(
                f"there is no such column; the file has {', '.join(row)[:300]}",
                path=path, line=line, column=column,
            )  # fmt: skip
        try:
            found.append(index(mdp, row[column]))
        except ConfigError as error:
            raise DataError(str(error), path=path, line=line, column=column) from error
    return tuple(found)


def _number(cell: Any, path: io.PathLike, line: int | None, column: str) -> float:
    try:
        value = float(cell)
        if isinstance(cell, bool) or not np.isfinite(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            f"a finite number is needed; got {str(cell)[:40]!r}",
            path=path, line=line, column=column,
        ) from None  # fmt: skip
    return value

"""What was recorded of somebody's behaviour, before it is about numbered states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import DataError
from precocial.preferences.data.discretiser import Discretiser
from precocial.preferences.demos import Demonstrations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_WHOLE = 2**53
"""Larger whole numbers are not exact as floats."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """n steps, episode after episode: observations and actions as numbers, not yet as states.

    Attributes:
        observation: (n, D) before the step.
        action: (n, E).
        arrived: (n, D) observation after the step; anything where it is not known.
        known: (n,) whether it is.
        episode: (n,) number of the episode, equal numbers side by side.
        ended: (n,) whether the episode came to its own end with this step (not by a time limit).
        environment: id of the environment, where the file tells it.
        path: where it was read.
        lines: (n,) the line of each step in a text file; None for other files.
    """

    observation: Floats
    action: Floats
    arrived: Floats
    known: Bools
    episode: Ints
    ended: Bools
    environment: str = ""
    path: object = None
    lines: Ints | None = None

    def __len__(self) -> int:
        return len(self.action)

    def demonstrations(
        self, *, states: Discretiser | None = None, actions: Discretiser | None = None
    ) -> Demonstrations:
        """These steps with states and actions as numbers, row for row.

        Args:
            states: what makes states of observations; None takes whole numbers as they are.
            actions: the same for actions.

        Raises:
            DataError: observations or actions that are not one whole number, and no Discretiser.
        """
        state = self._numbered(self.observation, states, "states")
        action = self._numbered(self.action, actions, "actions")
        # Where the next state is not known, any that is fine will do: it becomes -1.
        after = np.where(self.known[:, None], self.arrived, self.observation)
        arrived = np.where(self.known, self._numbered(after, states, "states"), -1)
        return Demonstrations.from_arrays(
            state, action, episode=self.episode, arrived=arrived, path=self.path
        )

    def terminal_states(self, demos: Demonstrations) -> Ints:
        """The states of `demos`, made of this, in which episodes ended and nothing was ever done.

        A box of a Discretiser in which some episodes end and others go on is not among them.
        """
        return np.setdiff1d(demos.arrived[self.ended & (demos.arrived >= 0)], demos.state)

    def _numbered(self, values: Floats, cut: Discretiser | None, what: str) -> Ints:
        if cut is not None:
            return cut(values)
        column = {"states": "observation", "actions": "action"}[what]
        if values.shape[1] != 1:
            raise DataError(
                f"each {column} has {values.shape[1]} numbers. Give {what}=Discretiser.quantiles("
                f"recording.{column}, bins=5), on the command line --bins 5, or choose one column",
                path=self.path,
            )
        only = values[:, 0]
        bad = np.flatnonzero(~((only == np.floor(only)) & (only >= 0) & (only <= _WHOLE)))
        if len(bad):
            line = None if self.lines is None else int(self.lines[bad[0]])
            place = f"row {bad[0]}: " if line is None else ""
            raise DataError(
                f"{place}{column} {only[bad[0]]:g} is no number of a state or action (0, 1, 2, "
                f"...). For measured numbers give {what}=Discretiser.quantiles(recording.{column}, "
                "bins=5), on the command line --bins 5",
                path=self.path, line=line,
            )  # fmt: skip
        return only.astype(np.int64)


def numbers(values: Any, what: str, *, path: object = None) -> Floats:
    """(n, D) finite numbers from an array or nested lists; further dimensions are laid flat.

    Raises:
        DataError: text, ragged lists, NaN or infinity.
    """
    try:
        found = np.asarray(values)
        if found.dtype.kind not in "biuf":
            found = found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{what}: numbers of one shape are needed ({error})", path=path) from error
    if found.ndim == 0:
        raise DataError(f"{what}: a column is needed; got one number", path=path)
    width = math.prod(found.shape[1:])
    if width == 0:
        raise DataError(f"{what}: there are no numbers; got shape {found.shape}", path=path)
    flat = found.reshape(len(found), width)
    if flat.dtype.kind != "f" and flat.size and max(-int(flat.min()), int(flat.max())) > _WHOLE:
        raise DataError(f"{what}: a number is too large", path=path)
    with np.errstate(invalid="ignore"):  # of a NaN that signals; it is named below
        flat = flat.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if len(bad):
        raise DataError(
            f"{what}: row {bad[0]} is NaN or infinite; finite numbers are needed", path=path
        )
    return flat


def from_steps(
    observations: Any,
    actions: Any,
    *,
    episode: Ints,
    arrived: Any = None,
    ended: ArrayLike | None = None,
    path: object = None,
) -> Recording:
    """From columns, a row a step. Without `arrived`, it is the next row's observation where that
    is of the same episode.

    Raises:
        DataError: nothing, columns of different lengths or widths, or what is no number.
    """
    before, done = (
        numbers(observations, "observations", path=path),
        numbers(actions, "actions", path=path),
    )
    n = len(done)
    if arrived is not None:
        after, known = numbers(arrived, "next observations", path=path), np.ones(n, dtype=bool)
    else:
        known = np.r_[episode[1:] == episode[:-1], False] if n else np.zeros(0, dtype=bool)
        after = np.r_[before[1:], before[:1]]
    if not (len(before) == n == len(episode) == len(after)):
        raise DataError(
            f"observations, actions and next observations must be equally many; got {len(before)}, "
            f"{n} and {len(after)}",
            path=path,
        )
    if n == 0:
        raise DataError("there are no demonstrations: at least one step is needed", path=path)
    if before.shape != after.shape:
        raise DataError(
            f"observations have {before.shape[1]} numbers, the next ones {after.shape[1]}",
            path=path,
        )
    finished = np.zeros(n, dtype=bool) if ended is None else np.asarray(ended, dtype=bool)
    return Recording(
        observation=before, action=done, arrived=after, known=known,
        episode=np.asarray(episode, dtype=np.int64), ended=finished, path=path,
    )  # fmt: skip


def from_episodes(
    episodes: Sequence[tuple[Any, Any, bool]], *, environment: str = "", path: object = None
) -> Recording:
    """From (observations (T+1, ...), actions (T, ...), whether it came to its own end) each.

    Episodes without a step are left out.

    Raises:
        DataError: an episode without its last observation, or none with a step.
    """
    before: list[Floats] = []
    after: list[Floats] = []
    done: list[Floats] = []
    numbered: list[Ints] = []
    ended: list[Bools] = []
    for e, (observations, actions, finished) in enumerate(episodes):
        what = f"episode {e}: "
        seen = numbers(observations, what + "observations", path=path)
        acted = numbers(actions, what + "actions", path=path)
        if len(seen) != len(acted) + 1:
            raise DataError(
                f"{what}{len(acted)} actions need {len(acted) + 1} observations; got {len(seen)}",
                path=path,
            )
        if not len(acted):
            continue
        if before and (seen.shape[1], acted.shape[1]) != (before[0].shape[1], done[0].shape[1]):
            raise DataError(
                f"{what}observations have {seen.shape[1]} numbers and actions {acted.shape[1]}; "
                f"those before have {before[0].shape[1]} and {done[0].shape[1]}",
                path=path,
            )
        before.append(seen[:-1])
        after.append(seen[1:])
        done.append(acted)
        numbered.append(np.full(len(acted), e))
        ended.append(np.r_[np.zeros(len(acted) - 1, dtype=bool), bool(finished)])
    if not done:
        raise DataError("there are no demonstrations: at least one step is needed", path=path)
    return Recording(
        observation=np.concatenate(before), action=np.concatenate(done),
        arrived=np.concatenate(after), known=np.ones(sum(map(len, done)), dtype=bool),
        episode=np.concatenate(numbered), ended=np.concatenate(ended), environment=environment,
        path=path,
    )  # fmt: skip

"""Demonstrations: what somebody did, checked against the world it was done in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.preferences.mdp import TabularMDP
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_DRAWS = 10**9
"""Steps times episodes that one call may simulate: more would not be held."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Demonstrations:
    """State-action pairs in the order in which they were done, one episode after the other.

    Attributes:
        state: (n,) where.
        action: (n,) what was done there.
        episode: (n,) number of the episode, equal numbers side by side.
        arrived: (n,) the state that followed, -1 where it is not known.
    """

    state: Ints
    action: Ints
    episode: Ints
    arrived: Ints

    @classmethod
    def from_arrays(
        cls,
        state: ArrayLike,
        action: ArrayLike,
        *,
        episode: ArrayLike | None = None,
        arrived: ArrayLike | None = None,
        path: object = None,
    ) -> Demonstrations:
        """From columns of equal length; one episode, and next states by looking one row ahead,
        unless they are given.

        Raises:
            DataError: empty, different lengths, NaN, or numbers that are not whole.
        """
        s, a = _whole(state, "state", path), _whole(action, "action", path)
        e = np.zeros_like(s) if episode is None else _whole(episode, "episode", path)
        if not len(s) == len(a) == len(e):
            raise DataError(
                f"states, actions and episodes must be equally many; got {len(s)}, {len(a)}, "
                f"{len(e)}",
                path=path,
            )
        if len(s) == 0:
            raise DataError("there are no demonstrations: at least one step is needed", path=path)
        changes = e[1:] != e[:-1]
        if len(np.unique(e)) != changes.sum() + 1:
            raise DataError("the rows of an episode must stand together", path=path)
        if arrived is None:
            follows = np.full_like(s, -1)
            follows[:-1][~changes] = s[1:][~changes]
        else:
            follows = _whole(arrived, "next state", path)
            if len(follows) != len(s):
                raise DataError(
                    f"next states must be as many as states; got {len(follows)} and {len(s)}",
                    path=path,
                )
        return cls(state=s, action=a, episode=e, arrived=follows)

    def __len__(self) -> int:
        return len(self.state)

    @property
    def episodes(self) -> Ints:
        """The numbers of the episodes, in order."""
        return self.episode[np.r_[True, self.episode[1:] != self.episode[:-1]]]

    @checked
    def check(
        self, mdp: TabularMDP, *, path: object = None, lines: Ints | None = None
    ) -> Demonstrations:
        """These demonstrations, if they can have happened in `mdp`.

        Args:
            path: where they were read, for errors.
            lines: (n,) the line of each row there; without them the row is told, from 0.

        Raises:
            DataError: a state or action that the world lacks, an action in a terminal state, or a
                step that the world says cannot happen.
        """

        def wrong(row: int, message: str) -> DataError:
            if lines is None:
                return DataError(f"row {row}: {message}", path=path)
            return DataError(message, path=path, line=int(lines[row]))

        bounds = (("state", self.state, mdp.n_states, 0), ("action", self.action, mdp.n_actions, 0),
                  ("next state", self.arrived, mdp.n_states, -1))  # fmt: skip
        for name, column, count, least in bounds:
            bad = np.flatnonzero((column < least) | (column >= count))
            if len(bad):
                raise wrong(int(bad[0]), f"{name} {column[bad[0]]} is not in this world, which has "
                            f"{count} (0 to {count - 1})")  # fmt: skip
        bad = np.flatnonzero(mdp.terminal[self.state])
        if len(bad):
            raise wrong(int(bad[0]), f"state {self.state[bad[0]]} is terminal; nothing can be done "
                        "there")  # fmt: skip
        known = np.flatnonzero(self.arrived >= 0)
        after = mdp.successors[self.state[known], self.action[known]]
        weight = mdp.probability[self.state[known], self.action[known]]
        possible = ((after == self.arrived[known][:, None]) & (weight > 0)).any(axis=1)
        if not possible.all():
            row = int(known[~possible][0])
            raise wrong(
                row, f"action {self.action[row]} in state {self.state[row]} cannot lead to state "
                f"{self.arrived[row]} in this world ({int((~possible).sum())} such rows). Is the "
                "numbering of states or actions the same, and the slip of the world right?",
            )  # fmt: skip
        return self

    def counts(self, mdp: TabularMDP) -> Floats:
        """(S, A) how often each action was taken in each state."""
        found = np.zeros((mdp.n_states, mdp.n_actions))
        np.add.at(found, (self.state, self.action), 1.0)
        return found

    @checked
    def split(self, share: float, *, seed: int = 0) -> tuple[Demonstrations, Demonstrations]:
        """Two parts by whole episodes; the second holds about `share` of them.

        Raises:
            ConfigError: share outside (0, 1), or fewer than two episodes.
        """
        episodes = self.episodes
        if not 0 < share < 1 or len(episodes) < 2:
            raise ConfigError(
                f"split needs a share in (0, 1) and two episodes; got {share!r} and {len(episodes)}"
            )
        held = min(max(1, round(share * len(episodes))), len(episodes) - 1)
        order = stream(seed, "preferences", "split").permutation(episodes)
        second = np.isin(self.episode, order[:held])
        return self.where(~second), self.where(second)

    def where(self, kept: NDArray[np.bool_]) -> Demonstrations:
        """The rows that are kept."""
        return Demonstrations(
            state=self.state[kept], action=self.action[kept], episode=self.episode[kept],
            arrived=self.arrived[kept],
        )  # fmt: skip


@checked
def simulate(
    mdp: TabularMDP, policy: ArrayLike, *, episodes: int, steps: int, seed: int = 0
) -> Demonstrations:
    """Episodes of at most `steps` actions of one policy (S, A), from the start distribution.

    Raises:
        ConfigError: fewer than one episode or step, or too many; a policy of another shape, or
            that is no distribution in some state.
    """
    pi = mdp.checked_policies(policy, "simulate: the policy")
    if pi.ndim != 2 or not 1 <= episodes <= MAX_DRAWS or not 1 <= steps * episodes <= MAX_DRAWS:
        raise ConfigError(
            f"simulate needs one policy ({mdp.n_states}, {mdp.n_actions}), at least one episode "
            f"and step, and at most {MAX_DRAWS} steps in all; got {pi.shape}, {episodes} and "
            f"{steps}"
        )
    rng = stream(seed, "preferences", "simulate")
    draw = rng.random((steps, 2, episodes))
    state = _draw(np.broadcast_to(mdp.start, (episodes, mdp.n_states)), rng.random(episodes))
    rows: list[NDArray[np.int64]] = []
    alive = np.arange(episodes)
    for step in range(steps):
        alive = alive[~mdp.terminal[state[alive]]]
        if not len(alive):
            break
        s = state[alive]
        a = _draw(pi[s], draw[step, 0, alive])
        place = _draw(mdp.probability[s, a], draw[step, 1, alive])
        state[alive] = mdp.successors[s, a, place]
        rows.append(np.stack([s, a, alive, state[alive]]))
    if not rows:
        raise ConfigError("simulate: every start state is terminal; nothing can be done")
    s, a, e, after = np.concatenate(rows, axis=1)
    order = np.argsort(e, kind="stable")
    return Demonstrations(state=s[order], action=a[order], episode=e[order], arrived=after[order])


def _draw(probability: Floats, uniform: Floats) -> Ints:
    """(n,) an index from each row of (n, m)."""
    total = probability.cumsum(axis=1)
    return np.asarray((uniform[:, None] * total[:, -1:] >= total).sum(axis=1), dtype=np.int64)


def _whole(values: ArrayLike, name: str, path: object) -> Ints:
    try:
        column = np.asarray(values)
        if column.dtype.kind not in "biuf":
            column = column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: whole numbers are needed ({error})", path=path) from error
    if column.ndim != 1:
        raise DataError(f"{name}: one column is needed; got shape {column.shape}", path=path)
    if column.dtype.kind == "f":
        bad = np.flatnonzero(~(np.isfinite(column) & (column == np.floor(column))))
        if len(bad):
            raise DataError(
                f"{name}: row {bad[0]} is {column[bad[0]]}; whole numbers are needed", path=path
            )
        if len(column) and np.abs(column).max() > 2**53:
            raise DataError(f"{name}: a number is too large", path=path)
    return np.asarray(column, dtype=np.int64)

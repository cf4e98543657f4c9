"""Worlds without a reward: the MDP\\R of Armstrong and Mindermann (2017), as tables.

Shape letters: S states, A actions, K successors of a state and action, H hypotheses (rewards or
policies), B batch. A reward R[s, a] is paid on acting; a reward for arriving is its expectation
over successors. A terminal state ends the episode: its value is 0 and what is done there counts
for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked, distributions_of
from precocial.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_SUM = 1e-6
"""How far the probabilities of a row may be from 1 before it is refused; they are renormalised."""
MAX_BYTES = 4 * 2**30
"""A dense table larger than this is refused."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class TabularMDP:
    """A finite world, sparse: each state and action has at most K successors.

    Attributes:
        successors: (S, A, K) the states that may follow.
        probability: (S, A, K) of each; rows sum to 1, unused places have probability 0.
        start: (S,) distribution of the first state.
        discount: gamma in [0, 1]; 1 only where no policy can go on for ever.
        terminal: (S,) states that end an episode.
        states: names of states, or () for numbers.
        actions: names of actions, or ().
        grid: (S, 2) row and column of each state, for pictures; None where there is no grid.
    """

    successors: Ints
    probability: Floats
    start: Floats
    discount: float
    terminal: Bools
    states: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    grid: Ints | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        S, A, K = _three(self.successors, "successors")
        for name, wanted in (("probability", (S, A, K)), ("start", (S,)), ("terminal", (S,))):
            if getattr(self, name).shape != wanted:
                raise ConfigError(
                    f"TabularMDP: {name} must have shape {wanted}; got {getattr(self, name).shape}"
                )
        if self.successors.min() < 0 or self.successors.max() >= S:
            raise ConfigError(f"TabularMDP: successors must be states 0 to {S - 1}")
        object.__setattr__(self, "probability", _distributions(self.probability, "probability"))
        object.__setattr__(self, "start", _distributions(self.start, "start"))
        _names(self.states, S, "states")
        _names(self.actions, A, "actions")
        if not 0 <= self.discount <= 1:
            raise ConfigError(f"TabularMDP: discount must lie in [0, 1]; got {self.discount!r}")
        if self.discount == 1 and self.longest_episode is None:
            raise ConfigError(
                "TabularMDP: discount 1 needs a world in which every path ends; this one has "
                "circles. Use a discount below 1, or with_horizon(steps)"
            )

    # ------------------------------------------------------------ made from

    @classmethod
    @checked
    def from_arrays(
        cls,
        transitions: ArrayLike,
        *,
        discount: float,
        start: ArrayLike | None = None,
        terminal: ArrayLike | None = None,
        states: Sequence[str] = (),
        actions: Sequence[str] = (),
    ) -> TabularMDP:
        """From dense P[s, a, s'], (S, A, S). `start` is uniform, `terminal` empty by default.

        Raises:
            ConfigError: wrong shapes, negative or non-finite numbers, rows that do not sum to 1.
        """
        P = np.asarray(transitions, dtype=np.float64)
        if P.ndim != 3 or P.shape[0] != P.shape[2]:
            raise ConfigError(f"transitions must be P[s, a, s'], (S, A, S); got shape {P.shape}")
        _distributions(P, "transitions")
        K = int((P > 0).sum(axis=2).max())
        successors = np.argsort(-P, axis=2, kind="stable")[:, :, :K]
        S = len(P)
        return cls(
            successors=successors,
            probability=np.take_along_axis(P, successors, axis=2),
            start=np.full(S, 1 / S) if start is None else np.asarray(start, dtype=np.float64),
            discount=discount,
            terminal=np.zeros(S, dtype=bool) if terminal is None else np.asarray(terminal, bool),
            states=tuple(states),
            actions=tuple(actions),
        )

    @checked
    def with_discount(self, discount: float) -> TabularMDP:
        """The same world, valued with another discount."""
        return replace(self, discount=discount)

    def with_transitions(self, probability: Floats) -> TabularMDP:
        """The same successors with other probabilities (S, A, K): what a biased agent believes."""
        return replace(self, probability=probability)

    @checked
    def with_horizon(self, steps: int) -> TabularMDP:
        """The world cut after `steps` actions, the step made part of the state.

        State t*S + s is s with t actions done; the last layer is terminal. A reward of the old
        world is `unrolled(R)`. Stationary planners in the new world are the time-dependent
        planners of the old one.

        Raises:
            ConfigError: fewer than one step.
        """
        if steps < 1:
            raise ConfigError(f"with_horizon: steps must be at least 1; got {steps}")
        S = self.n_states
        layers = np.arange(steps + 1)[:, None, None, None]
        later = np.minimum(layers + 1, steps) * S + self.successors
        start = np.zeros((steps + 1) * S)
        start[:S] = self.start
        terminal = np.tile(self.terminal, steps + 1)
        terminal[steps * S :] = True
        names = self.states or tuple(str(s) for s in range(S))
        return replace(
            self,
            successors=later.reshape(-1, *self.successors.shape[1:]),
            probability=np.tile(self.probability, (steps + 1, 1, 1)),
            start=start,
            terminal=terminal,
            states=tuple(f"{name} t={t}" for t in range(steps + 1) for name in names),
            grid=None if self.grid is None else np.tile(self.grid, (steps + 1, 1)),
        )

    @checked
    def unrolled(self, rewards: ArrayLike, steps: int) -> Floats:
        """Rewards (..., S, A) of this world as rewards of `with_horizon(steps)`."""
        R = self.checked_tables(rewards)
        return np.concatenate([R] * (steps + 1), axis=-2)

    # ------------------------------------------------------------ facts

    @property
    def n_states(self) -> int:
        return int(self.successors.shape[0])

    @property
    def n_actions(self) -> int:
        return int(self.successors.shape[1])

    def state_name(self, state: int) -> str:
        """Its name, or its number."""
        return self.states[state] if self.states else str(state)

    def action_name(self, action: int) -> str:
        """Its name, or its number."""
        return self.actions[action] if self.actions else str(action)

    @cached_property
    def dense(self) -> Floats:
        """P[s, a, s'], (S, A, S).

        Raises:
            ConfigError: it would need more than `MAX_BYTES`.
        """
        S, A, _ = self.successors.shape
        if 8 * S * A * S > MAX_BYTES:
            raise ConfigError(f"a dense table of {S} x {A} x {S} is too large; use the sparse form")
        P = np.zeros((S, A, S))
        s, a = np.ogrid[:S, :A]
        np.add.at(P, (s[:, :, None], a[:, :, None], self.successors), self.probability)
        return P

    @cached_property
    def longest_episode(self) -> int | None:
        """The most actions an episode can have; None if it may go on for ever."""
        live = ~self.terminal
        edges = (self.probability > 0).reshape(self.n_states, -1)
        targets = self.successors.reshape(self.n_states, -1)
        depth = np.zeros(self.n_states, dtype=np.int64)
        for _ in range(self.n_states + 1):
            deeper = np.where(edges, depth[targets], 0).max(axis=1) + 1
            deeper[~live] = 0
            if (deeper == depth).all():
                return int(depth.max())
            depth = deeper
        return None

    @checked
    def expected(self, values: ArrayLike) -> Floats:
        """E[V(s') | s, a]: values (..., S) give (..., S, A); terminal states are worth 0."""
        V = np.where(self.terminal, 0.0, array_of("values", values, (self.n_states,)))
        return np.asarray((V[..., self.successors] * self.probability).sum(axis=-1))

    @checked
    def on_arrival(self, rewards: ArrayLike) -> Floats:
        """A reward of states (..., S), paid on arriving, as R[s, a] (..., S, A).

        Arriving at a terminal state pays; nothing is paid for acting in one.
        """
        r = array_of("rewards", rewards, (self.n_states,))
        R = (r[..., self.successors] * self.probability).sum(axis=-1)
        return np.where(self.terminal[:, None], 0.0, R)

    # ------------------------------------------------------------ policies

    def uniform_policy(self) -> Floats:
        """(S, A) every action alike."""
        return np.full((self.n_states, self.n_actions), 1 / self.n_actions)

    @checked
    def policy_values(self, policies: ArrayLike, rewards: ArrayLike) -> Floats:
        """V[h, s] of policies (H, S, A) under rewards (H, S, A), by one linear solve each.

        Either may have H = 1 or leave H out; the result then has the H of the other, or none.

        Raises:
            ConfigError: wrong shapes, numbers that are not finite, or rows of a policy that are no
                distributions.
        """
        pi, R = self.checked_policies(policies), self.checked_tables(rewards)
        if pi.ndim > 2 and R.ndim > 2 and len(pi) != len(R) and 1 not in (len(pi), len(R)):
            raise ConfigError(f"one reward a policy is needed; got {len(R)} and {len(pi)}")
        paid = np.where(self.terminal, 0.0, (pi * R).sum(axis=-1))
        system = np.eye(self.n_states) - self.discount * self._flow(pi)
        if pi.ndim == 2:  # one policy, one factorisation
            columns = np.linalg.solve(system, paid.reshape(-1, self.n_states).T)
            return np.asarray(columns.T.reshape(paid.shape), dtype=np.float64)
        return np.asarray(np.linalg.solve(system, paid[..., None])[..., 0], dtype=np.float64)

    @checked
    def policy_return(self, policies: ArrayLike, rewards: ArrayLike) -> Floats:
        """(H,) expected discounted return from the start distribution."""
        return np.asarray(self.policy_values(policies, rewards) @ self.start)

    @checked
    def occupancy(self, policies: ArrayLike) -> Floats:
        """d[h, s, a] = E sum_t gamma^t 1[s_t = s, a_t = a], (H, S, A) for policies (H, S, A).

        A return is the sum of d * R. Terminal states have no occupancy.
        """
        pi = self.checked_policies(policies)
        flow = np.swapaxes(self._flow(pi), -1, -2)
        start = np.broadcast_to(self.start, pi.shape[:-1])[..., None]
        visits = np.linalg.solve(np.eye(self.n_states) - self.discount * flow, start)[..., 0]
        return np.asarray(np.where(self.terminal, 0.0, visits)[..., None] * pi)

    def checked_policies(self, policies: ArrayLike, name: str = "a policy") -> Floats:
        """pi[..., s, a], distributions over actions in each state that is not terminal.

        Raises:
            ConfigError: another shape, numbers below 0 or not finite, or sums that are not 1.
        """
        shape = (self.n_states, self.n_actions)
        return distributions_of(name, policies, shape, ~self.terminal)

    def checked_tables(self, tables: ArrayLike, name: str = "rewards") -> Floats:
        """R[..., s, a], finite.

        Raises:
            ConfigError: another shape, or numbers that are not finite.
        """
        return array_of(name, tables, (self.n_states, self.n_actions))

    def _flow(self, policies: Floats) -> Floats:
        """(..., S, S) state to state under a policy; nothing leaves a terminal state."""
        live = np.where(self.terminal[:, None, None], 0.0, self.dense)
        return np.asarray(np.einsum("...sa,sat->...st", policies, live, optimize=True))


def _three(array: NDArray[np.integer], name: str) -> tuple[int, int, int]:
    if array.ndim != 3 or 0 in array.shape:
        raise ConfigError(
            f"TabularMDP: {name} must be (S, A, K), none of them 0; got {array.shape}"
        )
    S, A, K = array.shape
    return S, A, K


def _distributions(values: Floats, name: str) -> Floats:
    if not np.isfinite(values).all() or values.min() < 0:
        raise ConfigError(f"TabularMDP: {name} must be finite and not negative")
    total = values.sum(axis=-1, keepdims=True)
    if np.abs(total - 1).max() > _SUM:
        place = np.unravel_index(np.abs(total - 1).argmax(), total.shape)[:-1]
        raise ConfigError(
            f"TabularMDP: {name} must sum to 1; at {tuple(int(i) for i in place)} it sums to "
            f"{float(total[place].item()):.6g}"
        )
    return np.asarray(values / total)


def _names(names: tuple[str, ...], count: int, what: str) -> None:
    if names and (len(names) != count or len(set(names)) != count):
        raise ConfigError(
            f"TabularMDP: {what} must be {count} different names or none; got {len(names)}"
        )

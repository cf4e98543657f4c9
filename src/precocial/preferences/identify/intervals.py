"""Rewards compatible with what experts did, as a polytope, and how far they reach.

    R in a box, and for every expert i:   low_i <= R - v_i + gamma_i P_i v_i <= high_i

in the unknowns R (or weights of features) and v_1..v_N: linear, so the smallest and largest value
of any linear function of R is a linear programme (HiGHS). What the set is: for exact soft and
Boltzmann policies and for optimal policies known in every state, all rewards that give the
behaviour (for optimal ones its closure: other actions may tie). With counts, or states where an
expert was never seen, it contains those rewards and possibly more, because that probabilities sum
to 1 and that some action is best are not linear and are left out: intervals are then never too
short, and hold all experts' true rewards with the confidence of the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import linprog

from precocial.choice.arguments import checked, indices_of
from precocial.errors import ConfigError, FitError
from precocial.preferences.identify.experts import Expert
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
EQUAL = 1e-12
"""Bounds nearer than this are an equation."""
UNBOUNDED = 3
"""scipy's status of a linear programme without a largest value."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class CompatibleRewards:
    """Rewards in a box that experts' behaviour allows.

    Attributes:
        experts: what was done, and by which planner; all over the same states and actions.
        bound: |R(s, a)| is at most this; the paper's rewards lie in [-1, 1].
        features: phi[f, s, a], (F, S, A), if rewards must be combinations of these.
    """

    experts: tuple[Expert, ...]
    bound: float = 1.0
    features: Floats | None = None

    def __post_init__(self) -> None:
        shapes = {e.centre.shape for e in self.experts}
        if len(shapes) != 1:
            raise ConfigError(
                f"CompatibleRewards: one or more experts over the same states; got {shapes}"
            )
        if not (np.isfinite(self.bound) and self.bound > 0):
            raise ConfigError(
                f"CompatibleRewards: bound must be finite and above 0; got {self.bound!r}"
            )
        if self.features is not None and self.features.shape[1:] != self.shape:
            raise ConfigError(
                f"CompatibleRewards: features must be (F, {self.shape[0]}, {self.shape[1]}); got "
                f"{self.features.shape}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(S, A)"""
        S, A = self.experts[0].centre.shape
        return S, A

    @cached_property
    def reward_map(self) -> Any:
        """(S*A, unknowns) sparse: the reward, flat, from the unknowns."""
        S, A = self.shape
        live = ~np.all([e.mdp.terminal for e in self.experts], axis=0)
        kept = sparse.diags(np.repeat(live, A).astype(float))
        if self.features is None:
            first = kept
        else:
            first = kept @ sparse.csr_matrix(self.features.reshape(len(self.features), -1).T)
        return sparse.hstack([first, sparse.csr_matrix((S * A, S * len(self.experts)))]).tocsr()

    def value_columns(self, expert: int) -> slice:
        """Where v of one expert stands among the unknowns."""
        S, N = self.shape[0], len(self.experts)
        begin = self.reward_map.shape[1] - S * (N - expert)
        return slice(begin, begin + S)

    @cached_property
    def _programme(self) -> dict[str, Any]:
        rows, low, high = [], [], []
        for i, expert in enumerate(self.experts):
            live = np.repeat(~expert.mdp.terminal, self.shape[1])
            bounded = live & (np.isfinite(expert.low) | np.isfinite(expert.high)).ravel()
            moved = (self.reward_map - _shaping_rows(self, i))[bounded]
            rows.append(moved)
            low.append(expert.low.ravel()[bounded])
            high.append(expert.high.ravel()[bounded])
        unknowns = self.reward_map.shape[1]
        F = unknowns - self.shape[0] * len(self.experts)
        bounds = np.full((unknowns, 2), [-np.inf, np.inf])
        if self.features is None:
            bounds[:F] = [-self.bound, self.bound]
        else:
            rows.append(self.reward_map)
            low.append(np.full(self.reward_map.shape[0], -self.bound))
            high.append(np.full(self.reward_map.shape[0], self.bound))
        for i, expert in enumerate(self.experts):
            bounds[self.value_columns(i)][expert.mdp.terminal] = 0.0
        M, least, most = sparse.vstack(rows).tocsr(), np.concatenate(low), np.concatenate(high)
        equal = most - least <= EQUAL
        up, down = ~equal & np.isfinite(most), ~equal & np.isfinite(least)
        return {
            "A_eq": M[equal], "b_eq": (least[equal] + most[equal]) / 2,
            "A_ub": sparse.vstack([M[up], -M[down]]),
            "b_ub": np.concatenate([most[up], -least[down]]),
            "bounds": bounds,
        }  # fmt: skip

    def largest(
        self, functional: ArrayLike, *, of_values: ArrayLike | None = None, expert: int = 0
    ) -> tuple[float, Floats]:
        """max of sum functional * R (+ sum of_values * v of one expert), and an R that has it.

        Raises:
            FitError: no reward in the box is compatible.
        """
        cost = self.reward_map.T @ np.asarray(functional, dtype=np.float64).ravel()
        if of_values is not None:
            cost[self.value_columns(expert)] += np.asarray(of_values, dtype=np.float64)
        value, unknowns = self._most(cost)
        return value, np.asarray(self.reward_map @ unknowns).reshape(self.shape)

    def _most(self, gain: Floats) -> tuple[float, Floats]:
        done = linprog(-gain, method="highs", **self._programme)
        if done.status == UNBOUNDED:
            return float("inf"), np.full(len(gain), np.nan)
        if done.status != 0:
            raise FitError(
                f"no reward with |R| at most {self.bound:g} is compatible with this behaviour "
                f"({done.message.strip()}). Raise the bound, widen the confidence, or look at kind "
                "and beta of the experts"
            )
        return -float(done.fun), np.asarray(done.x)

    def intervals(self, functionals: ArrayLike) -> Floats:
        """(M, 2) the smallest and largest value of each linear function of R, (M, S, A) or (S, A):
        two linear programmes each.

        Raises:
            FitError: no reward in the box is compatible.
        """
        asked = np.asarray(functionals, dtype=np.float64)
        asked = asked[None] if asked.ndim == 2 else asked
        if asked.ndim != 3 or asked.shape[1:] != self.shape:
            raise ConfigError(
                f"intervals: functionals must be (M, {self.shape[0]}, {self.shape[1]}); got "
                f"{asked.shape}"
            )
        found = [(-self.largest(-one)[0], self.largest(one)[0]) for one in asked]
        return np.array(found)

    def weight_intervals(self, functionals: ArrayLike) -> Floats:
        """(M, 2) the same for linear functions of the features' weights, (M, F) or (F,); infinite
        for a feature that is never paid.

        Raises:
            ConfigError: no features, or another number of them. FitError: as `intervals`.
        """
        asked = np.atleast_2d(np.asarray(functionals, dtype=np.float64))
        F = 0 if self.features is None else len(self.features)
        if F == 0 or asked.shape[1:] != (F,):
            raise ConfigError(f"weight_intervals: functionals must be (M, {F}); got {asked.shape}")
        rest = self.reward_map.shape[1] - F
        padded = np.pad(asked, ((0, 0), (0, rest)))
        return np.array([(-self._most(-one)[0], self._most(one)[0]) for one in padded])


@checked
def reward_intervals(
    experts: Sequence[Expert],
    *,
    reference: int = 0,
    states: ArrayLike | None = None,
    bound: float = 1.0,
    features: ArrayLike | None = None,
) -> Floats:
    """(M, 2) bounds of R(s) - R(reference) for each of M states, R(s) the mean over actions.

    Args:
        states: which; all by default.
        bound, features: of `CompatibleRewards`.

    Raises:
        ConfigError: states that the world lacks. FitError: no compatible reward.
    """
    phi = None if features is None else np.asarray(features, dtype=np.float64)
    allowed = CompatibleRewards(experts=tuple(experts), bound=bound, features=phi)
    return allowed.intervals(state_differences(experts[0].mdp, reference=reference, states=states))


@checked
def state_differences(
    mdp: TabularMDP, *, reference: int = 0, states: ArrayLike | None = None
) -> Floats:
    """(M, S, A) the linear functions R(s) - R(reference), R(s) = mean_a R(s, a).

    Raises:
        ConfigError: states that the world lacks.
    """
    S, A = mdp.n_states, mdp.n_actions
    chosen = np.arange(S) if states is None else indices_of("states", states, S)
    asked = np.append(chosen, reference)
    if chosen.ndim != 1 or asked.min() < 0 or asked.max() >= S:
        raise ConfigError(f"states must be 0 to {S - 1}; got {states!r} and {reference!r}")
    eye = np.repeat(np.eye(S)[:, :, None], A, axis=2) / A
    return np.asarray(eye[chosen] - eye[reference])


def _shaping_rows(allowed: CompatibleRewards, expert: int) -> Any:
    """(S*A, unknowns) sparse: v - gamma E v of one expert; v of terminal states is held at 0."""
    mdp = allowed.experts[expert].mdp
    S, A, K = mdp.successors.shape
    rows = np.arange(S * A)
    entries = -mdp.discount * mdp.probability.ravel()
    own = sparse.csr_matrix((np.ones(S * A), (rows, rows // A)), shape=(S * A, S))
    places = (np.repeat(rows, K), mdp.successors.ravel())
    after = sparse.csr_matrix((entries, places), shape=(S * A, S))
    place = allowed.value_columns(expert)
    unknowns = allowed.reward_map.shape[1]
    parts = [
        sparse.csr_matrix((S * A, place.start)), own + after,
        sparse.csr_matrix((S * A, unknowns - place.stop)),
    ]  # fmt: skip
    return sparse.hstack(parts).tocsr()

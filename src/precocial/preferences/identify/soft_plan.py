"""The soft-optimal agent: its policies, values and discounted visits, many problems at once.

    Q(s, a) = R(s, a) + gamma E V(s'),   V(s) = (1/beta) log mean_a exp(beta Q(s, a)),
    pi(a|s) = exp(beta (Q(s, a) - V(s))) / A

over a finite horizon (V is 0 after the last step, everything depends on the step) or without end.
The mean over actions is the house's convention (`soft_optimal`): entropy is counted relative to
acting at random. Ziebart (2010) sums; the two give one policy where no action can end an episode,
and elsewhere the sum pays (log A) / beta more for each step. Shape letters: B problems, T steps,
S states, A actions, L lanes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError, FitError
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
TOLERANCE = 1e-10
"""How near to the fixed point, where there is no horizon."""
MAX_SWEEPS = 200_000
MAX_BYTES = 8 * 2**30
"""More working memory than this is refused."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftPlan:
    """What soft-optimal agents do.

    Attributes:
        policies: pi[b, s, a], (B, S, A); with a horizon pi[b, t, s, a]; 0 in terminal states.
        values: V[b, s] at the first step.
        occupancy: d[b, s, a], discounted visits from the start distribution.
        residual: the largest distance of V from the fixed point; 0 with a horizon.
    """

    policies: Floats
    values: Floats
    occupancy: Floats
    residual: float


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """A world in the order of the kernels."""

    kernels: ModuleType
    successors: NDArray[np.int32]
    weight: Floats
    terminal: NDArray[np.bool_]
    discount: float
    start: Floats
    kept: list[tuple[Floats, Floats]] = field(default_factory=list)

    def room(self, T: int, A: int, S: int, lanes: int) -> tuple[Floats, Floats]:
        """V[t, s, l] and pi[t, a, s, l] to be filled: the same memory for block after block,
        because asking the system for it anew costs as much as the sweeps."""
        if not self.kept or self.kept[0][1].shape != (T, A, S, lanes):
            self.kept[:] = [(np.empty((T + 1, S, lanes)), np.empty((T, A, S, lanes)))]
        return self.kept[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """One block: pi[t, a, s, l] (or [a, s, l]), V[s, l] and the distance to the fixed point."""

    pi: Floats
    V: Floats
    residual: float


def soft_plan(
    mdp: TabularMDP, rewards: ArrayLike, *, horizon: int | None = None, beta: float = 1.0
) -> SoftPlan:
    """Soft-optimal policies, values and discounted occupancies of rewards (B, S, A) or (S, A).

    Raises:
        ConfigError: rewards of another shape, a horizon below 1, beta not above 0.
        FitError: no fixed point within `MAX_SWEEPS` (no horizon and a discount too near 1).
    """
    R = reward_tables(mdp, rewards)
    world = prepared(mdp, horizon, beta)
    policies, values, visits, worst = [], [], [], 0.0
    for low, high in lane_blocks(len(R)):
        lanes = to_lanes(R[low:high])
        solved = solve_lanes(world, lanes, horizon, beta, None)
        policies.append(np.moveaxis(solved.pi, (-1, -3), (0, -1)).copy())
        values.append(solved.V.T.copy())
        visits.append(from_lanes(visits_of(world, solved, start_lanes(world, lanes.shape[-1]))))
        worst = max(worst, solved.residual)
    return SoftPlan(
        policies=np.concatenate(policies), values=np.concatenate(values),
        occupancy=np.concatenate(visits), residual=worst,
    )  # fmt: skip


# ------------------------------------------------------------ one block of problems


def solve_lanes(
    world: World, R: Floats, horizon: int | None, beta: float, near: Floats | None
) -> Solved:
    """Plan for R[a, s, l]; `near` is a guess of V[s, l] where there is no horizon."""
    A, S, lanes = R.shape
    first = (world.successors, world.weight, world.terminal, R, beta)
    if horizon is not None:
        V, pi = world.room(horizon, A, S, lanes)
        world.kernels.backward(*first, V, pi)
        return Solved(pi=pi, V=V[0], residual=0.0)
    V = np.zeros((S, lanes)) if near is None else near.copy()
    pi = np.empty((A, S, lanes))
    scale = float(np.abs(R).max()) / max(1 - world.discount, 1e-3)
    enough = max(TOLERANCE * max(1 - world.discount, 1e-3), 1e-14 * scale)
    sweeps, change = world.kernels.settle_values(*first, V, pi, enough, MAX_SWEEPS)
    if not change <= enough:
        raise FitError(_no_fixed_point(world.discount, sweeps))
    far = change / (1 - world.discount) if world.discount < 1 else change
    return Solved(pi=pi, V=V, residual=float(far))


def visits_of(world: World, solved: Solved, start: Floats, extra: Floats | None = None) -> Floats:
    """Discounted visits [a, s, l] from start[s, l], with extra[t, a, s, l] joining the flow."""
    pi = solved.pi
    if pi.ndim == 4:
        visits = np.zeros(pi.shape[1:])
        joined = np.empty((0, *pi.shape[1:])) if extra is None else extra
        world.kernels.forward(world.successors, world.weight, pi, joined, start, visits)
        return visits
    mass = np.empty_like(start)
    enough = TOLERANCE * max(1 - world.discount, 1e-3) * max(float(np.abs(start).sum(0).max()), 1.0)
    sweeps, left = world.kernels.settle_visits(
        world.successors, world.weight, pi, start, mass, enough, MAX_SWEEPS
    )
    if not left <= enough:
        raise FitError(_no_fixed_point(world.discount, sweeps))
    return np.asarray(mass * pi)


# ------------------------------------------------------------ what came in


def prepared(mdp: TabularMDP, horizon: int | None, beta: float) -> World:
    if not (np.isfinite(beta) and beta > 0):
        raise ConfigError(f"beta must be finite and above 0; got {beta!r}")
    if horizon is not None:
        if horizon < 1:
            raise ConfigError(f"horizon must be at least 1, or None for none; got {horizon!r}")
        needed = 8 * horizon * mdp.n_states * mdp.n_actions
        if needed > MAX_BYTES:
            raise ConfigError(f"a horizon of {horizon} needs {needed / 2**30:.3g} GiB; shorten it")
    return World(
        kernels=kernels(),
        successors=mdp.successors.astype(np.int32),
        weight=np.ascontiguousarray(mdp.probability * mdp.discount),
        terminal=mdp.terminal, discount=mdp.discount, start=mdp.start,
    )  # fmt: skip


def kernels() -> ModuleType:
    """The compiled sweeps; numba is loaded here and not before."""
    from precocial.preferences.identify import soft_kernels

    return soft_kernels


def lane_blocks(count: int) -> list[tuple[int, int]]:
    lanes = kernels().LANES
    return [(low, min(low + lanes, count)) for low in range(0, count, lanes)]


def start_lanes(world: World, lanes: int) -> Floats:
    return np.repeat(np.where(world.terminal, 0.0, world.start)[:, None], lanes, axis=1)


def to_lanes(R: Floats) -> Floats:
    """R[b, s, a] in the order of the kernels, [a, s, l]."""
    return np.ascontiguousarray(R.transpose(2, 1, 0))


def from_lanes(table: Floats) -> Floats:
    return table.transpose(2, 1, 0)


def reward_tables(mdp: TabularMDP, rewards: ArrayLike) -> Floats:
    R = np.asarray(rewards, dtype=np.float64)
    R = R[None] if R.ndim == 2 else R
    shape = (mdp.n_states, mdp.n_actions)
    if R.ndim != 3 or R.shape[1:] != shape or not len(R) or not np.isfinite(R).all():
        raise ConfigError(f"rewards must be finite, (B, {shape[0]}, {shape[1]}); got {R.shape}")
    return np.where(mdp.terminal[:, None], 0.0, R)


def _no_fixed_point(discount: float, sweeps: int) -> str:
    return (
        f"no fixed point in {sweeps} sweeps with discount {discount}; take a discount further "
        "from 1, or give a horizon"
    )

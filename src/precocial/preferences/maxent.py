"""Maximum causal entropy inverse reinforcement learning: exact gradients and a fit.

The agent is taken to be soft-optimal (Ziebart 2010, chapters 6 and 9):

    Q(s, a) = R(s, a) + gamma E V(s'),   V(s) = (1/beta) log mean_a exp(beta Q(s, a)),
    pi(a|s) = exp(beta (Q(s, a) - V(s))) / A

over a finite horizon (V is 0 after the last step, everything depends on the step) or without end.
The mean over actions is the house's convention (`soft_optimal`): entropy is counted relative to
acting at random. Ziebart sums; the two give one policy where no action can end an episode, and
elsewhere the sum pays (log A) / beta more for each step. Discounted d[s, a] are visits:
sum_t gamma^t P(s_t = s, a_t = a), with the discount both in the planner and in the visits.

The occupancy of a policy is the gradient of its soft value, so two objectives have exact gradients:

    matching     D(R) = <d_E, R> - E V(s_0)            dD/dR = d_E - d_pi
    likelihood   L(R) = sum n(s, a) log pi(a|s)        dL/dR by the adjoint of the planner

They agree in expectation. Matching needs whole episodes; likelihood also takes those that were cut.
Shape letters: B problems, T steps, S states, A actions, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from precocial.errors import ConfigError, FitError, need, one_of
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
OBJECTIVES = ("likelihood", "matching")
TOLERANCE = 1e-10
"""How near to the fixed point, where there is no horizon."""
MAX_SWEEPS = 200_000
L2 = 1e-4
"""Default penalty (ours): small beside a log likelihood a step, which is of the order of 1, and
enough to keep weights finite when an action was never seen."""
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
class MceGradient:
    """An objective and its exact gradient for each of B problems.

    Attributes:
        value: (B,) in nats when beta is 1, else in units of 1 / beta for matching.
        gradient: (B, S, A), or (B, F) where features were given.
        occupancy: d[b, s, a] of the soft-optimal policies.
    """

    value: Floats
    gradient: Floats
    occupancy: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class MceFit:
    """A reward fitted by maximum causal entropy.

    Attributes:
        weights: (F,) of the features; (S*A,) where there were none.
        reward: R[s, a].
        policy: pi[s, a], or pi[t, s, a] with a horizon.
        objective: "likelihood" (a step of demonstration) or "matching", without the penalty.
        value: of the objective.
        gradient_norm: largest entry of the penalised objective's gradient.
        evaluations: gradients taken.
        status: "converged" or "stopped".
        advice: what to do if it stopped; "" otherwise.
    """

    weights: Floats
    reward: Floats
    policy: Floats
    objective: str
    value: float
    gradient_norm: float
    evaluations: int
    status: Literal["converged", "stopped"]
    advice: str


@dataclass(frozen=True, kw_only=True, eq=False)
class _World:
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
class _Solved:
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
    R = _tables(mdp, rewards)
    world = _world(mdp, horizon, beta)
    policies, values, visits, worst = [], [], [], 0.0
    for low, high in _blocks(len(R)):
        lanes = _lanes(R[low:high])
        solved = _solve(world, lanes, horizon, beta, None)
        policies.append(np.moveaxis(solved.pi, (-1, -3), (0, -1)).copy())
        values.append(solved.V.T.copy())
        visits.append(_from_lanes(_visits(world, solved, _start(world, lanes.shape[-1]))))
        worst = max(worst, solved.residual)
    return SoftPlan(
        policies=np.concatenate(policies), values=np.concatenate(values),
        occupancy=np.concatenate(visits), residual=worst,
    )  # fmt: skip


def mce_gradient(
    mdp: TabularMDP,
    rewards: ArrayLike,
    demonstrated: ArrayLike,
    *,
    features: ArrayLike | None = None,
    horizon: int | None = None,
    beta: float = 1.0,
) -> MceGradient:
    """The matching objective D(R) = <d_E, R> - E V(s_0) and its gradient d_E - d_pi.

    D is concave in R, and its maximum is the maximum causal entropy reward. With features,
    R = sum_f w[f] phi[f, s, a] and the gradient is phi . (d_E - d_pi), the difference of
    discounted feature expectations.

    Args:
        rewards: R[b, s, a], (B, S, A) or (S, A); with features weights (B, F) or (F,).
        demonstrated: d_E[s, a], (S, A) or (B, S, A): see `demonstrated_occupancy`.
        features: phi[f, s, a], (F, S, A).
        horizon: actions in an episode; None for the world's own end, or none.
        beta: inverse temperature of the agent.

    Raises:
        ConfigError: wrong shapes, numbers that are not finite, a horizon below 1, beta not above 0.
        FitError: no fixed point within `MAX_SWEEPS`.

    Source: Ziebart 2010; Ziebart, Bagnell and Dey 2010. imitation 1.0.1 leaves the discount out of
    the planner while it takes this gradient (`mce_occupancy_measures`); ours is the gradient of one
    function, as finite differences show.
    """
    phi = _features(mdp, features)
    R = _tables(mdp, rewards if phi is None else _combined(rewards, phi))
    world = _world(mdp, horizon, beta)
    d_E = np.asarray(demonstrated, dtype=np.float64)
    if d_E.shape not in (R.shape[1:], R.shape) or not np.isfinite(d_E).all():
        raise ConfigError(
            f"mce_gradient: demonstrated must be finite, {R.shape[1:]} or {R.shape}; got "
            f"{d_E.shape}. demonstrated_occupancy(mdp, demos) makes it"
        )
    d_E = np.where(mdp.terminal[:, None], 0.0, d_E)
    visits, soft = np.empty_like(R), np.empty(len(R))
    for low, high in _blocks(len(R)):
        lanes = _lanes(R[low:high])
        solved = _solve(world, lanes, horizon, beta, None)
        soft[low:high] = world.start @ solved.V
        found = _visits(world, solved, _start(world, lanes.shape[-1]))
        visits[low:high] = _from_lanes(found)
    gradient = d_E - visits
    value = (R * d_E).sum(axis=(1, 2)) - soft
    if phi is not None:
        gradient = np.tensordot(gradient, phi, axes=([1, 2], [1, 2]))
    return MceGradient(value=value, gradient=np.asarray(gradient), occupancy=visits)


def likelihood_gradient(
    mdp: TabularMDP,
    rewards: ArrayLike,
    counts: ArrayLike,
    *,
    features: ArrayLike | None = None,
    horizon: int | None = None,
    beta: float = 1.0,
) -> MceGradient:
    """The log likelihood sum n log pi, in nats, and its gradient by the adjoint of the planner.

    With w = n(s, a) - n(s) pi(a|s), dL/dR = beta (w + y pi) where y(s') = gamma sum (w + y pi)
    P(s'|s, a): what was done beyond expectation, and where it led.

    Args:
        rewards: (B, S, A) or (S, A); with features weights (B, F) or (F,).
        counts: n[s, a], or with a horizon n[t, s, a]: see `timed_counts`.

    Raises:
        ConfigError: as `mce_gradient`. FitError: as `mce_gradient`.
    """
    phi = _features(mdp, features)
    R = _tables(mdp, rewards if phi is None else _combined(rewards, phi))
    world = _world(mdp, horizon, beta)
    wanted = R.shape[1:] if horizon is None else (horizon, *R.shape[1:])
    n = np.asarray(counts, dtype=np.float64)
    if n.shape != wanted or not np.isfinite(n).all() or n.min() < 0:
        raise ConfigError(
            f"likelihood_gradient: counts must be finite, not negative, {wanted}; got {n.shape}"
        )
    n = np.where(mdp.terminal[:, None], 0.0, n)
    value, gradient, visits = np.empty(len(R)), np.empty_like(R), np.empty_like(R)
    for low, high in _blocks(len(R)):
        lanes = _lanes(R[low:high])
        solved = _solve(world, lanes, horizon, beta, None)
        value[low:high], slope = _likelihood(world, solved, n, beta)
        gradient[low:high] = _from_lanes(slope)
        found = _visits(world, solved, _start(world, lanes.shape[-1]))
        visits[low:high] = _from_lanes(found)
    if phi is not None:
        gradient = np.tensordot(gradient, phi, axes=([1, 2], [1, 2]))
    return MceGradient(value=value, gradient=gradient, occupancy=visits)


def demonstrated_occupancy(
    mdp: TabularMDP, demos: Demonstrations, *, horizon: int | None = None
) -> Floats:
    """d_E[s, a] = mean over episodes of sum_t gamma^t 1[s_t = s, a_t = a], (S, A).

    Steps from `horizon` on are left out. Without a horizon an episode that was cut lacks what would
    have followed, up to gamma^T / (1 - gamma): then fit by likelihood.

    Raises:
        DataError: demonstrations that cannot have happened in this world.
    """
    n = timed_counts(mdp, demos, horizon=horizon)
    weight = mdp.discount ** np.arange(len(n)) / len(demos.episodes)
    return np.asarray(np.tensordot(weight, n, axes=1))


def timed_counts(
    mdp: TabularMDP, demos: Demonstrations, *, horizon: int | None = None
) -> Floats:  # fmt: skip
    """n[t, s, a]: how often each action was taken in each state t steps into an episode; T is the
    horizon (later steps are left out) or the longest episode.

    Raises:
        DataError: demonstrations that cannot have happened in this world.
    """
    demos.check(mdp)
    first = np.r_[True, demos.episode[1:] != demos.episode[:-1]]
    begin = np.maximum.accumulate(np.where(first, np.arange(len(demos)), 0))
    step = np.arange(len(demos)) - begin
    T = int(step.max()) + 1 if horizon is None else horizon
    kept = step < T
    n = np.zeros((T, mdp.n_states, mdp.n_actions))
    np.add.at(n, (step[kept], demos.state[kept], demos.action[kept]), 1.0)
    return n


def fit_mce(
    mdp: TabularMDP,
    demos: Demonstrations,
    *,
    features: ArrayLike | None = None,
    horizon: int | None = None,
    beta: float = 1.0,
    objective: Literal["likelihood", "matching"] = "likelihood",
    l2: float = L2,
    start: ArrayLike | None = None,
    max_iterations: int = 500,
) -> MceFit:
    """The reward that maximises an objective less (l2 / 2) |w|^2, by L-BFGS.

    The objective is the log likelihood a step, or the matching objective of the mean episode.

    Args:
        features: phi[f, s, a], (F, S, A); None: a table, every state and action its own weight.
        start: weights to begin with; 0 by default.

    Raises:
        ConfigError: wrong shapes, l2 below 0. DataError: demonstrations that do not fit the world.
        FitError: no fixed point of the planner.
    """
    one_of("fit_mce: objective", objective, OBJECTIVES)
    if not (np.isfinite(l2) and l2 >= 0):
        raise ConfigError(f"fit_mce: l2 must be finite and at least 0; got {l2!r}")
    loss = _loss(mdp, demos, _features(mdp, features), horizon, beta, objective, l2)
    F = mdp.n_states * mdp.n_actions if loss.phi is None else len(loss.phi)
    w = np.zeros(F) if start is None else np.array(start, dtype=np.float64)
    if w.shape != (F,) or not np.isfinite(w).all():
        raise ConfigError(f"fit_mce: start must be finite, ({F},); got {w.shape}")
    options = {"maxiter": max_iterations, "maxfun": 2 * max_iterations, "ftol": 1e-15, "gtol": 1e-8}
    done = minimize(loss, w, jac=True, method="L-BFGS-B", options=options)
    R = loss.reward(done.x)
    plan = soft_plan(mdp, R, horizon=horizon, beta=beta)
    converged = bool(done.success)
    return MceFit(
        weights=np.asarray(done.x), reward=R, policy=plan.policies[0],
        objective=objective, value=-float(done.fun) + l2 / 2 * float(done.x @ done.x),
        gradient_norm=float(np.abs(done.jac).max()), evaluations=int(done.nfev),
        status="converged" if converged else "stopped",
        advice="" if converged else "raise max_iterations, or l2 if some actions were never seen",
    )  # fmt: skip


@dataclass(kw_only=True, eq=False)
class _Loss:
    """What `fit_mce` minimises; it keeps the last values, from which the next planning starts."""

    world: _World
    phi: Floats | None
    data: Floats
    horizon: int | None
    beta: float
    matching: bool
    l2: float
    values: Floats | None = None

    def reward(self, w: Floats) -> Floats:
        """R[s, a]."""
        S, A, _ = self.world.weight.shape
        R = w.reshape(S, A) if self.phi is None else np.tensordot(w, self.phi, axes=1)
        return np.where(self.world.terminal[:, None], 0.0, R)

    def __call__(self, w: Floats) -> tuple[float, Floats]:
        R = self.reward(w)
        solved = _solve(self.world, _lanes(R[None]), self.horizon, self.beta, self.values)
        self.values = solved.V
        if self.matching:
            found = _visits(self.world, solved, _start(self.world, 1))
            value = float((R * self.data).sum() - (self.world.start @ solved.V)[0])
            table = self.data - found[..., 0].T
        else:
            gain, slope = _likelihood(self.world, solved, self.data, self.beta)
            value, table = float(gain[0]), slope[..., 0].T
        gradient = table.ravel() if self.phi is None else np.tensordot(self.phi, table, axes=2)
        return -value + self.l2 / 2 * float(w @ w), self.l2 * w - gradient


def _loss(
    mdp: TabularMDP,
    demos: Demonstrations,
    phi: Floats | None,
    horizon: int | None,
    beta: float,
    objective: str,
    l2: float,
) -> _Loss:
    world = _world(mdp, horizon, beta)
    if objective == "matching":
        data = demonstrated_occupancy(mdp, demos, horizon=horizon)
    else:
        data = timed_counts(mdp, demos, horizon=horizon)
        data = (data.sum(axis=0) if horizon is None else data) / data.sum()
    return _Loss(
        world=world, phi=phi, data=data, horizon=horizon, beta=beta,
        matching=objective == "matching", l2=l2,
    )  # fmt: skip


# ------------------------------------------------------------ one block of problems


def _solve(
    world: _World, R: Floats, horizon: int | None, beta: float, near: Floats | None
) -> _Solved:
    """Plan for R[a, s, l]; `near` is a guess of V[s, l] where there is no horizon."""
    A, S, lanes = R.shape
    first = (world.successors, world.weight, world.terminal, R, beta)
    if horizon is not None:
        V, pi = world.room(horizon, A, S, lanes)
        world.kernels.backward(*first, V, pi)
        return _Solved(pi=pi, V=V[0], residual=0.0)
    V = np.zeros((S, lanes)) if near is None else near.copy()
    pi = np.empty((A, S, lanes))
    scale = float(np.abs(R).max()) / max(1 - world.discount, 1e-3)
    enough = max(TOLERANCE * max(1 - world.discount, 1e-3), 1e-14 * scale)
    sweeps, change = world.kernels.settle_values(*first, V, pi, enough, MAX_SWEEPS)
    if not change <= enough:
        raise FitError(_no_fixed_point(world.discount, sweeps))
    far = change / (1 - world.discount) if world.discount < 1 else change
    return _Solved(pi=pi, V=V, residual=float(far))


def _visits(world: _World, solved: _Solved, start: Floats, extra: Floats | None = None) -> Floats:
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


def _likelihood(
    world: _World, solved: _Solved, n: Floats, beta: float
) -> tuple[Floats, Floats]:  # fmt: skip
    """Per lane sum n log pi, and its gradient [a, s, l]; n[s, a] or n[t, s, a]."""
    counts = np.swapaxes(n, -1, -2)[..., None]  # [..., a, s, 1]
    seen = counts[..., 0] > 0
    value = counts[seen].T @ np.log(solved.pi[seen])
    beyond = counts - counts.sum(axis=-3, keepdims=True) * solved.pi
    S, lanes = solved.V.shape
    if solved.pi.ndim == 4:
        nowhere = np.zeros((S, lanes))
        return value[0], beta * _visits(world, solved, nowhere, np.ascontiguousarray(beyond))
    source = np.zeros((S, lanes))
    flow = world.weight[..., None] * beyond.swapaxes(0, 1)[:, :, None]  # [s, a, k, l]
    np.add.at(source, world.successors, flow)
    source[world.terminal] = 0.0
    return value[0], beta * (beyond + _visits(world, solved, source))


# ------------------------------------------------------------ what came in


def _world(mdp: TabularMDP, horizon: int | None, beta: float) -> _World:
    if not (np.isfinite(beta) and beta > 0):
        raise ConfigError(f"beta must be finite and above 0; got {beta!r}")
    if horizon is not None:
        if horizon < 1:
            raise ConfigError(f"horizon must be at least 1, or None for none; got {horizon!r}")
        needed = 8 * horizon * mdp.n_states * mdp.n_actions
        if needed > MAX_BYTES:
            raise ConfigError(f"a horizon of {horizon} needs {needed / 2**30:.3g} GiB; shorten it")
    return _World(
        kernels=need("precocial.preferences.soft_kernels", "numba"),
        successors=mdp.successors.astype(np.int32),
        weight=np.ascontiguousarray(mdp.probability * mdp.discount),
        terminal=mdp.terminal, discount=mdp.discount, start=mdp.start,
    )  # fmt: skip


def _blocks(count: int) -> list[tuple[int, int]]:
    lanes = need("precocial.preferences.soft_kernels", "numba").LANES
    return [(low, min(low + lanes, count)) for low in range(0, count, lanes)]


def _start(world: _World, lanes: int) -> Floats:
    return np.repeat(np.where(world.terminal, 0.0, world.start)[:, None], lanes, axis=1)


def _lanes(R: Floats) -> Floats:
    """R[b, s, a] in the order of the kernels, [a, s, l]."""
    return np.ascontiguousarray(R.transpose(2, 1, 0))


def _from_lanes(table: Floats) -> Floats:
    return table.transpose(2, 1, 0)


def _tables(mdp: TabularMDP, rewards: ArrayLike) -> Floats:
    R = np.asarray(rewards, dtype=np.float64)
    R = R[None] if R.ndim == 2 else R
    shape = (mdp.n_states, mdp.n_actions)
    if R.ndim != 3 or R.shape[1:] != shape or not len(R) or not np.isfinite(R).all():
        raise ConfigError(f"rewards must be finite, (B, {shape[0]}, {shape[1]}); got {R.shape}")
    return np.where(mdp.terminal[:, None], 0.0, R)


def _features(mdp: TabularMDP, features: ArrayLike | None) -> Floats | None:
    if features is None:
        return None
    phi = np.asarray(features, dtype=np.float64)
    shape = (mdp.n_states, mdp.n_actions)
    if phi.ndim != 3 or phi.shape[1:] != shape or not len(phi) or not np.isfinite(phi).all():
        raise ConfigError(f"features must be finite, (F, {shape[0]}, {shape[1]}); got {phi.shape}")
    return np.where(mdp.terminal[:, None], 0.0, phi)


def _combined(weights: ArrayLike, phi: Floats) -> Floats:
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim not in (1, 2) or w.shape[-1] != len(phi):
        raise ConfigError(f"weights must be (B, {len(phi)}) or ({len(phi)},); got {w.shape}")
    return np.tensordot(w, phi, axes=1)


def _no_fixed_point(discount: float, sweeps: int) -> str:
    return (
        f"no fixed point in {sweeps} sweeps with discount {discount}; take a discount further "
        "from 1, or give a horizon"
    )

"""Maximum causal entropy inverse reinforcement learning: exact gradients and a fit.

The agent is taken to be soft-optimal (`soft`). Its discounted visits are d[s, a] =
sum_t gamma^t P(s_t = s, a_t = a), with the discount both in the planner and in the visits.

The occupancy of a policy is the gradient of its soft value, so two objectives have exact gradients:

    matching     D(R) = <d_E, R> - E V(s_0)            dD/dR = d_E - d_pi
    likelihood   L(R) = sum n(s, a) log pi(a|s)        dL/dR by the adjoint of the planner

They agree in expectation. Matching needs whole episodes; likelihood also takes those that were cut.
Sources: Ziebart, Bagnell and Dey 2010; Ziebart 2010. Shape letters: B problems, T steps, S states,
A actions, F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, one_of
from precocial.preferences.demos import Demonstrations
from precocial.preferences.identify.soft_plan import (
    Solved,
    World,
    from_lanes,
    lane_blocks,
    prepared,
    reward_tables,
    soft_plan,
    solve_lanes,
    start_lanes,
    to_lanes,
    visits_of,
)
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
OBJECTIVES = ("likelihood", "matching")
L2 = 1e-4
"""Default penalty (ours): of 0 and 1e-6 to 1e-3 on 16x16 grids with seven rewards and 500 episodes,
all within 0.02 of the best true return, the one that also converges in some 100 gradients."""


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


@checked
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
    R = reward_tables(mdp, rewards if phi is None else _combined(rewards, phi))
    world = prepared(mdp, horizon, beta)
    d_E = np.asarray(demonstrated, dtype=np.float64)
    if d_E.shape not in (R.shape[1:], R.shape) or not np.isfinite(d_E).all():
        raise ConfigError(
            f"mce_gradient: demonstrated must be finite, {R.shape[1:]} or {R.shape}; got "
            f"{d_E.shape}. demonstrated_occupancy(mdp, demos) makes it"
        )
    d_E = np.where(mdp.terminal[:, None], 0.0, d_E)
    visits, soft = np.empty_like(R), np.empty(len(R))
    for low, high in lane_blocks(len(R)):
        lanes = to_lanes(R[low:high])
        solved = solve_lanes(world, lanes, horizon, beta, None)
        soft[low:high] = world.start @ solved.V
        found = visits_of(world, solved, start_lanes(world, lanes.shape[-1]))
        visits[low:high] = from_lanes(found)
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
    R = reward_tables(mdp, rewards if phi is None else _combined(rewards, phi))
    world = prepared(mdp, horizon, beta)
    wanted = R.shape[1:] if horizon is None else (horizon, *R.shape[1:])
    n = np.asarray(counts, dtype=np.float64)
    if n.shape != wanted or not np.isfinite(n).all() or n.min() < 0:
        raise ConfigError(
            f"likelihood_gradient: counts must be finite, not negative, {wanted}; got {n.shape}"
        )
    n = np.where(mdp.terminal[:, None], 0.0, n)
    value, gradient, visits = np.empty(len(R)), np.empty_like(R), np.empty_like(R)
    for low, high in lane_blocks(len(R)):
        lanes = to_lanes(R[low:high])
        solved = solve_lanes(world, lanes, horizon, beta, None)
        value[low:high], slope = _likelihood(world, solved, n, beta)
        gradient[low:high] = from_lanes(slope)
        found = visits_of(world, solved, start_lanes(world, lanes.shape[-1]))
        visits[low:high] = from_lanes(found)
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


@checked
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

    world: World
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
        solved = solve_lanes(self.world, to_lanes(R[None]), self.horizon, self.beta, self.values)
        self.values = solved.V
        if self.matching:
            found = visits_of(self.world, solved, start_lanes(self.world, 1))
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
    world = prepared(mdp, horizon, beta)
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


def _likelihood(
    world: World, solved: Solved, n: Floats, beta: float
) -> tuple[Floats, Floats]:  # fmt: skip
    """Per lane sum n log pi, and its gradient [a, s, l]; n[s, a] or n[t, s, a]."""
    counts = np.swapaxes(n, -1, -2)[..., None]  # [..., a, s, 1]
    seen = counts[..., 0] > 0
    value = counts[seen].T @ np.log(solved.pi[seen])
    beyond = counts - counts.sum(axis=-3, keepdims=True) * solved.pi
    S, lanes = solved.V.shape
    if solved.pi.ndim == 4:
        nowhere = np.zeros((S, lanes))
        return value[0], beta * visits_of(world, solved, nowhere, np.ascontiguousarray(beyond))
    source = np.zeros((S, lanes))
    flow = world.weight[..., None] * beyond.swapaxes(0, 1)[:, :, None]  # [s, a, k, l]
    np.add.at(source, world.successors, flow)
    return value[0], beta * (beyond + visits_of(world, solved, source))


# ------------------------------------------------------------ what came in


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

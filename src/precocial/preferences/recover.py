"""The likeliest reward behind behaviour, by exact gradients through a planner.

    log P(w) = sum n(s, a) log pi(a|s) - |w|^2 / (2 sigma^2),   pi = softmax(beta Q_w),
    R_w = base + sum_f w_f phi_f

Where enumeration is out of reach (a reward for each of a hundred cells) the gradient of this is
exact: Q is piecewise linear in R for a planner that takes maxima (its slope is the discounted
occupancy of the plan that the planner believes in) and smooth for a soft one. Fixed points are
differentiated implicitly, by one transposed solve; inductions are run backwards.

Shape letters as in `values`; here the delay stands before the state, V[h, d, s], so that a sweep is
one product with the dense P.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from precocial.errors import ConfigError, FitError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Planner
from precocial.preferences.planning.values import believed_transitions
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
ITERATIONS = 300
"""Of L-BFGS from each start; Shah et al.'s worlds need 20 to 150 (measured)."""
STARTS = 3
"""One from 0 and the others drawn from the prior (ours): with maxima there are local optima."""
_MEMORY = 30
"""Steps that L-BFGS remembers (ours)."""
_NEWTON = 200
_STILL = 1e-9
"""Newton stops when no value moves by more, as a share of the largest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recovered:
    """The reward that `recover` found.

    Attributes:
        weights: (F,).
        rewards: R[s, a], (S, A).
        log_likelihood: nats, without the prior.
        log_posterior: nats, the prior without its constant.
        tops: (starts,) the log posterior that each start led to: how far they differ says how
            rough the hill is.
        slope: largest derivative of the log posterior left, in nats a unit of weight; at a kink of
            a planner that takes maxima it need not vanish.
    """

    weights: Floats
    rewards: Floats
    log_likelihood: float
    log_posterior: float
    tops: Floats
    slope: float


def recover(
    mdp: TabularMDP, counts: ArrayLike, planner: Planner, features: ArrayLike, *,
    base: ArrayLike = 0.0, prior_std: float = 10.0, starts: int = STARTS,
    iterations: int = ITERATIONS, seed: int = 0,
) -> Recovered:  # fmt: skip
    """Climb the log posterior of a reward by L-BFGS; the best of several climbs.

    The problem is not concave: this finds a local maximum, by the same rule for every planner.

    Args:
        counts: n[s, a], (S, A): how often each action was taken; shares of a policy times a number
            of choices do as well.
        planner: picks by a Boltzmann rule and values by maxima or log-sum-exp.
        features: phi[f, s, a], (F, S, A).
        base: known part of the reward, (S, A) or a number.
        prior_std: sigma of the normal prior of each weight.

    Raises:
        ConfigError: shapes that do not fit, or a planner whose gradient is not defined here.
        FitError: the values of a planner reached no fixed point.
    """
    n, phi = np.asarray(counts, dtype=np.float64), np.asarray(features, dtype=np.float64)
    shape = (mdp.n_states, mdp.n_actions)
    if n.shape != shape or phi.ndim != 3 or phi.shape[1:] != shape:
        raise ConfigError(
            f"recover: counts must be {shape} and features (F, {shape[0]}, {shape[1]}); got "
            f"{n.shape} and {phi.shape}"
        )
    if not (
        np.isfinite(n).all() and n.min() >= 0 and prior_std > 0 and min(starts, iterations) > 0
    ):
        raise ConfigError("recover: counts must be finite and not negative, prior_std above 0, and "
                          "starts and iterations at least 1")  # fmt: skip
    known = np.asarray(base, dtype=np.float64)
    flat, visits = phi.reshape(len(phi), -1), n.sum(axis=1, keepdims=True)
    values, beta = PlannerGradient(mdp, planner), planner.rule.parameter

    def reward(w: Floats) -> Floats:
        return np.asarray(known + (w @ flat).reshape(shape))

    def downhill(w: Floats) -> tuple[float, Floats]:
        Q = values.forward(reward(w)[None])[0]
        log_pi = beta * Q - logsumexp(beta * Q, axis=-1, keepdims=True)
        back = values.backward(beta * (n - visits * np.exp(log_pi))[None])
        uphill = flat @ back.ravel() - w / prior_std**2
        return -float((n * log_pi).sum() - w @ w / (2 * prior_std**2)), -uphill

    drawn = stream(seed, "preferences", "recover").standard_normal((starts, len(phi)))
    begins = prior_std * drawn * (np.arange(starts) > 0)[:, None]
    options = {"maxiter": iterations, "maxcor": _MEMORY, "maxfun": 3 * iterations}
    tops = [minimize(downhill, w, jac=True, method="L-BFGS-B", options=options) for w in begins]
    best = min(tops, key=lambda top: float(top.fun))
    w = np.asarray(best.x)
    return Recovered(
        weights=w, rewards=reward(w), log_posterior=-float(best.fun),
        log_likelihood=-float(best.fun) + float(w @ w) / (2 * prior_std**2),
        tops=-np.array([top.fun for top in tops], dtype=np.float64),
        slope=float(np.abs(best.jac).max()),
    )  # fmt: skip


class PlannerGradient:
    """Q[h, s, a] of a planner and its transposed derivative, for rewards of one world.

    `forward` remembers which plan was believed in, `backward` uses it; the plan of the last call
    is also where Newton's iteration starts next time.
    """

    def __init__(self, mdp: TabularMDP, planner: Planner) -> None:
        """Refuses what it cannot differentiate.

        Raises:
            ConfigError: a rule that is not Boltzmann's; softmax backups, optimism, or leaves that
                are not 0.
        """
        how = planner.backup
        odd = how.kind == "softmax" or how.optimism != 0
        if planner.rule.kind != "boltzmann" or odd or how.leaf != "nothing":
            raise ConfigError(
                f"recover: {planner.name!r} must pick by a Boltzmann rule, with maxima or "
                "log-sum-exp as backups, no optimism and nothing beyond its horizon"
            )
        if how.kind == "soft" and how.sophisticated:
            raise ConfigError("recover: a sophisticated planner must take maxima")
        self.how, self.discount = how, mdp.discount
        self.live = ~mdp.terminal
        believed = believed_transitions(mdp, how.confidence)
        both_live = self.live[:, None, None] & self.live
        self.P = np.where(both_live, believed.dense, 0.0).reshape(-1, mdp.n_states)  # (S A, S)
        self.weight = 1 / (1 + how.hyperbolic * np.arange(how.delays + 1))
        self.plans: list[Floats] = []
        self.last: Floats | None = None

    def forward(self, rewards: Floats) -> Floats:
        """Q[h, s, a] at no delay, (H, S, A)."""
        R = np.where(self.live[:, None], rewards, 0.0)
        paid = self.weight[:, None, None] * R[:, None]  # (H, D, S, A)
        self.plans = []
        if self.how.steps is not None:
            V = np.zeros((len(R), len(self.weight), R.shape[1]))
            for _ in range(self.how.steps - 1):
                V = self._planned(paid + self._ahead(np.concatenate([V[:, 1:], V[:, -1:]], 1)))
            return np.asarray((paid + self._ahead(np.concatenate([V[:, 1:], V[:, -1:]], 1)))[:, 0])
        V = self._fixed_point(paid[:, -1:])
        for delay in range(self.how.delays - 1, 0, -1):
            V = self._planned(paid[:, delay : delay + 1] + self._ahead(V))
        return np.asarray((paid[:, :1] + self._ahead(V))[:, 0])

    def backward(self, to_Q: Floats) -> Floats:
        """dL/dR[h, s, a] from dL/dQ[h, s, a] at the rewards of the last `forward`."""
        if self.how.steps is not None:
            return self._backward_induction(to_Q)
        to_Q = to_Q[:, None]
        to_R = self.weight[0] * to_Q
        for delay in range(1, self.how.delays):
            plan = self.plans[-delay]
            to_Q = plan * self._back(to_Q)[..., None]
            to_R = to_R + self.weight[delay] * to_Q
        plan = self.plans[0]
        flow = self._flow(plan[:, 0])
        size = np.eye(flow.shape[-1])
        back = np.linalg.solve(
            size - self.discount * np.swapaxes(flow, 1, 2), self._back(to_Q)[:, 0, :, None]
        )
        to_R = to_R + self.weight[-1] * plan * back[..., 0][:, None, :, None]
        return np.where(self.live[:, None], to_R[:, 0], 0.0)

    def _backward_induction(self, to_Q: Floats) -> Floats:
        D = len(self.weight)
        later = np.zeros((len(to_Q), D, *to_Q.shape[1:]))
        later[:, 0] = to_Q
        to_R = np.tensordot(later, self.weight, axes=(1, 0)) if D > 1 else later[:, 0].copy()
        for plan in reversed(self.plans):
            to_V = self._back(later)
            moved = np.zeros_like(to_V)
            moved[:, 1:] = to_V[:, :-1]
            moved[:, -1] += to_V[:, -1]
            later = plan * moved[..., None]
            to_R += np.tensordot(later, self.weight, axes=(1, 0))
        return np.where(self.live[:, None], to_R, 0.0)

    def _planned(self, Q: Floats) -> Floats:
        """V[h, d, s], and the plan (the derivative of V by Q) remembered."""
        V, plan = self._valued(Q)
        self.plans.append(plan)
        return V

    def _valued(self, Q: Floats) -> tuple[Floats, Floats]:
        if self.how.kind == "soft":
            beta = self.how.beta
            total = logsumexp(beta * Q, axis=-1, keepdims=True)
            V = (total[..., 0] - np.log(Q.shape[-1])) / beta
            return V * self.live, np.exp(beta * Q - total) * self.live[:, None]
        own = Q[:, :1] if self.how.sophisticated else Q
        plan = np.eye(Q.shape[-1])[own.argmax(axis=-1)] * self.live[:, None]
        return np.asarray((plan * Q).sum(axis=-1)), plan

    def _ahead(self, V: Floats) -> Floats:
        """gamma E V(s'), (H, D, S, A)."""
        after = self.discount * (V.reshape(-1, V.shape[-1]) @ self.P.T)
        return np.asarray(after.reshape(*V.shape, -1))

    def _back(self, to_Q: Floats) -> Floats:
        """gamma P' to_Q, (H, D, S)."""
        flat = to_Q.reshape(-1, to_Q.shape[-2] * to_Q.shape[-1]) @ self.P
        return np.asarray(self.discount * flat.reshape(*to_Q.shape[:2], -1))

    def _flow(self, plan: Floats) -> Floats:
        """(H, S, S) from state to state under a plan (H, S, A)."""
        S, A = plan.shape[1:]
        return np.asarray(np.einsum("hsa,sat->hst", plan, self.P.reshape(S, A, S), optimize=True))

    def _fixed_point(self, paid: Floats) -> Floats:
        """V[h, 0, s] = value(paid + gamma E V), by Newton's iteration (policy iteration, for
        maxima) from the last solution."""
        start = self.last
        V = start if start is not None and start.shape[0] == len(paid) else np.zeros(paid.shape[:3])
        size = np.eye(V.shape[-1])
        for _ in range(_NEWTON):
            after, plan = self._valued(paid + self._ahead(V))
            step = np.linalg.solve(
                size - self.discount * self._flow(plan[:, 0]), (after - V)[:, 0, :, None]
            )[:, None, :, 0]
            V = V + step
            if np.abs(step).max() <= _STILL * max(np.abs(V).max(), 1e-300):
                self.last = V
                return self._planned(paid + self._ahead(V))
        raise FitError(f"recover: no fixed point in {_NEWTON} iterations at discount "
                       f"{self.discount}; take one further from 1")  # fmt: skip

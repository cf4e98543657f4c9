"""The soft planner as a smooth function of its reward and parameters, with its exact gradient.

The fixed point, with delays d = 0..D and m = min(d + 1, D) (D = 0: no hyperbolic discounting):

    Q[s, d, a] = R[s, a] / (1 + k d) + gamma E V[s', m],   V = (1/beta) log mean_a exp(beta Q)

is reached by Newton's method (the operator is convex, so that this is policy iteration), and its
gradient needs no sweeps: with G = dL/dQ[., 0, .] of the log likelihood L,

    lambda[D] = (I - gamma P_pi^T)^-1 gamma P^T G[D - 1],    G[d] = pi[., d, .] lambda[d]

one linear solve, and a product with P^T a delay. dL/dR = sum_d G[d] / (1 + k d).
The weights w of R = sum_f w_f phi_f have the prior N(0, scale^2); beta, k and gamma, where free,
have log beta, log k or logit gamma ~ N(the planner's, 1): ours.

From beta and w behaviour shows the product only: what it says of beta alone is the prior's.
Shape letters: n parameter vectors, S states, A actions, D delays, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_softmax, logit, softmax

from precocial.choice import Choice, log_likelihood
from precocial.errors import ConfigError, FitError
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planners import Negated, Planner, Plans

Floats = NDArray[np.float64]
FREE = ("beta", "hyperbolic", "discount")
NEWTON_STEPS = 200
RESIDUAL = 1e-13
"""V is a fixed point if a sweep moves it by less than this share of its size (ours; rounding is
near 1e-15)."""
LARGEST = 1e12
"""beta * R beyond this leaves no digits of the differences between actions (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Soft:
    """Parameters of n soft planners.

    Attributes:
        sign: -1 for a negated planner.
        beta: (n,) of the backup.
        sharpness: (n,) of the choice, exp(sharpness * Q).
        hyperbolic: (n,) k.
        discount: (n,) gamma, the planner's own.
        delays: D.
    """

    sign: float
    beta: Floats
    sharpness: Floats
    hyperbolic: Floats
    discount: Floats
    delays: int

    @classmethod
    def of(cls, planner: Plans, mdp: TabularMDP) -> Soft:
        """The parameters of a soft planner, n = 1.

        Raises:
            ConfigError: a planner without a gradient: soft backups over an endless future with
                Boltzmann choice are needed, negated or not.
        """
        if isinstance(planner, Negated):
            inner = cls.of(planner.planner, mdp)
            return replace(inner, sign=-inner.sign)
        if not isinstance(planner, Planner) or not _is_soft(planner):
            raise ConfigError(
                f"{planner.name} has no gradient. Take soft_optimal(beta), a Planner with "
                "Backup(kind='soft', beta=..., hyperbolic=..., delays=...) and a Boltzmann rule, "
                "or one of these negated; infer_mcmc takes any planner"
            )
        backup = planner.backup
        return cls(
            sign=1.0, beta=np.full(1, float(backup.beta)),
            sharpness=np.full(1, float(planner.rule.parameter)),
            hyperbolic=np.full(1, float(backup.hyperbolic)),
            discount=np.full(1, float(mdp.discount)), delays=backup.delays,
        )  # fmt: skip


def _is_soft(planner: Planner) -> bool:
    backup = planner.backup
    plain = backup.steps is None and backup.optimism == 0 and backup.confidence == 1
    return backup.kind == "soft" and plain and planner.rule.kind == "boltzmann"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Solved:
    Q: Floats  # (n, D + 1, S, A)
    V: Floats  # (n, D + 1, S)
    pi: Floats  # (n, D + 1, S, A), softmax(beta Q)


def soft_values(mdp: TabularMDP, rewards: ArrayLike, soft: Soft) -> Floats:
    """Q[n, s, a] at no delay, of the soft fixed point under R[n, s, a].

    Raises:
        FitError: Newton's method reached no fixed point.
    """
    return _solve(mdp, soft.sign * np.asarray(rewards, dtype=np.float64), soft).Q[:, 0]


def _solve(mdp: TabularMDP, R: Floats, soft: Soft) -> _Solved:
    """R (n, S, A), its sign already the planner's."""
    n, S, A = R.shape
    D, P = soft.delays, _live(mdp)
    gamma, beta = soft.discount[:, None, None], soft.beta[:, None, None]
    paid = np.where(mdp.terminal[:, None], 0.0, R)
    weight = 1 / (1 + soft.hyperbolic[:, None] * np.arange(D + 1))
    Q, V, pi = np.zeros((n, D + 1, S, A)), np.zeros((n, D + 1, S)), np.zeros((n, D + 1, S, A))
    last = paid * weight[:, D, None, None]
    V[:, D] = _fixed_point(P, last, gamma, beta)
    Q[:, D] = last + gamma * _mean_after(P, V[:, D])
    pi[:, D] = _soft_max(Q[:, D], beta)[1]
    for d in range(D - 1, -1, -1):
        Q[:, d] = paid * weight[:, d, None, None] + gamma * _mean_after(P, V[:, d + 1])
        V[:, d], pi[:, d] = _soft_max(Q[:, d], beta)
    return _Solved(Q=Q, V=V, pi=pi)


def _fixed_point(P: Floats, R: Floats, gamma: Floats, beta: Floats) -> Floats:
    """(n, S) V = soft max of R + gamma P V."""
    V = np.zeros(R.shape[:2])
    eye = np.eye(R.shape[1])
    sane = np.isfinite(R).all() and np.abs(R).max() < LARGEST / beta.max()
    for _ in range(NEWTON_STEPS if sane else 0):
        Q = R + gamma * _mean_after(P, V)
        best, pi = _soft_max(Q, beta)
        flow = np.matmul(pi.transpose(1, 0, 2), P).transpose(1, 0, 2)
        off = best - V
        done = np.abs(off).max() <= RESIDUAL * max(1.0, np.abs(V).max())
        V = V + np.linalg.solve(eye - gamma * flow, off[..., None])[..., 0]
        if done:
            return V
    raise FitError(
        f"the soft values reached no fixed point in {NEWTON_STEPS} Newton steps: the rewards or "
        "beta are too large, or the discount too near 1, for double precision"
    )


def _live(mdp: TabularMDP) -> Floats:
    return np.where(mdp.terminal[:, None, None], 0.0, mdp.dense)


def _mean_after(P: Floats, V: Floats) -> Floats:
    S, A, _ = P.shape
    return np.asarray((V @ P.reshape(S * A, S).T).reshape(len(V), S, A))


def _soft_max(Q: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """(1/beta) log mean_a exp(beta Q), (n, S), and its slope softmax(beta Q), (n, S, A)."""
    top = Q.max(axis=-1, keepdims=True)
    grown = np.exp(beta * (Q - top))
    total = grown.sum(axis=-1, keepdims=True)
    V = top + np.log(total / Q.shape[-1]) / beta
    return V[..., 0], grown / total


# ---------------------------------------------------------------- the log posterior


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftModel:
    """log P(theta | demos, feedback) + constant, of one soft planner, and its gradient.

    theta = (w_1, ..., w_F, then log beta, log k, logit gamma where free), in the order of `FREE`.

    Attributes:
        features: (F, S, A).
        counts: (S, A) how often each action was taken.
        free: which of `FREE` are parameters; the rest is the planner's own.
        scale: standard deviation of the prior of each weight.
    """

    mdp: TabularMDP
    features: Floats
    counts: Floats
    planner: Plans
    free: tuple[str, ...] = ()
    scale: float = 1.0
    feedback: tuple[Choice, ...] = ()

    def __post_init__(self) -> None:
        shape = (self.mdp.n_states, self.mdp.n_actions)
        if self.features.shape[1:] != shape or self.counts.shape != shape:
            raise ConfigError(
                f"SoftModel: features must be (F, {shape[0]}, {shape[1]}) and counts {shape}; got "
                f"{self.features.shape} and {self.counts.shape}"
            )
        if not self.scale > 0 or list(self.free) != [name for name in FREE if name in self.free]:
            raise ConfigError(
                f"SoftModel: scale must be above 0 and free some of {FREE}, in this order; got "
                f"{self.scale!r} and {self.free!r}"
            )
        if "hyperbolic" in self.free and not self._soft.hyperbolic.all():
            raise ConfigError(f"{self.planner.name} is not hyperbolic: its k cannot be free")
        if "beta" in self.free and (self._soft.beta != self._soft.sharpness).any():
            raise ConfigError(f"{self.planner.name} has two betas: neither can be free")
        if "discount" in self.free and not 0 < self.mdp.discount < 1:
            raise ConfigError(f"a free discount must start in (0, 1); got {self.mdp.discount}")

    @cached_property
    def _soft(self) -> Soft:
        return Soft.of(self.planner, self.mdp)

    @cached_property
    def centre(self) -> Floats:
        """(T,) the prior's mean of theta."""
        soft = self._soft
        start = {"beta": np.log(soft.beta[0])}
        if "hyperbolic" in self.free:
            start["hyperbolic"] = np.log(soft.hyperbolic[0])
        if "discount" in self.free:
            start["discount"] = logit(soft.discount[0])
        return np.append(np.zeros(len(self.features)), [start[name] for name in self.free])

    @cached_property
    def spread(self) -> Floats:
        """(T,) the prior's standard deviation of theta."""
        return np.append(np.full(len(self.features), self.scale), np.ones(len(self.free)))

    def parameters(self, theta: ArrayLike) -> tuple[Floats, Soft]:
        """Weights (n, F) and the planner's parameters, of theta (n, T)."""
        rows = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        F, n = len(self.features), len(rows)
        told = dict(zip(self.free, rows[:, F:].T, strict=True))
        soft = self._soft
        fixed = {name: np.repeat(getattr(soft, name), n) for name in FREE}
        beta = np.exp(told["beta"]) if "beta" in told else fixed["beta"]
        return rows[:, :F], replace(
            soft, beta=beta,
            sharpness=beta if "beta" in told else np.repeat(soft.sharpness, n),
            hyperbolic=np.exp(told["hyperbolic"]) if "hyperbolic" in told else fixed["hyperbolic"],
            discount=expit(told["discount"]) if "discount" in told else fixed["discount"],
        )  # fmt: skip

    def rewards(self, weights: Floats) -> Floats:
        """R[n, s, a]."""
        return np.asarray(np.tensordot(weights, self.features, axes=1))

    def log_policies(self, theta: ArrayLike) -> Floats:
        """log pi[n, s, a], in nats."""
        w, soft = self.parameters(theta)
        Q = soft_values(self.mdp, self.rewards(w), soft)
        return np.asarray(log_softmax(soft.sharpness[:, None, None] * Q, axis=-1))

    def log_likelihood(self, theta: ArrayLike) -> Floats:
        """(n,) of demonstrations and feedback, in nats."""
        w, _ = self.parameters(theta)
        seen = np.tensordot(self.log_policies(theta), self.counts, axes=2)
        return np.asarray(seen + log_likelihood(self.feedback, w))

    def log_prior(self, theta: ArrayLike) -> Floats:
        """(n,) in nats, normalised."""
        off = (np.atleast_2d(theta) - self.centre) / self.spread
        return np.asarray(
            -0.5 * (off**2).sum(axis=1) - np.log(self.spread * np.sqrt(2 * np.pi)).sum()
        )

    def gradient(self, theta: ArrayLike) -> tuple[float, Floats]:
        """Log likelihood at one theta (T,), and its gradient (T,), the prior left out."""
        w, soft = self.parameters(theta)
        R = soft.sign * self.rewards(w)
        found = _solve(self.mdp, R, soft)
        scores = found.Q[0, 0]
        log_pi = log_softmax(soft.sharpness[0] * scores, axis=-1)
        error = self.counts - self.counts.sum(axis=1, keepdims=True) * np.exp(log_pi)
        slope = _adjoint(self.mdp, R[0], soft, found, soft.sharpness[0] * error)
        slope["beta"] = soft.beta[0] * (slope["beta"] + (error * scores).sum())
        slope["hyperbolic"] *= soft.hyperbolic[0]
        slope["discount"] *= soft.discount[0] * (1 - soft.discount[0])
        by_weight = soft.sign * np.tensordot(self.features, slope["R"], axes=2)
        for choice in self.feedback:
            p = softmax(choice.beta * (choice.features @ w[0]))
            taken = choice.features[choice.chosen] - p @ choice.features
            by_weight = by_weight + choice.count * choice.beta * taken
        value = float((log_pi * self.counts).sum() + log_likelihood(self.feedback, w)[0])
        return value, np.r_[by_weight, [slope[name] for name in self.free]]

    def log_posterior_gradient(self, theta: ArrayLike) -> tuple[float, Floats]:
        """Log posterior at one theta (T,), up to a constant, and its gradient (T,)."""
        value, slope = self.gradient(theta)
        off = np.asarray(theta, dtype=np.float64) - self.centre
        return value + float(self.log_prior(theta)[0]), slope - off / self.spread**2


def _adjoint(
    mdp: TabularMDP, R: Floats, soft: Soft, found: _Solved, error: Floats
) -> dict[str, Floats]:
    """dL by R (S, A), beta of the backup, k and gamma, from `error` = dL/dQ[s, a] at no delay."""
    P, D = _live(mdp), soft.delays
    gamma, beta, k = soft.discount[0], soft.beta[0], soft.hyperbolic[0]
    Q, V, pi = found.Q[0], found.V[0], found.pi[0]
    G = np.zeros_like(Q)
    G[0] = error
    pulled = np.zeros_like(V)  # dL/dV[d]
    for d in range(1, D):
        pulled[d] = gamma * np.tensordot(G[d - 1], P, axes=2)
        G[d] += pi[d] * pulled[d][:, None]
    flow = np.einsum("sa,sat->st", pi[D], P)
    into = gamma * np.tensordot(G[max(D - 1, 0)], P, axes=2)
    pulled[D] = np.linalg.solve(np.eye(len(into)) - gamma * flow.T, into)
    G[D] += pi[D] * pulled[D][:, None]
    G[:, mdp.terminal] = 0.0
    delay = np.arange(D + 1)
    after = _mean_after(P, V[np.minimum(delay + 1, D)])
    paid = np.where(mdp.terminal[:, None], 0.0, R)
    by_k = -(delay / (1 + k * delay) ** 2) @ (G * paid).sum(axis=(1, 2))
    return {
        "R": np.tensordot(1 / (1 + k * delay), G, axes=1),
        "beta": np.asarray((pulled * ((pi * Q).sum(axis=-1) - V)).sum() / beta),
        "hyperbolic": np.asarray(by_k),
        "discount": np.asarray((G * after).sum()),
    }

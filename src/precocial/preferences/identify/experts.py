"""Experts: what the behaviour of a known planner says about a reward, exactly or within bounds.

With v the expert's own values of states (0 in terminal ones),

    R(s, a) - v(s) + gamma E[v(s')|s, a] = g(s, a)

    soft-optimal   g = log(A pi(a|s)) / beta              v the soft value (house convention: mean)
    Boltzmann      g = log(pi(a|s) / max_b pi) / beta     v = V*, because pi ~ exp(beta Q*)
    optimal        g = 0 for what is done, g <= 0 else    v = V*
    epsilon-greedy the same, "done" being oftener than a slip, epsilon / A, explains

so g is known exactly or within [low, high], and R and v are unknown. Shape letters: S states,
A actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta as beta_distribution

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, one_of
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
KINDS = ("soft", "boltzmann", "optimal")
SMOOTHING = 0.5
"""Jeffreys' prior count of an action, for the point estimate of a counted policy."""


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Expert:
    """What one known planner's behaviour says: g(s, a) in [low, high]. See the module.

    Attributes:
        mdp: the world and discount in which it acts.
        kind: its planner: "soft", "boltzmann" or "optimal".
        centre: g[s, a], (S, A), the point estimate; nan where there is none.
        low: g is at least this; -inf for no bound.
        high: g is at most this.
        covariance: (S, A, A) of the centre within each state; None where it is exact.
    """

    mdp: TabularMDP
    kind: str
    centre: Floats
    low: Floats
    high: Floats
    covariance: Floats | None = None

    @classmethod
    @checked
    def soft(cls, mdp: TabularMDP, policy: ArrayLike, beta: float = 1.0) -> Expert:
        """From the exact policy pi[s, a] of a soft-optimal (MCE) agent, as `soft_optimal(beta)`.

        Raises:
            DataError: an action with probability 0, rows that do not sum to 1.
        """
        log_pi = _log_policy(mdp, policy, beta)
        g = (log_pi + np.log(mdp.n_actions)) / beta
        return cls(mdp=mdp, kind="soft", centre=g, low=g, high=g)

    @classmethod
    @checked
    def boltzmann(cls, mdp: TabularMDP, policy: ArrayLike, beta: float = 1.0) -> Expert:
        """From the exact policy of an agent with pi ~ exp(beta Q*), as `boltzmann(beta)`.

        Raises:
            DataError: an action with probability 0, rows that do not sum to 1.
        """
        log_pi = _log_policy(mdp, policy, beta)
        g = (log_pi - log_pi.max(axis=1, keepdims=True)) / beta
        return cls(mdp=mdp, kind="boltzmann", centre=g, low=g, high=g)

    @classmethod
    @checked
    def optimal(cls, mdp: TabularMDP, policy: ArrayLike) -> Expert:
        """From what an optimal agent does: every action with probability above 0 is best."""
        return cls._best(mdp, _policy(mdp, policy) > 0)

    @classmethod
    def _best(cls, mdp: TabularMDP, done: NDArray[np.bool_]) -> Expert:
        centre, low = np.where(done, 0.0, np.nan), np.where(done, 0.0, -np.inf)
        return cls(mdp=mdp, kind="optimal", centre=centre, low=low, high=np.zeros_like(low))

    @classmethod
    @checked
    def from_counts(
        cls,
        mdp: TabularMDP,
        counts: ArrayLike,
        *,
        kind: Literal["soft", "boltzmann", "optimal"] = "soft",
        beta: float = 1.0,
        confidence: float = 0.95,
    ) -> Expert:
        """From how often each action was taken, n[s, a], (S, A).

        Bounds hold all at once with at least the confidence given: Clopper-Pearson intervals of
        every probability, at level (1 - confidence) / (number of pairs in visited states), turned
        into bounds of g. The point estimate is log of (n + 1/2) / (n(s) + A/2), its covariance that
        of a multinomial by the delta method; in states never visited there is none. An optimal
        agent never errs, so what it was seen to do is best, without a level.

        Raises:
            DataError: counts of another shape, negative or not finite, or none at all.
        """
        one_of("from_counts: kind", kind, KINDS)
        n = _counts(mdp, counts)
        if kind == "optimal":
            return cls._best(mdp, n > 0)
        if not (0 < confidence < 1 and np.isfinite(beta) and beta > 0):
            raise ConfigError(
                f"from_counts: confidence must lie in (0, 1) and beta above 0; got "
                f"{confidence!r} and {beta!r}"
            )
        low, high = _clopper_pearson(n, 1 - confidence)
        total = n.sum(axis=1, keepdims=True)
        pi = (n + SMOOTHING) / (total + SMOOTHING * mdp.n_actions)
        seen = total > 0
        eye = np.eye(mdp.n_actions)
        spread = (eye / pi[:, :, None] - 1) / np.maximum(total, 1)[:, :, None]
        if kind == "soft":
            offset = np.full_like(total, -np.log(mdp.n_actions))
            low, high = low - offset, high - offset
        else:
            # g = log pi - max log pi, and the maximum lies between the largest bounds
            offset = np.log(pi).max(axis=1, keepdims=True)
            most, least = high.max(axis=1, keepdims=True), low.max(axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):
                low, high = low - most, np.minimum(high - least, 0.0)
            best = eye[pi.argmax(axis=1)]
            away = eye - best[:, None]  # the map from log pi to g
            spread = away @ spread @ away.swapaxes(1, 2)
        return cls(
            mdp=mdp, kind=kind, centre=np.where(seen, np.log(pi) - offset, np.nan) / beta,
            low=low / beta, high=high / beta, covariance=spread / beta**2,
        )  # fmt: skip

    @classmethod
    def slipping(
        cls, mdp: TabularMDP, counts: ArrayLike, epsilon: float, *, confidence: float = 0.95
    ) -> Expert:
        """From the counts n[s, a] of an optimal agent that takes any action with probability
        epsilon, as `epsilon_greedy`: an action whose probability is above epsilon / A is best.

        Actions count as done where the Clopper-Pearson bound of `from_counts` is above that, so
        that all of them are best with at least the confidence given.

        Raises:
            ConfigError: epsilon or confidence outside [0, 1) or (0, 1). DataError: as
                `from_counts`.
        """
        if not (0 <= epsilon < 1 and 0 < confidence < 1):
            raise ConfigError(
                f"slipping: epsilon must lie in [0, 1) and confidence in (0, 1); got {epsilon!r} "
                f"and {confidence!r}"
            )
        low, _ = _clopper_pearson(_counts(mdp, counts), 1 - confidence)
        return cls._best(mdp, np.exp(low) > epsilon / mdp.n_actions)


def _policy(mdp: TabularMDP, policy: ArrayLike) -> Floats:
    pi = np.asarray(policy, dtype=np.float64)
    shape = (mdp.n_states, mdp.n_actions)
    if pi.shape != shape or not np.isfinite(pi).all() or pi.min() < 0:
        raise DataError(f"a policy must be {shape}, finite and not negative; got {pi.shape}")
    live = ~mdp.terminal
    if live.any() and np.abs(pi[live].sum(axis=1) - 1).max() > 1e-6:
        raise DataError("a policy must sum to 1 over the actions of each state")
    return pi


def _log_policy(mdp: TabularMDP, policy: ArrayLike, beta: float) -> Floats:
    if not (np.isfinite(beta) and beta > 0):
        raise ConfigError(f"Expert: beta must be finite and above 0; got {beta!r}")
    pi = np.where(mdp.terminal[:, None], 1 / mdp.n_actions, _policy(mdp, policy))
    if (pi == 0).any():
        s, a = np.argwhere(pi == 0)[0]
        raise DataError(
            f"a noisy agent takes every action sometimes, but action {a} in state {s} has "
            "probability 0. Expert.optimal takes such policies, Expert.from_counts counts"
        )
    return np.log(pi)


def _counts(mdp: TabularMDP, counts: ArrayLike) -> Floats:
    n = np.asarray(counts, dtype=np.float64)
    shape = (mdp.n_states, mdp.n_actions)
    if n.shape != shape or not np.isfinite(n).all() or n.min() < 0 or n.sum() == 0:
        raise DataError(
            f"counts must be {shape}, finite, not negative and not all 0; got shape {n.shape}"
        )
    return n


def _clopper_pearson(n: Floats, error: float) -> tuple[Floats, Floats]:
    """log of simultaneous bounds of each probability; (-inf, 0) where nothing was seen."""
    total = np.broadcast_to(n.sum(axis=1, keepdims=True), n.shape)
    each = error / max(int((total > 0).sum()), 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(n > 0, beta_distribution.ppf(each, n, total - n + 1), 0.0)
        high = np.where(n < total, beta_distribution.ppf(1 - each, n + 1, total - n), 1.0)
        low, high = np.where(total > 0, low, 0.0), np.where(total > 0, high, 1.0)
        return np.log(low), np.log(high)

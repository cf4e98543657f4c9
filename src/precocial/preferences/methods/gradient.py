"""Planner and continuous reward together: modes by implicit gradients, integrals around them.

For each planner of a finite list, the modes of log P(w | p, demos) are climbed to by L-BFGS from
many starts, a Laplace approximation is laid on each, and the posterior is integrated by weighted
draws from those (heavier tails, quasi-random): exact in the limit of many draws, and the effective
number of draws says how near the limit is. The planner's probability is its integral.

Shape letters: P planners, F features, T parameters, N draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp
from scipy.stats import chi2, norm, qmc

from precocial.choice import Choice
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.methods.soft import SoftModel
from precocial.preferences.planners import Plans
from precocial.preferences.posterior import Assumption, Block
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
DEGREES = 6
"""Of freedom of the t distribution that is drawn from: tails heavier than a posterior's (ours)."""
NEGLIGIBLE = 12.0
"""A mode that Laplace gives exp(-12) of the best one's mass is left out (ours)."""
ENOUGH = 0.05
"""Fewer effective draws than this share: the draws do not fit the posterior (ours)."""
NUDGE = 1e-2
"""How far from the prior's mean, in its standard deviations, the first climb starts (ours)."""
PART = 512
"""Draws that are planned for at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mode:
    """A local maximum of the posterior of one planner's parameters.

    Attributes:
        planner: its place in the list.
        theta: (T,) weights, then the free parameters (see `SoftModel`).
        log_posterior: log likelihood + log prior there.
        covariance: (T, T) of the Laplace approximation, by central differences of the gradient.
        flat: whether some direction has no curvature of its own; the covariance is capped there.
        converged: whether L-BFGS did.
    """

    planner: int
    theta: Floats
    log_posterior: float
    covariance: Floats
    flat: bool
    converged: bool

    @property
    def log_evidence(self) -> float:
        """Laplace's estimate of the integral around it, in nats."""
        return self.log_posterior + 0.5 * float(
            np.linalg.slogdet(2 * np.pi * self.covariance).logabsdet
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class GradientPosterior:
    """The posterior over P planners and continuous parameters, as weighted draws.

    Attributes:
        modes: of every planner, best first.
        theta: (N, T) draws.
        planner: (N,) the planner of each draw.
        log_weight: (N,) unnormalised, in nats: planner and parameters together.
        effective: (P,) effective number of draws of each planner, 0 where it has none.
        drawn: (P,) draws of each planner.
    """

    models: tuple[SoftModel, ...]
    modes: tuple[Mode, ...]
    theta: Floats
    planner: NDArray[np.int64]
    log_weight: Floats
    effective: Floats
    drawn: NDArray[np.int64]

    @cached_property
    def weight(self) -> Floats:
        """(N,) of each draw, summing to 1."""
        return np.asarray(np.exp(self.log_weight - logsumexp(self.log_weight)))

    @property
    def planner_probability(self) -> Floats:
        """(P,)"""
        mass = np.bincount(self.planner, self.weight, minlength=len(self.models))
        return np.asarray(mass, dtype=np.float64)

    @property
    def reliable(self) -> bool:
        """Whether every planner that matters has draws enough and converged modes."""
        return not self.advice

    @property
    def advice(self) -> str:
        """What to do where the integrals cannot be trusted; "" where they can."""
        matters = self.planner_probability > 1e-3
        if any(matters[mode.planner] and not mode.converged for mode in self.modes):
            return "a mode did not converge: give more starts, or a smaller scale"
        if (matters & (self.effective < ENOUGH * self.drawn)).any():
            return (
                "few draws carry the weight: the posterior is far from bell-shaped. Give more "
                "draws, or enumerate a grid with infer"
            )
        return ""

    def mean_weights(self) -> Floats:
        """E[w], (F,)."""
        F = len(self.models[0].features)
        return self.weight @ self.theta[:, :F]

    def marginal(self, parameter: int, edges: ArrayLike) -> Floats:
        """(B,) probability that one parameter of theta lies between neighbouring edges (B + 1,)."""
        bins = np.asarray(edges, dtype=np.float64)
        return np.histogram(self.theta[:, parameter], bins=bins, weights=self.weight)[0]


@checked
def infer_gradient(
    mdp: TabularMDP,
    demos: Demonstrations | None,
    planners: Sequence[Plans],
    features: ArrayLike,
    *,
    free: Sequence[str] = (),
    scale: float = 1.0,
    prior: ArrayLike | None = None,
    assume: Sequence[Assumption] = (),
    feedback: Sequence[Choice] = (),
    starts: int = 8,
    draws: int = 2048,
    seed: int = 0,
) -> GradientPosterior:
    """Weigh soft planners and continuous rewards by what was seen.

    Args:
        planners: soft planners, negated or not (see `Soft.of`).
        features: phi[f, s, a], (F, S, A).
        free: parameters of the planners that are continuous too: "beta", "hyperbolic", "discount".
        scale: standard deviation of the prior N(0, scale^2) of each weight.
        prior: (P,) weights of the planners; all alike by default.
        assume: factors, applied to the draws; planners must have no free parameters then.
        starts: of L-BFGS, a planner: one beside the prior's mean, and draws from the prior.
        draws: a mode; rounded up to a power of 2.

    Raises:
        ConfigError: planners without a gradient, or arguments out of range.
        DataError: demonstrations that cannot have happened in this world.
        FitError: no draw satisfies every assumption.
    """
    phi, order = np.asarray(features, dtype=np.float64), ("beta", "hyperbolic", "discount")
    if not len(planners) or starts < 1 or draws < 1 or (free and assume):
        raise ConfigError(
            "infer_gradient: at least one planner, start and draw are needed, and no free "
            f"parameters beside assumptions; got {len(planners)}, {starts}, {draws}, {free!r}"
        )
    unknown = set(free) - set(order)
    if unknown:
        raise ConfigError(f"infer_gradient: free must be some of {order}; got {sorted(unknown)}")
    counts = np.zeros(phi.shape[1:]) if demos is None else demos.check(mdp).counts(mdp)
    models = tuple(
        SoftModel(
            mdp=mdp, features=phi, counts=counts, planner=planner, scale=scale,
            free=tuple(name for name in order if name in free), feedback=tuple(feedback),
        )
        for planner in planners
    )  # fmt: skip
    log_prior = planner_log_prior(prior, len(models))
    found: list[Mode] = []
    parts = []
    for p, model in enumerate(models):
        modes = find_modes(model, p, starts=starts, seed=seed)
        found += modes
        theta, log_weight = _integrated(model, modes, draws=draws, seed=seed)
        log_weight += log_prior[p] + _log_factors(model, theta, assume)
        parts.append((theta, np.full(len(theta), p), log_weight))
    theta, planner, log_weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not np.isfinite(log_weight).any():
        raise FitError("no draw satisfies every assumption: assume less, or give more draws")
    return GradientPosterior(
        models=models,
        modes=tuple(sorted(found, key=lambda mode: -mode.log_evidence - log_prior[mode.planner])),
        theta=theta, planner=planner, log_weight=log_weight,
        effective=np.array([_effective(part[2]) for part in parts]),
        drawn=np.array([len(part[0]) for part in parts]),
    )  # fmt: skip


def planner_log_prior(prior: ArrayLike | None, planners: int) -> Floats:
    """(P,) normalised, in nats."""
    weights = np.ones(planners) if prior is None else np.asarray(prior, dtype=np.float64)
    if weights.shape != (planners,) or not weights.min() >= 0 or not 0 < weights.sum() < np.inf:
        raise ConfigError(
            f"the prior of {planners} planners must be as many weights, not below 0 and not all "
            f"0; got shape {weights.shape}"
        )
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weights / weights.sum()))


def find_mode(model: SoftModel, start: ArrayLike) -> tuple[Floats, float, bool]:
    """theta (T,) at a local maximum of the log posterior, its value, and whether L-BFGS converged.

    Raises:
        FitError: the soft values have no fixed point on the way.
    """

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, slope = model.log_posterior_gradient(theta)
        return -value, -slope

    done = minimize(
        loss, np.asarray(start, dtype=np.float64), jac=True, method="L-BFGS-B",
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7},
    )  # fmt: skip
    # A line search that ends in rounding has converged too, if the slope is flat there.
    flat = float(np.abs(done.jac * model.spread).max()) < 1e-3
    return np.asarray(done.x), -float(done.fun), bool(done.success or flat)


def find_modes(model: SoftModel, planner: int = 0, *, starts: int, seed: int = 0) -> list[Mode]:
    """The different local maxima that `starts` climbs reach, best first."""
    rng = stream(seed, "preferences", "modes", planner)
    normal = rng.standard_normal((starts, len(model.centre)))
    # Near the mean, not at it: no reward is a saddle wherever a sign is not decided.
    normal[0] *= NUDGE
    climbed = [find_mode(model, model.centre + row * model.spread) for row in normal]
    kept: list[tuple[Floats, float, bool]] = []
    for theta, value, converged in sorted(climbed, key=lambda one: -one[1]):
        apart = [np.abs((theta - other[0]) / model.spread).max() > 1e-3 for other in kept]
        if all(apart):
            kept.append((theta, value, converged))
    return [_laplace(model, planner, *one) for one in kept]


def _laplace(model: SoftModel, planner: int, theta: Floats, value: float, converged: bool) -> Mode:
    step = 1e-4 * model.spread
    rows = []
    for f, h in enumerate(step):
        away = np.eye(len(theta))[f] * h
        up = model.log_posterior_gradient(theta + away)[1]
        down = model.log_posterior_gradient(theta - away)[1]
        rows.append((down - up) / (2 * h))
    scaled = np.array(rows) * model.spread * model.spread[:, None]  # precision, prior sd as unit
    curvature, axes = np.linalg.eigh((scaled + scaled.T) / 2)
    # A prior of precision 1 bounds the width; less curvature means a ridge, not a wider bell.
    capped = np.maximum(curvature, 0.2)
    covariance = (axes / capped) @ axes.T * model.spread * model.spread[:, None]
    return Mode(
        planner=planner, theta=theta, log_posterior=value, covariance=covariance,
        flat=bool((curvature < 0.2).any()), converged=converged,
    )  # fmt: skip


def _integrated(
    model: SoftModel, modes: list[Mode], *, draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Draws (N, T) and log weights (N,) whose mean is the integral of the posterior."""
    best = max(mode.log_evidence for mode in modes)
    used = [mode for mode in modes if mode.log_evidence > best - NEGLIGIBLE]
    T = len(model.centre)
    size = int(np.ceil(np.log2(draws)))
    cube = qmc.Sobol(T + 1, scramble=False).random_base2(size)
    rng = stream(seed, "preferences", "draws", modes[0].planner)
    parts = []
    for mode in used:
        u = (cube + rng.random(T + 1)) % 1
        u = np.clip(u, 1e-12, 1 - 1e-12)
        wide = np.sqrt(DEGREES / chi2.ppf(u[:, T], DEGREES))[:, None]
        parts.append(mode.theta + wide * norm.ppf(u[:, :T]) @ np.linalg.cholesky(mode.covariance).T)
    theta = np.concatenate(parts)
    density = [_log_t(theta, mode) for mode in used]
    log_q = logsumexp(density, axis=0) - np.log(len(used))
    shares = np.array_split(theta, -(-len(theta) // PART))
    target = np.concatenate([model.log_likelihood(part) for part in shares])
    return theta, target + model.log_prior(theta) - log_q - np.log(len(theta))


def _log_t(theta: Floats, mode: Mode) -> Floats:
    """(N,) log density of the t distribution laid on a mode."""
    T, root = theta.shape[1], np.linalg.cholesky(mode.covariance)
    far = (np.linalg.solve(root, (theta - mode.theta).T) ** 2).sum(axis=0)
    constant = gammaln((DEGREES + T) / 2) - gammaln(DEGREES / 2)
    constant -= 0.5 * T * np.log(DEGREES * np.pi) + np.log(np.diag(root)).sum()
    return np.asarray(constant - 0.5 * (DEGREES + T) * np.log1p(far / DEGREES))


def _log_factors(model: SoftModel, theta: Floats, assume: Sequence[Assumption]) -> Floats:
    total = np.zeros(len(theta))
    for low in range(0, len(theta) if assume else 0, PART):
        rows = theta[low : low + PART]
        block = Block(
            mdp=model.mdp, planner=model.planner, rewards=model.rewards(rows),
            policies=np.exp(model.log_policies(rows)), weights=rows,
        )  # fmt: skip
        for assumption in assume:
            total[low : low + PART] += assumption.log_factor(block)
    return total


def _effective(log_weight: Floats) -> float:
    if not np.isfinite(log_weight).any():
        return 0.0
    return float(np.exp(2 * logsumexp(log_weight) - logsumexp(2 * log_weight)))

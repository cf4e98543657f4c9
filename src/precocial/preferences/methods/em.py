"""Expectation-maximisation: the planner is summed over, the reward is climbed to.

    E   r[i, p] proportional to share[p] * P(demos of i | p(R))      responsibilities
    M   R = argmax sum_{i,p} r[i, p] log P(demos of i | p(R)) + log prior(R)

Each step raises the log marginal, sum_i log sum_p share[p] P(demos of i | p(R)) + log prior(R),
until it stands at a local maximum; several starts are climbed from and the highest is kept. It
finds one reward, not a posterior: the responsibilities are P(planner | that reward, demos).
`em` does it on a finite list, exactly; `infer_em` with continuous weights, by implicit gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from precocial.choice import Choice, log_likelihood
from precocial.choice.arguments import checked
from precocial.errors import ConfigError
from precocial.preferences.demos import Demonstrations
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.methods.gradient import NUDGE, planner_log_prior
from precocial.preferences.methods.soft import SoftModel
from precocial.preferences.planners import Plans
from precocial.preferences.posterior import Posterior
from precocial.runs.streams import stream

Floats = NDArray[np.float64]
GAIN = 1e-9
"""Nats; a step that gains less ends the climb (ours)."""
MAX_STEPS = 1000
CLIMB = 30
"""L-BFGS steps of one M step: a part of the way is enough for EM to rise (ours)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EMFit:
    """Where the highest climb ended.

    Attributes:
        weights: (F,) of the reward.
        reward: its number in a finite list; None where weights are continuous.
        responsibilities: (I, P) P(planner of person i | reward, demos).
        shares: (P,) of the planners among people: learnt, or the prior.
        log_marginal: one number a step, in nats, never falling.
        converged: whether the last step gained less than `GAIN`.
        ends: the last log marginal of every start; far apart, they say that more starts are due.
    """

    weights: Floats
    reward: int | None
    responsibilities: Floats
    shares: Floats
    log_marginal: tuple[float, ...]
    converged: bool
    ends: tuple[float, ...] = ()


def em(posterior: Posterior, *, starts: int = 16, seed: int = 0) -> EMFit:
    """EM over the pairs of an enumerated posterior: its highest marginal reward, if a start leads
    there. One start is the best reward of the average planner, the others are drawn at random.

    Raises:
        ConfigError: no start.
    """
    if starts < 1:
        raise ConfigError(f"em: at least one start is needed; got {starts}")
    table = posterior.log_joint
    possible = np.flatnonzero(np.isfinite(table).any(axis=0))
    first = possible[np.argmax(_average(table[:, possible]))]
    rng = stream(seed, "preferences", "em")
    drawn = rng.choice(possible, size=min(starts - 1, len(possible)), replace=False)
    fits = [_climb_table(posterior, int(reward)) for reward in (first, *drawn)]
    return _highest(fits)


def _average(table: Floats) -> Floats:
    """(R,) mean of the log joint over planners, those that rule a reward out counted as the
    lowest number of the table."""
    lowest = table[np.isfinite(table)].min()
    return np.asarray(np.where(np.isfinite(table), table, lowest).mean(axis=0))


def _climb_table(posterior: Posterior, reward: int) -> EMFit:
    table = posterior.log_joint
    marginal: list[float] = []
    while True:
        column = table[:, reward]
        marginal.append(float(logsumexp(column)))
        r = np.exp(column - marginal[-1])
        if len(marginal) > 1 and marginal[-1] - marginal[-2] < GAIN:
            break
        some = r > 0
        reward = int(np.argmax(r[some] @ table[some]))
    prior = np.exp(logsumexp(posterior.log_prior, axis=1))
    return EMFit(
        weights=posterior.rewards.weights[reward], reward=reward, responsibilities=r[None],
        shares=prior, log_marginal=tuple(marginal), converged=True,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Climb:
    """What one climb needs: a model a planner, counts (I, S, A) a person."""

    models: tuple[SoftModel, ...]
    counts: Floats
    feedback: tuple[Choice, ...]

    def log_joint(self, w: Floats, log_shares: Floats) -> Floats:
        """(I, P) log share + log likelihood."""
        told = [
            np.tensordot(self.counts, model.log_policies(w)[0], axes=2) for model in self.models
        ]
        return np.asarray(np.array(told).T + log_shares)

    def log_prior(self, w: Floats) -> float:
        """Of the weights, and of the feedback given them."""
        said = float(log_likelihood(self.feedback, w)[0])
        return float(self.models[0].log_prior(w)[0]) + said

    def raised(self, w: Floats, r: Floats) -> Floats:
        """Weights nearer to the maximum of the expected log posterior under responsibilities r."""
        counts = np.tensordot(r.T, self.counts, axes=1)
        used = [p for p in range(len(self.models)) if counts[p].sum() > 0 or p == 0]
        # Feedback does not depend on the planner: one of the models carries it.
        models = [
            replace(self.models[p], counts=counts[p], feedback=self.feedback if p == 0 else ())
            for p in used
        ]

        def loss(theta: Floats) -> tuple[float, Floats]:
            told = [model.gradient(theta) for model in models]
            off = theta / models[0].scale ** 2
            value = sum(one[0] for one in told) - 0.5 * float(theta @ off)
            return -value, off - np.sum([one[1] for one in told], axis=0)

        done = minimize(
            loss, w, jac=True, method="L-BFGS-B",
            options={"maxiter": CLIMB, "ftol": 1e-15, "gtol": 1e-9},
        )  # fmt: skip
        return np.asarray(done.x)


@checked
def infer_em(
    mdp: TabularMDP,
    people: Demonstrations | Sequence[Demonstrations],
    planners: Sequence[Plans],
    features: ArrayLike,
    *,
    scale: float = 1.0,
    prior: ArrayLike | None = None,
    learn_shares: bool = False,
    feedback: Sequence[Choice] = (),
    starts: int = 8,
    seed: int = 0,
) -> EMFit:
    """One reward for all people, each of whom has a planner of their own from a finite list.

    Args:
        people: demonstrations of each person, at least one person; or those of one alone.
        planners: soft planners, negated or not (see `Soft.of`).
        features: phi[f, s, a], (F, S, A).
        scale: standard deviation of the prior N(0, scale^2) of each weight.
        prior: (P,) weights of the planners, the same for each person.
        learn_shares: whether the shares of planners among people are fitted too, from `prior` on.
        starts: one beside the prior's mean, and draws from the prior.

    Raises:
        ConfigError: nobody, no planner, no start, or planners without a gradient.
        DataError: demonstrations that cannot have happened in this world.
    """
    if isinstance(people, Demonstrations):
        people = [people]
    if not len(people) or not len(planners) or starts < 1:
        raise ConfigError(
            "infer_em: at least one person, planner and start are needed; got "
            f"{len(people)}, {len(planners)}, {starts}"
        )
    phi = np.asarray(features, dtype=np.float64)
    counts = np.array([demos.check(mdp).counts(mdp) for demos in people])
    models = tuple(
        SoftModel(mdp=mdp, features=phi, counts=counts[0], planner=planner, scale=scale)
        for planner in planners
    )
    climb = _Climb(models=models, counts=counts, feedback=tuple(feedback))
    log_shares = planner_log_prior(prior, len(models))
    drawn = scale * stream(seed, "preferences", "em").standard_normal((starts, len(phi)))
    # Near the mean, not at it: no reward is a saddle wherever a sign is not decided.
    drawn[0] *= NUDGE
    return _highest([_climb(climb, w, log_shares, learn_shares=learn_shares) for w in drawn])


def _climb(climb: _Climb, w: Floats, log_shares: Floats, *, learn_shares: bool) -> EMFit:
    marginal: list[float] = []
    converged = False
    for _ in range(MAX_STEPS):
        table = climb.log_joint(w, log_shares)
        each = logsumexp(table, axis=1)
        marginal.append(float(each.sum()) + climb.log_prior(w))
        r = np.exp(table - each[:, None])
        converged = len(marginal) > 1 and marginal[-1] - marginal[-2] < GAIN
        if converged:
            break
        w = climb.raised(w, r)
        if learn_shares:
            with np.errstate(divide="ignore"):
                log_shares = np.log(r.mean(axis=0))
    return EMFit(
        weights=w, reward=None, responsibilities=r, shares=np.exp(log_shares),
        log_marginal=tuple(marginal), converged=converged,
    )  # fmt: skip


def _highest(fits: list[EMFit]) -> EMFit:
    best = max(fits, key=lambda fit: fit.log_marginal[-1])
    return replace(best, ends=tuple(fit.log_marginal[-1] for fit in fits))

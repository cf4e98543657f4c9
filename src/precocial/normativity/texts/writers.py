"""How far to trust each writer, from how far each is from what the others wrote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from precocial.normativity.texts.answers import Answers
from precocial.normativity.texts.words import Floats, Ints

ROUNDS = 20
"""Ours: the medoids and the weights settle, or alternate, in fewer."""


@dataclass(frozen=True, kw_only=True)
class Writers:
    """The reliability of W writers.

    Attributes:
        weight: (W,), the reciprocal of the distance, scaled to mean 1 over answers.
        distance: (W,), the expected distance of a text to the consensus of others, in words
            changed per word; `low` and `high` hold it with 95 %.
        answers: (W,), how many were compared with others.
        prior: (a, b) of the Gamma distribution of lambda over writers.
        shape: k of the distribution of a distance.
    """

    weight: Floats
    distance: Floats
    low: Floats
    high: Floats
    answers: Floats
    prior: tuple[float, float]
    shape: float


def reliabilities(answers: Answers, *, weigh: bool = True) -> Writers:
    """Weigh writers by the distance of their texts to the medoid of what the others wrote.

    Writer w's texts are d away from what should stand there, d ~ Gamma(k, lambda_w), and
    lambda_w ~ Gamma(a, b) over writers: k by moments within writers, a and b by maximum marginal
    likelihood. Given n_w texts, lambda_w ~ Gamma(a + k n_w, b + sum of d), so a writer of one text
    stays close to the mean. What should stand there is the medoid of the others' answers, itself
    weighted. Weights by distance to a consensus are the idea of RASA (Li and Fukumoto 2019); the
    likelihood, the prior and leaving the writer out are ours.
    """
    from precocial.normativity.texts import kernels

    many = len(answers.writers)
    weight: Floats = np.ones(many)
    for _ in range(ROUNDS if weigh else 1):
        own = weight[answers.writer_of]
        far = kernels.left_out(
            answers.edits,
            answers.starts,
            answers.blocks,
            answers.candidates,
            answers.weight_of_texts(own),
            answers.text_of,
            own,
            answers.task_of,
        )
        seen = far >= 0
        count = np.bincount(answers.writer_of, seen, minlength=many).astype(np.float64)
        total = np.asarray(
            np.bincount(answers.writer_of, np.where(seen, far, 0.0), minlength=many), np.float64
        )
        k = _shape(far[seen], answers.writer_of[seen], many)
        a, b = _prior(k * count, total)
        alone: Floats = (b + total) / (a + k * count) * k
        last, weight = weight, 1.0 / alone
        weight = weight / weight[answers.writer_of].mean()
        if np.abs(weight - last).max() < 1e-9:
            break
    return Writers(
        weight=weight if weigh else np.ones(many),
        distance=alone,
        low=k / stats.gamma.ppf(0.975, a + k * count, scale=1.0 / (b + total)),
        high=k / stats.gamma.ppf(0.025, a + k * count, scale=1.0 / (b + total)),
        answers=count,
        prior=(a, b),
        shape=k,
    )


def _shape(far: Floats, writer_of: Ints, many: int) -> float:
    """k = mean^2 / variance of distances within writers, at least 1 and at most 50."""
    count = np.bincount(writer_of, minlength=many)
    mean = np.bincount(writer_of, far, minlength=many) / np.maximum(count, 1)
    freedom = len(far) - np.count_nonzero(count)
    spread = float(np.sum((far - mean[writer_of]) ** 2))
    if freedom < 1 or spread == 0:
        return 1.0
    return float(np.clip(far.mean() ** 2 * freedom / spread, 1.0, 50.0))


def _prior(count: Floats, total: Floats) -> tuple[float, float]:
    """Gamma(a, b) over writers, by maximum marginal likelihood of their sums of distances.

    A distance of 0.01 per writer is added to keep the likelihood finite when all texts agree; a
    stays within 0.5 and 1000, where all writers are alike.
    """
    total = total + 0.01
    mean = total.sum() / max(count.sum(), 1.0)

    def loss(at: Floats) -> float:
        a, b = np.exp(at)
        return float(
            -np.sum(
                special.gammaln(a + count)
                - special.gammaln(a)
                + a * np.log(b)
                - (a + count) * np.log(b + total)
            )
        )

    if count.sum() == 0:
        return 1.0, 1.0
    found = optimize.minimize(
        loss,
        np.log([4.0, 4.0 * mean]),
        method="L-BFGS-B",
        bounds=[(np.log(0.5), np.log(1000.0)), (np.log(1e-4), np.log(1e5))],
    )
    a, b = np.exp(found.x)
    return float(a), float(b)

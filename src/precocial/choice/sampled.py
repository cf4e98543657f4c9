"""Quantilizers of bases that can only be drawn from: a pool is drawn, its best fraction kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from precocial.choice.arguments import array_of, checked
from precocial.choice.quantilizer import cut
from precocial.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PoolCertificate:
    """What is sure, and what was measured, of a quantilized pool of n draws.

    Attributes:
        draws: n, the draws that are allowed (scores above -inf); p below is the base given that.
        q: the share that was asked for.
        cost_ratio_bound: 1 / q. For any cost c >= 0, the expected cost of what is chosen, over
            pools and choices, is at most this times E_p[c], for a pool of any size: in every pool
            a draw is chosen with probability at most 1 / (n q). And in this pool, at most this
            times the mean cost of the pool.
        share_low, share_high: with probability `confidence`, the base has between so much of its
            mass above the boundary, and so much at or above it: q give or take
            sqrt(log(2 / (1 - confidence)) / (2 n)) (Dvoretzky, Kiefer, Wolfowitz; Massart). That
            is what the finite pool costs: the score may be that of another q.
        base_cost: mean cost of the pool.
        cost: expected cost of the choice from this pool.
        ratio: cost / base_cost; 0 when no draw has a cost.
        ratio_low, ratio_high: interval for the ratio of the true costs, of the exact quantilizer
            and its base, within [0, 1 / q]. Student's, with the variance of the infinitesimal
            jackknife: it leans on large n, and fails for a cost that the pool hardly saw.
        confidence: of the intervals.
        status: "measured", or "no cost seen": then the interval is all that the bound allows.
    """

    draws: int
    q: float
    cost_ratio_bound: float
    share_low: float
    share_high: float
    base_cost: float
    cost: float
    ratio: float
    ratio_low: float
    ratio_high: float
    confidence: float
    status: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Draws from a base and the quantilizer on them.

    Attributes:
        options: the n draws, as the sampler gave them.
        scores: (n,).
        q: the share kept.
        weights: (n,) probability of each draw, at most 1 / (q times the draws that are allowed).
    """

    options: Any
    scores: Floats
    q: float
    weights: Floats

    def choose(self, generator: np.random.Generator) -> Any:
        """One option, drawn from the quantilizer on the pool."""
        return self.options[int(generator.choice(len(self.weights), p=self.weights))]

    def certificate(
        self, cost: Callable[[Any], ArrayLike], *, confidence: float = 0.99
    ) -> PoolCertificate:
        """Bound and measured ratio of costs; see `PoolCertificate`.

        Args:
            cost: of the options, (n,), finite and not negative.
            confidence: of the intervals, in (0, 1).

        Raises:
            ConfigError: costs of another shape, negative or not finite; confidence out of range.
        """
        if not 0 < confidence < 1:
            raise ConfigError(f"certificate: confidence must lie in (0, 1); got {confidence!r}")
        size, there = len(self.scores), self.scores > -np.inf
        c = array_of("certificate: cost", cost(self.options), (size,))
        if c.shape != (size,) or (c < 0).any():
            raise ConfigError(f"certificate: cost must be ({size},) and not negative")
        n, c = int(there.sum()), c[there]
        spread = float(np.sqrt(np.log(2 / (1 - confidence)) / (2 * n)))
        base_cost, taken = float(c.mean()), float(self.weights[there] @ c)
        ratio, low, high, status = 0.0, 0.0, 1 / self.q, "no cost seen"
        if base_cost > 0:
            ratio, status = taken / base_cost, "measured"
            # how the ratio moves with the weight of each draw in the base
            pull = cut(self.scores[there], self.q).pull(c)
            moved = pull / base_cost - ratio * (c - base_cost) / (n * base_cost)
            half = float(stdtrit(max(n - 1, 1), (1 + confidence) / 2) * np.sqrt(moved @ moved))
            low, high = max(0.0, ratio - half), min(1 / self.q, ratio + half)
        return PoolCertificate(
            draws=n, q=self.q, cost_ratio_bound=1 / self.q,
            share_low=max(0.0, self.q - spread), share_high=min(1.0, self.q + spread),
            base_cost=base_cost, cost=taken, ratio=ratio, ratio_low=low, ratio_high=high,
            confidence=confidence, status=status,
        )  # fmt: skip


@checked
@dataclass(frozen=True, eq=False)
class Quantilizer:
    """A quantilizer whose base is a sampler.

    Attributes:
        sampler: (n, generator) to n independent draws from the base: an array or a sequence.
        score: n options to (n,) scores, -inf where an option is not allowed.
        q: share of the base, in (0, 1].
    """

    sampler: Callable[[int, np.random.Generator], Any]
    score: Callable[[Any], ArrayLike]
    q: float

    def sample(self, n: int, *, seed: int = 0) -> Pool:
        """A pool of n draws, and the quantilizer of the empirical base on it.

        What a pool of n promises: in expectation over pools, the bound 1 / q on costs exactly; of
        the score, that of a quantilizer with a share near q (`PoolCertificate.share_low`). A pool
        smaller than 1 / q is best-of-n.

        Raises:
            ConfigError: n < 1, q out of range, or a sampler or score that gives other than n.
        """
        if n < 1:
            raise ConfigError(f"Quantilizer.sample: n must be 1 or more; got {n}")
        options = self.sampler(n, np.random.default_rng(seed))
        if len(options) != n:
            raise ConfigError(f"Quantilizer: sampler was asked for {n} draws, gave {len(options)}")
        scores = np.asarray(self.score(options), dtype=np.float64)
        if scores.shape != (n,):
            raise ConfigError(f"Quantilizer: score must give ({n},) numbers; got {scores.shape}")
        weights = np.asarray(cut(scores, self.q).weights)
        return Pool(options=options, scores=scores, q=self.q, weights=weights)

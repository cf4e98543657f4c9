"""Judges of one level below: the order that each puts the items in, and their quantilized choice.

What a judge thinks of the items never changes while a hierarchy is solved or fitted, only the
initial distribution does. So the order is found once; after that all the quantilizers of a level
cost one cumulative sum and one comparison per item.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
SLACK = 2.0**-46
"""A mass this close to q reaches it, as in `precocial.choice.quantilize` (there with more room)."""
LARGEST = 1e150
MOST_BYTES = 8 * 2**30


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices:
    """Every judge's quantilizer Q_q(p, S[h, ...]).

    Attributes:
        probability: K[h, ..., g], what judge h makes of the level below.
        boundary: [h, ...], the place in h's order (items of equal score have one place) that is
            only accepted in part.
        judges: whose they are.
        base: p[..., g], the initial distribution.
    """

    probability: Floats
    boundary: Ints
    judges: Judges
    base: Floats

    def boundary_mean(self, values: Floats) -> Floats:
        """[h, ...], the mean of values[..., g] over each judge's boundary, under the base.

        dQ[g] = alpha[g] * (dp[g] - the share of dp taken from the boundary), so this mean is all
        that the derivative needs besides the choice itself.
        """
        if not self.judges.ties:
            cut = np.take_along_axis(self.judges.order, self.boundary[..., None], axis=-1)
            if values.ndim == 1:
                return values[cut[..., 0]]
            return np.take_along_axis(values[None], cut, axis=-1)[..., 0]
        on = self.judges.place == self.boundary[..., None]
        mass = (on * self.base).sum(axis=-1)
        total = (on * (self.base * values)).sum(axis=-1)
        plain = (on * values).sum(axis=-1) / on.sum(axis=-1)
        mean = np.where(mass > 0, total / np.where(mass > 0, mass, 1.0), plain)
        return np.asarray(mean, dtype=np.float64)


class Judges:
    """Scores S[h, ..., g]: the worth of item g (of each task, if there are tasks) to judge h.

    Attributes:
        scores: S.
        order: items by falling score, for each judge.
        place: each item's place in that order, the same for items of equal score.
        ties: whether any judge gives two items the same score.
    """

    def __init__(self, scores: ArrayLike) -> None:
        """Sort once.

        Raises:
            ConfigError: scores that are not finite or beyond 1e150, fewer than two dimensions,
                nothing to judge.
        """
        try:
            S = np.asarray(scores, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise ConfigError(
                "scores of judges must be numbers, a row of one length for each judge"
            ) from error
        if S.ndim < 2 or 0 in S.shape or not np.isfinite(S).all():
            raise ConfigError(
                f"scores of judges must be finite, (judges, items) or (judges, tasks, items), and "
                f"not empty; got shape {S.shape}"
            )
        if np.abs(S).max() > LARGEST:
            raise ConfigError(f"scores must lie within {LARGEST:g} of 0, or their sums overflow")
        if S.size * 16 > MOST_BYTES:
            raise ConfigError(f"scores of shape {S.shape} need over 8 GiB; sample fewer hypotheses")
        self.scores = S
        self.order: Ints = np.argsort(-S, axis=-1, kind="stable").astype(np.int32)
        falling = np.take_along_axis(S, self.order, axis=-1)
        new = np.zeros(S.shape, dtype=np.int32)
        new[..., 1:] = falling[..., 1:] != falling[..., :-1]
        self.ties = bool((new[..., 1:] == 0).any())
        self.place: Ints = np.empty(S.shape, dtype=np.int32)
        np.put_along_axis(self.place, self.order, np.cumsum(new, axis=-1, dtype=np.int32), axis=-1)

    def choose(self, base: Floats, q: float) -> Choices:
        """Q_q(p, S[h, ...]) of every judge at once (Taylor 2015), ties sharing in proportion to p.

        Q(g) = p(g)/q for what scores above the boundary, and for the boundary
        p(g)/p(boundary) * (1 - p(above)/q). O(items) for each judge.
        """
        p = np.broadcast_to(base, self.scores.shape[1:])
        ranked = p[self.order] if p.ndim == 1 else np.take_along_axis(p[None], self.order, axis=-1)
        reached = np.cumsum(ranked, axis=-1)
        # The first place at which the mass reaches q; rounding may leave the sum just below 1.
        first = np.minimum((reached < q * (1 - SLACK)).sum(axis=-1), self._last(ranked))[..., None]
        cut = np.take_along_axis(self.order, first, axis=-1)
        if self.ties:
            boundary = np.take_along_axis(self.place, cut, axis=-1)
            above, on = self.place < boundary, self.place == boundary
            mass_above = (above * p).sum(axis=-1, keepdims=True)
            mass_on = (on * p).sum(axis=-1, keepdims=True)
            part = np.clip((q - mass_above) / np.where(mass_on > 0, mass_on, 1.0), 0.0, 1.0)
            K = (above + on * part) * (p / q)
        else:
            boundary = first.astype(np.int32)
            K = (self.place < boundary) * (p / q)
            mass_on = np.take_along_axis(ranked, first, axis=-1)
            mass_above = np.take_along_axis(reached, first, axis=-1) - mass_on
            np.put_along_axis(K, cut, np.clip(q - mass_above, 0.0, mass_on) / q, axis=-1)
        K /= K.sum(axis=-1, keepdims=True)
        return Choices(probability=K, boundary=boundary[..., 0], judges=self, base=p)

    @staticmethod
    def _last(ranked: Floats) -> NDArray[np.int64]:
        """The last place that has mass: no boundary lies beyond it."""
        there = ranked[..., ::-1] > 0
        return np.asarray(ranked.shape[-1] - 1 - there.argmax(axis=-1))

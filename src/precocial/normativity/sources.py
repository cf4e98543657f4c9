"""How far each source is to be believed, and how what it says is to be read.

For each source and kind of feedback there is a distribution over readings: "as said", "noise" (it
says nothing) and "reversed" (it means the opposite). It has a Dirichlet prior, is learned from how
well the source agrees with the fixed point, and from what is said about the source. Sources of one
group learn from one another. Every reading keeps a floor, so that no source is wholly ignored,
wholly trusted or wholly turned round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from precocial.normativity.statements import Statement

Floats = NDArray[np.float64]
Key = tuple[str, str]
READINGS = ("as said", "noise", "reversed")
LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is believed of one source and kind of feedback.

    Attributes:
        source, kind: whose.
        weight: the probability that what it says is to be read as said, floor included.
        interval: of that, 95 % of a Beta distribution.
        readings: the probability of each reading, floor included.
        counts: how many statements (and statements about it) each reading has to its credit, prior
            included.
    """

    source: str
    kind: str
    weight: float
    interval: tuple[float, float]
    readings: dict[str, float]
    counts: dict[str, float]


@dataclass
class Sources:
    """The state of all readings while a hierarchy is fitted.

    Attributes:
        prior: counts of each reading before anything was heard.
        floor: the least probability of a reading that the prior allows.
        fixed: whether the prior is kept, whatever is heard.
        groups: source -> group.
        share: how many observations of its own make a source as much its own as its group's.
    """

    prior: Floats
    floor: float
    fixed: bool
    groups: dict[str, str]
    share: float
    counts: dict[Key, Floats] = field(default_factory=dict)

    def known(self, statements: Sequence[Statement]) -> None:
        """Begin with the prior for everyone who said something, or is in a group of those."""
        kinds = {one.kind for one in statements}
        for one in statements:
            self.counts.setdefault((one.source, one.kind), self.prior.copy())
        for source in self.groups:
            for kind in sorted(kinds - {"source", "statement"}):
                self.counts.setdefault((source, kind), self.prior.copy())

    def readings(self, source: str, kind: str) -> Floats:
        """The probabilities of the readings, floor included."""
        counts = self.counts.get((source, kind), self.prior)
        plain = counts / counts.sum()
        least = np.where(self.prior > 0, self.floor, 0.0)
        return np.asarray(least + (1.0 - least.sum()) * plain)

    def learn(self, heard: dict[Key, Floats], said: dict[Key, Floats]) -> float:
        """New counts from what was heard (responsibilities) and what was said about sources.

        A group's members share a mean: the prior of each is the prior's size times the readings of
        the others in the group. Returns the largest change of a reading.
        """
        if self.fixed:
            return 0.0
        zero = np.zeros_like(self.prior)
        own = {key: heard.get(key, zero) + self._said(said, key) for key in self.counts}
        change = 0.0
        before = {key: self.readings(*key) for key in self.counts}
        for key in self.counts:
            self.counts[key] = self._group_prior(key, own) + own[key]
        for key, old in before.items():
            change = max(change, float(np.abs(self.readings(*key) - old).max()))
        return change

    def _said(self, said: dict[Key, Floats], key: Key) -> Floats:
        source, kind = key
        total = np.zeros_like(self.prior)
        for about in (source, self.groups.get(source)):
            for one in (kind, ""):
                if about is not None:
                    total = total + said.get((about, one), 0.0)
        return total

    def _group_prior(self, key: Key, own: dict[Key, Floats]) -> Floats:
        group = self.groups.get(key[0])
        if group is None:
            return self.prior
        others = [
            counts for (source, kind), counts in own.items()
            if kind == key[1] and source != key[0] and self.groups.get(source) == group
        ]  # fmt: skip
        pooled = self.prior + sum(others, np.zeros_like(self.prior))
        size = self.prior.sum() + self.share * (1.0 - self.prior.sum() / pooled.sum())
        return np.asarray(pooled / pooled.sum() * size)

    def report(self) -> tuple[Source, ...]:
        """Everyone's readings with intervals."""
        found = []
        for (source, kind), counts in sorted(self.counts.items()):
            now = self.readings(source, kind)
            rest = float(counts.sum() - counts[0])
            least = self.floor
            ends = [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]
            share = beta.ppf(ends, counts[0], rest) if rest > 0 else np.ones(2)
            low, high = least + (1.0 - least * (self.prior > 0).sum()) * share
            found.append(
                Source(
                    source=source,
                    kind=kind,
                    weight=float(now[0]),
                    interval=(float(low), float(high)),
                    readings=dict(zip(READINGS, map(float, now))),
                    counts=dict(zip(READINGS, map(float, counts))),
                )
            )
        return tuple(found)

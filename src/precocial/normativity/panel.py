"""A panel of learning processes and the judges of them that need no gold.

No one judge of processes is to be trusted: on some crowds the process that best predicts held-out
votes is the furthest from the truth, for it takes what teachers share for what is so. Three judges
look at three things, each on the same scale; gold, where there is some, is a fourth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.communities import CommunityDawidSkene
from precocial.normativity.aggregators.dawid_skene import (
    CentredDawidSkene,
    DawidSkene,
    OneCoin,
    smoothed_dawid_skene,
)
from precocial.normativity.aggregators.glad import Glad
from precocial.normativity.aggregators.mace import Mace
from precocial.normativity.aggregators.majority import Majority, WeightedMajority
from precocial.normativity.aggregators.result import Aggregated, Aggregator, hits
from precocial.normativity.fixed_point import FixedPoint, fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level

Floats = NDArray[np.float64]
FOLDS, FOLDS_USED = 4, 2
"""Of the votes a quarter is held out, twice (ours)."""
HALVES = 4
"""How often the teachers are halved (ours)."""
TRUST = 20.0
"""Votes that a teacher's table is worth when it predicts held-out ones: 1 / (20 + 1) of what it
says is spread evenly, so that no vote is impossible (ours)."""
JUDGED_VOTES = 100_000
"""Judges look at the votes on so many tasks that about as many votes are read (ours:
more would cost time and decide little)."""
JUDGES = ("held-out votes", "halves of teachers", "charity")
JUDGE_FLOOR = 0.05
"""Of its initial trust, what a judge keeps whatever the others say (ours: none is wholly
ignored)."""


def default_panel() -> tuple[Aggregator, ...]:
    """The processes of `NormLearner` by default."""
    return (
        Majority(),
        WeightedMajority(),
        OneCoin(),
        OneCoin(name="one-coin, some trust", hits=2.0, misses=1.0, per_class=1.0),
        OneCoin(name="one-coin, even classes", class_prior="uniform"),
        DawidSkene(),
        smoothed_dawid_skene(),
        DawidSkene(name="smoothed Dawid-Skene, even classes", diagonal=2.0, cell=0.5,
                   class_prior="uniform"),
        CentredDawidSkene(name="Dawid-Skene near one-coin", strength=8.0),
        CentredDawidSkene(name="Dawid-Skene near all", strength=8.0, centre="pooled"),
        CentredDawidSkene(name="Dawid-Skene at one-coin", strength=1000.0),
        CommunityDawidSkene(),
        Glad(),
        Glad(name="GLAD, uneven classes", class_prior="estimated"),
        Mace(starts=3),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What judges make of M processes.

    Attributes:
        processes: their names.
        judges: the judges' names.
        raw: (J, M) in each judge's own unit: nats a held-out vote, share of tasks on which two
            halves of the teachers agree, share of votes that are right, half the hits and half the
            probability of gold.
        scores: (J, M) each row with mean 0 and standard deviation 1 (of "gold" less), or all 0.
    """

    processes: tuple[str, ...]
    judges: tuple[str, ...]
    raw: Floats
    scores: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelResult:
    """What a panel makes of votes.

    Attributes:
        proba: (T, K), the mean of the processes by their share.
        share: (M,) of each process.
        fits: those of the processes with a share, by position, with gold.
        verdict: what the judges say of the processes.
        levels: the fixed point that the shares come from.
    """

    proba: Floats
    share: Floats
    fits: dict[int, Aggregated]
    verdict: Judged
    levels: FixedPoint


def judged(
    panel: Sequence[Aggregator],
    votes: Votes,
    fits: Sequence[Aggregated],
    *,
    weight: Floats,
    history: Mapping[str, Any] | None,
    seed: int,
) -> Judged:
    """The panel before the judges who need no gold.

    "held-out votes": mean log of sum_k T[t, k] P_w[k, l] over votes that the process has not seen.
    "halves of teachers": mean over tasks of sum_k T[t, k] T'[t, k], from two halves of the teachers
    apart: what one half of the teachers makes of a task, the other should. "charity": mean of
    T[t, l] over votes: no more is called a mistake than must be. None of the fits has seen gold.

    Args:
        panel: M processes.
        votes: the votes.
        fits: M fits without gold.
        weight: (V,) weights of the votes.
        history: past counts, as for aggregators.
        seed: of the folds and halves.
    """
    rng = np.random.default_rng(seed)
    some, much = _some_tasks(votes, weight, rng)
    rows = [
        _held_out(panel, some, much, history, rng),
        _halves(panel, some, much, history, rng),
        np.array([_charity(fit, weight) for fit in fits]),
    ]
    return Judged(
        processes=tuple(one.name for one in panel), judges=JUDGES, raw=np.array(rows),
        scores=np.array([standard(row) for row in rows]),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Unread:
    """What can be done before any gold is read: M fits and their judges, and what they were given.

    Gold that comes in afterwards changes none of it.
    """

    panel: tuple[Aggregator, ...]
    votes: Votes
    weight: Floats
    history: Mapping[str, Any]
    seed: int
    fits: tuple[Aggregated, ...]
    verdict: Judged

    @classmethod
    def of(
        cls, panel: Sequence[Aggregator], votes: Votes, *, weight: Floats,
        history: Mapping[str, Any], seed: int,
    ) -> Unread:  # fmt: skip
        """The panel fitted without gold, and judged."""
        fits = tuple(one.fit(votes, history=history, weight=weight) for one in panel)
        verdict = judged(panel, votes, fits, weight=weight, history=history, seed=seed)
        return cls(
            panel=tuple(panel), votes=votes, weight=weight, history=history, seed=seed, fits=fits,
            verdict=verdict,
        )  # fmt: skip

    def is_of(
        self, panel: Sequence[Aggregator], votes: Votes, *, weight: Floats,
        history: Mapping[str, Any], seed: int,
    ) -> bool:  # fmt: skip
        """Whether it was made of just this."""
        named = ("tasks", "teachers", "classes")
        numbered = ("task", "teacher", "label")
        return (
            self.panel == tuple(panel)
            and self.seed == seed
            and all(getattr(self.votes, name) == getattr(votes, name) for name in named)
            and all(
                np.array_equal(getattr(self.votes, name), getattr(votes, name)) for name in numbered
            )
            and np.array_equal(self.weight, weight)
            and self.history.keys() == history.keys()
            and all(np.array_equal(self.history[name], history[name]) for name in history)
        )


def with_gold(verdict: Judged, probas: Sequence[Floats], gold: NDArray[np.int64]) -> Judged:
    """The verdict with a fourth judge, "gold".

    Its scores are shrunk by 1 - e^2 / s^2 (0 at least), s the standard deviation of the processes'
    gold scores and e the standard error of their differences: what chance explains is no verdict.

    Args:
        verdict: of the other judges.
        probas: M times (T, K), of fits without gold.
        gold: (T,) class or -1.
    """
    each = np.array([gold_scores(proba, gold) for proba in probas])
    raw = each.mean(axis=1)
    apart = each - each.mean(axis=0)
    n = each.shape[1]
    error = float(apart.var(axis=1, ddof=1).mean() / n) if n > 1 else np.inf
    spread = float(raw.var())
    sure = max(0.0, 1 - error / spread) if spread > 0 else 0.0
    return Judged(
        processes=verdict.processes, judges=(*verdict.judges, "gold"),
        raw=np.vstack([verdict.raw, raw]),
        scores=np.vstack([verdict.scores, sure * standard(raw)]),
    )  # fmt: skip


def gold_scores(proba: Floats, gold: NDArray[np.int64]) -> Floats:
    """Of each gold task, half the hit (ties share) and half the probability of gold."""
    known = np.flatnonzero(gold >= 0)
    p, right = proba[known], gold[known]
    return np.asarray(0.5 * hits(p, right) + 0.5 * p[np.arange(len(known)), right])


def _some_tasks(
    votes: Votes, weight: Floats, rng: np.random.Generator
) -> tuple[Votes, Floats]:  # fmt: skip
    """The votes that judges look at, with their tasks alone, and their weights.

    The other tasks are left out altogether: some processes have a parameter for each.
    """
    if len(votes) <= JUDGED_VOTES:
        return votes, weight
    looked = rng.random(len(votes.tasks)) < JUDGED_VOTES / len(votes)
    looked[rng.integers(len(looked))] |= not looked.any()
    number, kept = np.cumsum(looked, dtype=np.int32) - 1, looked[votes.task]
    some = Votes(
        task=number[votes.task[kept]], teacher=votes.teacher[kept], label=votes.label[kept],
        tasks=tuple(votes.tasks[t] for t in np.flatnonzero(looked)), teachers=votes.teachers,
        classes=votes.classes,
    )  # fmt: skip
    return some, weight[kept]


def _held_out(
    panel: Sequence[Aggregator], votes: Votes, weight: Floats, history: Any,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    fold, K = rng.integers(FOLDS, size=len(votes)), len(votes.classes)
    found = np.zeros(len(panel))
    for f in range(FOLDS_USED):
        seen, hidden = votes.kept(fold != f), votes.kept(fold == f)
        left = weight[fold == f]
        if not len(seen) or left.sum() <= 0:
            continue
        for i, one in enumerate(panel):
            fit = one.fit(seen, weight=weight[fold != f], history=history)
            table = (TRUST * fit.confusion + 1 / K) / (TRUST + 1)
            p = (fit.proba[hidden.task] * table[hidden.teacher, :, hidden.label]).sum(axis=1)
            found[i] += left @ np.log(p) / left.sum() / FOLDS_USED
    return found


def _halves(
    panel: Sequence[Aggregator], votes: Votes, weight: Floats, history: Any,
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    found = np.zeros(len(panel))
    for _ in range(HALVES):
        half = (rng.permutation(len(votes.teachers)) % 2 == 0)[votes.teacher]
        one, other = votes.kept(half), votes.kept(~half)
        both = (np.diff(one.starts) > 0) & (np.diff(other.starts) > 0)
        if not both.any():
            continue
        for i, process in enumerate(panel):
            first = process.fit(one, weight=weight[half], history=history).proba[both]
            second = process.fit(other, weight=weight[~half], history=history).proba[both]
            found[i] += (first * second).sum(axis=1).mean() / HALVES
    return found


def _charity(fit: Aggregated, weight: Floats) -> float:
    right = fit.proba[fit.votes.task, fit.votes.label]
    return float(weight @ right / weight.sum()) if weight.sum() > 0 else 0.0


def standard(row: Floats) -> Floats:
    """Scores of one judge with mean 0 and standard deviation 1; all 0 if they are equal."""
    spread = row.std()
    if spread <= 1e-12:  # a judge who sees no difference has no say
        return np.zeros_like(row)
    return np.asarray((row - row.mean()) / spread)


def chosen(
    verdict: Judged, *, base: Floats, trust: Floats, q: float, q_judges: float
) -> FixedPoint:
    """Which processes to use, and which judges to believe: the fixed point of two levels.

    Level 0 holds the processes, level 1 their judges, who also judge one another, for ever: a judge
    is worth to another the mean product of their scores (their correlation where neither is
    shrunk). The mean judge's semantics: processes are the top q of `base` by the mean score of the
    judges, judges the top `q_judges` of `trust` by their mean standing with the judges. A judge who
    contradicts the others loses its say, down to `JUDGE_FLOOR` of its trust, within its density
    bound 1 / q_judges.

    Args:
        verdict: scores of processes.
        base: (M,) initial distribution of processes.
        trust: (J,) initial distribution of judges.
        q, q_judges: the part of each that may be kept.
    """
    agreement = verdict.scores @ verdict.scores.T / len(verdict.processes)
    levels = [
        Level("processes", verdict.processes, initial=base, q=q),
        Level("judges", verdict.judges, initial=trust, q=q_judges, floor=JUDGE_FLOOR),
    ]
    return fixed_point(Hierarchy(levels, [verdict.scores, agreement], semantics="mean"))

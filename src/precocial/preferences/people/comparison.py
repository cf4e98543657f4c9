"""Who foretells held-out choices better, by how much, and for how many people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from precocial.errors import one_of
from precocial.preferences.people.held_out import FREQUENT, RATE, REGRESSION, Forecast

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Margin:
    """A difference with its interval; of a single person or choice there is none."""

    value: float
    low: float | None
    high: float | None

    @property
    def sign(self) -> int:
        """1 or -1 when the interval is on that side of 0 altogether, else 0: not decided."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well one foretold.

    Attributes:
        name: a model or a baseline.
        baseline: which of the two.
        nats: mean log probability of a held-out choice; none for one who gives no probability.
        right: share of the held-out choices that were the likeliest option.
        gain_nats: over a constant rate, a choice, with an interval over people.
        gain_right: the share right less that of always the more frequent option, likewise.
    """

    name: str
    baseline: bool
    nats: float | None
    right: float
    gain_nats: Margin | None
    gain_right: Margin


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One against another on the same held-out choices.

    Attributes:
        first: a name.
        second: another.
        total: log likelihood of all held-out choices, first less second, in nats; the interval is
            over people.
        by_person: the same of each person, in the order of `Comparison.people`; the intervals are
            over that person's choices.
    """

    first: str
    second: str
    total: Margin
    by_person: tuple[Margin, ...]

    def ahead(self) -> tuple[int, int]:
        """For how many people the first is ahead, and the second."""
        values = [margin.value for margin in self.by_person]
        return sum(v > 0 for v in values), sum(v < 0 for v in values)

    def decided(self) -> tuple[int, int]:
        """The same, of people whose own interval holds no 0."""
        signs = [margin.sign for margin in self.by_person]
        return signs.count(1), signs.count(-1)


@dataclass(frozen=True, kw_only=True)
class PersonScore:
    """One person's held-out choices: how many, and the log likelihood of each forecast."""

    subject: str
    n_choices: int
    nats: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models and baselines on the same held-out choices.

    Attributes:
        folds: how many; each choice is in one, and is foretold from the others.
        level: of the intervals.
        scores: models first.
        people: everybody with choices.
        contrasts: the first model against each other one, then the best against each baseline
            that gives probabilities.
    """

    folds: int
    level: float
    scores: tuple[Score, ...]
    people: tuple[PersonScore, ...]
    contrasts: tuple[Contrast, ...]

    def score(self, name: str) -> Score:
        """Of a model or baseline."""
        of = {score.name: score for score in self.scores}
        one_of("Comparison.score: name", name, of)
        return of[name]

    @property
    def best(self) -> Score:
        """The model with the largest held-out log likelihood. That it is the best of several on
        the choices that its score is of flatters it a little."""
        models = [score for score in self.scores if not score.baseline]
        return max(models, key=lambda score: -np.inf if score.nats is None else score.nats)

    def contrast(self, first: str, second: str) -> Contrast | None:
        """The one of these two, if it was made."""
        return next((c for c in self.contrasts if (c.first, c.second) == (first, second)), None)


def compare(
    forecasts: Sequence[Forecast],
    subject: Ints,
    subjects: Sequence[str],
    *,
    folds: int,
    level: float = 0.95,
) -> Comparison:
    """Scores of forecasts (n,) of the same choices, with intervals over people.

    With n_i choices and a difference d_i of person i, r = sum_i d_i / sum_i n_i; the interval is
    r +- t sqrt(N sum_i (d_i - r n_i)^2 / (N - 1)) / sum_i n_i, t Student's with N - 1 degrees of
    freedom. Folds share what they are fitted to, which it does not know of: it is approximate.

    Args:
        forecasts: models, then baselines, among them `held_out.RATE` and `FREQUENT`.
        subject: (n,) index into subjects.
        subjects: names.
        folds: how many the choices were dealt into.
        level: of the intervals.
    """
    seen, person = np.unique(subject, return_inverse=True)
    n_choices = np.bincount(person)
    of = {forecast.name: forecast for forecast in forecasts}

    def gain(own: Floats | None, other: Floats | None) -> Margin | None:
        return None if own is None or other is None else _over_people(own - other, person, level)

    scores = []
    for forecast in forecasts:
        right = _over_people(forecast.right - of[FREQUENT].right, person, level)
        scores.append(Score(
            name=forecast.name, baseline=forecast.baseline, right=float(forecast.right.mean()),
            nats=None if forecast.nats is None else float(forecast.nats.mean()),
            gain_nats=gain(forecast.nats, of[RATE].nats), gain_right=right,
        ))  # fmt: skip
    each = {f.name: f.nats for f in forecasts if f.nats is not None}
    nats = {name: np.bincount(person, own) for name, own in each.items()}
    people = tuple(
        PersonScore(
            subject=subjects[seen[i]], n_choices=int(n_choices[i]),
            nats={name: float(total[i]) for name, total in nats.items()},
        )
        for i in range(len(seen))
    )  # fmt: skip
    found = Comparison(folds=folds, level=level, scores=tuple(scores), people=people, contrasts=())
    models = [score.name for score in scores if not score.baseline]
    pairs = [(models[0], other) for other in models[1:]]
    pairs += [(found.best.name, name) for name in (REGRESSION, RATE) if name in of]
    return Comparison(
        folds=folds, level=level, scores=found.scores, people=people,
        contrasts=tuple(_contrast(a, b, each[a] - each[b], person, level) for a, b in pairs),
    )  # fmt: skip


def _contrast(
    first: str, second: str, difference: Floats, person: Ints, level: float
) -> Contrast:  # fmt: skip
    return Contrast(
        first=first, second=second,
        total=_times(_over_people(difference, person, level), len(difference)),
        by_person=tuple(
            _times(_over_choices(difference[person == i], level), int((person == i).sum()))
            for i in range(person.max() + 1)
        ),
    )  # fmt: skip


def _times(margin: Margin, n: int) -> Margin:
    low, high = (None if end is None else end * n for end in (margin.low, margin.high))
    return Margin(value=margin.value * n, low=low, high=high)


def _over_people(difference: Floats, person: Ints, level: float) -> Margin:
    """Mean of (n,) differences, a choice, with an interval over people."""
    n, d = np.bincount(person), np.bincount(person, difference)
    mean = d.sum() / n.sum()
    return _margin(float(mean), (d - mean * n) * len(n) / n.sum(), level)


def _over_choices(difference: Floats, level: float) -> Margin:
    mean = float(difference.mean())
    return _margin(mean, difference - mean, level)


def _margin(mean: float, residuals: Floats, level: float) -> Margin:
    N = len(residuals)
    if N < 2:
        return Margin(value=mean, low=None, high=None)
    error = np.sqrt((residuals**2).sum() / (N - 1) / N)
    half = float(student.ppf((1 + level) / 2, N - 1) * error)
    return Margin(value=mean, low=mean - half, high=mean + half)

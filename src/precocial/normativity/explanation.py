"""What a learner shows of itself: teachers with intervals, why a task is called so, what to ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.result import TIE
from precocial.normativity.panel import PanelResult

Floats = NDArray[np.float64]
LEVEL = 0.95
LESSON = 100.0
"""So much that a suspected answer comes before any other (ours)."""
OPEN = 0.5
"""Weight of the entropy that gold would settle on its own task beside what it tells of processes
(ours: half of each)."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """One teacher: `accuracy`, the mean probability of the labels given, and the 95% interval of
    Beta(1 + right, 1 + wrong) with right the sum of these probabilities. The classes are taken as
    given, so it is too narrow where all teachers share mistakes."""

    name: str
    votes: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a task has its class.

    Attributes:
        task, label, probability: the task, its class and how probable that is.
        checked: whether the class is gold.
        probabilities: of each class.
        votes: (teacher, label given, accuracy of the teacher).
        processes: (process, its share, its most probable class, how probable).
        student: (its label, how far it is believed), or None without features. It votes once, as
            a teacher does, on tasks that it was not taught from; how far it is believed is its
            accuracy as the chosen processes find it, and where a kind of mistake is suspected, its
            accuracy on the checked labels of that kind.
        tied: the classes that are equally probable (within 1e-9), if there are several; `label` is
            the one with more votes over all tasks.
    """

    task: str
    label: str
    probability: float
    checked: bool
    probabilities: dict[str, float]
    votes: tuple[tuple[str, str, float], ...]
    processes: tuple[tuple[str, float, str, float], ...]
    student: tuple[str, float] | None = None
    tied: tuple[str, ...] = ()

    def __str__(self) -> str:
        how = "checked" if self.checked else f"probability {self.probability:.2f}"
        even = f", tied with {', '.join(k for k in self.tied if k != self.label)}"
        lines = [f"{self.task}: {self.label} ({how}{even if self.tied else ''})"]
        lines += [f"  {who} (right {a:.0%}) says {said}" for who, said, a in self.votes]
        if self.student is not None:
            lines.append(f"  the student (right {self.student[1]:.0%}) says {self.student[0]}")
        lines += [
            f"  {name} (share {share:.2f}) finds {label}, {p:.2f}"
            for name, share, label, p in self.processes
        ]
        return "\n".join(lines)


def teachers(votes: Votes, proba: Floats) -> tuple[Teacher, ...]:
    """All teachers, in the order of `votes.teachers`."""
    W = len(votes.teachers)
    right = np.bincount(votes.teacher, proba[votes.task, votes.label], W)
    count = np.bincount(votes.teacher, minlength=W)
    low, high = (
        beta.ppf(tail, 1 + right, 1 + count - right) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    )
    mean = np.divide(right, count, out=np.full(W, 0.5), where=count > 0)
    low, high = (
        np.minimum(low, mean),
        np.maximum(high, mean),
    )  # the prior is not to hide what was seen
    return tuple(
        Teacher(name=name, votes=int(n), accuracy=float(m), low=float(a), high=float(b))
        for name, n, m, a, b in zip(votes.teachers, count, mean, low, high, strict=True)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Word:
    """What the student says of each task.

    Attributes:
        said: (T,) a class.
        right: (T,) how far it is believed.
    """

    said: NDArray[np.int64]
    right: Floats

    def where(self, evidence: Floats) -> Word:
        """With what it says of classes that suspected answers do not tell apart, by (T, K) log
        odds; where it has none, as it was."""
        top = evidence.max(axis=1)
        return Word(
            said=np.where(top > 0, evidence.argmax(axis=1), self.said),
            right=np.where(top > 0, 1 / (1 + np.exp(-top)), self.right),
        )


def explained(
    task: str, votes: Votes, proba: Floats, label: NDArray[np.int64], known: tuple[Teacher, ...],
    panel: PanelResult, gold: NDArray[np.int64], word: Word | None,
) -> Explanation:  # fmt: skip
    """Why a task has its class.

    Raises:
        DataError: an unknown task.
    """
    if task not in votes.tasks:
        raise DataError(f"unknown task {task!r}; known are {list(votes.tasks[:5])}, ...")
    t = votes.tasks.index(task)
    best = int(label[t])
    even = np.flatnonzero(proba[t] >= proba[t].max() - TIE)
    start, end = np.searchsorted(votes.task, [t, t + 1])
    processes = []
    for i, fit in panel.fits.items():
        k = int(fit.proba[t].argmax())
        processes.append(
            (fit.name, float(panel.share[i]), votes.classes[k], float(fit.proba[t, k]))
        )
    return Explanation(
        task=task, label=votes.classes[best], probability=float(proba[t, best]),
        checked=bool(gold[t] >= 0),
        probabilities=dict(zip(votes.classes, map(float, proba[t]), strict=True)),
        votes=tuple(
            (known[w].name, votes.classes[k], known[w].accuracy)
            for w, k in zip(votes.teacher[start:end], votes.label[start:end], strict=True)
        ),
        processes=tuple(processes),
        student=None if word is None else (votes.classes[word.said[t]], float(word.right[t])),
        tied=tuple(votes.classes[k] for k in even) if len(even) > 1 else (),
    )  # fmt: skip


def entropy(proba: Floats) -> Floats:
    """In nats, over the last index."""
    return np.asarray(-(proba * np.log(np.maximum(proba, 1e-300))).sum(axis=-1))


def next_tasks(
    proba: Floats, open_: Floats, panel: PanelResult, gold: NDArray[np.int64], k: int, *,
    seed: int,
) -> NDArray[np.int64]:  # fmt: skip
    """The k tasks without gold with the most to tell: half the entropy of the class, which gold
    would settle, plus half the information that the class holds on which process is right, H(mean
    of processes) - mean of H(process). First come those whose answers are of a suspected kind,
    by the entropy that this leaves, to a tenth of a nat: what is learnt there holds for all of the
    kind, if they are a fair sample of it. Equals in an order of `seed`.

    Raises:
        ConfigError: k below 1.
    """
    if k < 1:
        raise ConfigError(f"ask_next: k must be at least 1; got {k!r}")
    mixed = panel.proba
    inside = sum(panel.share[i] * entropy(fit.proba) for i, fit in panel.fits.items())
    worth = OPEN * entropy(proba) + (1 - OPEN) * (entropy(mixed) - inside)
    lessons = np.round(open_, 1)
    worth = np.where(lessons > 0, LESSON * lessons, worth)
    worth[gold >= 0] = -np.inf
    shuffled = np.random.default_rng(seed).permutation(len(worth))
    order = shuffled[np.argsort(-np.round(worth[shuffled], 9), kind="stable")]
    return np.asarray(order[: min(k, int((gold < 0).sum()))])

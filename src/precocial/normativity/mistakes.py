"""A kind of mistake that teachers are said to share: an answer that is not to be read as it stands.

Where 4s are said to be called 9, an answer "9" tells 4 and 9 from the rest, but not from each
other. So the two are one class to the panel, and within it only answers that are not suspected,
checked labels and a student who has learnt from both tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.result import Floats, clamped
from precocial.normativity.student import cross_fitted

LEAST = 1e-3
"""The least and 1 - the most that a teacher's accuracy is taken for here (ours): a bounded vote."""
LOOKS = 0.5
"""How often a task of a class is read as another that it is said to be called (ours: unknown)."""
IDLE = 1e-3
"""A statement that leaves a mistake no likelier than this is left out (ours)."""
TINY = 1e-300
Mistakes = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Classes that suspected answers do not tell apart.

    Attributes:
        of: (K,) the group of each class, numbered as first met.
        names: names of the groups.
        speaks_for: (K, K) whether an answer (row) speaks for a class (column) within its group.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    speaks_for: NDArray[np.bool_]


def pooled(said: Sequence[tuple[int, int, float, float]]) -> Mistakes:
    """What several statements (right, wrong, confidence c, value v) make of each mistake.

    share = (1 - prod (1 - c)) * sum c (1 - v) / sum c: the probability that anybody's word holds,
    times what they say on the mean (a linear opinion pool). Who says the same adds to it; two who
    contradict each other with equal confidence are each believed by half.
    """
    by: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for right, wrong, c, v in said:
        by.setdefault((right, wrong), []).append((c, v))
    found = []
    for (right, wrong), words in by.items():
        c, v = np.array(words).T
        mean = float(c @ (1 - v) / c.sum()) if c.sum() > 0 else 0.0
        found.append((right, wrong, float(1 - np.prod(1 - c)) * mean))
    return tuple(found)


def unchecked(mistake: tuple[int, int, float], gold: NDArray[np.int64]) -> list[int]:
    """The classes of a mistake that have no checked label."""
    return [k for k in mistake[:2] if k not in gold]


def heeded(mistakes: Mistakes, gold: NDArray[np.int64] | None = None) -> Mistakes:
    """The mistakes that are likely enough to matter and, given gold, of which both classes have a
    checked label: without, nothing tells them apart, and the answers are read as they stand."""
    return tuple(
        one for one in mistakes if one[2] > IDLE and (gold is None or not unchecked(one, gold))
    )


def layers(mistakes: Mistakes) -> tuple[tuple[float, Mistakes], ...]:
    """Sets of mistakes with the part of the whole that each is to have, the likeliest alone first.

    With u uniform in [0, 1], the mistakes of a share above u are so together: each then is so with
    its own share, and a doubtful one that touches a sure one takes nothing of its share.
    """
    steps = sorted({round(share, 9) for _, _, share in mistakes}, reverse=True)
    return tuple(
        (share - below, tuple(one for one in mistakes if round(one[2], 9) >= share))
        for share, below in zip(steps, [*steps, 0.0][1:], strict=True)
    )


def groups_of(mistakes: Mistakes, classes: tuple[str, ...]) -> Groups:
    """Groups of the classes that the mistakes join."""
    K = len(classes)
    lead, speaks = np.arange(K), np.eye(K, dtype=np.bool_)
    for right, wrong, _ in mistakes:
        lead[lead == lead[wrong]] = lead[right]
        speaks[wrong, right] = True
    _, first, inverse = np.unique(lead, return_index=True, return_inverse=True)
    names = tuple(
        "|".join(classes[k] for k in np.flatnonzero(inverse == g)) for g in range(len(first))
    )
    return Groups(of=inverse, names=names, speaks_for=speaks)


def coarse(votes: Votes, groups: Groups) -> Votes:
    """The votes for groups."""
    return Votes(
        task=votes.task, teacher=votes.teacher, label=groups.of[votes.label].astype(np.int32),
        tasks=votes.tasks, teachers=votes.teachers, classes=groups.names,
    )  # fmt: skip


def coarse_history(history: dict[str, Floats], groups: Groups) -> dict[str, Floats]:
    """Past counts of groups."""
    member = np.eye(len(groups.names))[groups.of]
    return {name: member.T @ table @ member for name, table in history.items()}


def within(
    votes: Votes, weight: Floats, accuracy: Floats, groups: Groups, student: Floats | None
) -> Floats:
    """(T, K) probability of each class given its group.

    A task of class k is read by its teachers as k or, for all of them alike, as one of the wrong
    answers that k is said to get, each reading with the probability `LOOKS`: P(votes | k) is the
    mean of prod_v P_w[reading, l], with one accuracy a teacher and errors spread evenly. So a lone
    vote for the right class among many suspected ones says little, and several say much.

    Args:
        votes, weight: the votes, of classes.
        accuracy: (W,).
        groups: the groups.
        student: (T, K) log evidence of the student, or None.
    """
    T, K = len(votes.tasks), len(votes.classes)
    a = np.clip(accuracy, LEAST, 1 - LEAST)
    worth = weight * np.maximum(np.log(a * max(K - 1, 1) / (1 - a)), 0)[votes.teacher]
    at = votes.task.astype(np.int64) * K + votes.label
    reading = np.asarray(np.bincount(at, worth, T * K), dtype=np.float64).reshape(T, K)
    others = groups.speaks_for & ~np.eye(K, dtype=np.bool_)
    part = np.where(others.any(axis=0), 1 - LOOKS, 1.0)
    share = np.diag(part) + others * ((1 - part) / np.maximum(others.sum(axis=0), 1))
    top = reading.max(axis=1, keepdims=True)
    score: Floats = np.log(np.exp(reading - top) @ share + TINY)
    if student is not None:
        score = score + student
    made = np.zeros((T, K))
    for g in range(len(groups.names)):
        of = np.flatnonzero(groups.of == g)
        grown = np.exp(score[:, of] - score[:, of].max(axis=1, keepdims=True))
        made[:, of] = grown / grown.sum(axis=1, keepdims=True)
    return made


def student_evidence(
    student: Any, X: NDArray[Any], joined: Floats, inside: Floats, gold: NDArray[np.int64],
    groups: Groups, *, folds: int, rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """(T, K) log evidence of a student who tells the classes of each group of several apart.

    It is taught, fold by fold, from the tasks of the group whose class within it is certain, and
    its word counts a / (1 - a), with a its accuracy on the checked ones of them, one more right and
    one more wrong (Laplace).

    Args:
        student, X: a classifier and (T, D) features.
        joined: (T, G) probabilities of groups.
        inside: (T, K) probabilities within groups.
        gold: (T,) class or -1.
        groups: the groups.
        folds, rng: of the lessons.
    """
    made = np.zeros(inside.shape)
    for g in range(len(groups.names)):
        of = np.flatnonzero(groups.of == g)
        tasks = np.flatnonzero(joined.argmax(axis=1) == g)
        if len(of) < 2 or not len(tasks):
            continue
        here = clamped(inside[np.ix_(tasks, of)], _places(gold[tasks], of))
        said = of[cross_fitted(student, X[tasks], here, folds=folds, rng=rng)]
        checked = np.isin(gold[tasks], of)
        hits = int((said == gold[tasks])[checked].sum())
        a = (hits + 1) / (int(checked.sum()) + 2)
        made[tasks, said] = max(np.log(a / (1 - a)), 0.0)
    return made


def _places(gold: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of gold classes in a group, -1 for those outside."""
    place = np.full(max(int(of.max()), int(gold.max(initial=-1))) + 2, -1)
    place[of] = np.arange(len(of))
    return np.asarray(place[gold])

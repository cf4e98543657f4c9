"""A kind of mistake that teachers are said to share: an answer that is not to be read as it stands.

Where 4s are said to be called 9, an answer "9" tells 4 and 9 from the rest, but not from each
other. So the two are one class to the panel, and within it only answers that are not suspected,
checked labels and a student who has learnt from both tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.feedback.votes import Votes
from precocial.normativity.aggregators.result import Floats

LEAST = 1e-3
"""The least and 1 - the most that a teacher's accuracy is taken for here (ours): a bounded vote."""
Mistakes = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Classes that suspected answers do not tell apart.

    Attributes:
        of: (K,) the group of each class, numbered as first met.
        names: names of the groups.
        speaks_for: (K, K) whether an answer (row) speaks for a class (column) within its group.
        share: the probability that all this is so.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    speaks_for: NDArray[np.bool_]
    share: float


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
    share = float(np.prod([share for _, _, share in mistakes]))
    return Groups(of=inverse, names=names, speaks_for=speaks, share=share)


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
    """(T, K) probability of each class given its group: proportional to the product of a / (1 - a)
    over the votes that speak for it, a their teacher's accuracy, and to the student's.

    Args:
        votes, weight: the votes, of classes.
        accuracy: (W,).
        groups: the groups.
        student: (T, K) log evidence of the student, or None.
    """
    T, K = len(votes.tasks), len(votes.classes)
    a = np.clip(accuracy, LEAST, 1 - LEAST)
    worth = weight * np.maximum(np.log(a / (1 - a)), 0)[votes.teacher]
    for_answer = np.bincount(votes.task.astype(np.int64) * K + votes.label, worth, T * K)
    score = for_answer.reshape(T, K) @ groups.speaks_for
    if student is not None:
        score = score + student
    made = np.zeros((T, K))
    for g in range(len(groups.names)):
        of = np.flatnonzero(groups.of == g)
        part = np.exp(score[:, of] - score[:, of].max(axis=1, keepdims=True))
        made[:, of] = part / part.sum(axis=1, keepdims=True)
    return made


def is_checked(gold: NDArray[np.int64], groups: Groups) -> bool:
    """Whether every class of every group of several has a checked label: without, nothing tells
    them apart, and the answers are read as they stand."""
    sizes = np.bincount(groups.of)
    joined = np.flatnonzero(sizes[groups.of] > 1)
    return bool(np.isin(joined, gold).all())


def student_evidence(said: NDArray[np.int64], gold: NDArray[np.int64], groups: Groups) -> Floats:
    """(T, K) log evidence of what a student says, a / (1 - a) with a its accuracy on the checked
    labels of groups of several, between right and wrong once more than it was (Laplace)."""
    sizes = np.bincount(groups.of)
    checked = (gold >= 0) & (sizes[groups.of[gold]] > 1)
    hits = int((said[checked] == gold[checked]).sum())
    a = (hits + 1) / (int(checked.sum()) + 2)
    made = np.zeros((len(said), len(groups.of)))
    made[np.arange(len(said)), said] = max(np.log(a / (1 - a)), 0.0)
    return made

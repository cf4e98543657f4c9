"""Simulated teachers, whose every fault is known: slips, habits, and mistakes that most share.

Teacher w answers a task of true class k with class l with probability

    P_w[k, l] = slip / K + (1 - slip) ((1 - accuracy_w) E_w[k, l] + accuracy_w [k = l]),

E_w[k] from a Dirichlet over the wrong classes: a small concentration makes a habit of few wrong
answers. A shared mistake replaces answers to one class by another, for most teachers; difficulty
d_t of a task replaces an answer by a class at random with probability d_t.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked, distributions_of
from precocial.errors import ConfigError
from precocial.feedback.records import Label

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_VOTES = 10**8
_CHUNK = 200_000
"""Votes drawn at once: (votes, K) numbers are held."""


@checked
@dataclass(frozen=True, kw_only=True)
class SharedMistake:
    """A mistake that most teachers make: tasks of class `true` are called `said`.

    Attributes:
        true, said: classes, counted from 0.
        rate: how often, of the tasks of that class.
        teachers: the share of teachers who make it, drawn at random (rounded, one at least).
        same_tasks: whether all of them err on the same tasks (a trap), or each on its own.
    """

    true: int
    said: int
    rate: float
    teachers: float = 1.0
    same_tasks: bool = False

    def __post_init__(self) -> None:
        _shares("SharedMistake", rate=self.rate, teachers=self.teachers)
        if self.true == self.said or min(self.true, self.said) < 0:
            raise ConfigError(
                f"SharedMistake: true and said must be two classes, counted from 0; got "
                f"{self.true} and {self.said}"
            )


@checked
@dataclass(frozen=True, kw_only=True)
class Panel:
    """What the teachers are like. The defaults are the digits setting of our feasibility study.

    Attributes:
        teachers: how many in all, W.
        accuracy: each teacher's own is uniform in this range.
        habit: concentration of the Dirichlet of errors; 0.1 is one wrong answer a class, 100 all
            wrong answers alike.
        slip: probability of an answer at random.
        shared: mistakes that most make.
        labels_per_task: how many teachers, drawn at random, are asked; None asks all.
        abstain: probability that a teacher who is asked says nothing.
        difficulty: (a, b) of the Beta from which each task's difficulty comes; None for none.
        cost: each teacher's cost of an answer is uniform in this range.
        always: teachers, of all, who always give one answer.
        adversarial: teachers who never give the right answer.
        copiers: teachers who repeat another's answer with probability `copy`, else give their own.
    """

    teachers: int = 10
    accuracy: tuple[float, float] = (0.45, 0.7)
    habit: float = 0.3
    slip: float = 0.0
    shared: tuple[SharedMistake, ...] = ()
    labels_per_task: int | None = 3
    abstain: float = 0.0
    difficulty: tuple[float, float] | None = None
    cost: tuple[float, float] = (1.0, 1.0)
    always: int = 0
    adversarial: int = 0
    copiers: int = 0
    copy: float = 1.0

    def __post_init__(self) -> None:
        _shares("Panel", slip=self.slip, abstain=self.abstain, copy=self.copy)
        low, high = self.accuracy
        if not 0 <= low <= high <= 1:
            raise ConfigError(f"Panel: accuracy must be a range in [0, 1]; got {self.accuracy}")
        if not (0 <= self.cost[0] <= self.cost[1] < np.inf):
            raise ConfigError(f"Panel: cost must be a range, 0 or more; got {self.cost}")
        if not 1e-3 <= self.habit <= 1e6:
            raise ConfigError(f"Panel: habit must lie in [0.001, 1e6]; got {self.habit!r}")
        if self.difficulty is not None and not all(1e-3 <= one <= 1e6 for one in self.difficulty):
            raise ConfigError(
                f"Panel: difficulty must be two numbers in [0.001, 1e6]; got {self.difficulty}"
            )
        odd = (self.always, self.adversarial, self.copiers)
        if self.teachers < 1 or min(odd) < 0 or sum(odd) > self.teachers:
            raise ConfigError(
                f"Panel: teachers must be 1 or more, and hold the {sum(odd)} who always answer the "
                f"same, are adversarial or copy; got {self.teachers}"
            )
        if self.copiers == self.teachers:
            raise ConfigError("Panel: somebody must be there to copy from; all are copiers")
        if self.labels_per_task is not None and not 1 <= self.labels_per_task <= self.teachers:
            raise ConfigError(
                f"Panel: labels_per_task must lie in 1 to {self.teachers} (the teachers), or be "
                f"None; got {self.labels_per_task}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """What simulated teachers said, and the truth about them.

    Attributes:
        task, teacher, label: (V,) the votes, sorted by task and teacher; all counted from 0.
        truth: (T,) the true classes.
        confusion: confusion[w, k, l], (W, K, K): the probability that w answers a task of class k
            with l, shared mistakes included, at difficulty 0.
        difficulty: (T,).
        trapped: (T,) the class that a mistake shared on the same tasks puts in place of the true
            one; -1 elsewhere.
        kinds: (W,) "honest", "always", "adversarial" or "copier".
        copied: (W,) whom a copier copies; -1 for others.
        cost: (W,) of one answer.
    """

    task: Ints
    teacher: Ints
    label: Ints
    truth: Ints
    confusion: Floats
    difficulty: Floats
    trapped: Ints
    kinds: tuple[str, ...]
    copied: Ints
    cost: Floats

    def __len__(self) -> int:
        return len(self.task)

    @property
    def accuracy(self) -> Floats:
        """(W,) the share of right answers expected of each, on these tasks."""
        count = np.bincount(self.truth, minlength=self.confusion.shape[1])
        return np.asarray(self.expected() @ count / count.sum())

    def expected(self) -> Floats:
        """(W, K) the probability of a right answer by true class, at these tasks' difficulty."""
        K = self.confusion.shape[1]
        count = np.maximum(np.bincount(self.truth, minlength=K), 1)
        hard = np.bincount(self.truth, weights=self.difficulty, minlength=K) / count
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        return np.asarray((1 - hard) * right + hard / K)

    @property
    def total_cost(self) -> float:
        """Of all answers."""
        return float(self.cost[self.teacher].sum())

    def items(
        self,
        *,
        tasks: Sequence[str] | None = None,
        teachers: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> tuple[Label, ...]:
        """The votes as labels; names are the numbers, unless they are given.

        Raises:
            ConfigError: fewer names than numbers.
        """
        T, (W, K, _) = len(self.truth), self.confusion.shape
        columns = [
            (_named("tasks", tasks, T), self.task), (_named("teachers", teachers, W), self.teacher),
            (_named("classes", classes, K), self.label),
        ]  # fmt: skip
        votes = zip(*([names[one] for one in column.tolist()] for names, column in columns))
        return tuple(Label(task=task, source=who, label=label) for task, who, label in votes)


@checked
def simulate_teachers(
    truth: ArrayLike,
    panel: Panel | None = None,
    *,
    seed: int = 0,
    classes: int | None = None,
    confusion: ArrayLike | None = None,
) -> Simulated:
    """The answers of a panel of teachers to tasks whose true classes are known.

    The digits setting of our study, with the mistake that all share: `simulate_teachers(digits,
    Panel(shared=(SharedMistake(true=4, said=9, rate=0.7),)))`.

    Args:
        truth: (T,) true classes, counted from 0.
        panel: what the teachers are like.
        seed: the same seed gives the same answers; what one option draws shifts no other's draws.
        classes: how many there are, K; by default the largest of `truth` and of shared mistakes.
        confusion: (W, K, K) the teachers' own matrices, in place of accuracy, habit and slip
            (for the teachers who always answer the same or are adversarial, too).

    Raises:
        ConfigError: classes that are no whole numbers, or fewer than two; a shared mistake in a
            class that is not there; a seed below 0.
    """
    panel = Panel() if panel is None else panel
    k = _classes(truth)
    named = [each for mistake in panel.shared for each in (mistake.true, mistake.said)]
    K = max([int(k.max()) + 1, 2, *(one + 1 for one in named)]) if classes is None else classes
    if K < 2 or k.max() >= K or max(named, default=0) >= K:
        raise ConfigError(
            f"simulate_teachers: classes must be 2 or more and hold all of truth and of the shared "
            f"mistakes (up to {max([int(k.max()), *named])}); got {K}"
        )
    if not operator.index(seed) >= 0:
        raise ConfigError(f"simulate_teachers: a seed is 0 or more; got {seed}")
    W, asked = panel.teachers, panel.labels_per_task or panel.teachers
    if len(k) * asked > MAX_VOTES or W * K * K > MAX_VOTES:
        raise ConfigError(
            f"simulate_teachers: at most {MAX_VOTES} votes and cells of matrices are made; got "
            f"{len(k)} tasks x {asked} labels, {W} teachers and {K} classes"
        )
    kinds = _kinds(panel)
    own = _matrices(panel, K, seed, kinds) if confusion is None else _given(confusion, (W, K, K))
    own, trap, makes = _with_shared(panel, own, k, seed)
    said = np.array([*(mistake.said for mistake in panel.shared), -1])
    difficulty = np.zeros(len(k))
    if panel.difficulty is not None:
        difficulty = _stream(seed, "difficulty").beta(*panel.difficulty, len(k))
    copied = np.full(W, -1)
    first = W - panel.copiers
    copied[first:] = _stream(seed, "copied").integers(0, first, panel.copiers)
    task, teacher = _asked(panel, len(k), seed)
    label = _answers(panel, own, k, trap, makes, difficulty, copied, (task, teacher), seed)
    return Simulated(
        task=task, teacher=teacher, label=label, truth=k, difficulty=difficulty, trapped=said[trap],
        confusion=_confusion(panel, own, makes, copied), kinds=kinds, copied=copied,
        cost=_stream(seed, "cost").uniform(*panel.cost, W),
    )  # fmt: skip


def _kinds(panel: Panel) -> tuple[str, ...]:
    odd = ["always"] * panel.always + ["adversarial"] * panel.adversarial
    odd += ["copier"] * panel.copiers
    return ("honest",) * (panel.teachers - len(odd)) + tuple(odd)


def _matrices(panel: Panel, K: int, seed: int, kinds: Sequence[str]) -> Floats:
    """(W, K, K) from accuracy, habit and slip."""
    W = panel.teachers
    accuracy = _stream(seed, "accuracy").uniform(*panel.accuracy, W)
    accuracy[[kind == "adversarial" for kind in kinds]] = 0.0
    wrong = _stream(seed, "habits").dirichlet(np.full(K - 1, panel.habit), (W, K))
    off = ~np.eye(K, dtype=bool)
    found = np.zeros((W, K, K))
    found[:, off] = ((1 - accuracy[:, None, None]) * wrong).reshape(W, -1)
    found[:, ~off] = accuracy[:, None]
    slip = np.where([kind == "adversarial" for kind in kinds], 0.0, panel.slip)[:, None, None]
    found = (1 - slip) * found + slip / K
    answer = _stream(seed, "always").integers(0, K, W)
    for w in np.flatnonzero([kind == "always" for kind in kinds]):
        found[w] = np.eye(K)[answer[w]]
    return found


def _with_shared(
    panel: Panel, own: Floats, k: Ints, seed: int
) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    """The matrices with each teacher's own share of the mistakes; the trap that each task is,
    by number, or -1; who makes which mistake."""
    own, trap = own.copy(), np.full(len(k), -1)
    makes = np.zeros((len(panel.shared), panel.teachers), dtype=bool)
    # who always answers the same, or never the right answer, needs no mistake of others
    apt = np.arange(panel.teachers - panel.always - panel.adversarial - panel.copiers)
    for number, mistake in enumerate(panel.shared):
        draw = _stream(seed, "shared", number)
        count = max(1, round(mistake.teachers * len(apt))) if mistake.teachers and len(apt) else 0
        makes[number, draw.permutation(apt)[:count]] = True
        traps = (k == mistake.true) & (draw.random(len(k)) < mistake.rate) & (trap < 0)
        if mistake.same_tasks:
            trap[traps] = number
        else:
            row = own[makes[number], mistake.true]
            said = np.eye(own.shape[-1])[mistake.said]
            own[makes[number], mistake.true] = (1 - mistake.rate) * row + mistake.rate * said
    return own, trap, makes


def _asked(panel: Panel, tasks: int, seed: int) -> tuple[Ints, Ints]:
    """Who answers what: pairs sorted by task and teacher, those who abstain left out."""
    W, R = panel.teachers, panel.labels_per_task
    draw = _stream(seed, "asked")
    if R is None or R == W:
        teacher = np.tile(np.arange(W), tasks)
    else:
        size = max(1, 10_000_000 // W)
        parts = [
            np.argpartition(draw.random((min(size, tasks - start), W)), R - 1, axis=1)[:, :R]
            for start in range(0, tasks, size)
        ]
        teacher = np.sort(np.concatenate(parts), axis=1).reshape(-1)
    task = np.repeat(np.arange(tasks), R or W)
    kept = _stream(seed, "abstain").random(len(task)) >= panel.abstain
    return task[kept], teacher[kept]


def _answers(
    panel: Panel,
    own: Floats,
    k: Ints,
    trap: Ints,
    makes: NDArray[np.bool_],
    difficulty: Floats,
    copied: Ints,
    votes: tuple[Ints, Ints],
    seed: int,
) -> Ints:
    task, teacher = votes
    W, K = own.shape[:2]
    copies = (copied[teacher] >= 0) & (_stream(seed, "copies").random(len(task)) < panel.copy)
    speaker = np.where(copies, copied[teacher], teacher)
    # One answer for each pair of task and speaker: a copy is equal to what was copied.
    pair, place = np.unique(task * W + speaker, return_inverse=True)
    t, w = pair // W, pair % W
    u, other, hard = _stream(seed, "answers").random((3, len(pair)))
    total = own.cumsum(axis=2)
    said = np.empty(len(pair), dtype=np.int64)
    for start in range(0, len(pair), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = total[w[part], k[t[part]]]
        said[part] = (u[part, None] * rows[:, -1:] >= rows).sum(axis=1)
    said = np.minimum(said, K - 1)
    for number, mistake in enumerate(panel.shared):
        said[makes[number, w] & (trap[t] == number)] = mistake.said
    lost = hard < difficulty[t]
    said[lost] = np.minimum((other[lost] * K).astype(np.int64), K - 1)
    return np.asarray(said[place])


def _confusion(panel: Panel, own: Floats, makes: NDArray[np.bool_], copied: Ints) -> Floats:
    """What the matrices are with the traps, averaged over which tasks are traps, and copies."""
    found = own.copy()
    left = np.ones(own.shape[1])  # of each class, the share that no earlier trap has taken
    for mistake, who in zip(panel.shared, makes, strict=True):
        if mistake.same_tasks:
            taken = left[mistake.true] * mistake.rate
            left[mistake.true] -= taken
            found[who, mistake.true] -= taken * own[who, mistake.true]
            found[who, mistake.true, mistake.said] += taken
    for w in np.flatnonzero(copied >= 0):
        found[w] = panel.copy * found[copied[w]] + (1 - panel.copy) * found[w]
    return np.clip(found, 0.0, 1.0)


# ---------------------------------------------------------------- arguments


def _stream(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """Random numbers for one purpose: that another draws more shifts none of them."""
    word = int.from_bytes(name.encode(), "little")
    return np.random.default_rng(np.random.SeedSequence([int(seed), word, number]))


def _classes(truth: ArrayLike) -> Ints:
    k = array_of("simulate_teachers: truth", truth, ())
    if k.ndim != 1 or not len(k) or (k != np.floor(k)).any() or k.min() < 0 or k.max() > 10**6:
        raise ConfigError(
            "simulate_teachers: truth must be one row of classes, counted from 0, one task at "
            f"least; got shape {k.shape}"
            + (f" and numbers from {k.min():g} to {k.max():g}" if k.size else "")
        )
    return np.asarray(k, dtype=np.int64)


def _given(confusion: ArrayLike, shape: tuple[int, ...]) -> Floats:
    found = distributions_of("simulate_teachers: confusion", confusion, shape)
    if found.shape != shape:
        raise ConfigError(f"simulate_teachers: confusion must be {shape}; got {found.shape}")
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def _named(what: str, names: Sequence[str] | None, count: int) -> Sequence[str]:
    if names is None:
        return [str(number) for number in range(count)]
    if len(names) != count:
        raise ConfigError(f"Simulated.items: {what} must be {count} names; got {len(names)}")
    return names


def _shares(what: str, **shares: Any) -> None:
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{what}: {name} must lie in [0, 1]; got {value!r}")

"""Digits from ten teachers who are right in half of cases: what becomes of a student of theirs.

Each task has three votes. Alone, teachers have slips and habits of their own, which others make
good. Then 70 % of the 4s are called 9 by whoever is asked, on the same tasks or vote by vote: no
aggregation gets past that, for nobody's votes contradict it. One statement about this kind of
mistake and twenty checked labels do; the same with a statement about other digits does not.

The setting is ours. The data are scikit-learn's: pictures of 8 x 8, 1,200 tasks and a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from precocial.errors import ConfigError, one_of
from precocial.feedback.records import About, Item, Statement
from precocial.feedback.simulated import Panel, SharedMistake, simulate_teachers
from precocial.feedback.votes import as_votes
from precocial.io import Row
from precocial.normativity.learner import NormLearner
from precocial.runs import Run, stream, stream_seed

Shared = Literal["none", "same tasks", "vote by vote"]
SHARED: tuple[Shared, ...] = ("none", "same tasks", "vote by vote")
CLASSES = 10
TRUE, SAID = 4, 9
"""The shared mistake: a 4 is called 9."""


@dataclass(frozen=True, kw_only=True)
class DigitsConfig:
    """One seed of one world."""

    shared: Shared = "none"
    """the mistake that all teachers share: none, on the same tasks, or vote by vote"""
    rate: float = 0.7
    """of the 4s"""
    tasks: int = 1200
    """digits that are voted on; the rest is the test"""
    checked: int = 20
    """gold labels, asked for in two turns"""
    gamma: float = 0.2
    penalty: float = 5.0
    """gamma and C of the student's support vector machine (ours, chosen on seed 100)"""
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("DigitsConfig: shared", self.shared, SHARED)
        if not 100 <= self.tasks <= 1700 or not 2 <= self.checked <= self.tasks:
            raise ConfigError(
                f"DigitsConfig: tasks must lie in 100 to 1,700 and checked in 2 to tasks; got "
                f"{self.tasks} and {self.checked}"
            )


def laptop(*, seeds: int = 5) -> list[DigitsConfig]:
    """Every world with each seed: about three minutes a seed on one core."""
    return [DigitsConfig(shared=shared, seed=seed) for seed in range(seeds) for shared in SHARED]


def smoke() -> DigitsConfig:
    """Seconds. Shows that it runs, no more."""
    return DigitsConfig(shared="same tasks", tasks=300, checked=6)


class _World:
    """Digits in two parts, and votes on the first."""

    def __init__(self, config: DigitsConfig) -> None:
        self.config = config
        X, y = load_digits(return_X_y=True)
        order = stream(config.seed, "normativity", "digits").permutation(len(y))
        train, test = order[: config.tasks], order[config.tasks :]
        self.X, self.y, self.X_test, self.y_test = X[train] / 16, y[train], X[test] / 16, y[test]
        shared: tuple[SharedMistake, ...] = ()
        if config.shared != "none":
            same = config.shared == "same tasks"
            shared = (SharedMistake(true=TRUE, said=SAID, rate=config.rate, same_tasks=same),)
        said = simulate_teachers(
            self.y, Panel(shared=shared), classes=CLASSES,
            seed=stream_seed(config.seed, "normativity", "teachers"),
        )  # fmt: skip
        right = said.label == self.y[said.task]
        self.teachers = [float(right[said.teacher == w].mean()) for w in np.unique(said.teacher)]
        self.votes = as_votes(
            said.task, said.teacher, said.label, tasks=range(config.tasks), classes=range(CLASSES)
        )

    def student(self) -> SVC:
        return SVC(gamma=self.config.gamma, C=self.config.penalty)

    def learned(self, items: Sequence[Item] = (), *, checked: int = 0) -> NormLearner:
        """Fitted with the items, and with checked labels of the tasks that it asks for."""
        gold: dict[str, str] = {}
        fitted = self._fit(items, gold)
        for turn in (checked // 2, checked - checked // 2) if checked else ():
            gold |= {task: str(self.y[int(task)]) for task in fitted.ask_next(turn)}
            fitted = self._fit(items, gold)
        return fitted

    def _fit(self, items: Sequence[Item], gold: dict[str, str]) -> NormLearner:
        learner = NormLearner(student=self.student(), seed=self.config.seed)
        return learner.fit(self.votes, X=self.X, gold=gold, feedback=items)

    def scores(self, fitted: NormLearner) -> dict[str, float]:
        """Share right: labels on the tasks, the student on the test."""
        assert fitted.student_ is not None  # it was given features
        student = fitted.student_.predict(self.X_test)
        return {
            "labels": float(np.mean(fitted.labels_ == self.y.astype(str))),
            "student": float(np.mean(student == self.y_test.astype(str))),
        }


def suspicion(true: int, said: int, confidence: float = 0.95) -> list[Item]:
    """A statement that whoever calls a `true` a `said` is not to be trusted in this."""
    about = About(kind="mistake", name=str(said), on=str(true))
    return [Statement(source="admin", what=about, value=0.0, confidence=confidence)]


def digits(config: DigitsConfig, run: Run) -> Iterator[Row]:
    """Rows with shared, seed, given (what the learner had besides the votes), best_teacher (share
    right on the tasks that the teacher was asked), labels, student, ceiling (the same student
    taught from the truth) and recovered = (student - best teacher) / (ceiling - best teacher).

    The truth is read for scores and for the checked labels, and reaches nothing else.
    """
    world = _World(config)
    top = float(world.student().fit(world.X, world.y).score(world.X_test, world.y_test))
    best = max(world.teachers)
    rest = [k for k in range(CLASSES) if k not in (TRUE, SAID)]
    pair = stream(config.seed, "normativity", "shuffled").permutation(rest)[:2]
    arms: list[tuple[str, list[Item], int]] = [("votes", [], 0)]
    if config.shared != "none":
        arms += [
            ("checked", [], config.checked),
            ("statement", suspicion(TRUE, SAID), config.checked),
            ("shuffled statement", suspicion(*map(int, pair)), config.checked),
        ]
    for given, items, checked in arms:
        scores = world.scores(world.learned(items, checked=checked))
        yield {
            "shared": config.shared, "seed": config.seed, "given": given, "checked": checked,
            "best_teacher": best, **scores, "ceiling": top,
            "recovered": (scores["student"] - best) / (top - best),
        }  # fmt: skip


def kept(rows: Sequence[dict[str, Any]], shared: str, given: str) -> list[dict[str, Any]]:
    """The rows of one world and arm, by seed."""
    found = [row for row in rows if (row["shared"], row["given"]) == (shared, given)]
    return sorted(found, key=lambda row: int(row["seed"]))

"""Digits from ten teachers who are right in half of cases: what a student becomes, and when all of
them share a mistake.

`python benchmarks/normativity_digits.py [--json] [--seeds 5] [--first 0] [--short]
[--shared none]`. scikit-learn's digits,
1,200 tasks with 3 votes each, ten teachers right in 0.45 to 0.7 of cases with habits of error of
their own; the rest is the test. Then the same with 70% of the 4s called 9 by whoever is asked,
either on the same tasks or vote by vote. Feedback: one statement, that whoever calls a 4 a 9 is
not to be trusted in this, and 20 checked labels asked for in two turns; the shuffled statement
names another pair of digits. SVC of gamma 0.2 and C 5, chosen on seed 100.

The ceiling is the same classifier taught from the true labels; "recovered" is (student - best
teacher) / (ceiling - best teacher), teachers on their own tasks.
"""

from __future__ import annotations

import os

# before NumPy is loaded
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.svm import SVC

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from precocial.feedback.records import About, Item, Statement
from precocial.feedback.simulated import Panel, SharedMistake, simulate_teachers
from precocial.feedback.votes import Votes, votes
from precocial.normativity.learner import NormLearner
from precocial.runs import stream, stream_seed

TASKS, TURNS, ASKED = 1200, 2, 10
SHARED = ("none", "same tasks", "vote by vote")
CLASSIFIER = SVC(gamma=0.2, C=5)


class World:
    """Digits, in two parts, and votes on the first."""

    def __init__(self, seed: int, shared: str) -> None:
        X, y = load_digits(return_X_y=True)
        order = stream(seed, "benchmarks", "digits").permutation(len(y))
        train, test = order[:TASKS], order[TASKS:]
        self.X, self.y, self.X_test, self.y_test = X[train] / 16, y[train], X[test] / 16, y[test]
        mistakes = ()
        if shared != "none":
            mistakes = (SharedMistake(true=4, said=9, rate=0.7, same_tasks=shared == "same tasks"),)
        said = simulate_teachers(
            self.y, Panel(shared=mistakes), classes=10,
            seed=stream_seed(seed, "benchmarks", "teachers"),
        )  # fmt: skip
        self.right = np.array(
            [np.mean(said.label[of] == self.y[said.task[of]]) for of in
             (said.teacher == w for w in range(10))]
        )  # fmt: skip
        self.votes: Votes = votes(
            said.task, said.teacher, said.label, tasks=range(TASKS), classes=range(10)
        )

    def scores(self, fit: NormLearner) -> dict[str, float]:
        """Percent right: labels on the tasks, the student on the test."""
        return {
            "labels": 100 * float(np.mean(fit.labels_ == self.y.astype(str))),
            "student": 100 * float(
                np.mean(fit.student_.predict(self.X_test) == self.y_test.astype(str))
            ),
        }  # fmt: skip

    def ceiling(self) -> float:
        """Percent right of the classifier taught from the truth."""
        return 100 * float(CLASSIFIER.fit(self.X, self.y).score(self.X_test, self.y_test))


def with_feedback(world: World, items: list[Item]) -> NormLearner:
    """Fitted with the items and 20 checked labels, asked for as it asks."""
    gold: dict[str, str] = {}
    fit = NormLearner(student=CLASSIFIER).fit(world.votes, X=world.X, feedback=items)
    for _ in range(TURNS):
        gold |= {task: str(world.y[int(task)]) for task in fit.ask_next(ASKED)}
        fit = NormLearner(student=CLASSIFIER).fit(world.votes, X=world.X, feedback=items, gold=gold)
    return fit


def suspicion(right: int, wrong: int) -> list[Item]:
    """A 4 that is called 9, for example."""
    what = About(kind="mistake", name=str(wrong), on=str(right))
    return [Statement(source="admin", what=what, value=0.0, confidence=0.95)]


def rows(seed: int, kinds: Sequence[str], short: bool) -> list[dict[str, Any]]:
    """All of one seed; if short, without what should not help."""
    found = []
    for shared in kinds:
        world = World(seed, shared)
        best, top = 100 * float(world.right.max()), world.ceiling()
        fits = {"no feedback": NormLearner(student=CLASSIFIER).fit(world.votes, X=world.X)}
        if shared != "none":
            fits["statement and 20 checked"] = with_feedback(world, suspicion(4, 9))
        if shared != "none" and not short:
            fits["20 checked"] = with_feedback(world, [])
            rng = stream(seed, "benchmarks", "shuffled")
            pair = rng.permutation([k for k in range(10) if k not in (4, 9)])[:2]
            fits["shuffled statement and 20 checked"] = with_feedback(world, suspicion(*pair))
        for given, fit in fits.items():
            scores = world.scores(fit)
            found.append({
                "seed": seed, "shared": shared, "given": given, "best teacher": best, **scores,
                "ceiling": top, "recovered": (scores["student"] - best) / (top - best),
            })  # fmt: skip
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shared", nargs="+", choices=SHARED, default=SHARED)
    parser.add_argument("--short", action="store_true", help="leave out what should not help")
    asked = parser.parse_args()
    table = []
    for i in range(asked.seeds):
        table += rows(asked.first + i, asked.shared, asked.short)
        print(f"seed {asked.first + i}: {table[-1]}", file=sys.stderr)
    if asked.json:
        print(json.dumps(table))
    else:
        kinds = list(dict.fromkeys((row["shared"], row["given"]) for row in table))
        for kind in kinds:
            of = [row for row in table if (row["shared"], row["given"]) == kind]
            said = "  ".join(
                f"{name} {np.mean([row[name] for row in of]):.2f}"
                for name in ("best teacher", "labels", "student", "ceiling", "recovered")
            )
            least = min(row["student"] for row in of)
            print(f"shared {kind[0]:13} {kind[1]:34} {said}  (least student {least:.2f})")

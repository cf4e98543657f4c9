"""What is held out is held out: no fit sees the gold that it is scored on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import DataError
from precocial.feedback import as_votes
from precocial.normativity import held_out
from precocial.normativity.held_out import compare, gold_worth
from precocial.normativity.learner import NormLearner

TRUTH = np.random.default_rng(2).integers(3, size=90)
GOLD = {f"t{t}": "abc"[k] for t, k in enumerate(TRUTH)}


def votes(accuracy: float = 0.75) -> Any:
    rng = np.random.default_rng(3)
    rows = []
    for t, truth in enumerate(TRUTH):
        for w in rng.permutation(6)[:3]:
            label = truth if rng.random() < accuracy else rng.integers(3)
            rows.append((f"t{t}", f"w{w}", "abc"[label]))
    return as_votes(*zip(*rows, strict=True))


class Spy:
    """Stands in for every arm: remembers the gold it was given, and answers with it."""

    def __init__(self) -> None:
        self.seen: list[set[str]] = []

    def __call__(self, made: Any, gold: dict[str, str]) -> Any:
        self.seen.append(set(gold))
        proba = np.full((len(made.tasks), 3), 1 / 3)
        for task, label in gold.items():
            proba[made.tasks.index(task)] = np.eye(3)["abc".index(label)]
        return proba


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    found = Spy()
    arms = {"fixed point": found, "Dawid-Skene": found}
    monkeypatch.setattr(held_out, "_arms", lambda *_: arms)
    return found


def test_a_comparison_shows_no_arm_the_gold_that_it_is_scored_on(spy: Spy) -> None:
    arms = compare(votes(), GOLD, learner=NormLearner(), folds=5)
    assert all(arm.accuracy == pytest.approx(1 / 3) for arm in arms)
    assert all(len(seen) == 72 for seen in spy.seen)
    left = [set(GOLD) - seen for seen in spy.seen[::2]]
    assert sorted(task for part in left for task in part) == sorted(GOLD)


def test_the_worth_is_read_on_gold_that_was_not_given(spy: Spy) -> None:
    rows = gold_worth(votes(), GOLD, learner=NormLearner())
    assert {len(seen) for seen in spy.seen} == {5, 10, 20, 50}
    assert all(row.loss == pytest.approx(2 / 3) for row in rows)


def test_little_gold_says_nothing() -> None:
    few = dict(list(GOLD.items())[:10])
    with pytest.raises(DataError, match="20 gold labels at least; got 10"):
        compare(votes(), few, learner=NormLearner())
    assert gold_worth(votes(), few, learner=NormLearner()) == []


def test_an_arm_without_features_and_feedback_gets_neither() -> None:
    given: list[set[str]] = []

    class Learner(NormLearner):
        def fit(self, votes: Any, **more: Any) -> Any:
            given.append({name for name, value in more.items() if name != "gold"})
            self.proba_ = np.full((len(votes.tasks), 3), 1 / 3)
            return self

    made = votes()
    X = np.zeros((len(made.tasks), 1))
    names = [arm.name for arm in compare(made, GOLD, learner=Learner(), X=X, folds=2)]
    assert names.index(held_out.BARE) == 3
    assert given[:4] == [{"X", "feedback"}] * 3 + [set()]
    assert held_out.BARE not in [arm.name for arm in compare(made, GOLD, learner=Learner())]

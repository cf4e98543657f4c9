from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from precocial.feedback.records import (
    About,
    Item,
    Statement,
    retraction,
)
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.mistakes import (
    groups_of,
    heeded,
    layers,
    pooled,
    student_evidence,
    within,
)
from tests.normativity.learners import crowd, learner, right, said


def test_one_statement_and_few_labels_undo_a_shared_mistake() -> None:
    made, truth, X = crowd(tasks=300, seed=4, shared=0.8)
    items = [said(0.0, kind="mistake", name="2", on="1")]
    plain = learner(student=SVC()).fit(made, X=X)
    assert (plain.labels_[truth == 1] == "2").mean() > 0.5
    first = learner(student=SVC()).fit(made, X=X, feedback=items)
    asked = first.ask_next(12)
    assert np.isin(truth[[int(t) for t in asked]], [1, 2]).all()
    gold = {t: str(truth[int(t)]) for t in asked}
    told = learner(student=SVC()).fit(made, X=X, feedback=items, gold=gold)
    untold = learner(student=SVC()).fit(made, X=X, gold=gold)
    wrong = [said(0.0, kind="mistake", name="0", on="1")]
    shuffled = learner(student=SVC()).fit(made, X=X, feedback=wrong, gold=gold)
    assert right(told, truth) > 0.93
    assert right(told, truth) > right(untold, truth) + 0.1
    assert right(told, truth) > right(shuffled, truth) + 0.1


def test_a_suspicion_without_a_checked_label_changes_no_label() -> None:
    made, _, _ = crowd(seed=4, shared=0.8)
    items = [said(0.0, kind="mistake", name="2", on="1")]
    assert (learner().fit(made, feedback=items).proba_ == learner().fit(made).proba_).all()


def checked_mistake() -> tuple[Votes, np.ndarray, np.ndarray, dict[str, str]]:
    """A crowd of four classes, 1 called 2 as a rule; nobody votes 3; 1 and 2 are checked."""
    made, truth, X = crowd(seed=4, shared=0.8)
    wide = as_votes(made.task, made.teacher, made.label, tasks=range(150), classes=range(4))
    gold = {str(t): str(truth[t]) for k in (1, 2) for t in np.flatnonzero(truth == k)[:6]}
    return wide, truth, X, gold


@pytest.mark.parametrize(
    "other",
    [
        said(1.0, kind="mistake", name="2", on="0"),
        said(0.0, kind="mistake", name="3", on="0"),
        said(0.0, kind="mistake", name="2", on="0"),
    ],
    ids=["is right", "unchecked", "unchecked, of the same answer"],
)
def test_a_statement_that_says_nothing_silences_no_other(other: Statement) -> None:
    made, truth, X, gold = checked_mistake()
    good = said(0.0, kind="mistake", name="2", on="1")
    one = learner().fit(made, X=X, gold=gold, feedback=[good])
    assert right(one, truth) > right(learner().fit(made, X=X, gold=gold), truth) + 0.1
    for items in ([good, other], [other, good]):
        assert (learner().fit(made, X=X, gold=gold, feedback=items).proba_ == one.proba_).all()


def test_a_weak_statement_on_a_mistake_moves_as_little_as_it_is_sure() -> None:
    made, truth, X, gold = checked_mistake()
    gold |= {str(t): "0" for t in np.flatnonzero(truth == 0)[:3]} | {"149": "3"}
    good = said(0.0, kind="mistake", name="2", on="1")
    weak = said(0.0, confidence=0.01, kind="mistake", name="2", on="1")
    apart = said(0.0, confidence=0.01, kind="mistake", name="3", on="0")

    def proba(*items: Item) -> np.ndarray:
        return np.asarray(learner().fit(made, X=X, gold=gold, feedback=items).proba_)

    none, one = proba(), proba(good)
    moved = np.abs(one - none).mean()
    assert moved > 0.03  # tempered: a hundredth before is a tenth after
    assert 0 < np.abs(proba(weak) - none).mean() < 0.2 * moved
    assert 0 < np.abs(proba(good, apart) - one).mean() < 0.5 * moved
    chained = said(0.0, confidence=0.01, kind="mistake", name="2", on="0")
    assert 0 < np.abs(proba(good, chained) - one).mean() < 0.5 * moved
    denied = np.abs(proba(good, said(1.0, kind="mistake", name="2", on="1")) - none).mean()
    assert denied < 0.9 * moved


def test_groups_join_what_mistakes_confuse() -> None:
    groups = groups_of(((1, 2, 0.9), (3, 2, 0.5)), ("a", "b", "c", "d", "e"))
    assert groups.names == ("a", "b|c|d", "e")
    assert groups.of.tolist() == [0, 1, 1, 1, 2]
    assert groups.speaks_for[2].tolist() == [False, True, True, True, False]
    assert groups.speaks_for[1].tolist() == [False, True, False, False, False]


def test_who_says_the_same_adds_and_who_contradicts_takes_away() -> None:
    def share(*words: tuple[float, float]) -> float:
        return pooled([(0, 1, c, v) for c, v in words])[0][2]

    assert share((0.9, 0.0)) == pytest.approx(0.9)
    assert share((0.5, 0.0), (0.5, 0.0)) == pytest.approx(0.75)
    assert share((0.9, 0.0), (0.9, 1.0)) == pytest.approx(0.99 / 2)
    assert share((0.9, 0.0), (0.1, 1.0)) == pytest.approx(0.91 * 0.9)
    assert share((0.9, 0.0), (0.0, 1.0)) == pytest.approx(0.9)
    assert share((0.9, 1.0)) == share((0.0, 0.0)) == 0
    apart = pooled([(0, 1, 0.9, 0.0), (2, 1, 0.9, 1.0)])
    assert apart == ((0, 1, pytest.approx(0.9)), (2, 1, 0))


def test_of_a_chain_each_mistake_has_its_own_share() -> None:
    sure, doubtful, also = (1, 2, 0.9), (3, 2, 0.1), (0, 4, 0.1)
    (first, alone), (second, both) = layers((sure, doubtful, also))
    assert (first, second) == (pytest.approx(0.8), pytest.approx(0.1))
    assert alone == (sure,)
    assert both == (sure, doubtful, also)
    assert layers(()) == ()
    assert layers((sure,)) == ((0.9, (sure,)),)


def test_mistakes_are_heeded_that_may_be_so_and_whose_classes_are_checked() -> None:
    mistakes = ((1, 2, 0.9), (3, 2, 0.5), (0, 1, 0.0))
    assert heeded(mistakes) == mistakes[:2]
    assert heeded(mistakes, np.array([1, 2, 3])) == mistakes[:2]
    assert heeded(mistakes, np.array([-1, 0, 1, 2])) == mistakes[:1]
    assert heeded(mistakes, np.array([0, 2])) == ()


def test_within_a_group_a_task_looks_alike_to_all() -> None:
    made = as_votes([0, 1, 1, 2, 2], [0, 0, 1, 0, 1], [2, 2, 1, 1, 1], classes=range(3))
    groups = groups_of(((1, 2, 1.0),), made.classes)
    a = np.array([0.8, 0.75])
    p = within(made, np.ones(5), a, groups, None)
    odds = 2 * a / (1 - a)
    alone = np.array([(1 + odds[0]) / 2, odds[0]])
    assert np.allclose(p[0], [1, *alone / alone.sum()])
    either = np.array([(odds[0] + odds[1]) / 2, odds[0]])
    assert np.allclose(p[1, 1:], either / either.sum())
    two = np.array([(odds.prod() + 1) / 2, 1.0])
    assert np.allclose(p[2, 1:], two / two.sum())
    student = np.log([[1.0, 3, 1]] * 3)
    assert within(made, np.ones(5), a, groups, student)[0, 1] > p[0, 1]


def test_feedback_that_changed_no_label_is_listed_with_the_reason() -> None:
    made, truth, _ = crowd(seed=4, shared=0.8)
    mistake = said(0.0, kind="mistake", name="2", on="1")
    idle = said(1.0, kind="mistake", name="0", on="1")
    stray = Statement(source="x", what=About(kind="item", name="elsewhere"), value=0.0, level=2)
    word = said(0.1, kind="teacher", name="3")
    regret = retraction(word)
    items = [mistake, idle, stray, word, regret]

    def listed(gold: dict[str, str]) -> dict[str, str]:
        fit = learner().fit(made, gold=gold, feedback=items)
        return {one.id: one.reason for one in fit.unused_}

    without = listed({})
    assert without.keys() == {mistake.id, idle.id, stray.id, word.id}
    assert "no checked label says '1' or '2'" in without[mistake.id]
    assert "took it back" in without[word.id]
    ones, twos = np.flatnonzero(truth == 1), np.flatnonzero(truth == 2)
    half = {str(t): "1" for t in ones[:3]}
    assert "says '2'," in listed(half)[mistake.id]
    assert mistake.id not in listed(half | {str(t): "2" for t in twos[:3]})
    assert learner().fit(made).unused_ == ()


def evidence(student: Any, X: np.ndarray, checked: int) -> np.ndarray:
    """Of tasks of two classes in turn, all joined, of which the first are checked."""
    T = len(X)
    truth, groups = np.arange(T) % 2, groups_of(((0, 1, 0.9),), ("a", "b"))
    gold = np.where(np.arange(T) < checked, truth, -1)
    return student_evidence(
        student, X, np.ones((T, 1)), np.eye(2)[truth], gold, groups, folds=5,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_a_student_is_believed_for_tasks_that_it_was_not_taught() -> None:
    noise = np.random.default_rng(0).normal(size=(60, 2))
    by_heart = KNeighborsClassifier(n_neighbors=1)
    assert evidence(by_heart, noise, 60).max() < 0.5  # and log 61 for one who learnt them by heart


@pytest.mark.parametrize("checked", [0, 1, 8])
def test_a_student_who_was_never_wrong_is_believed_by_how_often_it_was_checked(
    checked: int,
) -> None:
    apart = np.arange(60)[:, None] % 2 * 10.0
    word = evidence(KNeighborsClassifier(n_neighbors=1), apart, checked)
    assert word == pytest.approx(np.eye(2)[np.arange(60) % 2] * np.log(checked + 1))

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from precocial.errors import ConfigError, DataError, PrecocialError
from precocial.feedback.records import About, Comparison, Demonstration, Item, Label, Statement
from precocial.feedback.votes import Votes, as_votes, gold_positions
from precocial.normativity.aggregators import DawidSkene, Majority, OneCoin, smoothed_dawid_skene
from precocial.normativity.folding import folded
from precocial.normativity.learner import NormLearner
from precocial.normativity.mistakes import groups_of, heeded, within
from precocial.normativity.panel import gold_scores
from precocial.normativity.student import cross_fitted, lessons

SMALL = (Majority(), OneCoin(), DawidSkene(), smoothed_dawid_skene())
"""A panel that is quick."""


def crowd(
    tasks: int = 150, teachers: int = 8, each: int = 4, seed: int = 0, shared: float = 0.0
) -> tuple[Votes, np.ndarray, np.ndarray]:
    """Votes on points around three centres, the truth, the points; class 1 called 2 on a share of
    its tasks."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=tasks)
    X = np.array([[0.0, 0], [4, 0], [4, 3]])[truth] + rng.normal(size=(tasks, 2)) * 0.8
    skill = rng.uniform(0.5, 0.8, teachers)
    fooled = (rng.random(tasks) < shared) & (truth == 1)
    rows = []
    for t in range(tasks):
        for w in rng.permutation(teachers)[:each]:
            said = truth[t] if rng.random() < skill[w] else rng.integers(3)
            rows.append((t, w, 2 if fooled[t] else said))
    return as_votes(*zip(*rows, strict=True), tasks=range(tasks), classes=range(3)), truth, X


def learner(**settings_: Any) -> NormLearner:
    return NormLearner(**{"processes": SMALL, "q": 0.5, "rounds": 2, **settings_})


def said(value: float, *, confidence: float = 0.9, **about: str) -> Statement:
    return Statement(
        source="admin", what=About(**about), value=value, confidence=confidence  # type: ignore[arg-type]
    )  # fmt: skip


def right(fit: NormLearner, truth: np.ndarray) -> float:
    return float(np.mean(fit.labels_ == truth.astype(str)))


def test_it_is_an_estimator_and_the_same_seed_gives_the_same_bytes() -> None:
    made, truth, X = crowd()
    one = learner(seed=3).fit(made, X=X)
    other = clone(one).fit(made, X=X)
    assert (one.proba_ == other.proba_).all()
    assert one.proba_.shape == (150, 3)
    assert right(one, truth) > 0.8
    assert one.levels_.status == "converged"
    assert np.allclose(one.panel_.share.sum(), 1)
    assert one.panel_.share.max() <= 1 / (4 * 0.5) + 1e-12


@pytest.mark.parametrize("kind", ["table", "mapping", "columns", "list"])
def test_votes_of_any_form(kind: str) -> None:
    columns = [["a", "a", "b"], ["x", "y", "x"], ["0", "0", "1"]]
    table = dict(zip(("task", "worker", "label"), columns, strict=True))
    given_ = {"table": pd.DataFrame(table), "mapping": table, "columns": tuple(columns),
              "list": columns}[kind]  # fmt: skip
    assert learner().fit(given_).labels_.tolist() == ["0", "1"]


@pytest.mark.wrong_types
def test_what_are_no_votes_is_refused() -> None:
    for wrong in (3, "votes", None, [1, 2], {"task": ["a"]}):
        with pytest.raises(PrecocialError):
            learner().fit(wrong)


def test_gold_is_kept_and_read_only_as_given() -> None:
    made, truth, X = crowd(seed=1)
    gold = {str(t): str((truth[t] + 1) % 3) for t in range(5)}
    fit = learner().fit(made, X=X, gold=gold)
    for t in range(5):
        assert fit.labels_[t] == gold[str(t)]
        assert fit.proba_[t].max() == 1
        assert fit.explain(t).checked
    assert not set(gold) & set(fit.ask_next(145))
    assert fit.panel_.verdict.judges[-1] == "gold"
    assert learner().fit(made).panel_.verdict.judges[-1] != "gold"


def test_the_student_learns_and_helps() -> None:
    made, truth, X = crowd(each=2, seed=2)
    plain, taught = learner().fit(made), learner(rounds=3).fit(made, X=X)
    assert right(taught, truth) > right(plain, truth) + 0.05
    fresh = crowd(seed=9)
    assert np.mean(taught.student_.predict(fresh[2]) == fresh[1].astype(str)) > 0.9
    assert plain.student_ is None
    logistic = learner(student=LogisticRegression()).fit(made, X=X)
    assert isinstance(logistic.student_.model_, LogisticRegression)


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
    [said(1.0, kind="mistake", name="2", on="0"), said(0.0, kind="mistake", name="3", on="0"),
     said(0.0, kind="mistake", name="2", on="0")],
    ids=["is right", "unchecked", "unchecked, of the same answer"],
)  # fmt: skip
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


def test_words_without_end_against_processes_leave_each_a_weight() -> None:
    made = crowd(tasks=10)[0]

    def against(*names: str) -> np.ndarray:
        items = [
            Statement(source=str(i), what=About(kind="process", name=name), value=0.0,
                      confidence=1.0)
            for i in range(170) for name in names
        ]  # fmt: skip
        return folded(made, items, ["p", "q"], None).base

    assert against("p", "q").tolist() == [0.5, 0.5]
    assert 0 < against("p")[0] < 1e-6
    items = [
        Comparison(source=str(i), chosen="p", rejected="q", of="process", level=1, confidence=1.0)
        for i in range(1100)
    ]
    base = folded(made, items, ["p", "q"], None).base
    assert 0 < base[1] < base[0] <= 1


def test_statements_on_statements_are_applied_from_the_highest_level_down() -> None:
    made = crowd(tasks=10)[0]
    item = said(0.1, kind="teacher", name="3")
    doubt = Statement(source="boss", level=2, what=About(kind="item", name=item.id), value=0.0,
                      confidence=0.5)  # fmt: skip
    doubted = Statement(source="owner", level=3, what=About(kind="item", name=doubt.id), value=0.0,
                        confidence=0.8)  # fmt: skip
    for items in ([item, doubt, doubted], [doubted, doubt, item]):
        told = folded(made, items, ["p"], None)
        assert told.history["3"].sum() == pytest.approx(20 * 0.9 * (1 - 0.5 * (1 - 0.8)))


def test_the_judge_who_looks_at_gold_scores_fits_that_have_not_seen_it() -> None:
    made, truth, _ = crowd(seed=1)
    gold = {str(t): str((truth[t] + 1) % 3) for t in range(20)}
    known = gold_positions(made, gold)
    unseen = [gold_scores(one.fit(made).proba, known).mean() for one in SMALL]
    told = learner().fit(made, gold=gold).panel_.verdict.raw[-1]
    assert max(unseen) < 0.5
    assert told == pytest.approx(unseen)


def test_a_distrusted_process_loses_its_share_and_not_all_of_its_weight() -> None:
    made, _, _ = crowd()
    fit = learner().fit(made)
    top = fit.panel_.verdict.processes[int(fit.panel_.share.argmax())]
    told = learner().fit(made, feedback=[said(0.0, confidence=1.0, kind="process", name=top)])
    at = fit.panel_.verdict.processes.index(top)
    assert 0 < told.panel_.share[at] < 0.1 < fit.panel_.share[at]
    rival = next(n for n in fit.panel_.verdict.processes if n != top)
    better = Comparison(source="admin", chosen=rival, rejected=top, of="process", level=1,
                        confidence=0.99)  # fmt: skip
    assert learner().fit(made, feedback=[better]).panel_.share[at] < fit.panel_.share[at]


def test_statements_on_teachers_become_past_votes_and_can_be_doubted_themselves() -> None:
    made, _, _ = crowd()
    item = said(0.1, kind="teacher", name="3")
    told = folded(made, [item], ["p"], None)
    assert told.history["3"].sum() == pytest.approx(20 * 0.9)
    assert np.trace(told.history["3"]) == pytest.approx(20 * 0.9 * 0.1)
    doubt = Statement(source="boss", level=2, what=About(kind="item", name=item.id), value=0.0,
                      confidence=0.5)  # fmt: skip
    less = folded(made, [item, doubt], ["p"], None)
    assert less.history["3"].sum() == pytest.approx(20 * 0.45)
    low = learner().fit(made, feedback=[item]).teachers_[made.teachers.index("3")]
    assert low.accuracy < learner().fit(made).teachers_[made.teachers.index("3")].accuracy


def test_labels_are_votes_of_their_source_and_data_can_be_doubted() -> None:
    made, _, _ = crowd()
    label = Label(source="visitor", task="7", label="1", confidence=0.6)
    told = folded(made, [label, said(0.5, confidence=1.0, kind="datum", name="8")], ["p"], None)
    assert told.votes.teachers[-1] == "visitor"
    at = told.votes.teacher == len(made.teachers)
    assert told.votes.task[at].tolist() == [7]
    assert told.weight[at].tolist() == [0.6]
    assert set(told.weight[told.votes.task == 8]) == {0.5}


@pytest.mark.parametrize(
    "item",
    [
        said(0.1, kind="teacher", name="nobody"),
        said(0.1, kind="process", name="nothing"),
        said(0.1, kind="mistake", name="9", on="1"),
        said(0.1, kind="datum", name="nowhere"),
        said(0.1, kind="loss", name="squared"),
        said(0.1, kind="whole"),
        Demonstration(source="x", completion="so"),
        Label(source="x", task="1", label="9"),
        Label(source="x", task="nowhere", label="1"),
    ],
    ids=lambda item: item.about.kind,
)
def test_feedback_that_means_nothing_here_is_refused(item: Item) -> None:
    made, _, _ = crowd(tasks=20)
    with pytest.raises(PrecocialError):
        learner().fit(made, feedback=[item])


def test_intervals_hold_the_accuracy_of_teachers() -> None:
    made, truth, _ = crowd(tasks=400, seed=5)
    fit = learner().fit(made)
    inside = 0
    for w, teacher in enumerate(fit.teachers_):
        of = made.teacher == w
        real = np.mean(made.label[of] == truth[made.task[of]])
        assert teacher.votes == of.sum()
        assert teacher.low < teacher.accuracy < teacher.high
        inside += teacher.low <= real <= teacher.high
    assert inside >= 6


def test_an_explanation_says_who_voted_and_which_process_found_what() -> None:
    made, _, _ = crowd()
    fit = learner().fit(made)
    told = fit.explain("3")
    assert told.label == fit.labels_[3]
    assert len(told.votes) == 4
    assert sum(told.probabilities.values()) == pytest.approx(1)
    assert sum(share for _, share, _, _ in told.processes) == pytest.approx(1)
    assert told.label in str(told)
    with pytest.raises(DataError, match="unknown task"):
        fit.explain("nowhere")


def test_what_to_ask_is_what_is_open() -> None:
    made = as_votes([0, 0, 1, 1, 2, 2], [0, 1] * 3, [0, 0, 0, 1, 1, 1], classes=range(2))
    fit = learner(processes=(Majority(),)).fit(made)
    assert fit.ask_next(1) == ("1",)
    assert len(fit.ask_next(10)) == 3
    with pytest.raises(ConfigError, match="at least 1"):
        fit.ask_next(0)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "wrong",
    [{"q": 0}, {"q": 1.5}, {"q_judges": 0}, {"temperature": 0}, {"gold_trust": np.inf},
     {"rounds": -1}, {"folds": 1}, {"processes": (Majority(), Majority())}],
)  # fmt: skip
def test_settings_that_are_not_allowed(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        learner(**wrong).fit(crowd(tasks=10)[0])


def test_features_that_do_not_fit_are_refused() -> None:
    made, _, X = crowd(tasks=20)
    for wrong in (X[:5], X[:, 0], np.full_like(X, np.nan)):
        with pytest.raises(ConfigError, match="X must"):
            learner().fit(made, X=wrong)
    with pytest.raises(DataError, match="could not be fitted"):
        learner(student=SVC(C=-1.0)).fit(made, X=X)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=9
    ),
    st.dictionaries(st.integers(0, 4), st.integers(0, 2), max_size=3),
    st.booleans(),
)
@settings(max_examples=25)
def test_no_nan_whatever_is_voted(rows: Any, gold: Any, features: bool) -> None:
    made = as_votes(*zip(*rows, strict=True), tasks=range(5), classes=range(3))
    X = np.arange(10.0).reshape(5, 2) if features else None
    fit = learner(rounds=1).fit(made, X=X, gold=gold)
    assert np.isfinite(fit.proba_).all()
    assert np.allclose(fit.proba_.sum(axis=1), 1)
    for teacher in fit.teachers_:
        assert 0 <= teacher.low <= teacher.high <= 1
    assert len(fit.ask_next(5)) == 5 - len(gold)


# ---------------------------------------------------------------- parts


def test_groups_join_what_mistakes_confuse() -> None:
    groups = groups_of(((1, 2, 0.9), (3, 2, 0.5)), ("a", "b", "c", "d", "e"))
    assert groups.names == ("a", "b|c|d", "e")
    assert groups.of.tolist() == [0, 1, 1, 1, 2]
    assert groups.share.tolist() == pytest.approx([0.95] * 3)
    assert groups.speaks_for[2].tolist() == [False, True, True, True, False]
    assert groups.speaks_for[1].tolist() == [False, True, False, False, False]


def test_a_group_has_a_share_of_its_own_to_which_who_says_the_same_adds() -> None:
    same = ((0, 1, 0.5), (0, 1, 0.5), (2, 3, 0.1))
    groups = groups_of(same, ("a", "b", "c", "d", "e"))
    assert groups.share.tolist() == pytest.approx([0.75, 0.1, 0.75])
    proba = np.array([[0.5, 0.5, 0, 0, 0], [0, 0.2, 0.4, 0.4, 0], [0, 0, 0, 0, 1]])
    assert groups.share_of(proba)[:, 0].tolist() == pytest.approx([0.75, 0.23, 0.75])


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


def test_a_student_is_never_asked_what_it_was_taught() -> None:
    """One that remembers only what it saw knows nothing of the others."""

    class Parrot(SVC):
        def fit(self, X: Any, y: Any) -> Parrot:
            self.seen_ = dict(zip(X[:, 0], y, strict=True))
            return self

        def predict(self, X: Any) -> np.ndarray:
            return np.array([self.seen_.get(row, -1) for row in X[:, 0]])

    X, proba = np.arange(20.0)[:, None], np.eye(2)[np.arange(20) % 2]
    told = cross_fitted(Parrot(), X, proba, folds=5, rng=np.random.default_rng(0))
    assert (told == -1).all()


def test_lessons_are_what_is_certain_and_two_of_each_class() -> None:
    proba = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]])
    where, label = lessons(proba)
    assert where.tolist() == [0, 1, 2, 3]
    assert label.tolist() == [0, 0, 1, 1]


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("settings", "given", "named"),
    [
        ({"q": "x"}, {}, "q must be a number"),
        ({"rounds": 1.5}, {}, "rounds must be a whole number"),
        ({"seed": -1}, {}, "seed must be a whole number"),
        ({"processes": ["majority"]}, {}, "must be aggregators"),
        ({}, {"gold": ["a"]}, "gold must map"),
        ({}, {"history": [[1.0]]}, "history must map"),
    ],
)
def test_what_is_of_a_wrong_kind_is_named(
    settings: dict[str, object], given: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        NormLearner(**settings).fit(([0, 1], ["x", "y"], ["a", "b"]), **given)


def test_before_fit_there_is_nothing_to_tell() -> None:
    for use in (lambda: NormLearner().ask_next(1), lambda: NormLearner().explain("t")):
        with pytest.raises(ConfigError, match="call fit first"):
            use()


def test_a_statement_on_a_part_is_not_taken_for_the_whole() -> None:
    about = About(kind="teacher", name="x", on="irregular verbs")
    said = Statement(source="admin", what=about, value=0.1, confidence=0.9)
    with pytest.raises(ConfigError, match="irregular verbs"):
        NormLearner().fit(([0, 1], ["x", "y"], ["a", "b"]), feedback=[said])

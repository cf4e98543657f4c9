from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from precocial.errors import ConfigError, PrecocialError
from precocial.feedback.records import (
    About,
    Comparison,
    Demonstration,
    Item,
    Label,
    Statement,
)
from precocial.feedback.votes import Votes, as_votes, gold_positions
from precocial.normativity.aggregators import DawidSkene, Majority
from precocial.normativity.aggregators.result import Aggregated, clamped
from precocial.normativity.calibration import fitted_temperature
from precocial.normativity.folding import folded
from precocial.normativity.learner import NormLearner
from precocial.normativity.panel import gold_scores
from tests.normativity.learners import SMALL, crowd, learner, right, said


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


def test_features_are_matched_by_name_or_refused_where_their_order_is_not_clear() -> None:
    made, truth, X = crowd()
    columns = made.task.tolist(), made.teacher.tolist(), made.label.tolist()
    order = np.random.default_rng(0).permutation(len(made))
    shuffled = tuple([column[v] for v in order] for column in columns)
    plain = learner().fit(columns, X=X)
    for named in (
        dict(enumerate(X)),
        pd.DataFrame(X)[::-1],
        pd.DataFrame(X, index=np.arange(150.0)),
        {str(t): row for t, row in enumerate(X)},
    ):
        met = learner().fit(shuffled, X=named)
        rows = [int(name) for name in met.votes_.tasks]
        assert rows != sorted(rows)
        assert (met.student_.predict(X) == truth.astype(str)).mean() > 0.8
        assert (met.labels_ == plain.labels_[rows]).mean() > 0.9
    with pytest.raises(ConfigError, match=r"X: row \d+ may be that of task .* dict\(enumerate"):
        learner().fit(shuffled, X=X)
    # whoever gives `Votes` knows their order
    votes = as_votes(*shuffled)
    ordered = learner().fit(votes, X=X[[int(name) for name in votes.tasks]])
    assert (ordered.student_.predict(X) == truth.astype(str)).mean() > 0.8
    with pytest.raises(ConfigError, match="X holds no row for 149 of the 150 tasks, '1' first"):
        learner().fit(columns, X={0: X[0]})
    with pytest.raises(ConfigError, match="same name"):
        learner().fit(columns, X={**dict(enumerate(X)), "0": X[0]})


@pytest.mark.wrong_types
def test_what_are_no_votes_is_refused() -> None:
    for wrong in (3, "votes", None, [1, 2], {"task": ["a"]}):
        with pytest.raises(PrecocialError):
            learner().fit(wrong)


def test_what_is_wrong_with_a_table_of_votes_is_said() -> None:
    table = pd.DataFrame({"task": ["a", "b"], "worker": ["x", "y"], "label": ["0", None]})
    with pytest.raises(PrecocialError, match="label"):
        learner().fit(table)
    with pytest.raises(ConfigError, match=r"votes need columns task, worker, label; got .*'class'"):
        learner().fit(table.rename(columns={"label": "class"}))
    with pytest.raises(PrecocialError, match="votes: got none"):
        learner().fit(table[:0])


def test_a_history_is_of_whom_it_names_however_it_is_written() -> None:
    made = crowd(tasks=20)[0]
    table = np.eye(3) * 9
    about = [said(0.1, kind="teacher", name="3")]
    found = []
    for name in ("3", 3, 3.0):
        told = folded(made, about, ("majority",), {name: table})
        assert list(told.history) == ["3"]
        assert told.history["3"].sum() > table.sum()
        found.append(DawidSkene().fit(made, history={name: table}).proba)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
    assert (found[0] != DawidSkene().fit(made).proba).any()


def test_a_history_of_strangers_alone_is_refused() -> None:
    made = crowd(tasks=20)[0]
    table = np.eye(3) * 9
    with pytest.raises(PrecocialError, match=r"history of '3' must hold counts .* got 'abc'"):
        learner().fit(made, history={"3": "abc"})
    with pytest.raises(PrecocialError, match="history holds none of the teachers: it names"):
        learner().fit(made, history={"nobody": table})
    assert len(learner().fit(made, history={"nobody": table, "3": table}).labels_) == 20


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


def test_words_without_end_against_a_datum_or_an_item_leave_it_a_weight() -> None:
    made = crowd(tasks=10)[0]
    item = said(0.1, kind="teacher", name="3")
    about = [About(kind="datum", name="8"), About(kind="item", name=item.id)]
    items = [
        Statement(source=str(i), what=what, value=0.0, confidence=1.0, level=2)
        for i in range(400) for what in about
    ]  # fmt: skip
    told = folded(made, [item, *items], ["p"], None)
    assert set(told.weight[told.votes.task == 8]) == {0.01}
    assert told.history["3"].sum() == pytest.approx(20 * 0.9 * 0.01)


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


def test_the_say_of_gold_grows_with_the_labels_that_were_checked() -> None:
    made, truth, _ = crowd()
    gold = {str(t): str(truth[t]) for t in range(60)}
    levels = learner(gold_trust=20.0).fit(made, gold=gold).levels_
    judges = next(level for level in levels.hierarchy.levels if level.name == "judges")
    assert dict(zip(judges.items, judges.p))["gold"] == pytest.approx(60 / (60 + 20))
    assert judges.p[:-1] == pytest.approx(np.full(3, 20 / 80 / 3))


def test_the_temperature_is_that_of_probabilities_that_have_not_seen_gold() -> None:
    made, truth, _ = crowd(seed=1)
    gold = {str(t): str((truth[t] + 1) % 3) for t in range(60)}
    known = gold_positions(made, gold)
    fit = learner(processes=(DawidSkene(),)).fit(made, gold=gold)
    blind = DawidSkene().fit(made).proba
    assert fit.temperature_ == pytest.approx(fitted_temperature(known, blind, 3.0))
    assert fit.temperature_ > 1.5 * fitted_temperature(known, clamped(blind, known), 3.0)


class Deaf(Majority):
    """Takes no gold."""

    def fit(self, votes: Votes, **given: Any) -> Aggregated:
        return super().fit(votes, **given | {"gold": None})


def test_what_the_panel_says_is_kept_where_gold_overrules_it() -> None:
    made, truth, X = crowd(tasks=60)
    gold = {str(t): str((truth[t] + 1) % 3) for t in range(10)}
    fit = learner(processes=(Deaf(),)).fit(made, X=X, gold=gold)
    assert fit.panel_.proba == pytest.approx(Majority().fit(made).proba)
    assert fit.labels_[:10].tolist() == list(gold.values())
    assert (fit.proba_[:10].max(axis=1) == 1).all()


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


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "wrong",
    [
        {"q": 0},
        {"q": 1.5},
        {"q_judges": 0},
        {"temperature": 0},
        {"gold_trust": np.inf},
        {"rounds": -1},
        {"folds": 1},
        {"processes": (Majority(), Majority())},
    ],
)
def test_settings_that_are_not_allowed(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        learner(**wrong).fit(crowd(tasks=10)[0])


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


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("settings", "given", "named"),
    [
        ({"q": "x"}, {}, "q must be a number"),
        ({"rounds": 1.5}, {}, "rounds must be a whole number"),
        ({"seed": -1}, {}, "seed must be a whole number"),
        ({"processes": ["majority"]}, {}, "sequence of aggregators"),
        ({"processes": ()}, {}, "one at least"),
        ({"processes": DawidSkene()}, {}, "sequence of aggregators"),
        ({"processes": [DawidSkene]}, {}, "sequence of aggregators"),
        ({}, {"feedback": ["text"]}, "feedback must hold records; got 'text'"),
        ({}, {"feedback": "text"}, "feedback must be a list of records"),
        ({}, {"feedback": {"a": 1}}, "feedback must be a list of records"),
        ({}, {"feedback": said(0.1, kind="whole")}, "feedback must be a list of records"),
        ({}, {"feedback": 3}, "feedback must be a list of records"),
        ({}, {"gold": ["a"]}, "gold must map"),
        ({}, {"history": [[1.0]]}, "history must map"),
    ],
)
def test_what_is_of_a_wrong_kind_is_named(
    settings: dict[str, object], given: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        NormLearner(**settings).fit(([0, 1], ["x", "y"], ["a", "b"]), **given)


def test_a_statement_on_a_part_is_not_taken_for_the_whole() -> None:
    about = About(kind="teacher", name="x", on="irregular verbs")
    said = Statement(source="admin", what=about, value=0.1, confidence=0.9)
    with pytest.raises(ConfigError, match="irregular verbs"):
        NormLearner().fit(([0, 1], ["x", "y"], ["a", "b"]), feedback=[said])

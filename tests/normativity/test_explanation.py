from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import as_votes
from precocial.normativity.aggregators import Majority
from precocial.normativity.learner import NormLearner
from tests.normativity.learners import crowd, learner, said


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


def test_an_explanation_tells_what_the_student_said_and_how_far_it_is_believed() -> None:
    made, truth, X = crowd(tasks=300, seed=4, shared=0.8)
    fit = learner().fit(made, X=X)
    said_ = [fit.explain(t).student for t in made.tasks]
    assert np.mean([one[0] == label for one, label in zip(said_, fit.labels_)]) > 0.8
    weight = {one[1] for one in said_}
    assert len(weight) == 1
    assert 0.7 < weight.pop() <= 1
    told = fit.explain("7")
    assert f"the student (right {told.student[1]:.0%}) says {told.student[0]}" in str(told)
    assert learner().fit(made).explain("7").student is None
    assert "student" not in str(learner().fit(made).explain("7"))
    # where a mistake is suspected, what it says of the two classes
    items = [said(0.0, kind="mistake", name="2", on="1")]
    gold = {str(t): str(truth[t]) for k in (1, 2) for t in np.flatnonzero(truth == k)[:6]}
    told = learner(student=SVC()).fit(made, X=X, gold=gold, feedback=items)
    ones = [t for t in np.flatnonzero(truth == 1) if str(t) not in gold]
    words = [told.explain(t).student[0] for t in ones]
    assert np.mean(np.array(words) == "1") > 0.8


def test_ties_go_to_the_commoner_class_and_are_told() -> None:
    made = as_votes([0, 0, 1, 1, 2, 2], [0, 1] * 3, [0, 1, 1, 2, 2, 2], classes=range(3))
    fit = learner(processes=(Majority(),)).fit(made)
    assert fit.labels_.tolist() == ["1", "2", "2"]
    assert fit.tied_ == ("0", "1")
    told = fit.explain("1")
    assert (told.label, told.tied) == ("2", ("1", "2"))
    assert "tied with 1" in str(told)
    assert fit.explain("2").tied == ()
    assert "tied" not in str(fit.explain("2"))


def test_what_to_ask_is_what_is_open() -> None:
    made = as_votes([0, 0, 1, 1, 2, 2], [0, 1] * 3, [0, 0, 0, 1, 1, 1], classes=range(2))
    fit = learner(processes=(Majority(),)).fit(made)
    assert fit.ask_next(1) == ("1",)
    assert len(fit.ask_next(10)) == 3
    with pytest.raises(ConfigError, match="at least 1"):
        fit.ask_next(0)


def test_before_fit_there_is_nothing_to_tell() -> None:
    for use in (lambda: NormLearner().ask_next(1), lambda: NormLearner().explain("t")):
        with pytest.raises(ConfigError, match="call fit first"):
            use()

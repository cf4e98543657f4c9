from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import as_votes
from precocial.normativity.student import Student, cross_fitted, lessons
from tests.normativity.learners import crowd, learner, right


def test_the_student_learns_and_helps() -> None:
    made, truth, X = crowd(each=2, seed=2)
    plain, taught = learner().fit(made), learner(rounds=3).fit(made, X=X)
    assert right(taught, truth) > right(plain, truth) + 0.05
    fresh = crowd(seed=9)
    assert np.mean(taught.student_.predict(fresh[2]) == fresh[1].astype(str)) > 0.9
    assert plain.student_ is None
    logistic = learner(student=LogisticRegression()).fit(made, X=X)
    assert isinstance(logistic.student_.model_, LogisticRegression)


def test_the_student_gives_probabilities_of_all_classes() -> None:
    made, truth, X = crowd(tasks=200, seed=2)
    wide = as_votes(made.task, made.teacher, made.label, tasks=range(200), classes=range(4))
    _, answers, Z = crowd(tasks=200, seed=9)
    for student in (None, LogisticRegression()):
        fit = learner(student=student).fit(wide, X=X)
        proba = fit.student_.predict_proba(Z)
        assert proba.shape == (200, 4)
        assert np.allclose(proba.sum(axis=1), 1)
        assert (proba[:, 3] == 0).all()  # nobody voted for it
        assert np.mean(proba.argmax(axis=1) == answers) > 0.9
        assert fit.student_.classes_ == ("0", "1", "2", "3")
    one = as_votes([0, 1], ["x", "y"], ["a", "a"], classes=("a", "b"))
    alone = learner().fit(one, X=[[0.0], [1.0]]).student_
    assert alone.predict_proba([[3.0]]).tolist() == [[1.0, 0.0]]
    few = Student(SVC().fit(X[:9], truth[:9]), ("0", "1", "2"))
    with pytest.raises(ConfigError, match="LogisticRegression"):
        few.predict_proba(X)


def test_features_that_do_not_fit_are_refused() -> None:
    made, _, X = crowd(tasks=20)
    for wrong in (X[:5], X[:, 0], np.full_like(X, np.nan), np.full_like(X, 1e300)):
        with pytest.raises(ConfigError, match="X must"):
            learner().fit(made, X=wrong)
    with pytest.raises(DataError, match="could not be fitted"):
        learner(student=SVC(C=-1.0)).fit(made, X=X)
    with pytest.raises(ConfigError, match="real numbers; got an array of complex128"):
        learner().fit(made, X=X.astype(complex))
    with pytest.raises(ConfigError, match="real numbers; got an array of <U"):
        learner().fit(made, X=X.astype(str))
    for odd in ([[None, 1.0]] * 20, [[object(), 1.0]] * 20, [[1.0], [1.0, 2.0]] * 10):
        with pytest.raises(ConfigError, match="X must"):
            learner().fit(made, X=odd)
    as_objects = learner().fit(made, X=X.astype(object))
    assert (as_objects.proba_ == learner().fit(made, X=X).proba_).all()


@pytest.mark.wrong_types
def test_features_that_the_student_was_not_taught_on_are_refused() -> None:
    made, _, X = crowd(tasks=20)
    student = learner().fit(made, X=X).student_
    for use in (student.predict, student.predict_proba):
        for wrong in (X[:, :1], X[0], None, "text", X.astype(complex), [["a", "b"]], X * np.inf):
            with pytest.raises(ConfigError, match=f"{use.__name__}: X must"):
                use(wrong)
    assert student.predict(X[:3].tolist()).shape == (3,)
    assert student.predict(X[:0]).shape == (0,)
    assert student.predict_proba(X[:0]).shape == (0, len(student.classes_))


class Mute(SVC):
    """Learns, and then says nothing."""

    def predict(self, X: Any) -> np.ndarray:
        raise ValueError("no words")


def test_a_student_that_cannot_predict_is_named() -> None:
    made, _, X = crowd(tasks=20)
    with pytest.raises(DataError, match=r"Mute\(\) could not predict: no words"):
        learner(student=Mute()).fit(made, X=X)


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

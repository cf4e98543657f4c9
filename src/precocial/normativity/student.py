"""A student who learns from the panel and then, where it has not been taught, judges with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.svm import SVC

from precocial.errors import ConfigError, DataError
from precocial.normativity.aggregators.result import Floats

CERTAIN = 0.8
"""A task is taught from if its class is this probable (ours: of its lessons at most a fifth are
wrong, where they are calibrated)."""
FEW = 2
"""A class that has fewer such tasks is taught from its most probable ones (ours)."""


def default_student() -> Any:
    """A support vector machine with scikit-learn's defaults."""
    return SVC()


def features_of(X: ArrayLike | None, tasks: int) -> NDArray[Any] | None:
    """(T, D) features, checked.

    Raises:
        ConfigError: another shape, or not finite.
    """
    if X is None:
        return None
    try:
        found = np.asarray(X)
    except ValueError as error:
        raise ConfigError("X must hold rows of one length") from error
    if found.ndim < 2 or len(found) != tasks:
        raise ConfigError(
            f"X must hold one row of features for each of the {tasks} tasks, in the order of "
            f"votes.tasks; got shape {found.shape}"
        )
    if found.dtype.kind in "fc" and not np.isfinite(found).all():
        raise ConfigError("X must be finite; it holds NaN or infinity")
    return found


def lessons(proba: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tasks to teach from and what: those whose class is certain, and at least `FEW` a class of
    those for which it is the most probable one."""
    label, sure = proba.argmax(axis=1), proba.max(axis=1)
    taught = sure >= CERTAIN
    for k in range(proba.shape[1]):
        of_class = np.flatnonzero(label == k)
        if taught[of_class].sum() < FEW:
            taught[of_class[np.argsort(-sure[of_class], kind="stable")[:FEW]]] = True
    where = np.flatnonzero(taught)
    return where, label[where]


def taught(student: Any, X: NDArray[Any], proba: Floats) -> Any:
    """A fitted copy of the student; of one class alone, what always says that class.

    Raises:
        DataError: the student cannot be fitted.
    """
    where, label = lessons(proba)
    if len(np.unique(label)) < 2:
        return Constant(int(label[0]) if len(label) else int(proba.sum(axis=0).argmax()))
    try:
        return clone(student).fit(X[where], label)
    except (ValueError, TypeError) as error:
        raise DataError(f"the student {student!r} could not be fitted: {error}") from error


def cross_fitted(
    student: Any, X: NDArray[Any], proba: Floats, *, folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(T,) what the student says of each task, taught from the other folds alone."""
    T = len(X)
    fold = rng.permutation(T) % min(folds, T)
    said = np.zeros(T, dtype=np.int64)
    for f in range(min(folds, T)):
        out = fold == f
        if out.all():
            return np.asarray(proba.argmax(axis=1))
        said[out] = taught(student, X[~out], proba[~out]).predict(X[out])
    return said


class Constant:
    """Says one class of everything."""

    def __init__(self, label: int) -> None:
        self.label = label

    def predict(self, X: Any) -> NDArray[np.int64]:
        """(N,) the class."""
        return np.full(len(X), self.label, dtype=np.int64)


class Student:
    """The fitted student; predicts names of classes.

    Attributes:
        classes_: their names.
        model_: the fitted copy, which predicts positions.
    """

    def __init__(self, model: Any, classes: tuple[str, ...]) -> None:
        self.model_, self.classes_ = model, classes

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:
        """(N,) names of classes for (N, D) features."""
        return np.asarray(np.array(self.classes_)[self.model_.predict(np.asarray(X))])

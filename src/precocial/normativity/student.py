"""A student who learns from the panel and then, where it has not been taught, judges with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

from precocial.errors import ConfigError, DataError
from precocial.feedback.votes import name_of
from precocial.normativity.aggregators.result import Floats

CERTAIN = 0.8
"""A task is taught from if its class is this probable (ours: of its lessons at most a fifth are
wrong, where they are calibrated)."""
FOLDS = 5
"""In which a student without probabilities gets them (ours, scikit-learn's default)."""
LARGEST = 1e100
"""Of a feature (ours): a student takes squares, sums and products of them, which must be finite."""
FEW = 2
"""A class that has fewer such tasks is taught from its most probable ones (ours)."""


def default_student() -> Any:
    """A support vector machine with scikit-learn's defaults."""
    return SVC()


def features_of(X: Any, tasks: tuple[str, ...], *, ordered: bool) -> NDArray[Any] | None:
    """(T, D) features in the order of `tasks`, checked.

    Args:
        X: a mapping from task to row, a data frame whose index holds the tasks, or rows in the
            order of `tasks`.
        tasks: T names.
        ordered: whether whoever gave rows knows that order. Else rows are refused where tasks are
            numbered from 0 but first appear in another order: row 3 might then be task 3 or the
            fourth task that was met.

    Raises:
        ConfigError: no numbers, another shape, not finite, tasks without a row, or an order that
            is not clear.
    """
    if X is None:
        return None
    named = _by_name(X, tasks)
    found = _numbers("X", X if named is None else named)
    if found.ndim < 2 or len(found) != len(tasks):
        raise ConfigError(
            f"X must hold one row of features for each of the {len(tasks)} tasks, in the order of "
            f"votes.tasks; got shape {found.shape}"
        )
    if named is None and not ordered and _shuffled(tasks):
        row = next(t for t, name in enumerate(tasks) if int(name) != t)
        raise ConfigError(
            f"X: row {row} may be that of task {row} or of task {tasks[row]}, which the votes "
            "mention in that place. Give dict(enumerate(X)) if tasks are row numbers, else a "
            "mapping from task to row"
        )
    return found


def _by_name(X: Any, tasks: tuple[str, ...]) -> list[Any] | None:
    """The rows of what holds them by name, in order; None if it does not."""
    if isinstance(X, Mapping):
        rows = list(X.items())
    elif hasattr(X, "index") and hasattr(X, "to_numpy"):
        rows = list(zip(X.index, X.to_numpy(), strict=True))
    else:
        return None
    held = {name_of("X: task", name): row for name, row in rows}
    if not isinstance(X, Mapping) and not held.keys() & set(tasks):
        return None
    if len(held) < len(X):
        raise ConfigError("X: two of its tasks have the same name; give one row for each")
    missing = [name for name in tasks if name not in held]
    if missing:
        raise ConfigError(
            f"X holds no row for {len(missing)} of the {len(tasks)} tasks, {missing[0]!r} first; "
            f"its own begin with {list(held)[:3]}"
        )
    return [held[name] for name in tasks]


def _shuffled(tasks: tuple[str, ...]) -> bool:
    """Whether the tasks are numbered from 0 and stand in another order."""
    if not all(name.isdecimal() and len(name) < 18 for name in tasks):
        return False
    numbers = [int(name) for name in tasks]
    count = list(range(len(tasks)))
    return numbers != count and sorted(numbers) == count


def _numbers(name: str, X: Any) -> NDArray[Any]:
    """X as an array of finite real numbers."""
    try:
        found = np.asarray(X)
        if found.dtype.kind == "O":
            found = found.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{name} must hold numbers, rows of one length; got {type(X).__name__} ({error})"
        ) from error
    if found.dtype.kind not in "biuf":
        raise ConfigError(
            f"{name} must hold real numbers; got an array of {found.dtype}. Turn text and "
            "categories into numbers first, complex numbers into two columns"
        )
    if not np.isfinite(found).all():
        raise ConfigError(f"{name} must be finite; it holds NaN or infinity")
    if found.dtype.kind == "f" and np.abs(found).max(initial=0.0) > LARGEST:
        raise ConfigError(
            f"{name} must be at most {LARGEST:g} in size, or students overflow; it holds "
            f"{np.abs(found).max():g}. Scale the features"
        )
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
    except (ValueError, TypeError, AttributeError) as error:
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
        model = taught(student, X[~out], proba[~out])
        try:
            said[out] = model.predict(X[out])
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"the student {student!r} could not predict: {error}") from error
    return said


class Constant:
    """Says one class of everything."""

    def __init__(self, label: int) -> None:
        self.label, self.classes_ = label, np.array([label])

    def predict(self, X: Any) -> NDArray[np.int64]:
        """(N,) the class."""
        return np.full(len(X), self.label, dtype=np.int64)

    def predict_proba(self, X: Any) -> Floats:
        """(N, 1) ones."""
        return np.ones((len(X), 1))


class Student:
    """The fitted student; predicts names of classes.

    Attributes:
        classes_: their names.
        model_: the fitted copy, which predicts positions.
    """

    def __init__(
        self, model: Any, classes: tuple[str, ...], width: tuple[int, ...] | None = None,
        lessons: tuple[NDArray[Any], NDArray[np.int64]] | None = None,
    ) -> None:  # fmt: skip
        """A fitted model.

        Args:
            model: predicts positions in `classes`.
            classes: their names.
            width: of one row of features, where it is to be checked.
            lessons: the rows and positions that it was taught from; `predict_proba` needs them
                where the model itself has no probabilities.
        """
        self.model_, self.classes_, self._width, self._lessons = model, classes, width, lessons

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:
        """(N,) names of classes for (N, D) features.

        Raises:
            ConfigError: features of another width than it was taught from, or no finite numbers.
        """
        rows = self._rows("predict", X)
        places = self.model_.predict(rows) if len(rows) else np.zeros(0, dtype=np.int64)
        return np.asarray(np.array(self.classes_)[places])

    def predict_proba(self, X: ArrayLike) -> Floats:
        """(N, K) probabilities of `classes_` for (N, D) features; 0 for one it was never taught.

        They are of what the panel would call a task, not of the truth. A model that has none, such
        as the default SVC, is fitted again, fold by fold, with a sigmoid over its scores (Platt
        1999), when they are first asked for.

        Raises:
            ConfigError: as for `predict`; or a model without probabilities whose lessons are too
                few for that.
        """
        rows, model = self._rows("predict_proba", X), self._sure()
        found = np.zeros((len(rows), len(self.classes_)))
        if len(rows):
            found[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(rows)
        return found

    def _sure(self) -> Any:
        """The model, or one over it that has probabilities."""
        if hasattr(self.model_, "predict_proba"):
            return self.model_
        if not hasattr(self, "_calibrated"):
            X, label = self._lessons or (np.zeros((0, 1)), np.zeros(0, dtype=np.int64))
            least = int(np.unique(label, return_counts=True)[1].min(initial=len(label)))
            if least < FEW or not hasattr(self.model_, "decision_function"):
                raise ConfigError(
                    f"predict_proba: {type(self.model_).__name__} has no probabilities, and they "
                    f"cannot be fitted to scores with {least} lessons of a class; give "
                    "student=LogisticRegression(), which has them"
                )
            folds = CalibratedClassifierCV(clone(self.model_), cv=min(FOLDS, least), ensemble=False)
            self._calibrated = folds.fit(X, label)
        return self._calibrated

    def _rows(self, name: str, X: Any) -> NDArray[Any]:
        """X, if it is of the kind that the student was taught from."""
        found = _numbers(f"{name}: X", X)
        width = found.shape[1:] if self._width is None else self._width
        if found.ndim < 2 or found.shape[1:] != width:
            raise ConfigError(
                f"{name}: X must hold rows of {' x '.join(map(str, width)) or 'some'} features, as "
                f"the student was taught from; got shape {found.shape}"
            )
        return found

"""Learning from many imperfect teachers: `NormLearner`, in the manner of scikit-learn."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError
from precocial.feedback.records import Item
from precocial.feedback.votes import Votes, gold_positions, name_of, votes_of
from precocial.io import shown
from precocial.normativity.aggregators.result import Aggregated, Aggregator, clamped, likeliest
from precocial.normativity.calibration import TEMPERATURE, fitted_temperature, tempered
from precocial.normativity.explanation import (
    Explanation,
    Teacher,
    Word,
    entropy,
    explained,
    next_tasks,
    teachers,
)
from precocial.normativity.folding import Folded, folded, with_more
from precocial.normativity.mistakes import (
    Groups,
    Mistakes,
    coarse,
    coarse_history,
    groups_of,
    heeded,
    layers,
    student_evidence,
    within,
)
from precocial.normativity.panel import (
    JUDGES,
    PanelResult,
    Unread,
    chosen,
    default_panel,
    with_gold,
)
from precocial.normativity.student import (
    Student,
    cross_fitted,
    default_student,
    features_of,
    lessons,
    taught,
)

Floats = NDArray[np.float64]
Q = 0.3
"""Of the default panel's fifteen processes the best four and a half (ours, chosen on generated
and real crowds together; `benchmarks/real_crowds.py` chooses with one family left out)."""
Q_JUDGES = 0.9
"""Ours, chosen likewise: judges keep most of their trust, and lose it where they stand alone."""
GOLD = 100.0
"""Gold labels at which the judge who looks at gold has half the trust (ours; with one family of
crowds left out `benchmarks/real_crowds.py` chooses 25 or 200)."""
STUDENT = "student"


class NormLearner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classes of tasks, and a student of them, from many imperfect teachers.

    A panel of learning processes reads the votes; judges who need no gold, and one who looks at
    gold where there is some, choose the top `q` of the panel at the fixed point of
    `panel.chosen`; the chosen processes are averaged. A gold label is never read but as given to
    `fit`. With features, a student is taught from the result, fold by fold, votes on the tasks it
    was not taught from, and the panel reads its votes too, `rounds` times.

    Args:
        student: a classifier of scikit-learn; by default `SVC()`, whose time grows with the square
            of the tasks: beyond some ten thousand give another.
        processes: aggregators; by default `panel.default_panel()`.
        q: the part of the processes kept; q_judges: the part of the judges.
        gold_trust: gold labels at which the gold judge has half of the trust.
        temperature: log probabilities are divided by it: teachers' mistakes are not independent,
            so products of votes are too sure. With gold it is fitted, drawn towards this value.
        rounds, folds: of the student.
        warm_start: keep what needs no gold from the last fit, where votes, history, feedback and
            processes are still the same: refits with more gold are then quick.
        seed: of folds and halves.

    Attributes:
        labels_: (T,) names of classes, in the order of `votes_.tasks`. Of classes that are equally
            probable (within 1e-9) the one with more votes over all tasks, of equals in that the
            first of `classes_`.
        tied_: names of the tasks on which classes are so.
        proba_: (T, K) their calibrated probabilities.
        classes_, votes_: names of classes; the votes as read.
        teachers_: one `Teacher` each, with an interval.
        panel_: the `PanelResult`; `levels_` is its fixed point.
        student_: a fitted `Student`, or None without X.
        temperature_: as used.
        unused_: an `Unused` for each record of feedback that changed no label, with the reason: a
            kind of mistake of which not both classes have a checked label, an item that is not
            there or was taken back.
    """

    def __init__(
        self,
        *,
        student: Any = None,
        processes: Sequence[Aggregator] | None = None,
        q: float = Q,
        q_judges: float = Q_JUDGES,
        gold_trust: float = GOLD,
        temperature: float = TEMPERATURE,
        rounds: int = 4,
        folds: int = 5,
        warm_start: bool = False,
        seed: int = 0,
    ) -> None:
        self.student, self.processes = student, processes
        self.q, self.q_judges, self.gold_trust = q, q_judges, gold_trust
        self.temperature, self.rounds, self.folds, self.seed = temperature, rounds, folds, seed
        self.warm_start = warm_start

    def fit(
        self,
        votes: Any,
        X: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        gold: Mapping[Any, Any] | None = None,
        history: Mapping[Any, ArrayLike] | None = None,
        feedback: Iterable[Item] | None = None,
    ) -> NormLearner:
        """Learn.

        Args:
            votes: `Votes`, a table with columns task, worker and label, what `read_crowd` gives, a
                list of `Label`, or three columns.
            X: features. By name: a mapping from task to its row, or a data frame whose index holds
                the tasks. Else (T, D) in the order in which tasks first appear among the votes
                (`votes.tasks`).
            gold: task to class, of tasks that were checked.
            history: teacher to (K, K) past counts [true class, label given]; of teachers who do
                not vote here it is passed over.
            feedback: records of `precocial.feedback`; see `folding.folded`.

        Raises:
            ConfigError, DataError: settings, votes or feedback that do not fit.
        """
        self._check()
        read = votes_of(votes)
        for name, value in (("gold", gold), ("history", history)):
            if value is not None and not isinstance(value, Mapping):
                raise ConfigError(
                    f"NormLearner: {name} must map names to values, as a dict does; got "
                    f"{type(value).__name__}"
                )
        panel = default_panel() if self.processes is None else tuple(self.processes)
        names = [one.name for one in panel]
        if len(set(names)) < len(names):
            raise ConfigError(f"NormLearner: processes must have names of their own; got {names}")
        told = folded(read, () if feedback is None else feedback, names, history)
        who = {name_of("history: teacher", name) for name in history or ()}
        if history and not who & set(told.votes.teachers):
            raise DataError(
                f"history holds none of the teachers: it names {list(history)[:5]!r:.100}, and "
                f"those who vote are {list(read.teachers[:5])!r:.100}"
            )
        known = gold_positions(read, gold)
        features = features_of(X, read.tasks, ordered=read is votes)
        self.votes_, self.classes_, self.gold_ = read, read.classes, known
        self.unused_ = told.left_out(known)
        self.panel_ = self._panel(panel, told, known)
        proba, self._open = self._learnt(panel, told, known, features)
        self.temperature_ = fitted_temperature(known, self._unseen, self.temperature)
        self.proba_ = clamped(tempered(proba, self.temperature_), known)
        self._place, tied = likeliest(self.proba_, read)
        self.labels_ = np.array(read.classes)[self._place]
        self.tied_ = tuple(read.tasks[t] for t in np.flatnonzero(tied))
        self.levels_ = self.panel_.levels
        sure = clamped(proba, known)
        self.teachers_: tuple[Teacher, ...] = teachers(read, sure)
        self.student_ = None
        if features is not None:
            where, label = lessons(sure)
            self.student_ = Student(
                taught(self._classifier(), features, sure), read.classes, features.shape[1:],
                (features[where], label),
            )  # fmt: skip
        return self

    def explain(self, task: Any) -> Explanation:
        """Why a task is called what it is: votes, teachers, student, processes.

        Raises:
            DataError: an unknown task.
        """
        self._is_fitted("explain")
        return explained(
            str(task), self.votes_, self.proba_, self._place, self.teachers_, self.panel_,
            self.gold_, self._word,
        )  # fmt: skip

    @checked
    def ask_next(self, k: int = 1) -> tuple[str, ...]:
        """The k tasks whose gold label would tell most: see `explanation.next_tasks`.

        Raises:
            ConfigError: k below 1, or no whole number.
        """
        self._is_fitted("ask_next")
        places = next_tasks(self.proba_, self._open, self.panel_, self.gold_, k, seed=self.seed)
        return tuple(self.votes_.tasks[t] for t in places)

    def _is_fitted(self, what: str) -> None:
        if not hasattr(self, "proba_"):
            raise ConfigError(
                f"NormLearner: {what} needs votes to have been learned: call fit first"
            )

    def _check(self) -> None:
        for name in ("q", "q_judges", "gold_trust", "temperature"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or isinstance(value, bool):
                raise ConfigError(f"NormLearner: {name} must be a number; got {value!r}")
        for name in ("rounds", "folds", "seed"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 0:
                raise ConfigError(
                    f"NormLearner: {name} must be a whole number, not below 0; got {value!r}"
                )
        if not isinstance(self.warm_start, bool | np.bool_):
            raise ConfigError(
                f"NormLearner: warm_start must be True or False; got {shown(self.warm_start)}"
            )
        few = self.processes
        if few is not None and not (
            isinstance(few, Sequence) and len(few)
            and all(callable(getattr(one, "fit", None)) and hasattr(one, "name")
                    and not isinstance(one, type) for one in few)
        ):  # fmt: skip
            raise ConfigError(
                "NormLearner: processes must be a sequence of aggregators, one at least, such as "
                f"(DawidSkene(), OneCoin()), or None for the default panel; got {shown(few)}"
            )
        for name, low, high in (("q", 0, 1), ("q_judges", 0, 1)):
            value = getattr(self, name)
            if not low < value <= high:
                raise ConfigError(f"NormLearner: {name} must lie in (0, 1]; got {value!r}")
        for name in ("gold_trust", "temperature"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ConfigError(f"NormLearner: {name} must be above 0; got {value!r}")
        if self.folds < 2:
            raise ConfigError(f"NormLearner: folds must be at least 2; got {self.folds!r}")

    def _panel(
        self, panel: Sequence[Aggregator], told: Folded, gold: NDArray[np.int64]
    ) -> PanelResult:
        """The panel judged and its best part averaged."""
        votes, weight, history = told.votes, told.weight, told.history
        given: dict[str, Any] = {"weight": weight, "history": history, "seed": self.seed}
        before: Unread | None = getattr(self, "_before", None) if self.warm_start else None
        if before is None or not before.is_of(panel, votes, **given):
            before = Unread.of(panel, votes, **given)
        self._before = before
        blind, verdict = before.fits, before.verdict
        checked = int((gold >= 0).sum())
        trust = np.full(len(JUDGES), 1 / len(JUDGES))
        if checked:
            verdict = with_gold(verdict, [fit.proba for fit in blind], gold)
            part = checked / (checked + self.gold_trust)
            trust = np.append((1 - part) * trust, part)
        settled = chosen(verdict, base=told.base, trust=trust, q=self.q, q_judges=self.q_judges)
        share = settled.levels["processes"]
        self._unseen = sum(r * fit.proba for r, fit in zip(share, blind, strict=True))
        fits = {
            i: self._refit(panel[i], votes, weight, history, gold) if checked else blind[i]
            for i in np.flatnonzero(share > 0).tolist()
        }
        return PanelResult(
            proba=_mixed(share, fits), share=share, fits=fits, verdict=verdict, levels=settled
        )

    @staticmethod
    def _refit(
        process: Aggregator, votes: Votes, weight: Floats, history: Any, gold: NDArray[np.int64]
    ) -> Aggregated:
        named = {votes.tasks[t]: votes.classes[gold[t]] for t in np.flatnonzero(gold >= 0)}
        return process.fit(votes, gold=named, history=history, weight=weight)

    def _learnt(
        self, panel: Sequence[Aggregator], told: Folded, gold: NDArray[np.int64],
        X: NDArray[Any] | None,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """(T, K) probabilities after the student, and (T,) how open suspected answers are, in
        nats."""
        rng = np.random.default_rng(self.seed)
        proba = self.panel_.proba
        self._word: Word | None = None
        for _ in range(self.rounds if X is not None else 0):
            said = self._says(X, clamped(proba, gold), rng)
            proba, accuracy = self._mix(panel, *_with_student(told, said), told.history, gold)
            self._word = Word(said=said, right=np.full(len(said), accuracy[-1]))
        joined = heeded(told.mistakes)
        if not joined:
            return proba, np.zeros(len(proba))
        checked = heeded(joined, gold)
        left, made, open_ = self._suspecting(panel, told, gold, X, checked, rng)
        proba = left * proba + made
        if checked != joined:  # what is not checked is worth asking about
            word = self._word
            _, _, open_ = self._suspecting(panel, told, gold, X, joined, rng)
            self._word = word
        return proba, open_

    def _suspecting(
        self, panel: Sequence[Aggregator], told: Folded, gold: NDArray[np.int64],
        X: NDArray[Any] | None, mistakes: Mistakes, rng: np.random.Generator,
    ) -> tuple[float, Floats, Floats]:  # fmt: skip
        """What is left to the answers as they stand, (T, K) probabilities with the rest of them
        suspected, and (T,) the entropy that this leaves within groups."""
        left, sets = 1.0, layers(mistakes)
        share = sum(part for part, _ in sets)
        made, open_ = np.zeros(self.panel_.proba.shape), np.zeros(len(self.panel_.proba))
        for part, some in sets:
            groups = groups_of(some, told.votes.classes)
            proba, inside, word = self._joined(panel, told, gold, X, groups, rng)
            if word is not None and self._word is not None and share - part < 0.5 <= share:
                self._word = self._word.where(word)
            left, share = left - part, share - part
            made += part * proba
            open_ += part * inside
        return left, made, open_

    def _joined(
        self, panel: Sequence[Aggregator], told: Folded, gold: NDArray[np.int64],
        X: NDArray[Any] | None, groups: Groups, rng: np.random.Generator,
    ) -> tuple[Floats, Floats, Floats | None]:  # fmt: skip
        """(T, K) probabilities where suspected answers tell groups apart and not their classes,
        (T,) the entropy within groups, and (T, K) the student's log evidence there."""
        past = coarse_history(told.history, groups)
        known = np.where(gold >= 0, groups.of[gold], -1)
        plain = coarse(told.votes, groups)
        joined, accuracy = self._mix(panel, plain, told.weight, past, known)
        inside = within(told.votes, told.weight, accuracy, groups, None)
        evidence = None
        for _ in range(self.rounds):
            if X is None:
                break
            said = self._says(X, clamped(joined, known), rng)
            more = _with_student(replace(told, votes=plain), said)
            joined, _ = self._mix(panel, *more, past, known)
            evidence = student_evidence(
                self._classifier(), X, joined, inside, gold, groups, folds=self.folds, rng=rng
            )
            inside = within(told.votes, told.weight, accuracy, groups, evidence)
        made = clamped(joined[:, groups.of] * inside, gold)
        return made, entropy(made) - entropy(joined), evidence

    def _mix(
        self, panel: Sequence[Aggregator], votes: Votes, weight: Floats, history: Any,
        gold: NDArray[np.int64],
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """(T, K) the mean of the chosen processes, on other votes; (W,) accuracies likewise."""
        share = self.panel_.share
        fits = {
            i: self._refit(panel[i], votes, weight, history, gold)
            for i in np.flatnonzero(share > 0).tolist()
        }
        accuracy = np.asarray(sum(share[i] * fit.accuracy for i, fit in fits.items()))
        return _mixed(share, fits), accuracy

    def _classifier(self) -> Any:
        return default_student() if self.student is None else self.student

    def _says(self, X: Any, proba: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
        return cross_fitted(self._classifier(), X, proba, folds=self.folds, rng=rng)


def _mixed(share: Floats, fits: Mapping[int, Aggregated]) -> Floats:
    return np.asarray(sum(share[i] * fit.proba for i, fit in fits.items()))


def _with_student(told: Folded, said: NDArray[np.int64]) -> tuple[Votes, Floats]:
    """The votes and a student's on every task."""
    T, W = len(told.votes.tasks), len(told.votes.teachers)
    return with_more(
        told.votes, told.weight, task=np.arange(T), teacher=np.full(T, W), label=said,
        teachers=(*told.votes.teachers, _unused(STUDENT, told.votes.teachers)), more=np.ones(T),
    )  # fmt: skip


def _unused(name: str, names: tuple[str, ...]) -> str:
    while name in names:
        name = f"{name}'"
    return name

"""How right a panel is, and what it is worth, on gold labels that were held out of each fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from precocial.errors import DataError
from precocial.feedback.votes import Votes, gold_positions
from precocial.normativity.aggregators.dawid_skene import (
    DawidSkene,
    OneCoin,
    smoothed_dawid_skene,
)
from precocial.normativity.aggregators.glad import Glad
from precocial.normativity.aggregators.mace import Mace
from precocial.normativity.aggregators.majority import Majority
from precocial.normativity.aggregators.result import hits
from precocial.normativity.calibration import calibration_error
from precocial.normativity.learner import NormLearner
from precocial.runs import stream
from precocial.worth import Curve, WorthRow, worth

Floats = NDArray[np.float64]
FOLDS = 5
LEAST = 20
"""Gold labels without which nothing is said of how right anything is (ours)."""
SIZES = (5, 10, 20, 50, 100, 200)
DRAWS = 5
"""Draws of the gold labels that are given, for each size (ours)."""
SCORED = 30
"""Gold labels that are left to score every draw (ours)."""
WORTH_LEAST = SIZES[1] + SCORED
"""Gold labels that the worth needs at least: two sizes, and what scores them."""
TINY = 1e-9
LEVEL = 0.95
OWN = "fixed point"
ABLATIONS = ("one level", "no meta level")
"""Arms that are the learner itself without some of its levels."""
BARE = "without features and feedback"
"""The learner from votes and gold alone, as the single aggregators have it."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to aggregate, on gold labels that it had not seen.

    Attributes:
        name: which way.
        accuracy: share right (ties share), with the 95 % bootstrap interval over tasks.
        low, high: its ends.
        calibration: expected calibration error, ten bins.
        nats: mean of -log of the probability of gold, cut at 1e-9.
    """

    name: str
    accuracy: float
    low: float
    high: float
    calibration: float
    nats: float


Fit = Callable[[Votes, Mapping[str, str]], Floats]


def compare(
    votes: Votes, gold: Mapping[str, str], *, learner: NormLearner, X: Any = None,
    feedback: Sequence[Any] = (), folds: int = FOLDS,
) -> list[Arm]:  # fmt: skip
    """The learner beside its own ablations and beside single aggregators, all with the same gold.

    The arms: "fixed point" (the learner), "one level" (judges weighed as they are, not by one
    another), "no meta level" (all processes alike), and, with features or feedback, "without
    features and feedback"; then majority, one-coin, Dawid-Skene, smoothed Dawid-Skene, GLAD and
    MACE, which read neither features nor feedback. Each gold label is held out of the fit that is
    scored on it.

    Raises:
        DataError: fewer than `LEAST` gold labels.
    """
    known = gold_positions(votes, gold)
    where = np.flatnonzero(known >= 0)
    if len(where) < LEAST:
        raise DataError(f"a comparison needs {LEAST} gold labels at least; got {len(where)}")
    arms = _arms(learner, X, feedback)
    fold = stream(learner.seed, "normativity", "held out").permutation(len(where)) % folds
    found = {name: np.zeros((len(votes.tasks), len(votes.classes))) for name in arms}
    for f in range(folds):
        out = where[fold == f]
        rest = {votes.tasks[t]: votes.classes[known[t]] for t in where[fold != f]}
        for name, fit in arms.items():
            found[name][out] = fit(votes, rest)[out]
    return [_arm(name, proba, known, learner.seed) for name, proba in found.items()]


def gold_worth(
    votes: Votes, gold: Mapping[str, str], *, learner: NormLearner, X: Any = None,
    feedback: Sequence[Any] = (),
) -> list[WorthRow]:  # fmt: skip
    """How many more gold labels Dawid-Skene needs for the error that the learner has with so many.

    Both learn from `SIZES` gold labels, `DRAWS` times drawn, and are scored on the others.

    Returns:
        A row for each size; none where gold is too little to leave `SCORED` for two sizes.
    """
    known = gold_positions(votes, gold)
    where = np.flatnonzero(known >= 0)
    sizes = [n for n in SIZES if n <= len(where) - SCORED]
    if len(where) < WORTH_LEAST:
        return []
    arms = _arms(learner, X, feedback)
    losses = {name: np.zeros((len(sizes), DRAWS)) for name in (OWN, "Dawid-Skene")}
    for draw in range(DRAWS):
        order = stream(learner.seed, "normativity", "gold", str(draw)).permutation(where)
        for row, size in enumerate(sizes):
            given = {votes.tasks[t]: votes.classes[known[t]] for t in order[:size]}
            for name, loss in losses.items():
                right = hits(arms[name](votes, given)[order[size:]], known[order[size:]])
                loss[row, draw] = max(1.0 - right.mean(), 0.5 / len(right))
    unit = {"data_unit": "gold labels", "loss_unit": "error"}
    curves = [
        Curve.from_arrays(sizes, losses[name], arm=name, **unit) for name in ("Dawid-Skene", OWN)
    ]
    return list(worth(*curves, bootstrap=500, seed=learner.seed).rows)


def _arms(learner: NormLearner, X: Any, feedback: Sequence[Any]) -> dict[str, Fit]:
    more: dict[str, Any] = {"X": X, "feedback": feedback}

    def learned(more: dict[str, Any] = more, **settings: Any) -> Fit:
        own = clone(learner).set_params(warm_start=True, **settings)
        return lambda votes, gold: np.asarray(own.fit(votes, gold=gold, **more).proba_)

    def single(process: Any) -> Fit:
        return lambda votes, gold: np.asarray(process.fit(votes, gold=gold).proba)

    one_level, no_meta_level = ABLATIONS
    bare = {BARE: learned({})} if X is not None or len(feedback) else {}
    singles = (Majority(), OneCoin(), DawidSkene(), smoothed_dawid_skene(), Glad(), Mace())
    return {
        OWN: learned(),
        one_level: learned(q_judges=1.0),
        no_meta_level: learned(q=1.0),
        **bare,
        **{process.name: single(process) for process in singles},
    }


def _arm(name: str, proba: Floats, known: NDArray[np.int64], seed: int) -> Arm:
    where = np.flatnonzero(known >= 0)
    right = hits(proba[where], known[where])
    draws = stream(seed, "normativity", "bootstrap").integers(len(right), size=(2000, len(right)))
    ends = np.quantile(right[draws].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean = float(right.mean())
    return Arm(
        name=name, accuracy=mean, low=min(mean, float(ends[0])), high=max(mean, float(ends[1])),
        calibration=calibration_error(proba, known),
        nats=float(-np.log(np.maximum(proba[where, known[where]], TINY)).mean()),
    )  # fmt: skip

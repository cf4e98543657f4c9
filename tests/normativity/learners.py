"""Crowds and learners that the tests of `NormLearner` share."""

from __future__ import annotations

from typing import Any

import numpy as np

from precocial.feedback.records import (
    About,
    Statement,
)
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import DawidSkene, Majority, OneCoin, smoothed_dawid_skene
from precocial.normativity.learner import NormLearner

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

"""Simulated teachers do what their matrices say, within a binomial budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from precocial.errors import ConfigError
from precocial.feedback import Label, Panel, SharedMistake, Simulated, simulate_teachers

BUDGET = 1e-6
"""The false alarms of a whole test: it is shared by all cells that are compared."""
TRUTH = np.random.default_rng(5).integers(0, 5, 20_000)
ALL: dict[str, Panel] = {
    "digits": Panel(labels_per_task=None, teachers=4),
    "slips": Panel(labels_per_task=None, teachers=3, slip=0.4, accuracy=(0.9, 1.0)),
    "shared": Panel(
        labels_per_task=None,
        teachers=6,
        shared=(
            SharedMistake(true=1, said=2, rate=0.7),
            SharedMistake(true=3, said=0, rate=0.5, teachers=0.5),
        ),
    ),
    "traps": Panel(
        labels_per_task=None,
        teachers=6,
        shared=(
            SharedMistake(true=1, said=2, rate=0.6, same_tasks=True),
            SharedMistake(true=1, said=4, rate=0.5, teachers=0.5, same_tasks=True),
            SharedMistake(true=1, said=0, rate=0.3),
        ),
    ),
    "odd": Panel(
        labels_per_task=None, teachers=7, always=2, adversarial=1, copiers=2, copy=0.6, slip=0.1
    ),
    "asked": Panel(labels_per_task=3, teachers=8, abstain=0.3, copiers=1),
}


def counts(found: Simulated) -> np.ndarray[Any, Any]:
    """(W, K, K) how often each teacher called a task of class k class l."""
    n = np.zeros(found.confusion.shape, dtype=np.int64)
    np.add.at(n, (found.teacher, found.truth[found.task], found.label), 1)
    return n


def off_budget(n: np.ndarray[Any, Any], p: np.ndarray[Any, Any]) -> int:
    """How many cells lie outside what a binomial with their probability gives."""
    total = n.sum(axis=-1, keepdims=True)
    tail = BUDGET / (2 * n.size)
    few = (binom.cdf(n, total, p) < tail) & (n < total * p)
    many = (binom.sf(n - 1, total, p) < tail) & (n > total * p)
    return int((few | many).sum())


@pytest.mark.parametrize("name", ALL)
def test_answers_follow_the_matrices(name: str) -> None:
    found = simulate_teachers(TRUTH, ALL[name], seed=3, classes=5)
    np.testing.assert_allclose(found.confusion.sum(axis=2), 1)
    assert off_budget(counts(found), found.confusion) == 0
    # The budget is not so wide that a matrix a little off would pass.
    other = 0.9 * found.confusion + 0.1 / 5
    assert off_budget(counts(found), other) > 0


def test_difficulty_adds_answers_at_random() -> None:
    panel = Panel(labels_per_task=None, teachers=5, difficulty=(1.0, 3.0), accuracy=(0.9, 0.9))
    found = simulate_teachers(TRUTH, panel, seed=1)
    right = np.diagonal(counts(found), axis1=1, axis2=2)
    total = np.broadcast_to(np.bincount(TRUTH), right.shape)
    spread = np.sqrt(total * found.expected() * (1 - found.expected()))
    assert (np.abs(right - total * found.expected()) < 6 * spread).all()
    d = found.difficulty[found.task]
    hits = found.label == found.truth[found.task]
    for part in (d > 0.6, d < 0.1):  # 0.9 of what is not at random, a fifth of what is
        assert hits[part].mean() == pytest.approx((0.9 - 0.7 * d[part]).mean(), abs=0.02)


def test_the_setting_of_the_sheet_in_one_call() -> None:
    truth = np.random.default_rng(0).integers(0, 10, 1200)
    plain = simulate_teachers(truth, seed=0)
    assert len(plain) == 3600
    assert (np.bincount(plain.task) == 3).all()
    right = np.diagonal(plain.confusion, axis1=1, axis2=2)
    assert plain.confusion.shape == (10, 10, 10)
    assert (right >= 0.45).all()
    assert (right <= 0.7).all()
    np.testing.assert_allclose(right.std(axis=1), 0, atol=1e-12)
    shared = simulate_teachers(
        truth, Panel(shared=(SharedMistake(true=4, said=9, rate=0.7),)), seed=0
    )
    assert (shared.confusion[:, 4, 9] >= 0.7).all()
    # But for the one class, the same teachers gave the same answers.
    kept = plain.truth[plain.task] != 4
    np.testing.assert_array_equal(plain.label[kept], shared.label[kept])
    assert (shared.accuracy < plain.accuracy).all()


def test_habits_are_each_teachers_own_and_few() -> None:
    def surprise(habit: float) -> float:
        """Mean share of the most frequent wrong answer."""
        found = simulate_teachers(TRUTH, Panel(habit=habit, teachers=40), classes=5)
        wrong = found.confusion * ~np.eye(5, dtype=bool)
        return float((wrong.max(axis=2) / wrong.sum(axis=2)).mean())

    assert surprise(0.05) > 0.85
    assert surprise(100.0) < 0.4
    found = simulate_teachers(TRUTH, classes=5)
    assert len(np.unique(found.confusion.round(12), axis=0)) == 10


def test_the_odd_ones() -> None:
    found = simulate_teachers(TRUTH, ALL["odd"], seed=3, classes=5)
    assert found.kinds == ("honest",) * 2 + ("always",) * 2 + ("adversarial",) + ("copier",) * 2
    n = counts(found)
    for w, kind in enumerate(found.kinds):
        if kind == "always":
            assert (n[w].sum(axis=0) > 0).sum() == 1
        if kind == "adversarial":
            assert np.trace(n[w]) == 0
    assert (found.copied >= 0).tolist() == [kind == "copier" for kind in found.kinds]


def test_who_copies_always_says_the_same() -> None:
    panel = Panel(teachers=6, copiers=3, labels_per_task=None, slip=0.3)
    found = simulate_teachers(TRUTH, panel, seed=2)
    said = found.label.reshape(len(TRUTH), 6)
    for copier in (3, 4, 5):
        np.testing.assert_array_equal(said[:, copier], said[:, found.copied[copier]])
    assert (said[:, 0] != said[:, 1]).any()


def test_traps_are_the_same_tasks_for_all() -> None:
    shared = SharedMistake(true=1, said=2, rate=0.5, same_tasks=True)
    panel = Panel(teachers=5, labels_per_task=None, shared=(shared,), accuracy=(1.0, 1.0))
    found = simulate_teachers(TRUTH, panel, seed=2)
    said = found.label.reshape(len(TRUTH), 5)
    assert (said == said[:, :1]).all()
    np.testing.assert_array_equal(
        said[:, 0], np.where(found.trapped >= 0, found.trapped, found.truth)
    )
    assert 0.4 < (found.trapped[TRUTH == 1] == 2).mean() < 0.6
    assert (found.trapped[TRUTH != 1] == -1).all()


def test_matrices_of_ones_own() -> None:
    own = np.stack([np.eye(3), np.full((3, 3), 1 / 3)])
    found = simulate_teachers(
        [0, 1, 2] * 100, Panel(teachers=2, labels_per_task=None), confusion=own
    )
    np.testing.assert_allclose(found.confusion, own)
    first = found.teacher == 0
    np.testing.assert_array_equal(found.label[first], found.truth)
    assert 50 < (found.label[~first] == found.truth).sum() < 150


def test_the_same_seed_gives_the_same_bytes() -> None:
    panel = Panel(
        teachers=9, difficulty=(1, 2), copiers=2, always=1, abstain=0.1, cost=(1, 3),
        shared=(SharedMistake(true=0, said=1, rate=0.5, teachers=0.5),),
    )  # fmt: skip
    one, same, other = (simulate_teachers(TRUTH, panel, seed=seed) for seed in (4, 4, 5))
    for name in ("task", "teacher", "label", "confusion", "difficulty", "cost"):
        assert getattr(one, name).tobytes() == getattr(same, name).tobytes()
    assert one.label.tobytes() != other.label.tobytes()
    assert one.total_cost == pytest.approx(one.cost[one.teacher].sum())
    assert (one.cost >= 1).all()
    assert (one.cost <= 3).all()


def test_answers_as_items() -> None:
    found = simulate_teachers([0, 1], Panel(teachers=2, labels_per_task=None), classes=2)
    items = found.items(teachers=["ann", "bob"], classes=["no", "yes"])
    assert len(items) == 4
    assert items[1] == Label(source="bob", task="0", label=("no", "yes")[found.label[1]])
    with pytest.raises(ConfigError, match="tasks must be 2 names; got 1"):
        found.items(tasks=["x"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accuracy": (0.7, 0.4)}, "accuracy"),
        ({"accuracy": (0.7, 1.4)}, "accuracy"),
        ({"habit": 0.0}, "habit"),
        ({"slip": -0.1}, "slip"),
        ({"abstain": float("nan")}, "abstain"),
        ({"cost": (2.0, 1.0)}, "cost"),
        ({"difficulty": (0.0, 1.0)}, "difficulty"),
        ({"labels_per_task": 11}, "labels_per_task must lie in 1 to 10"),
        ({"labels_per_task": 0}, "labels_per_task"),
        ({"teachers": 0}, "teachers"),
        ({"always": 6, "adversarial": 5}, "hold the 11"),
        ({"copiers": 10}, "somebody must be there"),
        ({"copiers": -1}, "teachers"),
    ],
)
def test_a_panel_that_makes_no_sense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Panel(**options)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("truth", "options", "said"),
    [
        ([], {}, "truth"),
        ([0.5], {}, "truth"),
        ([-1], {}, "truth"),
        ([float("nan")], {}, "truth"),
        ([[0, 1]], {}, "truth"),
        (["a"], {}, "truth"),
        ([0, 1], {"classes": 1}, "classes must be 2 or more"),
        ([0, 5], {"classes": 3}, r"\(up to 5\)"),
        ([0, 1], {"seed": -1}, "seed"),
        ([0, 1], {"seed": 0.5}, "seed"),
        ([0, 1], {"confusion": np.eye(2)}, "confusion"),
        ([0, 1], {"panel": "digits"}, "panel"),
        ([0] * 10**6, {"panel": Panel(teachers=200, labels_per_task=None)}, "at most 100000000"),
        ([0, 1], {"panel": Panel(shared=(SharedMistake(true=0, said=4, rate=1),)), "classes": 2},
         "shared mistakes"),
    ],
)  # fmt: skip
def test_a_call_that_makes_no_sense_is_refused(
    truth: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        simulate_teachers(truth, **options)


@pytest.mark.parametrize(
    "options", [{"true": 1, "said": 1}, {"true": -1, "said": 1}, {"rate": 2.0}, {"teachers": -1.0}]
)
def test_a_shared_mistake_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="SharedMistake"):
        SharedMistake(**{"true": 0, "said": 1, "rate": 0.5, **options})

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import DawidSkene, Majority, OneCoin
from precocial.normativity.aggregators.result import Aggregated, coin_confusion
from precocial.normativity.panel import (
    JUDGE_FLOOR,
    Judged,
    _some_tasks,
    chosen,
    default_panel,
    gold_scores,
    judged,
    standard,
    with_gold,
)


def crowd(tasks: int = 200, seed: int = 0) -> tuple[Votes, np.ndarray]:
    """Teachers of two kinds: right in nine of ten cases, or guessing."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=tasks)
    task = np.repeat(np.arange(tasks), 6)
    worker = np.concatenate([rng.permutation(12)[:6] for _ in range(tasks)])
    right = rng.random(len(task)) < np.where(worker < 4, 0.9, 1 / 3)
    label = np.where(right, truth[task], rng.integers(3, size=len(task)))
    return as_votes(task, worker, label, classes=range(3)), truth


def verdict_of(scores: list[list[float]]) -> Judged:
    raw = np.array(scores)
    return Judged(
        processes=tuple(f"p{i}" for i in range(raw.shape[1])),
        judges=tuple(f"j{i}" for i in range(raw.shape[0])),
        raw=raw, scores=np.array([standard(row) for row in raw]),
    )  # fmt: skip


def shares(
    scores: list[list[float]], q: float = 0.25, q_judges: float = 0.75, of: str = "processes"
) -> np.ndarray:
    verdict = verdict_of(scores)
    J, M = verdict.raw.shape
    return chosen(
        verdict, base=np.full(M, 1 / M), trust=np.full(J, 1 / J), q=q, q_judges=q_judges
    ).levels[of]


def test_judges_prefer_the_process_that_knows_its_teachers() -> None:
    made, truth = crowd()
    panel = (Majority(), OneCoin())
    fits = [one.fit(made) for one in panel]
    assert (fits[1].label == truth).mean() > (fits[0].label == truth).mean()
    found = judged(panel, made, fits, weight=np.ones(len(made)), history=None, seed=0)
    assert found.judges == ("held-out votes", "halves of teachers", "charity")
    assert (found.raw[:2, 1] > found.raw[:2, 0]).all()
    assert np.allclose(found.scores.mean(axis=1), 0)
    assert np.allclose(found.scores.std(axis=1), 1)


class Counting(Majority):
    """Keeps what it was given."""

    def fit(self, votes: Votes, **given: Any) -> Aggregated:
        SEEN.append(votes)
        return super().fit(votes, **given)


SEEN: list[Votes] = []


def test_of_many_votes_judges_read_some_tasks_whole_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = crowd(tasks=2000)
    weight = np.arange(len(made), dtype=float)
    monkeypatch.setattr("precocial.normativity.panel.JUDGED_VOTES", 1200)
    some, much = _some_tasks(made, weight, np.random.default_rng(0))
    assert 900 < len(some) < 1500
    assert len(some) == 6 * len(some.tasks)
    at = [made.tasks.index(name) for name in some.tasks]
    for t, place in enumerate(at):
        ours, theirs = some.task == t, made.task == place
        assert (some.label[ours] == made.label[theirs]).all()
        assert (some.teacher[ours] == made.teacher[theirs]).all()
        assert (much[ours] == weight[theirs]).all()
    SEEN.clear()
    fits = [Majority().fit(made)]
    judged((Counting(),), made, fits, weight=weight, history=None, seed=0)
    assert {len(votes.tasks) for votes in SEEN} == {len(SEEN[0].tasks)}
    assert len(SEEN[0].tasks) < 300  # not 2,000, most of them empty
    one = as_votes(["t"] * 2000, np.arange(2000) % 9, np.arange(2000) % 2)
    kept, _ = _some_tasks(one, np.ones(2000), np.random.default_rng(0))
    assert len(kept) == 2000
    judged((Majority(),), one, [Majority().fit(one)], weight=np.ones(2000), history=None, seed=0)


def test_the_held_out_judge_is_the_likelihood_of_votes_not_seen() -> None:
    """A process that knows the truth and its teachers scores what these are worth."""
    made, truth = crowd(tasks=2000)

    class Oracle:
        name = "oracle"

        def fit(self, given: Votes, **_: object) -> object:
            fit = Majority().fit(given)
            proba = np.eye(3)[truth]
            known = coin_confusion(np.where([int(w) < 4 for w in given.teachers], 0.93, 1 / 3), 3)
            object.__setattr__(fit, "proba", proba)
            object.__setattr__(fit, "confusion", known)
            return fit

    oracle = Oracle()
    found = judged(
        (oracle, Majority()), made, [oracle.fit(made), Majority().fit(made)],  # type: ignore[arg-type, list-item]
        weight=np.ones(len(made)), history=None, seed=0,
    )  # fmt: skip
    good = 0.93 * np.log(0.93) + 0.07 * np.log(0.035)
    assert found.raw[0, 0] == pytest.approx((good + 2 * np.log(1 / 3)) / 3, abs=0.02)
    assert found.raw[1, 0] == pytest.approx(1.0)


def test_votes_of_no_weight_are_not_judged_by() -> None:
    made, _ = crowd(tasks=40)
    fits = [one.fit(made, weight=np.zeros(len(made))) for one in (Majority(), OneCoin())]
    found = judged(
        (Majority(), OneCoin()), made, fits, weight=np.zeros(len(made)), history=None, seed=0
    )
    assert np.isfinite(found.raw).all()


def test_gold_is_a_fourth_judge() -> None:
    made, truth = crowd(tasks=60)
    fits = [one.fit(made) for one in (Majority(), OneCoin())]
    gold = np.where(np.arange(60) < 30, truth, -1)
    blind = judged(
        (Majority(), OneCoin()), made, fits, weight=np.ones(len(made)), history=None, seed=0
    )
    found = with_gold(blind, [fit.proba for fit in fits], gold)
    assert found.judges == (*blind.judges, "gold")
    hits = (fits[1].label[:30] == truth[:30]).mean()
    sure = fits[1].proba[np.arange(30), truth[:30]].mean()
    assert gold_scores(fits[1].proba, gold).mean() == pytest.approx((hits + sure) / 2)
    assert found.raw[-1, 1] == pytest.approx((hits + sure) / 2)


def test_the_top_quantile_is_kept_and_no_more_than_its_density_allows() -> None:
    assert shares([[4.0, 3, 2, 1]]).tolist() == [1, 0, 0, 0]
    assert np.allclose(shares([[4.0, 3, 2, 1]], q=0.5), [0.5, 0.5, 0, 0])
    assert np.allclose(shares([[4.0, 3, 2, 1]], q=1.0), 0.25)


def test_a_judge_who_contradicts_the_others_loses_its_say() -> None:
    """Two judges agree weakly; a third, alone, is certain of the opposite and would win a mean of
    equals."""
    two = [[2.0, 1, 0, 1.9], [2.0, 1, 0, 1.8]]
    odd = [-2.0, -1, 8, 0]
    assert shares([*two, odd], q_judges=1.0)[0] == 0
    assert shares([*two, odd], q_judges=0.5)[0] == 1
    # but none is wholly ignored
    assert shares([*two, odd], q_judges=0.5, of="judges")[2] == pytest.approx(JUDGE_FLOOR / 3)


def test_a_judge_who_sees_no_difference_has_no_say() -> None:
    assert standard(np.full(3, 0.1)).tolist() == [0, 0, 0]
    with_it = shares([[1.0, 2, 3], [5.0, 5, 5]], q=1 / 3)
    assert np.allclose(with_it, [0, 0, 1])
    assert np.allclose(shares([[5.0, 5, 5], [5.0, 5, 5]], q=1 / 3), 1 / 3)


def test_the_default_panel_has_names_of_its_own() -> None:
    names = [one.name for one in default_panel()]
    assert len(set(names)) == len(names) == 15
    assert DawidSkene().name in names


def test_gold_says_as_much_as_chance_does_not_explain() -> None:
    """Two processes, one right on all gold tasks, one on half: more tasks, more of a verdict; of
    equals none."""

    def verdict(n: int, alike: bool) -> np.ndarray:
        gold = np.zeros(n, dtype=int)
        good, half = np.tile([1.0, 0], (n, 1)), np.tile([1.0, 0], (n, 1))
        half[: n // 2] = [0, 1]
        first = half[::-1].copy() if alike else good
        two = with_gold(verdict_of([[0.0, 1], [0.0, 1]]), [first, half], gold)
        return np.asarray(two.scores[-1])

    few, many = verdict(4, False), verdict(400, False)
    assert 0 < few[0] < many[0] < 1
    assert many[0] > 0.98
    assert verdict(400, True).tolist() == [0, 0]
    assert verdict(1, False).tolist() == [0, 0]


def test_the_held_out_judge_hides_votes_from_the_process() -> None:
    """One vote a task: what is hidden leaves nothing to know its task by."""
    made = as_votes(range(600), np.arange(600) % 5, np.arange(600) // 5 % 2)
    found = judged((Majority(),), made, [Majority().fit(made)], weight=np.ones(600), history=None,
                   seed=0)  # fmt: skip
    assert found.raw[0, 0] == pytest.approx(np.log(1 / 2), abs=0.02)


def test_two_halves_who_contradict_each_other_agree_on_nothing() -> None:
    made = as_votes(np.repeat(range(20), 2), [0, 1] * 20, [0, 1] * 20)
    found = judged((Majority(),), made, [Majority().fit(made)], weight=np.ones(40), history=None,
                   seed=0)  # fmt: skip
    assert found.raw[1, 0] == 0


def test_charity_is_as_large_as_the_weights_of_the_votes_it_is_for() -> None:
    made = as_votes(["t"] * 3, range(3), [0, 0, 1])
    fits, weight = [Majority().fit(made)], np.array([1.0, 1, 6])
    found = judged((Majority(),), made, fits, weight=weight, history=None, seed=0)
    assert found.raw[2, 0] == pytest.approx((2 * 2 / 3 + 6 * 1 / 3) / 8)

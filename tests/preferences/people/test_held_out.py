"""Folds and baselines: nothing of a choice leaks, and the regression is scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.preferences.people import held_out
from precocial.preferences.people.choices import ChoiceData
from precocial.preferences.people.held_out import (
    CHANCE,
    DEALS,
    FREQUENT,
    RATE,
    REGRESSION,
    Forecast,
    baselines,
    deal_choices,
    deal_people,
    fold_count,
)
from tests.preferences.people.test_travel import travellers


def waiting(chosen: list[int], people: int = 1) -> ChoiceData:
    n = len(chosen)
    columns = {
        "amount_sooner": np.full(n, 10.0), "delay_sooner": np.zeros(n),
        "amount_later": 12.0 + 3.0 * np.arange(n), "delay_later": np.tile([5.0, 30.0], n)[:n],
    }  # fmt: skip
    return ChoiceData(
        kind="delay", source="made up", subjects=tuple(map(str, range(people))),
        subject=np.arange(n) % people, columns=columns, chosen=np.array(chosen, dtype=np.int64),
    )  # fmt: skip


def named(data: ChoiceData, folds: np.ndarray) -> dict[str, Forecast]:
    return {forecast.name: forecast for forecast in baselines(data, folds)}


def test_folds_are_even_and_anew() -> None:
    folds = deal_choices(waiting([0, 1] * 11, people=2), 4, 0)
    assert folds.shape == (DEALS, 22)
    for fold in folds:
        for person in range(2):
            sizes = np.bincount(fold[np.arange(22) % 2 == person], minlength=4)
            assert sorted(sizes.tolist()) == [2, 3, 3, 3]
    assert len({fold.tobytes() for fold in folds}) == DEALS
    assert [fold_count(share) for share in (0.25, 0.1, 0.9)] == [4, 10, 2]


def test_people_stay_together() -> None:
    data = travellers(10)
    for fold in deal_people(data, 4, 0):
        assert all(len(np.unique(fold[data.subject == n])) == 1 for n in range(10))
        assert len(np.unique(fold)) == 4


def test_too_few_to_hold_out() -> None:
    with pytest.raises(FitError, match="subject 0 has 1 choices"):
        deal_choices(waiting([0, 1], people=2), 4, 0)
    with pytest.raises(FitError, match="needs two people"):
        deal_people(travellers(1), 4, 0)


def test_a_forecast_of_options_alike_is_half_right() -> None:
    p = np.array([[0.5, 0.5], [0.2, 0.8], [0.2, 0.8]])
    found = Forecast.of("x", p, np.array([0, 1, 0]))
    assert found.right.tolist() == [0.5, 1.0, 0.0]
    assert found.nats == pytest.approx(np.log([0.5, 0.8, 0.2]))
    other = replace(found, nats=np.zeros(3), right=np.ones(3))
    both = Forecast.average([found, other])
    assert both.nats == pytest.approx(np.log([0.5, 0.8, 0.2]) / 2)
    assert both.right.tolist() == [0.75, 1.0, 0.5]


def test_a_constant_rate_is_that_of_the_other_choices() -> None:
    data = waiting([1, 1, 1, 0, 1, 0])
    found = named(data, np.array([[0, 0, 0, 1, 1, 1]]))
    # The first three from one of three later ones, and those from three of three.
    later, earlier = 1.5 / 4, 3.5 / 4
    expected = [later] * 3 + [1 - earlier, earlier, 1 - earlier]
    assert found[RATE].nats == pytest.approx(np.log(expected))
    assert found[FREQUENT].nats is None
    assert found[FREQUENT].right.tolist() == [0, 0, 0, 0, 1, 0]
    assert found[CHANCE].nats == pytest.approx(np.log([0.5] * 6))


def test_the_regression_is_that_of_scikit_learn() -> None:
    data = waiting([0, 0, 1, 0, 1, 1, 0, 1])
    found = named(data, np.array([[0, 0, 0, 0, 1, 1, 1, 1]]))[REGRESSION]
    # make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10)) of scikit-learn 1.9.1 on the
    # columns amount_later and delay_later.
    theirs = [-2.50179433, -3.41794863, -0.16322316, -2.76338616,
              -0.54201197, -1.06288459, -1.32471865, -0.66976542]  # fmt: skip
    assert found.nats == pytest.approx(theirs, abs=1e-6)


def test_the_regression_of_three_modes_is_stationary(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    climb = held_out.maximise

    def kept(design: held_out.Design, ridge: np.ndarray) -> np.ndarray:
        weights = climb(design, ridge)
        made.append(design.scores(weights).sum(axis=0) - ridge * weights)
        return weights

    monkeypatch.setattr(held_out, "maximise", kept)
    data = travellers(12)
    fold = (np.arange(len(data)) >= 54).astype(np.int64)[None]
    found = named(data, fold)[REGRESSION]
    assert len(made) == 2
    assert np.abs(made).max() < 1e-5
    assert found.nats is not None
    assert np.isfinite(found.nats).all()


def test_a_person_of_one_option_gets_the_rate() -> None:
    found = named(waiting([1, 1, 1, 1, 0, 1]), np.array([[0, 0, 0, 1, 1, 1]]))
    assert found[REGRESSION].nats is not None
    assert found[RATE].nats is not None
    assert found[REGRESSION].nats[3:].tolist() == found[RATE].nats[3:].tolist()
    assert found[REGRESSION].nats[:3].tolist() != found[RATE].nats[:3].tolist()

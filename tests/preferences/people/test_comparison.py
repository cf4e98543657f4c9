"""Scores and their intervals: what they are when everybody answers as often."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from precocial.errors import ConfigError
from precocial.preferences.people.comparison import Comparison, Margin, compare
from precocial.preferences.people.held_out import FREQUENT, RATE, REGRESSION, Forecast

PEOPLE, EACH = 12, 30


def forecasts(seed: int = 0, people: int = PEOPLE) -> list[Forecast]:
    rng = np.random.default_rng(seed)
    n = people * EACH

    def drawn(name: str, level: float, baseline: bool) -> Forecast:
        nats = level + 0.1 * rng.standard_normal(n)
        return Forecast(
            name=name, nats=nats, right=(rng.random(n) < 0.5).astype(float), baseline=baseline
        )

    rate = drawn(RATE, -0.6, True)
    return [
        drawn("one", -0.4, False), drawn("two", -0.41, False), drawn(REGRESSION, -0.4, True), rate,
        Forecast(name=FREQUENT, nats=None, right=rate.right, baseline=True),
    ]  # fmt: skip


def compared(given: list[Forecast], people: int = PEOPLE, level: float = 0.95) -> Comparison:
    subject = np.arange(people * EACH) % people
    return compare(given, subject, list(map(str, range(people))), folds=4, level=level)


def test_the_interval_over_people_is_students() -> None:
    given = forecasts()
    found = compared(given, level=0.9).score("one")
    assert given[0].nats is not None
    assert given[3].nats is not None
    each = (given[0].nats - given[3].nats).reshape(EACH, PEOPLE).mean(axis=0)
    expected = stats.ttest_1samp(each, 0).confidence_interval(0.9)
    assert found.gain_nats is not None
    assert found.gain_nats.value == pytest.approx(each.mean())
    assert (found.gain_nats.low, found.gain_nats.high) == pytest.approx(
        (expected.low, expected.high)
    )
    assert found.gain_right.value == pytest.approx(given[0].right.mean() - given[4].right.mean())


def test_a_persons_own_interval_is_over_their_choices() -> None:
    given = forecasts()
    contrast = compared(given).contrast("one", "two")
    assert contrast is not None
    assert given[0].nats is not None
    assert given[1].nats is not None
    mine = (given[0].nats - given[1].nats)[np.arange(PEOPLE * EACH) % PEOPLE == 5]
    expected = stats.ttest_1samp(mine, 0).confidence_interval(0.95)
    found = contrast.by_person[5]
    assert found.value == pytest.approx(mine.sum())
    assert (found.low, found.high) == pytest.approx((EACH * expected.low, EACH * expected.high))
    assert contrast.total.value == pytest.approx(sum(m.value for m in contrast.by_person))
    ahead = [m.value > 0 for m in contrast.by_person]
    assert contrast.ahead() == (sum(ahead), PEOPLE - sum(ahead))
    assert sum(contrast.decided()) == sum(m.sign != 0 for m in contrast.by_person)


def test_unequal_people_count_by_their_choices() -> None:
    given = forecasts()
    subject = np.minimum(np.arange(PEOPLE * EACH) // 25, 3)
    found = compare(given, subject, ["a", "b", "c", "d"], folds=4)
    assert [person.n_choices for person in found.people] == [25, 25, 25, PEOPLE * EACH - 75]
    gain = found.score("one").gain_nats
    assert gain is not None
    d = np.array([person.nats["one"] - person.nats[RATE] for person in found.people])
    n = np.array([person.n_choices for person in found.people])
    ratio = d.sum() / n.sum()
    error = np.sqrt(4 * ((d - ratio * n) ** 2).sum() / 3) / n.sum()
    assert gain.low is not None
    assert gain.value - gain.low == pytest.approx(stats.t.ppf(0.975, 3) * error)


def test_the_first_is_set_against_models_and_the_best_against_baselines() -> None:
    given = forecasts()
    found = compared(given)
    pairs = [(c.first, c.second) for c in found.contrasts]
    assert pairs == [("one", "two"), ("one", REGRESSION), ("one", RATE)]
    assert found.best.name == "one"
    turned = compared([given[1], given[0], *given[2:]])
    pairs = [(c.first, c.second) for c in turned.contrasts]
    assert pairs == [("two", "one"), ("one", REGRESSION), ("one", RATE)]
    assert found.contrast("two", "one") is None
    with pytest.raises(ConfigError, match="name"):
        found.score("three")


def test_one_person_has_no_interval_over_people() -> None:
    gain = compared(forecasts(people=1), people=1).score("one").gain_nats
    assert gain is not None
    assert (gain.low, gain.high, gain.sign) == (None, None, 0)


def test_the_sign_of_a_margin() -> None:
    ends = [(0.1, 0.3), (-0.1, 0.5), (-0.4, -0.2)]
    assert [Margin(value=0.0, low=low, high=high).sign for low, high in ends] == [1, 0, -1]

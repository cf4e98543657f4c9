from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.normativity.calibration import calibration_error, fitted_temperature, tempered


def test_tempering_keeps_the_order_and_sums_to_one() -> None:
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    warm = tempered(p, 2.0)
    assert np.allclose(warm.sum(axis=1), 1)
    assert np.allclose(warm[0], np.sqrt(p[0]) / np.sqrt(p[0]).sum())
    assert np.allclose(tempered(p[:1], 1.0), p[:1])
    assert 0 < warm[1, 1] < warm[1, 0]


def test_the_temperature_of_planted_overconfidence_is_found() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1.0, 1, 1], size=4000)
    gold = np.array([rng.choice(3, p=row) for row in p])
    sharp = tempered(p, 1 / 3)
    assert fitted_temperature(gold, sharp, 2.5) == pytest.approx(3, abs=0.2)
    few = np.where(np.arange(4000) < 3, gold, -1)
    assert abs(np.log(fitted_temperature(few, sharp, 1.0))) < 1
    assert fitted_temperature(np.full(4000, -1), sharp, 2.5) == 2.5


def test_calibration_error_by_hand() -> None:
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.5, 0.5]])
    gold = np.array([0, 1, 0, 1])
    # 0.95 against one of two; 0.55 and 0.5 in one bin against 1 and the half of a tie
    assert calibration_error(p, gold) == pytest.approx((2 * 0.45 + abs(1.05 - 1.5)) / 4)
    some = np.array([0, -1, -1, -1])
    assert calibration_error(p, some) == pytest.approx(0.05)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("proba", "gold", "given", "said"),
    [
        ([[np.nan, 1.0]], [0], {}, "proba must be finite"),
        ([0.5, 0.5], [0, 1], {}, r"proba must be \(tasks, classes\)"),
        ([[0.5, 0.7]], [0], {}, "proba must hold distributions"),
        ([[1.5, -0.5]], [0], {}, "proba must hold distributions"),
        ([[0.5, 0.5]], [2], {}, "gold must be classes, 0 to 1, or -1"),
        ([[0.5, 0.5]], [0, 1], {}, "gold must be finite, .*got shape"),
        ([[0.5, 0.5]], [0.5], {}, "gold must be classes"),
        ([[0.5, 0.5]], ["0"], {}, "gold must be an array of numbers"),
        ([[0.5, 0.5]], [-1], {}, "gold is known of no task"),
        ([[0.5, 0.5]], [0], {"bins": 0}, "bins must be at least 1; got 0"),
    ],
)
def test_what_has_no_calibration_is_refused(
    proba: Any, gold: Any, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        calibration_error(proba, gold, **given)

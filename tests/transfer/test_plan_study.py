"""The planner judged in simulated worlds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from precocial.transfer.plan_study import PlanStudy, _compare, _world, laptop, smoke, summary


def option(name: str, money: float) -> Any:
    return SimpleNamespace(name=name, money=money)


def paid(favourite: str, money: float, reached: bool) -> dict[str, Any]:
    oracle = SimpleNamespace(options=(option("data", 10.0), option("parameters", 12.0)))
    chosen = SimpleNamespace(options=(option(favourite, money),), recommended=favourite)
    return _compare(oracle, chosen, reached)  # type: ignore[arg-type]


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("favourite", "money", "reached", "excess"),
    [
        ("data", 10.2, True, 0.02),  # more than needed
        ("data", 9.7, True, -0.03),  # near enough
        ("data", 3.0, False, 0.0),  # the rest is bought later
        ("data", 11.0, False, 0.1),
        ("parameters", 12.0, True, 0.2),
        ("parameters", 6.0, False, 0.8),  # a second model is trained
    ],
)
def test_a_purchase_is_judged_by_what_is_paid_in_the_end(
    favourite: str, money: float, reached: bool, excess: float
) -> None:
    row = paid(favourite, money, reached)
    assert row["excess"] == pytest.approx(excess)
    assert row["gap"] == pytest.approx(np.log(1.2))
    true = {"data": 10.0, "parameters": 12.0}[favourite]
    assert row["cost_error"] == pytest.approx(money / true - 1)


def test_summary_counts_recommendations_and_abstentions() -> None:
    plain = {"oracle": "data", "favourite": "data", "gap": 0.5, "reached": True, "cost_error": 0.0}
    rows = [
        {**plain, "recommended": "data", "excess": 0.0},
        {**plain, "recommended": "data", "excess": 0.2, "reached": False, "cost_error": -0.2},
        {**plain, "recommended": "size", "favourite": "size", "excess": 0.03, "gap": 0.04},
        {**plain, "recommended": None, "favourite": "size", "excess": 0.5},
    ]
    assert summary(rows) == {
        "worlds": 4, "recommended": 3, "abstained": 1, "within_5_percent": 2 / 3,
        "right_choice": 1.0, "cost_foretold": 2 / 3, "reached": 2 / 3, "right_choice_of_all": 0.75,
    }  # fmt: skip
    assert summary([])["within_5_percent"] is None


def test_a_world_is_a_matter_of_its_number_and_prices_make_the_choice_close() -> None:
    config = PlanStudy(worlds=2, draws=30)
    first, again, other = (_world(config, number) for number in (0, 0, 1))
    assert first == again != other
    for row in (first, other):
        assert 0 <= row["gap"] <= np.log(2) + 1e-3
        assert row["excess"] > -0.2
    assert smoke().worlds < laptop().worlds

"""The planner judged in simulated worlds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from precocial.transfer.plan_study import PlanStudy, _compare, _world, laptop, smoke, summary


def option(name: str, money: float) -> Any:
    return SimpleNamespace(name=name, money=money)


@pytest.mark.wrong_types
def test_a_choice_is_judged_by_what_it_truly_costs() -> None:
    oracle = SimpleNamespace(options=(option("data", 10.0), option("parameters", 12.0)))
    wrong = SimpleNamespace(options=(option("parameters", 3.0),), recommended=None)
    row = _compare(oracle, wrong)  # type: ignore[arg-type]
    assert row["excess"] == 12 / 10 - 1
    assert row["gap"] == np.log(1.2)
    assert (row["oracle"], row["favourite"], row["recommended"]) == ("data", "parameters", None)
    right = SimpleNamespace(options=(option("data", 3.0),), recommended="data")
    assert _compare(oracle, right)["excess"] == 0  # type: ignore[arg-type]


def test_summary_counts_recommendations_and_abstentions() -> None:
    rows = [
        {"recommended": "data", "excess": 0.0}, {"recommended": "data", "excess": 0.2},
        {"recommended": None, "excess": 0.01}, {"recommended": None, "excess": None},
    ]  # fmt: skip
    assert summary(rows) == {
        "worlds": 4, "recommended": 2, "within_5_percent": 0.5, "abstained": 2,
        "favourite_within_5_percent_when_abstaining": 0.5, "favourite_within_5_percent": 0.5,
    }  # fmt: skip
    assert summary([])["within_5_percent"] is None


def test_a_world_is_a_matter_of_its_number_and_prices_make_the_choice_close() -> None:
    config = PlanStudy(worlds=2, draws=30)
    first, again, other = (_world(config, number) for number in (0, 0, 1))
    assert first == again != other
    for row in (first, other):
        assert row["excess"] is None or row["excess"] >= -1e-9
        assert row["gap"] is None or row["gap"] <= np.log(2) + 1e-3
    assert smoke().worlds < laptop().worlds

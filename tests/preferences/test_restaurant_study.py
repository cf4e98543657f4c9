"""What restaurant walks say, against the chapter, and what temptation costs whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from precocial import io
from precocial.errors import ConfigError
from precocial.preferences.experiment import RESULTS
from precocial.preferences.restaurant_study import (
    ReadingConfig,
    TemptationConfig,
    every,
    laptop,
    restaurants_read,
    shipped_readings,
    shipped_temptations,
    smoke,
    summary,
    temptations,
)
from precocial.runs import config_from, run

READ = {
    (row["case"], row["path"], row["times"], row["quantity"]): (row["before"], row["after"])
    for row in shipped_readings()
}


def test_discounting_explains_the_naive_walk() -> None:
    before, after = READ["discounting", "naive", 1, "donut tempting"]
    assert before < 0.1
    assert after == pytest.approx(0.9, abs=0.03)
    assert READ["discounting", "naive", 1, "naive"][1] > 0.9
    assert READ["discounting", "sophisticated", 1, "naive"][1] < 0.1


def test_the_direct_walk_says_nothing_of_sophistication() -> None:
    assert READ["discounting", "direct", 1, "naive"][1] == pytest.approx(0.5, abs=0.005)


def test_without_discounting_people_are_taken_to_want_what_they_end_with() -> None:
    assert READ["optimal", "naive", 1, "Donut preferred"][1] > 0.8
    assert READ["optimal", "sophisticated", 1, "Veg preferred"][1] > 0.8
    for path in ("naive", "sophisticated"):
        assert READ["optimal", path, 1, "alpha = 1000"][1] < 1e-3
    # Seen three times, more noise than need be does not fit either.
    once, thrice = (READ["optimal", "naive", n, "alpha = 0.1"][1] for n in (1, 3))
    assert thrice < once


def test_one_walk_may_be_noise_and_three_are_not() -> None:
    before, once = READ["joint", "naive", 1, "alpha = 0.1"]
    assert once > before
    assert READ["joint", "naive", 3, "alpha = 0.1"][1] < 0.02
    assert READ["joint", "naive", 3, "Veg preferred"][1] > 0.95
    assert READ["joint", "naive", 3, "donut tempting"][1] > 0.95


@pytest.mark.slow
def test_the_shipped_readings_are_what_is_read(tmp_path: Path) -> None:
    rows = run(restaurants_read, ReadingConfig(), tmp_path).rows
    for row, shown in zip(rows, shipped_readings(), strict=True):
        for key, value in row.items():
            want = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            assert shown[key] == want


def test_people_are_read_and_helped(tmp_path: Path) -> None:
    config = replace(smoke(), prior="joint", people=12)
    rows = run(temptations, config, tmp_path).rows
    assert [row["kind"] for row in rows[:2]] == ["naive", "sophisticated"]
    for row in rows:
        others = [row[name] for name in ("right", "wrong", "maxent", "self", "uniform")]
        assert max(others) <= row["best"] + 1e-9
    tempted = [row for row in rows if row["tempting"] and row["kind"] == "naive"]
    assert tempted
    for row in tempted:
        assert row["right"] == pytest.approx(row["best"])
        assert row["self"] < row["best"] - 1


def test_the_summary_is_arithmetic() -> None:
    one = {"best": 10.0, "uniform": 0.0, "right": 10.0, "wrong": 5.0, "maxent": 4.0, "self": 4.0}
    table = summary(TemptationConfig(), [one, one | {"self": 10.0, "maxent": 10.0}])
    by = {(row["people"], row["reader"]): row for row in table}
    assert (by["all", "right"]["count"], by["led astray", "right"]["count"]) == (2, 1)
    assert by["all", "right"]["ahead"] == 30.0
    assert by["led astray", "right"]["ahead"] == 60.0
    assert by["all", "wrong"]["median"] == 0.5


@pytest.mark.wrong_types
def test_the_shipped_people_are_the_laptop_recipe() -> None:
    made = io.read_json(RESULTS / "temptations.json")
    assert [config_from(TemptationConfig, one["config"]) for one in made["runs"]] == every(laptop())
    with pytest.raises(ConfigError, match="at least 1"):
        TemptationConfig(people=0)
    with pytest.raises(ConfigError, match="prior"):
        TemptationConfig(prior="none")  # type: ignore[arg-type]


def test_three_walks_of_the_tempted_show_who_knows_of_temptation() -> None:
    by = {
        (row["case"], row["walks"], row["people"], row["reader"]): row
        for row in shipped_temptations()
    }
    assert by["joint", 3, "all", "right"]["mean"] >= 0.95
    assert by["joint", 3, "all", "right"]["ahead_low"] >= 5
    assert by["joint", 3, "led astray", "right"]["ahead_low"] >= 50
    # After one walk noise is as good a story, and nobody is ahead.
    assert by["joint", 1, "all", "right"]["ahead"] == 0

"""The calibration experiment: it counts right, resumes, and the shipped table says what it should.

That the intervals do hold is what the shipped table is for: 200 tables are too slow for a test.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.errors import ConfigError
from precocial.runs import config_dict, config_from, run
from precocial.transfer.calibration import (
    RESULTS,
    CalibrationConfig,
    calibration,
    every,
    laptop,
    shipped,
    smoke,
    summary,
)

TINY = replace(smoke(), tables=3, draws=60)


def test_a_run_counts_and_can_be_repeated(tmp_path: Path) -> None:
    first = run(calibration, TINY, tmp_path / "a").rows
    assert [row["table"] for row in first] == [0, 1, 2]
    assert first == run(calibration, TINY, tmp_path / "b").rows
    for row in first:
        assert row["joint beta"] == pytest.approx(0.38, abs=0.03)
        assert row["readoff beta"] == pytest.approx(0.38, abs=0.05)
        assert row["joint loss at 10 N"] == pytest.approx(2.66, abs=0.05)
        assert isinstance(row["profile alpha inside"], bool)
        assert 0 <= row["readoff D_E inside"] <= 1
    assert np.ptp([row["joint beta"] for row in first]) > 0


@pytest.mark.wrong_types
def test_the_rows_do_not_depend_on_where_a_run_began(tmp_path: Path) -> None:
    class Live:
        rows = ({},)

    whole = list(run(calibration, replace(TINY, tables=2), tmp_path).rows)
    rest = list(calibration(replace(TINY, tables=2), Live()))  # type: ignore[arg-type]
    assert rest == whole[1:]


def test_noise_without_spread_is_recovered(tmp_path: Path) -> None:
    exact = replace(TINY, published="mix", relative=0.0, tables=1)
    row = run(calibration, exact, tmp_path).rows[0]
    assert row["joint alpha"] == pytest.approx(0.096, abs=1e-3)
    assert row["joint log_k"] == pytest.approx(np.log(2.1e5), abs=0.005)


def test_the_summary_is_arithmetic() -> None:
    rows = [
        {"table": 0, "joint beta": 0.37, "joint beta inside": False, "joint D_E inside": 0.5},
        {"table": 1, "joint beta": 0.41, "joint beta inside": True, "joint D_E inside": 1.0},
    ]
    beta, D_E = summary(CalibrationConfig(), rows)
    assert (beta["method"], beta["quantity"], beta["truth"]) == ("joint", "beta", 0.38)
    assert beta["bias"] == pytest.approx(0.01)
    assert beta["spread"] == pytest.approx(0.02)
    assert beta["median_error"] == pytest.approx(0.02)
    assert beta["covered"] == 0.5
    assert beta["covered_se"] == pytest.approx(0.5 / np.sqrt(2), rel=1e-4)
    assert (D_E["covered"], D_E["truth"], D_E["bias"]) == (0.75, None, None)


def test_recipes() -> None:
    assert (smoke().tables, laptop().tables) == (8, 200)
    six = every(laptop())
    assert len({(config.published, config.noise) for config in six}) == 6
    assert {config.tables for config in six} == {200}
    with pytest.raises(ConfigError, match="at least 1"):
        CalibrationConfig(tables=0)
    with pytest.raises(ConfigError, match="published"):
        config_from(CalibrationConfig, config_dict(smoke()) | {"published": "novel"})


def test_the_shipped_table_is_the_laptop_recipe() -> None:
    table = shipped()
    made = io.read_json(RESULTS / "calibration.json")
    configs = [config_from(CalibrationConfig, one["config"]) for one in made["runs"]]
    assert configs == every(laptop())
    assert {(row["published"], row["noise"]) for row in table} == {
        (config.published, config.noise) for config in configs
    }
    assert {row["tables"] for row in table} == {200.0}
    assert made["code"]
    assert made["command"].endswith("--remake")


@pytest.mark.parametrize("published", ["text", "mix"])
def test_the_shipped_intervals_hold_under_constant_noise(published: str) -> None:
    wanted = {"alpha", "beta", "log_k", "D_E", "loss at 10 N", "run at 10 N"}
    found = {
        row["quantity"]: row["covered"]
        for row in shipped()
        if row["published"] == published and row["noise"] == "constant" and row["method"] == "joint"
    }
    assert set(found) == wanted
    for quantity, covered in found.items():
        assert 0.9 <= covered <= 0.98, quantity

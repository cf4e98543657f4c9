"""The result tables that ship: each says what made it, and the claims are judged on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from precocial import io
from precocial.cli import main
from precocial.runs import Verdict, config_dict
from precocial.transfer import plan_study, shipped
from precocial.transfer.calibration import RESULTS
from precocial.transfer.ladder import recipe

TABLES = sorted(RESULTS.glob("*.csv"))


def test_the_tables_are_there() -> None:
    assert {path.stem for path in TABLES} == {"calibration", "planner", "sweep"}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_says_what_made_it(path: Path) -> None:
    made = io.read_json(path.with_suffix(".json"))
    assert made["command"]
    assert made["versions"]
    configs = [made["config"]] if "config" in made else [run["config"] for run in made["runs"]]
    assert all("seed" in config for config in configs)


def test_the_sweep_is_the_laptop_recipe_with_both_arms() -> None:
    table = shipped()
    sizes = len(recipe("laptop").widths)
    assert len(set(table.scratch.N)) == len(set(table.pretrained.N)) == sizes
    made = io.read_json(RESULTS / "sweep.json")
    assert made["config"] == io.loads(io.dumps(config_dict(recipe("laptop"))))


def test_the_planner_was_right_where_it_decided() -> None:
    found = plan_study.summary(plan_study.shipped())
    assert found["worlds"] == 200
    assert found["within_5_percent"] >= 0.9
    assert 0 < found["abstained"] < 60


def test_claims_are_listed_with_computed_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "transfer", "--json", "--quiet"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 14
    assert {row["verdict"] for row in rows} <= set(Verdict)
    tested = [row for row in rows if row["verdict"] in (Verdict.reproduced, Verdict.contradicted)]
    assert len(tested) >= 10
    assert all(row["ours"] is not None for row in tested)

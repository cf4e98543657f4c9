"""`precocial transfer ...`: tables, one JSON document, one line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from precocial.cli import main
from precocial.transfer import RunTable
from tests.transfer.planted import drawn


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    drawn(0.003).write("runs.csv")
    return "runs.csv"


Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *words: str) -> Any:
    """The JSON of a command, which is all that it prints."""
    assert main(["transfer", *words, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


FIT = ("--law", "kaplan", "--draws", "20")
HAVE = ("--have-parameters", "1e8", "--have-fine-tune-data", "1e6", "--have-pretrain-data", "1e9",
        "--price-data", "1e-6", "--price-flop", "1e-18")  # fmt: skip


def test_simulate_writes_a_table_that_fit_takes(runs: str, capsys: Capture) -> None:
    document = said(capsys, "simulate", "sim.csv", "--noise", "0", "--k", "3e4", "--seeds", "2")
    assert document == {"path": "sim.csv", "runs": 352}
    assert len(RunTable.read("sim.csv")) == 352
    found = said(capsys, "fit", "sim.csv", "--law", "kaplan", "--draws", "0")
    assert found["k"] == pytest.approx(3e4, rel=1e-6)
    assert found["intervals"] == {}
    assert main(["transfer", "simulate", "plain.csv", "--quiet"]) == 0
    assert "176 runs in plain.csv" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["joint", "readoff", "logit-paper"])
def test_fit_as_json(runs: str, capsys: Capture, method: str) -> None:
    document = said(capsys, "fit", runs, *FIT, "--method", method)
    assert set(document) == {
        "method", "law", "unit", "k", "estimates", "intervals", "noise", "surface", "runs_used",
        "exchange", "cells", "flags",
    }  # fmt: skip
    assert document["method"] == method
    assert document["law"] == "kaplan"
    assert document["estimates"]["alpha"] == pytest.approx(0.18, abs=0.03)
    low, high = document["intervals"]["beta"]
    assert low < high
    assert len(document["cells"]) == 16
    assert said(capsys, "fit", runs, *FIT, "--method", method) == document


def test_fit_for_a_person(runs: str, capsys: Capture) -> None:
    assert main(["transfer", "fit", runs, *FIT]) == 0
    out, err = capsys.readouterr()
    assert "D_T = k * D_F^alpha * N^beta (joint," in out
    assert "a model 10 times larger is worth" in out
    assert "Effective data" in out
    assert "fitting 48 runs" in err


def test_forecast_pairs_every_size_with_every_amount(runs: str, capsys: Capture) -> None:
    words = ("forecast", runs, *FIT, "--parameters", "1e8", "1e12", "--fine-tune-data", "1e5",
             "1e6")  # fmt: skip
    document = said(capsys, *words)
    assert set(document) == {"rows", "level", "flags"}
    pairs = [(row["N"], row["D_F"]) for row in document["rows"]]
    assert pairs == [(1e8, 1e5), (1e8, 1e6), (1e12, 1e5), (1e12, 1e6)]
    assert [flag["code"] for flag in document["flags"]] == ["extrapolation"]
    assert main(["transfer", *words, "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "Forecast of a fine-tuned run" in out
    assert "! N = 1e+12" in out


def test_plan_by_budget_and_by_target(runs: str, capsys: Capture) -> None:
    document = said(capsys, "plan", runs, *FIT, *HAVE, "--budget", "100")
    assert set(document) == {
        "statement", "recommended", "loss", "target_loss", "in_data", "regret", "options", "flags",
        "left_out",
    }  # fmt: skip
    assert {row["option"] for row in document["options"]} == {"data", "parameters"}
    assert [row["option"] for row in document["left_out"]] == ["pretraining"]
    aim = str(document["target_loss"])
    again = said(capsys, "plan", runs, *FIT, *HAVE, "--target-loss", aim)
    assert again["options"][0]["option"] == document["options"][0]["option"]
    assert main(["transfer", "plan", runs, *FIT, *HAVE, "--budget", "100", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "more fine-tuning data would do the same" in out
    reason = document["left_out"][0]["reason"]
    assert f"not weighed: pretraining, because {reason}" in " ".join(out.split())


def test_an_infinite_price_is_not_a_missing_one(runs: str, capsys: Capture) -> None:
    aim = said(capsys, "forecast", runs, *FIT, "--parameters", "3e8", "--fine-tune-data", "1e14")
    loss = str(0.999 * aim["rows"][0]["loss"])  # less than a model of 1e8 has with any data
    document = said(capsys, "plan", runs, *FIT, *HAVE, "--target-loss", loss)
    money = {row["option"]: row["money"] for row in document["options"]}
    assert money["data"] == document["in_data"] == "inf"
    assert float(money["parameters"]) < float(money["data"])


def test_an_open_interval_of_effective_data_is_not_a_missing_one(
    runs: str, capsys: Capture
) -> None:
    table = drawn(0.003)
    few = table.where(~table.is_scratch | (table.D_F < 1e9))  # too short for the best runs
    few.write("short.csv")
    cells = said(capsys, "fit", "short.csv", *FIT)["cells"]
    above = [row for row in cells if row["status"] == "above_range"]
    assert above
    assert {row["D_E_high"] for row in above} == {"inf"}
    without = said(capsys, "fit", "short.csv", "--law", "kaplan", "--draws", "0")["cells"]
    assert all(row["D_E_high"] is None for row in without)


def test_backtest_names_the_chosen_law(runs: str, capsys: Capture) -> None:
    document = said(capsys, "backtest", runs, runs, "--laws", "kaplan", "gadre")
    assert set(document) == {"axis", "rows"}
    assert [row["law"] for row in document["rows"]] == ["kaplan", "gadre"]
    assert document["rows"][0]["chosen"]
    assert main(["transfer", "backtest", runs, "--laws", "kaplan", "--quiet"]) == 0
    assert "chosen: kaplan, parameters counted as N" in capsys.readouterr().out


def test_one_source_may_be_chosen(runs: str, capsys: Capture) -> None:
    assert said(capsys, "fit", runs, *FIT, "--source", "simulated")["runs_used"] == 16
    assert main(["transfer", "fit", runs, "--source", "books"]) == 2
    assert "it has simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [("arm,D_F,loss\n", "runs"), ("arm,D_F\nscratch,1\n", "loss"), ("a,b\n1,2\n", "not a column"),
     ("arm,D_F,loss\nscratch,1e5,nan\n", "loss"), ("arm,D_F,loss\nscratch,1e5,2.0\n", "run"),
     ("arm,D_F,loss\nmagic,1e5,2.0\n", "magic"), ("", "bad.csv")],
)  # fmt: skip
@pytest.mark.parametrize("command", ["fit", "backtest"])
def test_bad_files_are_one_line(
    runs: str, capsys: Capture, command: str, text: str, words: str
) -> None:
    Path("bad.csv").write_text(text)
    assert main(["transfer", command, "bad.csv"]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("precocial:")]
    assert out == ""
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [("fit", "gone.csv"), ("fit", "runs.csv", "--method", "magic"),
     ("fit", "runs.csv", "--law", "magic"), ("fit", "runs.csv", "--draws", "-1"),
     ("forecast", "runs.csv", *FIT, "--parameters", "0", "--fine-tune-data", "1e6"),
     ("plan", "runs.csv", *FIT, *HAVE), ("simulate", "x.csv", "--noise", "2"),
     ("simulate", "x.csv", "--alpha", "nan"), ("simulate", "x.txt"),
     ("simulate", "x.csv", "--k", "1e300", "--alpha", "50"),
     ("simulate", "x.csv", "--seeds", "99999999"), ("fit", "runs.csv", "--draws", "99999999"),
     ("fit", "runs.csv", "--law", "kaplan", "--draws", "1")],
)  # fmt: skip
def test_mistakes_are_one_line(runs: str, capsys: Capture, words: tuple[str, ...]) -> None:
    assert main(["transfer", *words, "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1


def test_exports_of_other_tools_become_a_run_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "wandb.csv"
    export.write_text(
        "Name,State,N,D_F,eval/loss,arm,tokens\na,finished,1e6,1e5,2.5,scratch,7\n"
        "b,crashed,1e6,1e6,2.2,scratch,9\n"
    )
    out = tmp_path / "runs.csv"
    column = ["--column", "loss=eval/loss", "unit:=tokens"]
    assert main(["transfer", "table", str(export), "--out", str(out), *column, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"path": str(out), "runs": 1}
    assert "left out 1 of 2 runs" in said.err
    assert out.read_text().splitlines()[1] == "a,scratch,tokens,1000000.0,100000.0,2.5"
    for wrong in ([str(export), "--column", "loss"], []):
        assert main(["transfer", "table", *wrong, "--out", str(out)]) == 2
        assert "NAME:=VALUE" in (err := capsys.readouterr().err) or "at least one" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["forecast", "runs.csv", "--fine-tune-data", "1e6"], "name a size at least"),
        (["forecast", "runs.csv", "--parameters", "1e6"], "name a size at least"),
        (
            ["table", "runs.csv", "--out", "o.csv", "--column", "loss=a", "--column", "loss=b"],
            "--column: loss stands twice, as a and b",
        ),
    ],
)
def test_flags_that_take_several_values_are_checked(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transfer", *words]) == 2
    assert told in capsys.readouterr().err

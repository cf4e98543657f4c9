"""Files of votes as people have them: an answer, or one line that says what is wrong, before any
long work."""

from __future__ import annotations

import io as streams
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from precocial import io
from precocial.cli import main
from precocial.normativity.learner import NormLearner
from tests.normativity.test_hierarchy_file import TEXT, written

ROWS = "".join(f"t{t},w{w},{'ab'[(t + (w == t % 3)) % 2]}\n" for t in range(9) for w in range(3))
VOTES = f"task,worker,label\n{ROWS}"
GOLD = "task,label\nt0,a\nt1,b\n"
FEATURES = "task,x\n" + "".join(f"t{t},{t}\n" for t in range(9))
SAID = "type,source,about,name,value\nstatement,me,"
LONG = "x" * 300
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with votes.csv, gold.csv and features.csv."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("votes", VOTES), ("gold", GOLD), ("features", FEATURES)):
        io.write_text(f"{name}.csv", text)
    return tmp_path


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be fitted."""

    def fit(*_: Any, **__: Any) -> None:
        raise AssertionError("the long work has begun")

    monkeypatch.setattr(NormLearner, "fit", fit)


def put(name: str, text: str, encoding: str = "utf-8") -> None:
    io.write_bytes(name, text.encode(encoding))


def run(*words: str) -> int:
    return main(["normativity", *words, "--quiet"])


def asked(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run("ask", *words, "--count", "9", "--json") == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert all(0 <= one["probability"] <= 1 for one in told)
    return told


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + VOTES,
        VOTES.replace("\n", "\r\n"),
        VOTES + "\n\n",
        VOTES.replace("t1,", '"t, 1",').replace(",a\n", ',"yes, it is"\n'),
        VOTES.replace("w1", "渡辺").replace(",a\n", ",є\n"),
        VOTES + ROWS,
        VOTES + "t1,w1,a\nt1,w1,b\n",
        "task,worker,label\nt1,w1,a\n",
        VOTES.replace(",b\n", ",a\n"),
        VOTES.replace("worker,label", "worker,label,seconds").replace("a\n", "a,3\n").replace(
            "b\n", "b,\n"
        ),
    ],
    ids=["mark", "crlf", "blank end", "commas", "names", "twice", "torn", "one", "one class",
         "more columns"],
)  # fmt: skip
def test_a_table_as_it_comes_gets_an_answer(text: str, capsys: Capture) -> None:
    put("mine.csv", text)
    assert asked(capsys, "mine.csv")


BAD: dict[str, tuple[str, str]] = {
    "semicolons": (VOTES.replace(",", ";"), "parted by ';'"),
    "tabs": (VOTES.replace(",", "\t"), r"parted by '\t'"),
    "capitals": (VOTES.replace("worker", "Worker"), "there are 'task', 'Worker', 'label'"),
    "empty": ("", "is empty"),
    "header alone": ("task,worker,label\n", "holds no votes"),
    "ragged": (VOTES + "t1,w1\n", "line 29: has 2 cells"),
    "no label": (VOTES + "t1,w1,\n", "line 29, column 'label': must be a name"),
    "nan": (VOTES + "t1,w1,nan\n", "line 29, column 'label': 'nan' is what tables write for a mis"),
    "one number": (VOTES.replace(",a", ",1") + "t1,w1,1.0\n", "'1.0' and '1' are one number"),
    "NA": (VOTES + "t1,w1,NA\n", "--classes"),
}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("name", BAD)
def test_a_table_that_is_wrong_is_refused_in_one_line(name: str, capsys: Capture) -> None:
    text, named = BAD[name]
    put("mine.csv", text)
    refused(capsys, named, "aggregate", "mine.csv")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_other_encodings_are_refused_with_what_to_do(encoding: str, capsys: Capture) -> None:
    put("mine.csv", VOTES.replace("w1", "Zoë"), encoding)
    refused(capsys, "save it as UTF-8", "aggregate", "mine.csv")


def refused(capsys: Capture, named: str, *words: str) -> None:
    capsys.readouterr()
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


WRONG: dict[str, tuple[str, str]] = {
    "features with NaN": (FEATURES.replace(",3\n", ",nan\n"), "line 5, column 'x': must be a fin"),
    "features with inf": (FEATURES.replace(",3\n", ",inf\n"), "line 5, column 'x': must be a fin"),
    "features twice": (FEATURES + "t1,1\n", "line 11, column 'task': the task 't1' stands twice"),
    "gold torn": (GOLD + "t0,b\n", "line 4, column 'label': the task 't0' is called 'b' here"),
    "gold of no class": (GOLD + "t2,c\n", "line 4, column 'label': nobody voted for the class 'c'"),
    "gold missing": (GOLD + "t2,NaN\n", "line 4, column 'label': 'NaN' is what tables write"),
    "gold elsewhere": ("task,label\nzzz,a\n", "none of its 1 tasks has votes"),
    "gold empty": ("task,label\n", "holds no labels"),
    "feedback on nobody": (f"{SAID}teacher,zzz,0.5\n", "mine.csv: feedback on an unknown teacher"),
    "feedback on a loss": (f"{SAID}loss,w1,0.5\n", "mine.csv: NormLearner cannot use a statement"),
    "gold by semicolons": (GOLD.replace(",", ";"), "parted by ';'"),
    "gold of other columns": (GOLD.replace("task", "id"), "Rename it; or, where all files call it"),
    "features of others": (FEATURES.replace("task", "id"), "so, --column task=COLUMN"),
    "features too large": (
        FEATURES.replace(",3\n", ",-1e300\n"),
        "line 5, column 'x': must be at m",
    ),
}


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("name", WRONG)
def test_what_stands_beside_the_votes_is_checked_first(name: str, capsys: Capture) -> None:
    text, named = WRONG[name]
    flag = name.split()[0]
    put("mine.csv", text)
    refused(capsys, f"mine.csv, {named}" if named.startswith("line") else named,
            "aggregate", "votes.csv", f"--{flag}", "mine.csv")  # fmt: skip


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("classes", [(), ("--classes", "1", "2")])
def test_gold_that_is_the_number_of_a_class_is_no_other_class(
    classes: tuple[str, ...], capsys: Capture
) -> None:
    put("mine.csv", VOTES.replace(",a", ",1").replace(",b", ",2"))
    put("checked.csv", "task,label\nt0,1\nt1,2.0\n")
    refused(capsys, "checked.csv, line 3, column 'label': '2.0' and '2' are one number; write them",
            "aggregate", "mine.csv", "--gold", "checked.csv", *classes)  # fmt: skip
    put("mine.csv", VOTES.replace(",a", ",1").replace(",b", ",2.0"))
    refused(capsys, "'2.0' and '2' are one number", "aggregate", "mine.csv", "--classes", "1", "2")


def test_columns_of_gold_and_features_may_be_called_as_those_of_votes(capsys: Capture) -> None:
    put("mine.csv", VOTES.replace("task,", "id,").replace("label", "answer"))
    put("checked.csv", GOLD.replace("task,label", "answer,id").replace("t0,a", "a,t0").replace(
        "t1,b", "b,t1"))  # fmt: skip
    put("wide.csv", FEATURES.replace("task", "id"))
    names = ("mine.csv", "--column", "task=id", "label=answer")
    for gold, features in (("checked.csv", "wide.csv"), ("gold.csv", "features.csv")):
        told = asked(capsys, *names, "--gold", gold, "--features", features)
        assert not {"t0", "t1"} & {one["task"] for one in told}
    put("both.csv", "task,id,label\nt0,t1,a\n")
    refused(capsys, "both.csv, line 1, column 'task': has the columns 'id' (--column task=id) and ",
            "ask", *names, "--gold", "both.csv")  # fmt: skip
    put("torn.csv", "id,label\nt0,a\nt0,b\n")
    refused(capsys, "torn.csv, line 3, column 'label'", "ask", *names, "--gold", "torn.csv")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--q", "2"), "--q: q must lie in (0, 1]"),
        (("--q", "nan"), "--q: q must lie in (0, 1]"),
        (("--out", "votes.csv"), "votes.csv is no folder"),
        (("--out", "votes.csv/inside"), "votes.csv is no folder"),
        (("--out", LONG), "--out: File name too long"),
        (("--out", "taken"), "panel.json is a folder there"),
        (("--compare", "--gold", "gold.csv"), "--compare needs 20 checked labels"),
        (("--column", "worker=zzz"), "column 'zzz': the column is missing; there are 'task', 'wor"),
        (("--column", "worker=label"), "the column 'label' is to be two of"),
        (("--column", "teacher=worker"), "--column renames task, worker, label; got 'teacher'"),
        (("--classes", "a", "c"), "line 2, column 'label': 'b' is none of --classes 'a', 'c'"),
        (("--classes", "a", "a", "b"), "a label is named twice"),
    ],
)
def test_flags_are_checked_first(words: tuple[str, ...], named: str, capsys: Capture) -> None:
    Path("taken/panel.json").mkdir(parents=True)
    refused(capsys, named, "aggregate", "votes.csv", *words)


@pytest.mark.usefixtures("no_work")
def test_the_votes_are_not_written_over(capsys: Capture) -> None:
    put("labels.csv", VOTES)
    refused(capsys, "would replace the table of votes", "aggregate", "labels.csv", "--out", ".")
    assert Path("labels.csv").read_text() == VOTES


def test_a_class_that_nobody_voted_for_may_be_named(capsys: Capture) -> None:
    put("mine.csv", GOLD + "t2,c\n")
    told = asked(capsys, "votes.csv", "--gold", "mine.csv", "--classes", "a", "b", "c")
    assert "t2" not in [one["task"] for one in told]
    put("mine.csv", VOTES + "t1,w1,NA\n")
    assert asked(capsys, "mine.csv", "--classes", "a", "b", "NA")


def test_what_is_odd_is_noted(capsys: Capture) -> None:
    put("mine.csv", VOTES + "t1,w1,a\nt1,nan,a\n")
    assert main(["normativity", "ask", "mine.csv"]) == 0
    said = capsys.readouterr().err
    assert "1 votes repeat a worker on a task; each of them counts" in said
    assert "1 votes have a worker that looks missing" in said
    put("mine.csv", VOTES.replace(",b\n", ",a\n"))
    assert main(["normativity", "ask", "mine.csv"]) == 0
    assert "all votes are for 'a'" in capsys.readouterr().err
    put("wide.csv", FEATURES + "t98,1\nt99,2\n")
    assert main(["normativity", "ask", "votes.csv", "--features", "wide.csv"]) == 0
    said = capsys.readouterr().err
    assert "2 rows of features are of tasks without votes and are left out" in said


def test_gold_reads_names_as_votes_do(capsys: Capture) -> None:
    """Spaces around a name are no part of it; a quote mark is."""
    put("mine.csv", VOTES.replace("t0", "'=t0"))
    put("checked.csv", "task,label\n'=t0, a\n t1 ,b\n")
    told = asked(capsys, "mine.csv", "--gold", "checked.csv")
    assert not {"'=t0", "t1"} & {one["task"] for one in told}


def test_labels_are_joined_with_votes_by_their_names_as_they_stand() -> None:
    odd = {"t0": "=t0", "t1": "+1+1", "t2": "-a", "t3": "@b", "t4": "'=c", ",a\n": ",=a\n"}
    text = VOTES
    for name, other in odd.items():
        text = text.replace(name, other)
    put("mine.csv", text)
    assert run("aggregate", "mine.csv", "--out", "panel") == 0
    votes, labels = (pd.read_csv(name, dtype=str) for name in ("mine.csv", "panel/labels.csv"))
    assert set(labels.task) == set(votes.task)
    assert set(labels.label) <= {"=a", "b"}
    assert {"p(=a)", "p(b)"} <= set(labels.columns)


def test_where_all_is_checked_nothing_is_asked(capsys: Capture) -> None:
    put("mine.csv", "task,label\n" + "".join(f"t{t},a\n" for t in range(9)))
    assert run("ask", "votes.csv", "--gold", "mine.csv") == 0
    assert "nothing is left to check" in capsys.readouterr().out
    assert run("aggregate", "votes.csv", "--gold", "mine.csv") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "--compare, from 20 on, scores it" in said
    assert "check next: nothing" in said


def test_json_lines_hold_votes_gold_and_features(capsys: Capture) -> None:
    rows = [{"task": t, "worker": w, "label": (t + (w == t % 3)) % 2} for t in range(9)
            for w in range(3)]  # fmt: skip
    io.write_jsonl("votes.jsonl", rows)
    io.write_jsonl("gold.jsonl", [{"task": 0, "label": 0}])
    io.write_jsonl("features.jsonl", [{"task": t, "x": float(t % 2)} for t in range(9)])
    words = ("votes.jsonl", "--gold", "gold.jsonl", "--features", "features.jsonl")
    assert "0" not in [one["task"] for one in asked(capsys, *words)]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--tol", "2"), "--tol must lie in [1e-15, 1)"),
        (("--tol", "1e-20"), "--tol must lie in [1e-15, 1)"),
        (("--tol", "nan"), "--tol must lie in [1e-15, 1)"),
        (("--more-levels", "0"), "--more-levels must lie in 1 to"),
        (("--more-levels", "100000"), "--more-levels must lie in 1 to"),
        (("--out", "votes.csv"), "votes.csv is no folder"),
    ],
)
def test_flags_of_the_fixed_point_are_checked_first(
    words: tuple[str, ...], named: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = written(Path())

    def settle(*_: Any, **__: Any) -> Any:
        raise AssertionError("the long work has begun")

    for module, name in (("fitting", "fit"), ("fixed_point", "fixed_point")):
        monkeypatch.setattr(sys.modules[f"precocial.normativity.{module}"], name, settle)
    refused(capsys, named, "fixed-point", str(config), *words)


@pytest.mark.parametrize(
    ("settings", "named"),
    [("q = 0.3", "more than one fixed point"), ("semantics = 'mean'", 'semantics="sample"')],
)
def test_feedback_that_cannot_be_sent_back_is_told_with_the_file(
    settings: str, named: str, capsys: Capture
) -> None:
    config = written(Path(), TEXT.replace("q = 0.7\nfloor = 0.02", settings))
    refused(capsys, named, "fixed-point", str(config))
    refused(capsys, "levels.toml: ", "fixed-point", str(config))


def test_names_that_a_terminal_cannot_show_are_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine.csv", VOTES.replace("t1", "tä"))
    kept = streams.BytesIO()
    monkeypatch.setattr(sys, "stdout", streams.TextIOWrapper(kept, encoding="ascii"))
    assert run("ask", "mine.csv", "--count", "9") == 0
    assert b"t\\xe4" in kept.getvalue()


def test_probabilities_are_written_for_every_class() -> None:
    assert run("aggregate", "votes.csv", "--classes", "a", "b", "c", "--out", "panel") == 0
    rows = io.read_csv("panel/labels.csv")
    sums = [sum(float(row[f"p({name})"]) for name in "abc") for row in rows]
    np.testing.assert_allclose(sums, 1.0)

"""`precocial worth`: a table, a picture, one JSON document, one line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from precocial import io
from precocial.cli import main
from tests.worth.planted import World


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two files in the working directory; the last treated size lies beyond the base curve."""
    monkeypatch.chdir(tmp_path)
    base, treated = World(sizes=(1e4, 1e5, 3e7)).draw(0)
    io.write_csv("base.csv", base.rows())
    io.write_csv("treated.csv", treated.rows())
    return "base.csv", "treated.csv"


def test_it_prints_the_table_and_draws_the_picture(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worth", *files, "--data-unit", "bytes"]) == 0
    out = capsys.readouterr().out
    assert "Worth of pretrained over scratch, in bytes" in out
    assert "measured" in out
    assert "at least -2e+07" in out
    assert "-2e+07 to open" in out
    assert "at 3e+07: the treated loss is below the base curve" in out
    assert "picture: worth.svg" in out
    assert "data (bytes)" in Path("worth.svg").read_text()


def test_json_is_one_document_and_nothing_else(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["worth", *files, "--json", "--quiet", "--seed", "3", "--svg", "here/a.svg"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert said.err == ""
    assert document["seed"] == 3
    assert document["picture"] == "here/a.svg"
    assert Path("here/a.svg").exists()
    assert not Path("worth.svg").exists()
    assert [row["status"] for row in document["rows"]] == ["measured"] * 2 + ["above_range"]
    assert document["rows"][2]["high"] == "inf"
    assert document["rows"][2]["open_above"] is True
    assert main(arguments) == 0
    assert capsys.readouterr().out == said.out


def test_sizes_method_and_arrow_are_taken(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(
        ["worth", *files, "--at", "1e4", "1e5", "--method", "power", "--arrow-at", "1e5", "--json"]
    )
    document = json.loads(capsys.readouterr().out)
    assert [row["data"] for row in document["rows"]] == [1e4, 1e5]
    assert document["method"] == "power"
    assert f"D = {document['rows'][1]['worth']:.3g} units" in Path("worth.svg").read_text()


def test_one_file_may_hold_both_arms(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for file in files for row in io.read_csv(file)]
    io.write_csv("both.csv", rows)
    assert main(["worth", "both.csv", "both.csv"]) == 2
    assert "holds the arms 'pretrained', 'scratch'; name one" in capsys.readouterr().err
    arms = ["--base-arm", "scratch", "--treated-arm", "pretrained"]
    assert main(["worth", "both.csv", "both.csv", *arms]) == 0


def test_notes_go_to_stderr_and_quiet_stops_them(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in io.read_csv(files[1]) if row["seed"] == "0"]
    io.write_csv("one.csv", rows)
    main(["worth", files[0], "one.csv"])
    assert "stands in for its own" in " ".join(capsys.readouterr().err.split())
    main(["worth", files[0], "one.csv", "--quiet"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--at", "-1"], "at must be a list of finite data sizes"),
        (["--level", "2"], "level must lie in (0, 1)"),
        (["--bootstrap", "3"], "bootstrap must be 0"),
        (["--arrow-at", "7"], "at must be one of the sizes"),
        (["--treated-arm", "x"], "holds no arm 'x'"),
    ],
)
def test_a_mistake_is_one_line(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert main(["worth", *files, *extra]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not Path("worth.svg").exists()


def test_a_bad_cell_is_named(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.csv").write_text("data,loss\n1,2\n3,=cmd()\n")
    assert main(["worth", files[0], "bad.csv"]) == 2
    assert "bad.csv, line 3, column 'loss': must be a number" in capsys.readouterr().err


def test_an_arm_of_a_file_without_arms_is_a_mistake(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{k: v for k, v in row.items() if k != "arm"} for row in io.read_csv(files[0])]
    io.write_csv("bare.csv", rows)
    assert main(["worth", "bare.csv", files[1], "--base-arm", "x"]) == 2
    assert "no column of arms" in capsys.readouterr().err

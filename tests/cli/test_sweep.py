"""`precocial transfer sweep`: folders in, a run table out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from precocial.cli import main
from precocial.transfer import RunTable
from tests.transfer.tiny_texts import write_texts


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    root = tmp_path_factory.mktemp("texts")
    source = write_texts(root / "source", letters="abcdef", files=10, size=12_000, seed=0)
    target = write_texts(root / "target", letters="defghi", files=16, size=4_000, seed=1)
    return str(source), str(target)


def sweep(texts: tuple[str, str], out: Path, *more: str) -> int:
    source, target = texts
    words = ["transfer", "sweep", "--source", source, "--target", target, "--recipe", "smoke"]
    return main([*words, "--out", str(out), "--workers", "1", *more])


def test_json_is_one_document_and_a_second_call_says_the_same(
    texts: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(texts, tmp_path, "--json", "--quiet") == 0
    said = capsys.readouterr()
    assert said.err == ""
    document = json.loads(said.out)
    table = RunTable.read(document["table"])
    assert len(table) == len(document["rows"]) == 3 * (3 + 1 + 3)
    assert sweep(texts, tmp_path, "--json", "--quiet") == 0
    again = json.loads(capsys.readouterr().out)
    assert again["rows"] == document["rows"]

    assert sweep(texts, tmp_path) == 0
    said = capsys.readouterr()
    assert "loss (nats per byte)" in said.out
    assert "precocial transfer fit" in " ".join(said.out.split())  # tables wrap long lines
    assert "smoke sweep" in said.err


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("nowhere", None, "nowhere: no such file or folder"),
        (None, "empty", "holds no text"),
        (None, "one.txt", "at least 3 modules, files or sub-folders"),
    ],
)
def test_texts_that_cannot_be_read_are_told_in_one_line(
    texts: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    source: str | None,
    target: str | None,
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.txt").write_text("some words\n" * 10_000)
    named = (
        str(tmp_path / source) if source else texts[0],
        str(tmp_path / target) if target else texts[1],
    )
    assert sweep(named, tmp_path / "out", "--quiet") == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1

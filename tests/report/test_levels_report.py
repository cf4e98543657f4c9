"""The page of levels: whole, escaped, and honest where they do not settle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from precocial.cli import main
from precocial.errors import DataError
from precocial.normativity.fitting import fit
from precocial.normativity.fixed_point import FixedPoint, fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.levels_record import LEVELS, LevelsRecord
from precocial.report import page_of, render
from precocial.report.levels_report import headline, levels_page
from tests.normativity.test_hierarchy_file import written
from tests.report.test_transfer_report import HOSTILE, Page

CYCLE = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]


def kept(folder: Path, fixed: FixedPoint) -> LevelsRecord:
    record = LevelsRecord.of(fixed, fixed.change_when_adding_level(2), source="levels.toml")
    record.write(folder / LEVELS)
    return record


def test_the_command_writes_a_page_with_every_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = written(tmp_path), tmp_path / "out"
    assert main(["normativity", "fixed-point", str(config), "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    text = (out / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert sum(tag == "section" for tag, _ in page.tags) == 6
    record = LevelsRecord.read(out / LEVELS)
    assert record.statements == 1
    assert headline(record).split(":")[0] in " ".join(said.split())
    assert page_of(out).headline == headline(record)
    for word in ("editor", "strict", "even", "#133"):
        assert word in text


def test_no_fixed_point_is_said_first(tmp_path: Path) -> None:
    p = np.array([1 / 3 + 0.05, 1 / 3, 1 / 3 - 0.05])
    judges = Level("judges", ["rock", "paper", "scissors"], initial=p)
    hierarchy = Hierarchy([judges], [CYCLE], q=0.3, semantics="mean")
    record = kept(tmp_path, fixed_point(hierarchy, solver="iterate", most_levels=50))
    assert record.status == "did not converge"
    assert headline(record).startswith("The levels did not settle")
    assert "did not converge" in render(levels_page(tmp_path))


def test_statements_that_could_not_be_used_are_listed(tmp_path: Path) -> None:
    hierarchy = Hierarchy([Level("judges", ["a", "b"])], [[[1, 0], [0, 1]]])
    hierarchy.feedback(level="judges", item="a", source="x")
    hierarchy.feedback(level="sources", item="nobody", value=0.0, source="z")
    fitted = fit(hierarchy)
    fixed = fitted.fixed_point
    added = fixed.change_when_adding_level(1)
    LevelsRecord.of(fixed, added, source="levels.toml", fitted=fitted).write(tmp_path / LEVELS)
    found = LevelsRecord.read(tmp_path / LEVELS).unused
    assert [(one.number, one.source, one.kind) for one in found] == [(1, "z", "source")]
    assert "nothing was said by" in render(levels_page(tmp_path))


def test_names_are_escaped(tmp_path: Path) -> None:
    answers = Level(HOSTILE, [HOSTILE, "b"], tasks=[HOSTILE + "1", "t2"])
    judges = Level("judges", [HOSTILE, "j"])
    scores = [np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]), [[1, 0], [0, 1]]]
    kept(tmp_path, fixed_point(Hierarchy([answers, judges], scores)))
    text = render(levels_page(tmp_path))
    assert Page(text).open == []
    assert HOSTILE not in text


@pytest.mark.parametrize(
    "damage",
    [('"format": 1', '"format": 2'), ('"status": "converged"', '"status": 3'), ('"q"', '"r"'),
     ('"tv": [', '"tv": [0.5, ')],
)  # fmt: skip
def test_a_damaged_record_is_refused(tmp_path: Path, damage: tuple[str, str]) -> None:
    hierarchy = Hierarchy([Level("judges", ["a", "b"])], [[[1, 0], [0, 1]]])
    hierarchy.feedback(level="judges", item="a", source="s")
    kept(tmp_path, fit(hierarchy).fixed_point)
    path = tmp_path / LEVELS
    text = path.read_text()
    assert damage[0] in text
    path.write_text(text.replace(*damage))
    with pytest.raises(DataError, match=r"levels\.json"):
        levels_page(tmp_path)

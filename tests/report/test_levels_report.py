"""The page of levels: whole, escaped, and honest where they do not settle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial.cli import main
from precocial.errors import DataError
from precocial.normativity.fitting import fit
from precocial.normativity.fixed_point import FixedPoint, fixed_point
from precocial.normativity.hierarchy import Hierarchy, Semantics
from precocial.normativity.levels import Level
from precocial.normativity.levels_record import LEVELS, LevelsRecord
from precocial.report import page_of, render
from precocial.report.levels_report import headline, levels_page
from precocial.report.page import Picture, Section, Table
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


@pytest.mark.parametrize("semantics", ["sample", "mean"])
@pytest.mark.parametrize("share", [True, False])
def test_a_bound_is_shown_where_one_is_proved(
    tmp_path: Path, semantics: Semantics, share: bool
) -> None:
    answers, judges = Level("answers", ["a", "b"]), Level("judges", ["strict", "kind", "even"])
    scores = [[[1, 0], [0.2, 0.9], [0.5, 0.5]], [[1, 0, 0.5], [0, 1, 0.5], [0.4, 0.3, 1]]]
    hierarchy = Hierarchy([answers, judges], scores, share=share, semantics=semantics)
    kept(tmp_path, fixed_point(hierarchy))
    page = levels_page(tmp_path)
    section = next(one for one in page.sections if one.key == "contraction")
    said = render(replace(page, sections=(section,)))
    tiles = [name for name, *_ in page.figures]
    assert ("bound" in columns_of(section)) == (semantics == "sample")
    assert ("Nothing bounds" in said) == (semantics == "mean" and share)
    assert ("has no bound" in said) == (semantics == "mean" and not share)
    assert ("gap" in tiles) == (semantics == "mean" and share)
    assert ("contraction" in tiles) == (semantics == "sample" or not share)
    assert "can gain at most" not in page.headline or (semantics == "mean" and share)


def columns_of(section: Section) -> set[str]:
    tables = [part.table if isinstance(part, Picture) else part for part in section.parts]
    return {name for table in tables if isinstance(table, Table) for name in table.columns}


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

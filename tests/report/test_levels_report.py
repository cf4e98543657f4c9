"""The page of levels: whole, escaped, and honest where they do not settle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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
from precocial.report.levels_report import contraction_section, headline, levels_page
from precocial.report.page import Picture, Section, Table, Text
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


def cycling(folder: Path, **settings: Any) -> LevelsRecord:
    """Rock, paper and scissors: alike at first, and moving round from any judge alone."""
    judges = Level("judges", ["rock", "paper", "scissors"])
    return kept(folder, fixed_point(Hierarchy([judges], [CYCLE], q=0.3, **settings)))


def test_levels_that_move_from_other_tops_alone_are_not_shown_as_still(tmp_path: Path) -> None:
    record = cycling(tmp_path)
    assert record.status == "did not converge"
    assert max(record.tv) == 0
    page = levels_page(tmp_path)
    section = next(one for one in page.sections if one.key == "contraction")
    said = render(replace(page, sections=(section,)))
    assert "From the initial distribution of the top no level changes" in said
    assert "one more level still changes 1 (" in said
    assert [type(part) for part in section.parts] == [Text, Table]
    assert len(render(page)) < 100_000
    assert "where they stood at the last step" in render(page)
    assert next(one for one in page.figures if one[0] == "levels")[2].startswith("and not yet to")


def test_of_many_steps_the_ends_and_the_turns_are_shown(tmp_path: Path) -> None:
    record = replace(cycling(tmp_path, floor=0.01), added=[], change=[], change_bound=[])
    tv = [1.0] * 600 + [1e-3] * 400
    table = next(
        part.table
        for part in contraction_section(replace(record, tv=tv, bounds=[None] * 1000)).parts
        if isinstance(part, Picture)
    )
    steps = [row[0] for row in table.rows]
    assert len(steps) <= 20
    assert steps[:8] == list(range(1, 9))
    assert steps[-8:] == list(range(993, 1001))
    assert {600, 601} <= set(steps)
    assert "20 of 1,000" in table.title
    assert dict(row[:2] for row in table.rows)[601] == "0.001"


@pytest.mark.parametrize("semantics", ["sample", "mean"])
def test_ties_of_the_likeliest_are_told(tmp_path: Path, semantics: Semantics) -> None:
    said = headline(cycling(tmp_path, floor=0.01, semantics=semantics))
    assert said.endswith("All 3 of judges are equally likely, 0.333 each.")
    level = Level("names", ["a", "b", "c"], initial=[0.4, 0.4, 0.2])
    even = Hierarchy([level], [np.zeros((3, 3))], q=0.9, semantics=semantics)
    assert "The likeliest of names are a, b, equally so: 0.400 each." in headline(
        kept(tmp_path, fixed_point(even))
    )
    uneven = Level("names", ["a", "b", "c"], initial=[0.4, 0.3999, 0.2001])
    one = Hierarchy([uneven], [np.zeros((3, 3))], q=0.9, semantics=semantics)
    assert "The likeliest of names is a, 0.400." in headline(kept(tmp_path, fixed_point(one)))


def test_a_chain_claims_no_convergence(tmp_path: Path) -> None:
    answers, judges = Level("answers", ["a", "b"]), Level("judges", ["x", "y"])
    hierarchy = Hierarchy([answers, judges], [np.eye(2)], share=False)
    record = kept(tmp_path, fixed_point(hierarchy))
    tiles = {name: (value, more) for name, value, more in levels_page(tmp_path).figures}
    assert (record.bounds[-1] or 0) > 0.1
    assert tiles["status"] == ("a chain", "it ends: nothing has to settle; a judge is drawn")
    assert tiles["levels"] == ("2", "none stands above the last")


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

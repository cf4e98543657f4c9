"""The page of an audit: whole, escaped, and true to the record."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from precocial import io
from precocial.errors import DataError
from precocial.preferences.auditing.record import AUDIT, AuditRecord, Moved, Resampled
from precocial.report import render
from precocial.report.preferences_report import SECTIONS, headline, preferences_page, sign_is_open
from tests.preferences.auditing.test_audit import found
from tests.report.test_transfer_report import HOSTILE, Page


@cache
def record(turned: bool = True) -> AuditRecord:
    return found(turned).record


def page_of(one: AuditRecord, folder: Path) -> str:
    one.write(folder / AUDIT)
    return render(preferences_page(folder))


def test_every_section_is_there(tmp_path: Path) -> None:
    text = page_of(record(), tmp_path)
    parsed = Page(text)
    assert parsed.open == []
    assert sum(tag == "section" for tag, _ in parsed.tags) == len(SECTIONS) == 7
    assert text.count("<svg") == 4
    said = " ".join(parsed.text)
    for row in record().undecidable:
        assert row.why in said
    assert page_of(record(), tmp_path) == text


def test_the_headline_does_not_name_a_winner_while_the_sign_is_open() -> None:
    assert sign_is_open(record())
    assert "not the sign of what is wanted" in headline(record())
    assert record().pairs[0].reward not in headline(record())
    assert not sign_is_open(record(turned=False))
    assert record(turned=False).pairs[0].reward in headline(record(turned=False))


def test_what_came_from_files_is_escaped(tmp_path: Path) -> None:
    world = replace(record().world, state_names=[HOSTILE] * 5, grid=None)
    pair = replace(record().pairs[0], reward=HOSTILE)
    rows = [replace(row, planner=HOSTILE, reward=HOSTILE) for row in record().families]
    values = [replace(row, state=HOSTILE) for row in record().values]
    hostile = replace(
        record(), world=world, pairs=[pair], families=rows, values=values, notes=[HOSTILE],
        command=HOSTILE, assumptions=[HOSTILE],
    )  # fmt: skip
    text = page_of(hostile, tmp_path)
    assert "<script" not in text
    assert Page(text).open == []


def test_a_page_can_be_made_from_the_file_alone(tmp_path: Path) -> None:
    record().write(tmp_path / "other.json")
    assert preferences_page(tmp_path / "other.json").headline == headline(record())
    with pytest.raises(DataError, match="no such file"):
        preferences_page(tmp_path)
    io.write_text(tmp_path / AUDIT, "{}")
    with pytest.raises(DataError, match="is not an audit"):
        preferences_page(tmp_path)


def test_the_headline_names_what_was_assumed_and_what_the_list_settled() -> None:
    told = replace(record(turned=False), assumptions=["better than random"])
    assert headline(told).startswith("Assuming better than random: ")
    assert "not behaviour's word" in headline(record(turned=False))
    assert "not behaviour's word" not in headline(told)
    unsure = replace(told, pairs=[replace(told.pairs[0], probability=0.08)])
    assert "no pair is likely" in headline(unsure)


def test_a_pair_that_does_not_explain_is_warned_of_at_the_top(tmp_path: Path) -> None:
    good, bad = record(), replace(record(), fit=replace(record().fit, p_value=0.002))
    assert good.fit.explains
    assert "Not even the best pair" not in page_of(good, tmp_path)
    assert headline(bad).startswith("Not even the best pair explains what was seen")
    assert headline(bad).endswith(headline(good))
    said = " ".join(Page(page_of(bad, tmp_path)).text)
    assert "in 0 of 499 replicates" in said
    assert "does not explain" in said
    assert "Where the best pair is most off" in said


def test_each_interval_says_whether_it_is_exact(tmp_path: Path) -> None:
    found = record(turned=False).ambiguous
    assert found.status == "exact"
    said = " ".join(Page(page_of(record(turned=False), tmp_path)).text)
    assert f"The planner taken as known is {found.planner} (" in said
    for word in ("every reward", "every weighting", "the list", "exact", "posterior"):
        assert word in said
    none = replace(found, status="no exact tool", why="nobody knows", planner="", free=None)
    said = " ".join(Page(page_of(replace(record(), ambiguous=none), tmp_path)).text)
    assert "over the list alone: nobody knows" in said
    assert "directions of the" not in said.partition("What is ambiguous")[2].partition("STARC")[0]
    refuted = replace(found, status="refuted", why="no reward does", rows=[])
    said = " ".join(Page(page_of(replace(record(), ambiguous=refuted), tmp_path)).text)
    assert "No exact interval of some sets: no reward does." in said


def test_where_the_world_comes_from_is_said(tmp_path: Path) -> None:
    said = " ".join(Page(page_of(record(), tmp_path)).text)
    assert "given, taken as it is" in said
    rows = [Moved(what="probability of the best", here=0.5, low=0.25, high=0.75)]
    drawn = Resampled(source="counted", worlds=8, unvisited=0.31, best_stays=3, rows=rows)
    said = " ".join(Page(page_of(replace(record(), resampled=drawn), tmp_path)).text)
    assert "31 % of its states and actions were never tried" in said
    assert "stays the likeliest in 3" in said
    exact = replace(drawn, source="counted, taken as exact", worlds=0, rows=[])
    said = " ".join(Page(page_of(replace(record(), resampled=exact), tmp_path)).text)
    assert "is taken as exact here" in said


def test_what_a_second_world_would_leave_is_said(tmp_path: Path) -> None:
    said = " ".join(Page(page_of(record(), tmp_path)).text)
    assert "leaves 4 directions of the reward open for ever" in said
    assert "would leave 0 (a constant counts as one)" in said
    rows = [replace(row, directions_left=None) for row in record().decides]
    said = " ".join(Page(page_of(replace(record(), decides=rows), tmp_path)).text)
    assert "open for ever" not in said

"""The page of an audit: whole, escaped, and true to the record."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from precocial import io
from precocial.errors import DataError
from precocial.preferences.auditing.record import AUDIT, AuditRecord
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

"""Pages of the genome's studies, on the rows that ship and on rows that are made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from precocial import io
from precocial.errors import DataError
from precocial.genome.studies.shipped import SHELF
from precocial.io import Row
from precocial.report import Page, any_report, genome_studies, render
from precocial.report.genome_saving import saving_section
from precocial.runs import RunRecord

PAGES = {
    "curves": genome_studies.curves_page,
    "dip": genome_studies.dip_page,
    "saving": genome_studies.saving_page,
    "regularise": genome_studies.regularise_page,
    "price": genome_studies.price_page,
    "heuristic": genome_studies.heuristic_page,
}
SAID = {
    "curves": "The newborn is right on 8",
    "dip": "Adam takes 5.4 points from the newborn",
    "saving": "At birth the genome is worth",
    "regularise": "figures that would answer",
    "price": "figures that would answer",
    "heuristic": "figures that would answer",
}
Made = Callable[[str, Sequence[Row]], Page]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The page of a study with these rows, its config as it ships."""

    def make(name: str, rows: Sequence[Row]) -> Page:
        told = io.read_json(SHELF.folder / f"{name}.json")
        record = RunRecord(
            path=tmp_path, id="0", experiment=name, config=told["runs"][0]["config"], code="c",
            seeds={}, versions={}, machine={}, command="c", rows=tuple(rows), complete=True,
            seconds=1.0, artefacts={},
        )  # fmt: skip
        monkeypatch.setattr(genome_studies, "read_run", lambda path: record)
        return PAGES[name](tmp_path)

    return make


def test_examples_that_are_lost_are_not_saved() -> None:
    rows: list[Row] = [
        {"arm": arm, "data": size, "seed": seed, "loss": level / size, "error": 0.5}
        for arm, level in (("genome", 1000.0), ("random", 10.0)) for size in (30, 100, 300)
        for seed in (0, 1)
    ]  # fmt: skip
    told = str(saving_section([row for row in rows if (row["arm"], row["data"]) != ("genome", 30)]))
    assert "loses beside random weights: it is 70 training examples behind, or more" in told


@pytest.mark.parametrize("name", PAGES)
def test_what_ships_has_a_page(name: str, made: Made) -> None:
    rows = (SHELF.folder / f"{name}.jsonl").read_text().splitlines()
    page = made(name, [json.loads(row) for row in rows])
    assert SAID[name] in page.headline
    text = render(page)
    assert "nan" not in page.headline
    assert text.count("<svg") == {"curves": 1, "dip": 1, "saving": 2}.get(name, 0)
    assert page.title.endswith(("fashion-mnist", "digits"))


def test_every_study_is_dispatched_to_its_page() -> None:
    known = {name.partition(":")[0] for name in any_report.RUN_PAGES}
    for module in known:
        __import__(module)
    assert set(PAGES.values()) <= set(any_report.RUN_PAGES.values())


def test_curves_that_cannot_be_compared_are_drawn_all_the_same(made: Made) -> None:
    rows = [
        {"arm": arm, "seed": seed, "step": step, "accuracy": start, "loss": 1.0}
        for arm, start in (("genome", 0.8), ("random", 0.1)) for seed in (0, 1) for step in (0, 9)
    ]  # fmt: skip
    page = made("curves", rows)
    assert page.headline == "These curves cannot be compared yet."
    assert "let it live longer" in render(page)
    assert render(page).count("<svg") == 1


@pytest.mark.parametrize("name", PAGES)
def test_rows_of_another_kind_are_refused(name: str, made: Made) -> None:
    with pytest.raises(DataError, match="let the run go on"):
        made(name, [])
    with pytest.raises(DataError, match="let the run go on"):
        made(name, [{"seed": 0}])


def lives(worth: int) -> list[dict[str, Any]]:
    """loss = 1 / (1 + d / 100) without, and with `worth` examples more."""
    return [
        {"arm": arm, "data": size, "seed": seed, "error": 0.5,
         "loss": (1 + 0.01 * seed) / (1 + (size + more) / 100)}
        for arm, more in (("genome", worth), ("random", 0)) for size in (0, 50, 200, 800)
        for seed in range(3)
    ]  # fmt: skip


def test_a_planted_worth_is_told() -> None:
    section = saving_section(lives(50))
    (lead, picture, _) = section.parts
    assert lead.kind == "text"
    assert "At birth the genome is worth 50" in lead.text
    assert "beside random weights" in lead.text
    assert picture.kind == "picture"
    more = saving_section(lives(100_000))
    assert more.parts[0].kind == "text"
    assert "worth at least" in more.parts[0].text


def test_lives_without_another_arm_say_so() -> None:
    section = saving_section([row for row in lives(50) if row["arm"] == "genome"])
    assert "No network lived" in str(section.parts)

"""The page of people's choices: whole, escaped, and nothing decided that choices leave open."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.errors import DataError
from precocial.preferences.people.choices import ChoiceData
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report import page_of, render
from precocial.report.people_report import headline, people_page
from tests.report.test_transfer_report import HOSTILE, Page


@cache
def record() -> ChoiceRecord:
    rng = np.random.default_rng(0)
    n = 240
    sooner, later = rng.uniform(5, 20, n), rng.uniform(20, 60, n)
    delay = rng.choice([5.0, 20.0, 60.0, 120.0], n)
    gain = later / (1 + 0.02 * delay) - sooner
    columns = {
        "amount_sooner": sooner, "delay_sooner": np.zeros(n), "amount_later": later,
        "delay_later": delay,
    }  # fmt: skip
    data = ChoiceData(
        kind="delay", source="planted", subjects=("a", "b", "c"), subject=np.arange(n) % 3,
        columns=columns, chosen=(rng.random(n) < 1 / (1 + np.exp(-0.5 * gain))).astype(np.int64),
    )  # fmt: skip
    return ChoiceRecord.of(fit_choices(data, seed=1))


def test_every_section_is_there(tmp_path: Path) -> None:
    record().write(tmp_path / PEOPLE)
    text = render(people_page(tmp_path))
    parsed = Page(text)
    assert parsed.open == []
    assert sum(tag == "section" for tag, _ in parsed.tags) == 3
    assert "mathdefault" not in text
    said = " ".join(parsed.text)
    for row in record().undecided:
        assert row.statement[1:] in said
    assert f"{len(record().undecided)} other readings" in headline(record())
    assert page_of(tmp_path).headline == headline(record())


def test_planted_discounting_is_on_the_page() -> None:
    k = next(figure for figure in record().group if figure.name.endswith(" k"))
    assert k.low <= 0.02 <= k.high or k.value == pytest.approx(0.02, rel=0.5)
    assert record().held_out_nats > record().chance_nats


def test_a_groups_doubt_is_on_the_page(tmp_path: Path) -> None:
    first = replace(record().group[0], note="too few <trials>")
    noted = replace(record(), group=[first, *record().group[1:]])
    noted.write(tmp_path / PEOPLE)
    assert ChoiceRecord.read(tmp_path / PEOPLE) == noted
    said = " ".join(Page(render(people_page(tmp_path))).text)
    assert said.count(f"Doubt the {first.name}: too few <trials>.") >= 2


def test_what_came_from_files_is_escaped(tmp_path: Path) -> None:
    people = [replace(person, subject=HOSTILE, parameter=HOSTILE) for person in record().people]
    replace(record(), source=HOSTILE, people=people).write(tmp_path / PEOPLE)
    text = render(people_page(tmp_path))
    assert "<script" not in text
    assert Page(text).open == []


def test_a_record_survives_its_file_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    record().write(tmp_path / PEOPLE)
    assert ChoiceRecord.read(tmp_path / PEOPLE) == record()
    wrong = [{"format": 7}, {"people": [{"subject": 1}]}, {"level": "high"}, {"people": []}]
    for broken in (*wrong, {"group": []}, {"level": 7.0}):
        document = io.read_json(tmp_path / PEOPLE) | broken
        (tmp_path / "broken.json").write_text(json.dumps(document))
        with pytest.raises(DataError, match=r"is not a record|of format 7|is a damaged record"):
            ChoiceRecord.read(tmp_path / "broken.json")

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
from precocial.preferences.people.comparison import Margin
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.held_out import REGRESSION
from precocial.preferences.people.posterior import TradeOff
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report import page_of, render
from precocial.report.people_report import headline, people_page
from precocial.report.people_words import WORDS
from tests.preferences.people.test_travel import travellers
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
    assert sum(tag == "section" for tag, _ in parsed.tags) == 5
    assert "mathdefault" not in text
    said = " ".join(parsed.text)
    for row in record().undecided:
        assert row.statement[1:] in said
    assert f"{len(record().undecided)} other readings" in headline(record())
    assert page_of(tmp_path).headline == headline(record())


def test_planted_discounting_is_on_the_page() -> None:
    k = next(figure for figure in record().group if figure.name.endswith(" k"))
    assert k.low <= 0.02 <= k.high or k.value == pytest.approx(0.02, rel=0.5)
    best = record().comparison.best
    assert best.gain_nats is not None
    assert best.gain_nats.value > 0


def test_the_headline_is_of_the_best_over_the_base_rates() -> None:
    best = record().comparison.best
    said = headline(record())
    assert said.startswith(f"{WORDS['delay'].name(best.name).capitalize()} foretells")
    assert f"{100 * best.right:.1f} % of held-out choices" in said
    assert "than always the person's more frequent option" in said
    assert "over 3 people)" in said
    assert "than each person's constant rate (" in said


def beside(low: float, high: float) -> ChoiceRecord:
    """The record with another contrast between the best model and the regression."""
    found = record().comparison
    contrasts = tuple(
        replace(c, total=Margin(value=(low + high) / 2, low=low, high=high))
        if c.second == REGRESSION
        else c
        for c in found.contrasts
    )
    return replace(record(), comparison=replace(found, contrasts=contrasts))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (24.0, 72.0, "A plain logistic regression does worse, by 0.2 nats a choice (0.1 to 0.3)"),
        (
            -72.0,
            -24.0,
            "A plain logistic regression does better, by 0.2 nats a choice (0.1 to 0.3)",
        ),
        (-24.0, 72.0, "not told apart from a plain logistic regression: 0.1 (−0.1 to 0.3) nats"),
    ],
)
def test_a_regression_that_wins_or_loses_is_in_the_headline(
    tmp_path: Path, low: float, high: float, said: str
) -> None:
    found = beside(low, high)
    assert said in headline(found)
    found.write(tmp_path / PEOPLE)
    assert said in " ".join(Page(render(people_page(tmp_path))).text)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.0, 3.0, "2 (1 to 3) nats: hyperbolic foretells better"),
        (-3.0, -1.0, "−2 (−3 to −1) nats: exponential foretells better"),
        (-1.0, 3.0, "1 (−1 to 3) nats: these choices do not decide between the two"),
    ],
)
def test_a_contrast_says_only_what_its_interval_decides(
    tmp_path: Path, low: float, high: float, said: str
) -> None:
    found = record().comparison
    first, *rest = found.contrasts
    first = replace(first, total=Margin(value=(low + high) / 2, low=low, high=high))
    given = replace(record(), comparison=replace(found, contrasts=(first, *rest)))
    given.write(tmp_path / PEOPLE)
    text = " ".join(Page(render(people_page(tmp_path))).text)
    assert f"hyperbolic less exponential, all held-out choices: {said}" in text
    assert "Of 3 people hyperbolic discounting is ahead for" in text


def test_where_the_likelihood_is_flat_no_end_is_claimed(tmp_path: Path) -> None:
    people = [replace(p, profile_low=None) for p in record().people]
    replace(record(), people=people).write(tmp_path / PEOPLE)
    said = " ".join(Page(render(people_page(tmp_path))).text)
    assert "The likelihood gives k no lower end for 3 of 3 people." in said
    assert "bounds every parameter" not in said
    record().write(tmp_path / PEOPLE)
    said = " ".join(Page(render(people_page(tmp_path))).text)
    assert "no lower end" not in said


def test_parameters_that_trade_off_are_said_to(tmp_path: Path) -> None:
    pair = TradeOff(first="k", second="beta", correlation=-0.9)
    replace(record(), trade_offs=[pair]).write(tmp_path / PEOPLE)
    said = " ".join(Page(render(people_page(tmp_path))).text)
    assert "k and beta trade off (posterior correlation −0.9" in said
    replace(record(), trade_offs=[replace(pair, correlation=0.2)]).write(tmp_path / PEOPLE)
    assert "trade off" not in " ".join(Page(render(people_page(tmp_path))).text)


@pytest.mark.parametrize("kind", ["delay", "risk", "travel"])
def test_each_kind_has_its_own_words(tmp_path: Path, kind: str) -> None:
    foreign = {
        "delay": ("gamble", " mode ", "loss", "trip"), "risk": ("delay", "sooner", "trip"),
        "travel": ("delay", "gamble", "sooner", "lambda", " grid ", "loss aversion"),
    }[kind]  # fmt: skip
    of_kind(kind).write(tmp_path / PEOPLE)
    said = " ".join(Page(render(people_page(tmp_path))).text)
    said = said[said.index(headline(of_kind(kind))) :]
    for word in foreign:
        assert word not in said
    assert "one number, their product" in said
    assert "logistic regression" in said
    if kind == "travel":
        assert "40 people" in said
        assert "trip" in said


@cache
def of_kind(kind: str) -> ChoiceRecord:
    if kind == "delay":
        return record()
    if kind == "travel":
        return ChoiceRecord.of(fit_choices(travellers(40)))
    rng = np.random.default_rng(3)
    n = 120
    gain, loss = rng.uniform(2, 12, n).round(), -rng.uniform(1, 12, n).round()
    lean = 0.5 * gain + 0.7 * loss
    data = ChoiceData(
        kind="risk", source="planted", subjects=("a", "b"), subject=np.arange(n) % 2,
        columns={"gain": gain, "loss": loss, "certain": np.zeros(n)},
        chosen=(rng.random(n) < 1 / (1 + np.exp(-lean))).astype(np.int64),
    )  # fmt: skip
    return ChoiceRecord.of(fit_choices(data, "linear"))


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
    whole = io.read_json(tmp_path / PEOPLE)
    comparison = whole["comparison"]
    worse = [
        {"kind": "love"}, {"comparison": comparison | {"scores": comparison["scores"][:1]}},
        {"comparison": comparison | {"people": comparison["people"][:1]}},
        {"comparison": comparison | {"people": []}}, {"trade_offs": [{"first": "k"}]},
        {"trade_offs": [{"first": "k", "second": "b", "correlation": 1e300}]},
    ]  # fmt: skip
    for broken in (*wrong, *worse, {"group": []}, {"level": 7.0}):
        document = io.read_json(tmp_path / PEOPLE) | broken
        (tmp_path / "broken.json").write_text(json.dumps(document))
        with pytest.raises(DataError, match=r"is not a record|of format 7|is a damaged record"):
            ChoiceRecord.read(tmp_path / "broken.json")

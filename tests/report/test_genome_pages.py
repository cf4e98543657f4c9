"""Pages of the genome's other runs: layers handed on, one genome, the trade-off."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from precocial.errors import DataError
from precocial.genome.lab.tradeoff import predictions
from precocial.io import Row
from precocial.report import any_report, genome_pages, page_of, render
from precocial.report.genome_pages import (
    _layers_headline,
    _signs,
    chosen,
    evolution_notes,
    evolution_page,
    layers_page,
    tradeoff_page,
)
from precocial.runs import Run, run
from tests.report.test_transfer_report import Page


@dataclass(frozen=True, kw_only=True)
class Told:
    """Which rows an experiment tells."""

    kind: str
    data: str = "digits"
    loop: str = "innate"
    low: float = 0.0


def telling(config: Told, run: Run) -> Iterator[Row]:
    """Rows that are made up."""
    yield from {"layers": layers, "evolution": evolution, "tradeoff": tradeoff}[config.kind](config)


def layers(config: Told) -> Iterator[Row]:
    ahead = {"none": 0.0, "all": 0.05, "first 1": 0.1, "last 1": -0.1}
    for (arm, gain), seed, step in itertools.product(ahead.items(), range(3), (0, 5, 10)):
        accuracy = 0.2 + 0.06 * step + gain * (1 + 0.01 * seed)
        yield {"arm": arm, "seed": seed, "number": 0, "step": step, "accuracy": accuracy,
               "loss": 1.0}  # fmt: skip


def evolution(config: Told) -> Iterator[Row]:
    for generation in range(3):
        yield {"kind": "generation", "generation": generation, "steps": generation, "best": True,
               "examples": 10 * generation, "valid": 0.1 + 0.2 * generation}  # fmt: skip
    yield {"kind": "result", "generation": 2, "valid": 0.5, "test": 0.45, "bytes": 812,
           "parameters": 700, "phenotype": 5000}  # fmt: skip


def tradeoff(config: Told) -> Iterator[Row]:
    """More variable worlds, less instinct, as predicted; `low` is what more bytes cost."""
    grid = itertools.product((0.0, 0.4, 0.8), (5, 25), (500, 1000), range(3))
    for variability, lifetime, size, seed in grid:
        birth = 0.8 - 0.6 * variability - config.low * (size == 1000) + 0.003 * seed
        yield {
            "variability": variability, "lifetime": lifetime, "bytes": size, "seed": seed,
            "outer": "innate", "file_bytes": size - 3, "parameters": size, "ancestral": 0.9,
            "birth": birth, "learned": 0.9 + 0.0005 * lifetime, "random_learned": 0.7,
            "gap": 0.9 - birth - 2 * config.low * (size == 1000), "chance": 0.1, "share": None,
            "survival": 0.5, "random_survival": 0.4, "takeover": 20.0,
        }  # fmt: skip


def folder(at: Path, **told: Any) -> Path:
    return run(telling, Told(**told), at).path


def whole(text: str) -> str:
    parsed = Page(text)
    assert parsed.open == []
    return " ".join(" ".join(parsed.text).split())


def test_layers_that_help_and_hurt_are_named(tmp_path: Path) -> None:
    page = layers_page(folder(tmp_path, kind="layers"))
    assert page.headline.startswith("The newborn's first layer helps (+10.1 points)")
    assert "its last layer hurts (−10.1 points)" in page.headline
    assert "most is gained with “first 1”" in page.headline
    assert render(page).count("<svg") == 1
    assert "Layer by layer" in whole(render(page))


def test_one_genome_says_what_it_does_not_say(tmp_path: Path) -> None:
    page = evolution_page(folder(tmp_path, kind="evolution"))
    assert "812 bytes give birth to 5,000 weights that are right on 45.0 %" in page.headline
    assert "precocial genome compress" in page.headline
    assert "<svg" in render(page)


def test_a_genome_that_is_chosen_after_a_life_says_so(tmp_path: Path) -> None:
    rows = list(evolution(Told(kind="evolution")))
    assert chosen(rows) == "Generation 2 is the best by validation"
    assert evolution_notes(rows) == []
    lived = [row | {"learned": 0.7} if row["kind"] == "generation" else row for row in rows]
    assert chosen(lived).endswith("after a life: right on 70.0 % of those examples then")


def test_a_genome_that_gained_nothing_or_compresses_nothing_says_so() -> None:
    *rows, result = evolution(Told(kind="evolution"))
    (diverged,) = evolution_notes([*rows, result | {"generation": 0}])
    assert "the rate is too high" in diverged
    (large,) = evolution_notes([*rows, result | {"parameters": 5001}])
    assert "5,001 numbers, no fewer than the network's 5,000" in large


def test_layers_that_do_neither_and_groups_that_hurt_are_named() -> None:
    shown = [("all", -0.2, -0.3, -0.1), ("first 1", 0.0, -0.1, 0.1), ("first 2", -0.1, -0.2, -0.01)]
    said = _layers_headline(shown)
    assert "first layer neither helps nor hurts beyond the seeds" in said
    assert "“all” and “first 2” hurt too" in said


def test_two_sizes_are_one_step_and_like_genomes_are_told(tmp_path: Path) -> None:
    rows = list(tradeoff(Told(kind="tradeoff")))
    parts, headline = _signs(rows, predictions)
    assert headline.startswith("Of 4 predicted signs")
    alike = [row | {"parameters": 400, "birth": 0.5} for row in rows]
    said = str(_signs(alike, predictions)[0])
    assert "The genomes of at most 500 and of at most 1,000 bytes are the same" in said
    assert "are the same" not in str(parts)


def test_signs_that_fail_are_in_the_headline(tmp_path: Path) -> None:
    good = tradeoff_page(folder(tmp_path, kind="tradeoff", low=-0.05))
    assert "0 fail" in good.headline
    bad = tradeoff_page(folder(tmp_path, kind="tradeoff", low=0.05))
    assert "What fails: bytes up: instinct rises" in bad.headline
    text = whole(render(bad))
    assert "human, by Zador" in text
    assert "Where instinct is half" in text
    assert render(bad).count("<svg") == 1


def test_pages_are_found_by_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder(tmp_path, kind="evolution")
    with pytest.raises(DataError, match=r"is a run of .*telling; pages are for"):
        page_of(place)
    name = f"{telling.__module__}:telling"
    with pytest.raises(DataError, match=rf"is a folder of runs: name one of them, {place.name}"):
        page_of(tmp_path)
    monkeypatch.setitem(any_report.RUN_PAGES, name, genome_pages.evolution_page)
    assert page_of(place / "run.json").headline == page_of(place).headline


@pytest.mark.parametrize("make", [layers_page, evolution_page, tradeoff_page])
def test_a_run_of_another_kind_is_refused(tmp_path: Path, make: Any) -> None:
    other = "evolution" if make is not evolution_page else "layers"
    with pytest.raises(DataError, match="has no rows with"):
        make(folder(tmp_path, kind=other))

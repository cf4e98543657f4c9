"""The page of a compressed model: whole, escaped, and plain about who wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from precocial.errors import DataError
from precocial.io import Row
from precocial.report import State, render
from precocial.report.genome_findings import GenomeFindings
from precocial.report.genome_report import SECTIONS, headline, neighbours, page_of_findings
from precocial.report.seeds import spread
from precocial.runs import RunRecord
from tests.report.test_transfer_report import HOSTILE, Page

BUDGETS = (500, 2000)


def point(method: str, budget: int, seed: int, test: float) -> Row:
    return {
        "kind": "point", "method": method, "seed": seed, "budget": budget, "bytes": budget - 7,
        "parameters": budget, "valid": test, "test": test, "note": "",
    }  # fmt: skip


def rows(rival: tuple[float, float], *, seeds: Iterable[int] = range(3)) -> list[Row]:
    """A genome at 0.6 and 0.8, a rival at what is given, a shuffled newborn at 0.1."""
    found: list[Row] = []
    for seed in seeds:
        shift = 0.01 * seed
        found.append({"kind": "whole", "seed": seed, "parameters": 5000, "bytes": 20_000,
                      "valid": 0.97, "test": 0.97})  # fmt: skip
        for budget, own, other in zip(BUDGETS, (0.6, 0.8), rival):
            found += [
                point("genome", budget, seed, own + shift),
                point("pruned", budget, seed, other + 1.1 * shift),
                point("shuffled", budget, seed, 0.1),
            ]
        missing = {"bytes": None, "parameters": None, "valid": None, "test": None}
        found.append(point("tiny dense", 500, seed, 0.0) | missing | {"note": f"no room {HOSTILE}"})
        for arm, start in (("genome", 0.8), ("shuffled", 0.1), ("random", 0.1)):
            found += [
                {"kind": "life", "arm": arm, "seed": seed, "step": step, "examples": 100 * step,
                 "accuracy": start + (0.9 - start) * step / 10, "loss": 1.0}
                for step in (0, 5, 10)
            ]  # fmt: skip
        found += [
            {"kind": "saving", "arm": arm, "data": size, "seed": seed, "rate": 0.1, "step": 1,
             "loss": (1 + 0.01 * seed) / (1 + (size + more) / 100), "error": 0.5}
            for arm, more in (("genome", 50), ("random", 0)) for size in (0, 50, 200, 800)
        ]  # fmt: skip
    return found


def record(folder: Path, found: list[Row], *, complete: bool = True) -> RunRecord:
    config = {
        "data": f"digits{HOSTILE}", "model": "", "hidden": [30], "seeds": 3, "loop": {"a": 1},
        "bits": 6, "worth_sizes": [0, 50, 200, 800, 100_000],
    }  # fmt: skip
    return RunRecord(
        path=folder, id="0", experiment="precocial.genome.compress:compressing", config=config,
        code="c", seeds={}, versions={"torch": HOSTILE}, machine={"cores": 2},
        command=f"precocial genome compress {HOSTILE}", rows=tuple(found), complete=complete,
        seconds=61.0, artefacts={},
    )  # fmt: skip


def findings(folder: Path, rival: tuple[float, float] = (0.7, 0.5)) -> GenomeFindings:
    return GenomeFindings.of(record(folder, rows(rival)))


def test_every_section_is_there_and_what_came_from_files_is_escaped(tmp_path: Path) -> None:
    text = render(page_of_findings(findings(tmp_path)))
    parsed = Page(text)
    assert parsed.open == []
    assert "<script" not in text
    assert sum(tag == "section" for tag, _ in parsed.tags) == len(SECTIONS) == 8
    assert text.count("<svg") == 3
    said = " ".join(parsed.text)
    assert "precocial genome compress" in said
    assert "no room" in said
    assert "1 min 01 s" in said
    assert render(page_of_findings(findings(tmp_path))) == text


def test_a_rival_that_wins_is_in_the_headline_and_comes_first(tmp_path: Path) -> None:
    said = headline(findings(tmp_path, (0.7, 0.5)))
    assert "493 bytes is right on 61.0 %" in said
    assert "1,993 bytes on 81.0 %" in said
    assert "20,000 bytes on 97.0 %" in said
    assert "A rival wins at 500 bytes: pruned and quantised, 71.1 %" in said
    assert "At 2,000 bytes no rival is better" in said
    said = headline(findings(tmp_path, (0.5, 0.9)))
    assert said.index("A rival wins at 2,000 bytes") < said.index("At 500 bytes no rival")
    assert "A rival" not in headline(findings(tmp_path, (0.5, 0.5)))


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    # the rival is 0.10, 0.101, 0.102 ahead: a narrow interval, whatever the seeds differ in
    (first,) = findings(tmp_path, (0.7, 0.5)).rivals(500)
    half = stats.t.ppf(0.975, 2) * 0.001 / np.sqrt(3)
    assert first.ahead.mean == pytest.approx(0.101)
    assert first.ahead.low == pytest.approx(0.101 - half)
    assert first.wins
    assert "do not tell them apart" not in headline(findings(tmp_path))


def test_what_the_seeds_do_not_tell_apart_is_said(tmp_path: Path) -> None:
    found = rows((0.6, 0.5))
    for row in found:
        if row["kind"] == "point" and row["method"] == "pruned" and row["budget"] == 500:
            row["test"] = (0.63, 0.62, 0.61)[row["seed"]]
    told = GenomeFindings.of(record(tmp_path, found))
    said = headline(told)
    assert "At 500 bytes the seeds do not tell the genome and the best rival" in said
    assert "A rival" not in said
    assert told.rivals(500)[0].verdict == "not told apart (rival ahead)"
    text = render(page_of_findings(told))
    assert "A rival is ahead, but not beyond the seeds at 500 bytes." in text


def test_a_rival_that_is_as_good_in_fewer_bytes_is_told(tmp_path: Path) -> None:
    found = [
        row | {"test": 1.0, "bytes": 107 if row["method"] == "pruned" else 266}
        if row["kind"] == "point" and row["method"] in ("pruned", "genome") else row
        for row in rows((0.6, 0.5))
    ]  # fmt: skip
    told = GenomeFindings.of(record(tmp_path, found))
    assert "a rival is as good: pruned and quantised, 100.0 %" in headline(told)
    assert "in 107 bytes against 266" in headline(told)
    assert "At no size does a rival beat" not in render(page_of_findings(told))


def test_intervals_of_differences_stay_below_a_hundred_points(tmp_path: Path) -> None:
    found = [
        row | {"test": (0.0, 1.0)[row["seed"]] if row["method"] == "pruned" else 0.4}
        if row["kind"] == "point" and row["method"] in ("pruned", "genome") else row
        for row in rows((0.6, 0.5), seeds=range(2))
    ]  # fmt: skip
    said = headline(GenomeFindings.of(record(tmp_path, found)))
    assert "95 % −100.0 to +100.0" in said


def test_a_genome_that_generates_nothing_says_so(tmp_path: Path) -> None:
    found = [
        row | {"quantised_bytes": 1500, "quantised_test": 0.95, "parameters": 2000}
        if row["kind"] == "whole" else row
        for row in rows((0.5, 0.5))
    ]  # fmt: skip
    said = headline(GenomeFindings.of(record(tmp_path, found)))
    assert "At 2,000 bytes the genome has no fewer numbers than the network's 2,000" in said
    assert "at as few bits has 1,500 bytes and 95.0 %" in said
    assert "no fewer numbers" not in headline(findings(tmp_path))


def test_the_head_start_is_read_off_the_random_curve(tmp_path: Path) -> None:
    # 0.1 + 0.8 s / 10 = 0.8 at s = 8.75
    start = findings(tmp_path).head_start
    assert start is not None
    assert start.mean == pytest.approx(875)
    slow = [
        row | {"accuracy": 0.2} if row["kind"] == "life" and row["arm"] == "random" else row
        for row in rows((0.7, 0.5))
    ]
    found = GenomeFindings.of(record(tmp_path, slow))
    assert found.head_start is None
    assert "longer than the curves" in render(page_of_findings(found))


def test_one_seed_has_no_interval_and_a_cut_run_says_so(tmp_path: Path) -> None:
    one = GenomeFindings.of(record(tmp_path, rows((0.7, 0.5), seeds=[4]), complete=False))
    assert "one seed: no interval" in headline(one)
    assert "A rival is ahead at 500 bytes, on one seed" in headline(one)
    text = render(page_of_findings(one))
    assert "cut short: 1 of 3 seeds" in text


def test_a_single_seed_is_not_called_a_wide_interval(tmp_path: Path) -> None:
    told = record(tmp_path, rows((0.7, 0.5), seeds=[4]))
    told = replace(told, config={**told.config, "seeds": 1})
    text = render(page_of_findings(GenomeFindings.of(told)))
    assert "There are no intervals" in text
    assert "Intervals from 1 seeds" not in text


def test_without_rivals_or_lives_or_pictures_a_page_says_what_is_missing(tmp_path: Path) -> None:
    bare = [row for row in rows((0.7, 0.5)) if row.get("method") != "pruned"]
    bare = [row for row in bare if row["kind"] != "life" and row.get("method") != "tiny dense"]
    page = page_of_findings(GenomeFindings.of(record(tmp_path, bare)))
    states = {section.key: section.state for section in page.sections}
    assert states["learning"] is State.refused
    assert states["filters"] is State.refused
    assert "No rival was tried at 500 bytes" in page.headline
    assert "nothing says that a genome is the way" in render(page)


def test_rows_that_are_not_those_of_a_compression_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not those of a compression"):
        GenomeFindings.of(record(tmp_path, [{"step": 1}]))
    with pytest.raises(DataError, match="holds no genome yet"):
        GenomeFindings.of(record(tmp_path, rows((0.7, 0.5))[:1]))
    broken = replace(record(tmp_path, rows((0.7, 0.5))[:3]), rows=({"kind": "whole"},))
    with pytest.raises(DataError):
        GenomeFindings.of(broken)


def test_an_interval_stays_where_an_accuracy_lies() -> None:
    free, cut = spread([0.9, 1.0]), spread([0.9, 1.0], within=(0.0, 1.0))
    assert free.high is not None
    assert free.high > 1
    assert (cut.high, cut.mean) == (1.0, pytest.approx(0.95))
    assert spread([0.5]).low is None
    assert spread([1.0, 1.1, 1.2]).sign == 1
    assert spread([-1.0, 1.0]).sign == 0


def test_smooth_filters_have_like_neighbours() -> None:
    ramp = np.add.outer(np.arange(8.0), np.arange(8.0))
    board = np.indices((8, 8)).sum(0) % 2.0
    assert neighbours(ramp) > 0.8
    assert neighbours(board) == pytest.approx(-1.0)
    assert neighbours(np.ones((8, 8))) == 0.0


def test_the_worth_in_examples_is_told_and_a_seed_cut_short_does_not_count(tmp_path: Path) -> None:
    found = rows((0.7, 0.5))
    page = page_of_findings(GenomeFindings.of(record(tmp_path, found[:-1])))
    (section,) = [one for one in page.sections if one.key == "worth"]
    assert section.state is State.shown
    assert "At birth the genome is worth 50" in str(section.parts[0])
    assert "Nothing lived on 100,000 examples" in str(section.parts[-1])
    seeds = {row["seed"] for row in GenomeFindings.of(record(tmp_path, found[:-1])).savings}
    assert seeds == {0, 1}
    without = [row for row in found if row["kind"] != "saving"]
    page = page_of_findings(GenomeFindings.of(record(tmp_path, without)))
    (section,) = [one for one in page.sections if one.key == "worth"]
    assert section.state is State.refused

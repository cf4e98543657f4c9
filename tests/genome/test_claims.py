"""Claims on genomes: counts are exact, shipped rows decide, planted ones flip a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.genome import claims
from precocial.genome.claims import CLAIMS, Evidence
from precocial.genome.studies.negatives import AT_BIRTH
from precocial.genome.studies.shipped import is_shipped
from precocial.io import Row
from precocial.runs import judge

README = Path(__file__).parents[2] / "README.md"


@dataclass(frozen=True, kw_only=True)
class Told(Evidence):
    """Rows that are given, in place of those that ship."""

    told: Any = None

    def rows(self, name: str) -> list[Row]:
        return list(self.told[name])


def judged(words: str, evidence: Evidence) -> Row:
    (row,) = judge([claim for claim in CLAIMS if words in claim.statement], evidence)
    return row


def test_each_says_something_of_its_own_and_the_readme_counts_them() -> None:
    said = [(claim.source, claim.statement) for claim in CLAIMS]
    assert len(said) == len(set(said))
    assert {claim.room for claim in CLAIMS} == {"genome"}
    assert f"{len(CLAIMS)} on genomes" in " ".join(README.read_text(encoding="utf-8").split())


def test_all_are_judged_on_what_ships() -> None:
    rows = judge(CLAIMS, Evidence())
    found = {row["statement"]: row["verdict"] for row in rows}
    assert {row["verdict"] for row in rows if row["recipe"] == "smoke"} == {"reproduced"}
    for row in rows:
        if row["verdict"] == "not tested at this scale":
            assert row["note"]
        if row["recipe"] in ("paper", "gpu"):
            assert row["ours"] is None
    if is_shipped("curves"):
        assert found["shuffled weights are at chance (accuracy)"] == "reproduced"
        # its interval is wider than the margin
        assert judged("not steeper", Evidence())["verdict"] == "not tested at this scale"


def test_another_count_flips_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "count", lambda decoder: decoder.rows**2)
    assert judged("logarithm of the neurons", Evidence())["verdict"] == "contradicted"


def curves(speed: float, noise: float = 0.01) -> list[Row]:
    """A newborn's curve is that of a random network, 100 steps on, and `speed` times as steep."""
    return [
        {"arm": arm, "seed": seed, "number": 0, "step": step, "loss": 1.0,
         "accuracy": float(1 - np.exp(-(pace * step * (1 + noise * seed) + start) / 200))}
        for seed in range(5)
        for arm, pace, start in (("random", 1.0, 0.0), ("genome", speed, 100.0))
        for step in range(0, 2001, 10)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("speed", "verdict"),
    [(1.0, "reproduced"), (0.5, "contradicted"), (2.0, "contradicted"),
     (0.8, "not tested at this scale")],
)  # fmt: skip
def test_an_equally_steep_curve_can_be_confirmed_and_no_other(speed: float, verdict: str) -> None:
    row = judged("not steeper", Told(told={"curves": curves(speed)}))
    assert row["verdict"] == verdict


def test_shuffled_weights_above_chance_are_contradicted() -> None:
    rows = [{"arm": AT_BIRTH, "seed": seed, "number": 0, "accuracy": 0.3 + 0.001 * seed}
            for seed in range(5)]  # fmt: skip
    found = judged("shuffled weights are at chance", Told(told={"curves": rows}))
    assert found["verdict"] == "contradicted"


def test_rows_that_do_not_ship_are_named_with_their_command() -> None:
    with pytest.raises(FitError, match=r"genome_study\.py --remake --only nothing"):
        Evidence().rows("nothing")
    with pytest.raises(FitError, match=r"genome_control\.py --remake --only nowhere"):
        Evidence().rows("control_nowhere")

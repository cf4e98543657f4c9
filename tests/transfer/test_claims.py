"""The paper's statements: verdicts are computed, never written."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.runs import judge
from precocial.transfer import CLAIMS, PUBLISHED, Evidence
from tests.transfer.planted import bounded_below, changed, drawn, fitted

VERDICTS = {"reproduced", "contradicted", "not tested at this scale", "not applicable"}


def about(rows: list[dict[str, Any]], words: str) -> dict[str, Any]:
    (row,) = [row for row in rows if words in row["statement"]]
    return row


def judged(words: str, own: Evidence) -> dict[str, Any]:
    """One claim alone."""
    (row,) = judge([claim for claim in CLAIMS if words in claim.statement], own)
    return row


@cache
def bare() -> tuple[dict[str, Any], ...]:
    return tuple(judge(CLAIMS, Evidence()))


def evidence(**columns: object) -> Evidence:
    """A simulated table with what a sweep records, and a fit that is at hand."""
    table = drawn(0.003, whole=True)
    found = Evidence(
        table=changed(table, flops=6 * table.N * table.D_F,
                      best_step=np.where(table.is_scratch, 3000, 1000), **columns),
        draws=50,
    )  # fmt: skip
    # cached properties, filled with what is at hand
    found.__dict__["fit"] = fitted(noise=0.003, whole=True)
    return found


def test_without_evidence_closed_forms_are_judged_and_the_rest_say_what_they_need() -> None:
    rows = bare()
    assert len(rows) >= 14
    assert {row["verdict"] for row in rows} <= VERDICTS
    assert sum(row["verdict"] == "reproduced" for row in rows) >= 6
    assert about(list(rows), "mix row too")["verdict"] == "contradicted"
    assert all(row["note"] for row in rows if row["verdict"] == "not tested at this scale")
    assert all(row["room"] == "transfer" and "Hernandez" in row["source"] for row in rows)
    assert about(list(rows), "GPT-3's size, text")["ours"] == pytest.approx(3.557e8, rel=1e-3)


def test_another_constant_flips_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "300 characters instead of one multiply D_T by, text"
    assert about(list(bare()), words)["verdict"] == "reproduced"
    monkeypatch.setitem(PUBLISHED, "text", replace(PUBLISHED["text"], alpha=0.25))
    claim = [claim for claim in CLAIMS if claim.statement == words]
    assert judge(claim, Evidence())[0]["verdict"] == "contradicted"


def test_measured_claims_are_judged_on_a_table() -> None:
    rows = judge(CLAIMS, evidence())
    said = {
        "holds at low data": "reproduced", "pre-training helps at low data": "reproduced",
        "multiplier D_E/D_F falls": "reproduced", "larger models gain more": "reproduced",
        "nearly straight in log N": "reproduced", "times fewer epochs": "reproduced",
        "alpha, text to python": "not tested at this scale",
        "beta, text to python": "not tested at this scale",
        "same for text and for the mix": "not tested at this scale",
        "small models with much data": "not tested at this scale",
        "breaks for D_F above": "not tested at this scale",
    }  # fmt: skip
    assert {words: about(rows, words)["verdict"] for words in said} == said
    assert about(rows, "equal compute")["ours"] is not None
    assert about(rows, "times fewer epochs")["ours"] == pytest.approx(3.0)


def test_runs_above_every_from_scratch_loss_count_as_undecided() -> None:
    row = judged("pre-training helps at low data", Evidence(table=bounded_below(), draws=50))
    assert row["verdict"] == "reproduced"
    assert "0 hurt, 9 undecided" in row["note"]


def test_no_table_of_ours_speaks_of_the_papers_constants() -> None:
    own = evidence()
    assert own.table is not None
    assert own.table.N.max() > 1e8
    row = judged("alpha, text to python", own)
    assert row["ours"] is None
    assert "ours: alpha 0.18" in row["note"]


def test_intervals_of_claims_hold_their_figure_and_shrink_with_runs() -> None:
    rows = [judged(words, evidence()) for words in ("nearly straight", "raw D_E are noisier")]
    for row in rows:
        low, high = row["interval"]
        assert low <= row["ours"] <= high
    few = evidence()
    assert few.table is not None
    some = few.table.where(few.table.is_scratch | (few.table.seed == 0))
    thin = replace(few, table=some)
    thin.__dict__["fit"] = few.fit
    wide = judged("nearly straight", thin)["interval"]
    narrow = rows[0]["interval"]
    assert wide[1] - wide[0] >= narrow[1] - narrow[0]


def test_two_sources_are_compared() -> None:
    own = evidence()
    own.__dict__["mixed_fit"] = fitted(noise=0.003, row="mix", whole=True)
    assert judged("closer source", own)["verdict"] == "reproduced"
    same = judged("same for text and for the mix", own)
    assert same["verdict"] in ("reproduced", "not tested at this scale")
    own.__dict__["mixed_fit"], own.__dict__["fit"] = own.fit, own.mixed_fit
    assert judged("closer source", own)["verdict"] == "contradicted"


def test_missing_evidence_is_named() -> None:
    with pytest.raises(FitError, match="transfer sweep"):
        _ = Evidence().runs
    with pytest.raises(FitError, match="second sweep"):
        _ = evidence().mixed_fit
    no_flops = judged("equal compute", Evidence(table=drawn(0.003, whole=True)))
    assert "FLOPs" in no_flops["note"]

"""What the rows of the study say: shares and recoveries, paired by seed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from precocial.errors import FitError
from precocial.genome.control.figures import births, recoveries


def birth(arm: str, seed: int, value: float) -> dict[str, Any]:
    return {"kind": "birth", "arm": arm, "seed": seed, "return": value, "parameters": 10}


def test_shares_are_paired_by_seed() -> None:
    rows = [
        birth("trained", 0, 110.0), birth("random", 0, 10.0), birth("genome", 0, 60.0),
        birth("trained", 1, 220.0), birth("random", 1, 20.0), birth("genome", 1, 140.0),
    ]  # fmt: skip
    found = {b.arm: b for b in births(rows)}
    assert found["genome"].returns.mean == 100
    shares = {arm: one.share for arm, one in found.items() if one.share is not None}
    assert shares["genome"].mean == pytest.approx((0.5 + 0.6) / 2)
    assert shares["trained"].mean == 1
    assert shares["random"].mean == 0
    with pytest.raises(FitError, match="trained"):
        births(rows[1:])
    worse = [birth("trained", 0, -9.0), birth("random", 0, -5.0), birth("genome", 0, -10.0)]
    assert all(one.share is None for one in births(worse))


def test_recoveries_are_against_direct_transfer() -> None:
    def row(arm: str, seed: int, first: float, steps: int | None) -> dict[str, Any]:
        figures = {"start": 0.0, "end": 1.0, "first": first, "to_level": steps}
        return {"kind": "life", "arm": arm, "seed": seed, **figures}

    rows = [
        row("genome", 0, 12.0, 100), row("trained", 0, 10.0, None),
        row("genome", 1, 25.0, 300), row("trained", 1, 20.0, 50),
        row("genome", 2, 31.0, None), row("trained", 2, 30.0, None),
    ]  # fmt: skip
    found = {r.arm: r for r in recoveries(rows)}
    assert found["genome"].ahead.mean == pytest.approx((2 + 5 + 1) / 3)
    assert (found["genome"].steps, found["genome"].reached) == (300, 2)
    assert (found["trained"].steps, found["trained"].reached) == (math.inf, 1)
    with pytest.raises(FitError, match="trained"):
        recoveries(rows[:1])

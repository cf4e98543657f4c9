"""Tables that are accepted and make no sense: only `PrecocialError` may come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precocial.errors import PrecocialError
from precocial.transfer import (
    CLAIMS,
    METHODS,
    Evidence,
    Have,
    Prices,
    RunTable,
    backtest,
    best_in_sample,
    effective_data,
    exchange_rate,
    fit_transfer,
    forecast,
    forecast_scratch,
    iso_loss,
    ossification_map,
    plan,
)

SKIPPED = "fits on raw D_E"
"""A claim left out: it is slow, and about simulated tables."""


@st.composite
def hostile_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of a small table of both arms, bent in several ways at once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pick = lambda *values: draw(st.sampled_from(values))  # noqa: E731
    sizes = np.geomspace(1e6, 1e8, pick(1, 2, 3, 4)) * pick(1.0, 1.0, 1e-290, 1e280)
    data = np.geomspace(1e4, 10 ** pick(5, 7, 9), pick(2, 4, 6)) * pick(1.0, 1.0, 1e-300, 1e280)
    scale = pick(1.0, 1.0, 1.0, 1e290, 1e-300)
    gain, noise = pick(1.0, 0.8, 0.99, 1.2), pick(0.0, 1e-3, 0.05, 3.0)
    before = pick(None, None, 0.0, 1e9, "levels", "holes")
    rows: list[dict[str, Any]] = []
    for arm in ("scratch", "pretrained"):
        for N in sizes.tolist():
            for D_F in (data if arm == "scratch" else data[: max(2, len(data) - 1)]).tolist():
                row = {"arm": arm, "N": N, "D_F": D_F, "source": "text" * (arm != "scratch")}
                falls = 1 + 3 * (D_F / data[0]) ** -0.3 + (N / sizes[0]) ** -0.2
                loss = falls * (gain if arm != "scratch" else 1) * np.exp(noise * rng.normal())
                if arm != "scratch" and before is not None:
                    level = 10 ** float(rng.integers(8, 11))
                    hole = before == "holes" and rng.random() < 0.3
                    row["D_pre"] = before if isinstance(before, float) else None if hole else level
                rows.append(row | {"loss": float(np.clip(scale * loss, 1e-307, 9e299))})
    shape = pick("as it is", "copies", "ties", "flat", "rising", "no N", "one D", "zero shot")
    if shape == "copies":
        rows = [*rows, *rows[::2], *rows[::3]]
    for at, row in enumerate(rows):
        if shape == "ties":
            row["loss"] = float(f"{row['loss']:.1e}")
        elif shape == "flat":
            row["loss"] = scale
        elif shape == "rising":
            row["loss"] = float(np.clip(scale * (scale / row["loss"]), 1e-307, 9e299))
        elif shape == "no N":
            del row["N"]
        elif shape == "one D" and row["arm"] != "scratch":
            row["D_F"] = float(data[0])
        elif shape == "zero shot" and row["arm"] != "scratch" and at % 2:
            row["D_F"] = 0.0
    return rows


def tried(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except PrecocialError:
        return None


def a_law(table: RunTable) -> str:
    """A quick one: the choice by backtest is asked for by itself."""
    return "power_no_floor" if len(np.unique(table.N)) == 1 else "kaplan"


def follow(table: RunTable, method: str) -> None:
    """All that can be asked of a fit."""
    fit = tried(lambda: fit_transfer(table, method=method, law=a_law(table), draws=20))
    if fit is None:
        return
    N = float(np.nan_to_num(table.N[0], nan=1.0))
    have = Have(parameters=1e8, fine_tune_data=1e5, pretrain_data=1e9)
    for D_F, D_pre in ((float(table.D_F.max()), np.nan), (1.0, 1e9), (1e290, 1e-290)):
        tried(lambda D_F=D_F, D_pre=D_pre: forecast(
            fit, parameters=N, fine_tune_data=D_F, pretrain_data=D_pre))  # fmt: skip
    tried(lambda: exchange_rate(fit))
    tried(lambda: iso_loss(fit, loss=float(np.median(table.loss)), parameters=N))
    tried(lambda: plan(fit, have=have, prices=Prices(data=1e-3, flop=1e-12), budget=1e4))
    if method == "joint":
        tried(lambda: fit.profile("alpha"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_rows(), st.sampled_from(list(METHODS)))
def test_only_our_errors_leave_a_fit(rows: list[dict[str, Any]], method: str) -> None:
    follow(RunTable.from_rows(rows), method)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_rows())
def test_only_our_errors_leave_a_reading(rows: list[dict[str, Any]]) -> None:
    table = RunTable.from_rows(rows)
    read = tried(lambda: effective_data(table, draws=20))
    if read is not None:
        assert len(read.rows()) == len(table.pretrained)
        assert all(cell.runs for cell in ossification_map(read))
    tried(lambda: backtest(table, laws=[a_law(table)], origins=(0.6,)))
    alone = tried(lambda: best_in_sample(table))
    if alone is not None:
        tried(lambda: forecast_scratch(alone, data=float(table.D_F.max()), parameters=1e6,
                                       draws=20))  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of scipy, on constant columns
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_rows())
def test_only_our_errors_leave_a_claim(rows: list[dict[str, Any]]) -> None:
    table = RunTable.from_rows(rows)
    evidence = Evidence(table=table, law=a_law(table), draws=20)
    for claim in CLAIMS:
        if not claim.statement.startswith(SKIPPED):
            tried(lambda claim=claim: claim.measure(evidence))

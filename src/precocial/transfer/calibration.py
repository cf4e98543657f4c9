"""Do the intervals of this room hold? Tables drawn from known constants, fitted, and counted.

An experiment for `precocial.runs`: one row a simulated table. `summary` turns the rows of a run
into coverages and errors; `shipped` is the summary of the laptop recipe, as it was last made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import ConfigError
from precocial.runs import Run, stream, stream_seed
from precocial.transfer.effective import effective_data
from precocial.transfer.fit import TransferFit, fit_transfer
from precocial.transfer.forecast import forecast
from precocial.transfer.formulas import PUBLISHED, Constants, transferred
from precocial.transfer.methods import METHODS
from precocial.transfer.simulate import KAPLAN_SURFACE, Design, Noise, simulate
from precocial.transfer.surface import Surface
from precocial.transfer.table import RunTable

Published = Literal["text", "mix"]
NoiseKind = Literal["constant", "heteroscedastic", "outliers"]
RESULTS = Path(__file__).parent / "results"
_WORDS = ("published", "noise", "method", "quantity")
HELD_OUT_N = 10 * max(Design().sizes)
HELD_OUT_D_F = 1e6
"""The run to forecast: ten times the largest model, at a middling amount of data. Its own noise
has the plain standard deviation under every kind of noise."""


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """What is simulated and how it is fitted."""

    published: Published = "text"
    """row of the paper whose constants are the truth"""
    noise: NoiseKind = "constant"
    """kind of noise, as in `simulate.Noise`"""
    relative: float = 0.003
    """standard deviation of the log loss"""
    tables: int = 200
    """simulated tables"""
    draws: int = 200
    """bootstrap refits behind each interval"""
    law: str = "kaplan"
    """from-scratch law; the default is the one the tables are drawn from"""
    level: float = 0.95
    """of the intervals"""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tables < 1 or self.draws < 1:
            raise ConfigError(
                f"tables and draws must be at least 1; got {self.tables} and {self.draws}"
            )


def laptop() -> CalibrationConfig:
    """200 tables: about a minute on one core."""
    return CalibrationConfig()


def smoke() -> CalibrationConfig:
    """8 tables: seconds. Shows that it runs, not that intervals hold."""
    return replace(laptop(), tables=8)


def every(recipe: CalibrationConfig) -> list[CalibrationConfig]:
    """The recipe for both published rows and the three kinds of noise."""
    return [
        replace(recipe, published=published, noise=noise)
        for published in get_args(Published)
        for noise in get_args(NoiseKind)
    ]


def calibration(config: CalibrationConfig, run: Run) -> Iterator[io.Row]:
    """One row a table: estimates by each method, and whether the intervals hold the truth.

    `D_E` and `readoff_D_E` are shares of the table's cells, the rest is true or false.
    """
    noise = Noise(relative=config.relative, kind=config.noise)
    for table in range(len(run.rows), config.tables):
        names = ("transfer", "calibration", config.published, config.noise, table)
        seed = stream_seed(config.seed, *names)
        drawn = simulate(PUBLISHED[config.published], noise=noise, seed=seed)
        unseen = stream(config.seed, *names, "unseen").standard_normal()
        yield {"table": table, **_measure(config, drawn, float(unseen), seed)}


def _measure(config: CalibrationConfig, drawn: RunTable, unseen: float, seed: int) -> io.Row:
    truth = _truth(PUBLISHED[config.published])
    row: io.Row = {}
    fits: dict[str, TransferFit] = {}
    for method in METHODS:
        draws = 0 if method == "logit-paper" else config.draws
        fit = fits[method] = fit_transfer(
            drawn, method=method, law=config.law, draws=draws, level=config.level, seed=seed
        )
        estimates, intervals = fit.estimates(), fit.intervals() if draws else {}
        for name, true in truth.items():
            row[f"{method} {name}"] = estimates[name]
            if draws:
                row[f"{method} {name} inside"] = _holds(intervals[name], true)
    for name in ("alpha", "beta"):
        profile = fits["joint"].profile(name)
        row[f"profile {name} inside"] = _holds((profile.low, profile.high), truth[name])
    read = effective_data(
        drawn, scratch=fits["joint"].scratch, draws=config.draws, level=config.level, seed=seed
    )
    inside = (read.D_E_low <= _effective(config, read.table)) & (
        _effective(config, read.table) <= read.D_E_high
    )
    row["readoff D_E inside"] = float(inside[read.measured].mean())
    return row | _forecasts(config, fits["joint"], unseen, seed)


def _forecasts(config: CalibrationConfig, fit: TransferFit, unseen: float, seed: int) -> io.Row:
    """The joint fit's D_E at its own cells, and its forecast of a run ten times as large."""
    cells = forecast(fit, parameters=fit.used.N, fine_tune_data=fit.used.D_F, seed=seed)
    true = _effective(config, fit.used)
    low, high = cells.effective_interval
    far = forecast(fit, parameters=HELD_OUT_N, fine_tune_data=HELD_OUT_D_F, seed=seed)
    D_E = HELD_OUT_D_F + transferred(
        PUBLISHED[config.published], parameters=HELD_OUT_N, fine_tune_data=HELD_OUT_D_F
    )
    expected = float(Surface.of("kaplan", KAPLAN_SURFACE).log_loss(HELD_OUT_N, D_E)[0, 0])
    run = expected + config.relative * unseen
    return {
        "joint D_E inside": float(((low <= true) & (true <= high)).mean()),
        "joint loss at 10 N": float(far.loss[0]),
        "joint loss at 10 N inside": _holds(_first(far.loss_interval), np.exp(expected)),
        "joint run at 10 N inside": _holds(_first(far.prediction_interval), np.exp(run)),
    }


def _truth(constants: Constants) -> dict[str, float]:
    log_k = float(np.log(constants.k))
    return {"alpha": constants.alpha, "beta": constants.beta, "log_k": log_k}


def _effective(config: CalibrationConfig, runs: RunTable) -> NDArray[np.float64]:
    constants = PUBLISHED[config.published]
    return runs.D_F + transferred(constants, parameters=runs.N, fine_tune_data=runs.D_F)


def _first(interval: tuple[NDArray[np.float64], NDArray[np.float64]]) -> tuple[float, float]:
    return float(interval[0][0]), float(interval[1][0])


def _holds(interval: tuple[float, float], true: float) -> bool:
    return bool(interval[0] <= true <= interval[1])


def summary(config: CalibrationConfig, rows: Sequence[io.Row]) -> list[io.Row]:
    """What the rows of one run say.

    Returns:
        One row a method and quantity: published, noise, tables, method, quantity; truth, bias
        (mean error), spread (standard deviation) and median_error (median absolute error) of the
        estimates, None where there is none; covered, the share of intervals that hold the truth,
        with its standard error over tables, None for the paper's own method, which has no
        intervals.
    """
    truth = _truth(PUBLISHED[config.published])
    names = {key.removesuffix(" inside"): None for key in rows[0] if key != "table"}
    found = []
    for name in names:
        method, _, quantity = name.partition(" ")
        row: io.Row = {
            "published": config.published, "noise": config.noise, "tables": len(rows),
            "method": method, "quantity": quantity,
        }  # fmt: skip
        found.append(row | _errors(rows, name, truth.get(quantity)) | _coverage(rows, name))
    return found


def _errors(rows: Sequence[io.Row], name: str, true: float | None) -> dict[str, Any]:
    if true is None or name not in rows[0]:
        return dict.fromkeys(("truth", "bias", "spread", "median_error"))
    error = np.array([row[name] for row in rows]) - true
    values = (true, error.mean(), error.std(), np.median(np.abs(error)))
    return dict(zip(("truth", "bias", "spread", "median_error"), map(_short, values), strict=True))


def _coverage(rows: Sequence[io.Row], name: str) -> dict[str, Any]:
    if f"{name} inside" not in rows[0]:
        return {"covered": None, "covered_se": None}
    held = np.array([row[f"{name} inside"] for row in rows], dtype=np.float64)
    return {"covered": _short(held.mean()), "covered_se": _short(held.std() / np.sqrt(len(held)))}


def _short(value: Any) -> float:
    return float(f"{value:.5g}")


def shipped() -> list[io.Row]:
    """The summary of the laptop recipe for `every` combination, as it was last made.

    `results/calibration.json` says by which command, config, seeds and code.
    """
    return [
        {
            name: text if name in _WORDS else None if text == "" else float(text)
            for name, text in row.items()
        }
        for row in io.read_csv(RESULTS / "calibration.csv")
    ]

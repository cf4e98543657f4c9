"""What a sweep folder holds, and what is computed from it once for all sections of its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from precocial import io
from precocial.errors import DataError, FitError
from precocial.transfer import (
    METHODS,
    Backtest,
    Cell,
    EffectiveData,
    Evidence,
    Flag,
    Forecast,
    RunTable,
    ScratchForecast,
    TransferFit,
    backtest,
    fit_transfer,
    forecast,
    forecast_scratch,
    ossification_map,
)

TABLE, SWEEP = "table.csv", "sweep.json"
HELD_OUT = 0.3
"""Share of the runs, the largest, that the parity picture forecasts."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A run table, what is known of its making, and what follows from it (on first use).

    Each property raises FitError where the table cannot decide.

    Attributes:
        name: of the folder or file, for the title.
        table: the runs.
        sweep: the contents of sweep.json; empty for a bare table.
        draws: bootstrap draws behind intervals.
        seed: of every draw.
    """

    name: str
    table: RunTable
    sweep: Mapping[str, Any]
    draws: int = 400
    seed: int = 0

    @classmethod
    def read(cls, path: io.PathLike, *, draws: int = 400, seed: int = 0) -> Findings:
        """A sweep folder (table.csv and, if there, sweep.json), or a run table alone.

        Raises:
            DataError: no table there, or one of the files is malformed.
        """
        place = Path(path)
        if not place.is_dir():
            table = RunTable.read(place)
            return cls(name=place.name, table=table, sweep={}, draws=draws, seed=seed)
        file = place / TABLE
        if not file.is_file():
            raise DataError(
                f"holds no {TABLE}; name a sweep folder, or a run table (.csv, .tsv, .jsonl, "
                ".parquet)",
                path=place,
            )
        sweep = io.read_json(place / SWEEP) if (place / SWEEP).exists() else {}
        if not isinstance(sweep, dict):
            raise DataError("must hold a JSON object", path=place / SWEEP)
        name = place.resolve().name
        return cls(name=name, table=RunTable.read(file), sweep=sweep, draws=draws, seed=seed)

    @property
    def unit(self) -> str:
        """What data are counted in."""
        return str(self.table.unit[0]) or "units of data"

    @property
    def loss_unit(self) -> str:
        return str(self.table.loss_unit[0])

    @property
    def loss_label(self) -> str:
        return f"loss ({self.loss_unit})" if self.loss_unit else "loss"

    @cached_property
    def evidence(self) -> Evidence:
        """What the claims are judged on: it shares the joint fit with this page."""
        return Evidence(table=self.table, law=self.law, draws=self.draws, seed=self.seed)

    @property
    def effective(self) -> EffectiveData:
        return self.evidence.effective

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """One a size and amount of fine-tuning data, seeds pooled."""
        return ossification_map(self.effective)

    @cached_property
    def backtest(self) -> Backtest:
        return backtest(self.table)

    @cached_property
    def law(self) -> str | None:
        """The backtest's choice; None leaves the choice to `fit_transfer`."""
        try:
            return self.backtest.best.law
        except FitError:
            return None

    @cached_property
    def fits(self) -> dict[str, TransferFit | FitError]:
        """By method; a FitError in the place of a fit that was refused."""
        found: dict[str, TransferFit | FitError] = {}
        for method in METHODS:
            try:
                found[method] = (
                    self.evidence.fit
                    if method == "joint"
                    else fit_transfer(
                        self.table, method=method, law=self.law, draws=self.draws, seed=self.seed
                    )
                )
            except FitError as error:
                found[method] = error
        return found

    @property
    def fit(self) -> TransferFit:
        """The joint fit."""
        found = self.fits["joint"]
        if isinstance(found, FitError):
            raise FitError(str(found))
        return found

    @cached_property
    def mid(self) -> Cell:
        """The cell of the headline: largest size, middle amount of data among measured cells.

        Raises:
            FitError: no cell is bracketed.
        """
        known = [cell for cell in self.cells if np.isfinite(cell.ratio)]
        if not known:
            raise FitError(
                "no fine-tuned loss lies within the from-scratch curve of its size; train from "
                "scratch on more (or less) data to bracket them"
            )
        largest = max(cell.parameters for cell in known)
        row = [cell for cell in known if cell.parameters == largest]
        return row[(len(row) - 1) // 2]

    def flags(self) -> tuple[Flag, ...]:
        """Every doubt raised along the way, each once."""
        found: list[Flag] = []
        try:
            found += self.effective.flags
        except FitError as error:
            found.append(Flag(code="no_effective_data", message=str(error)))
        for method, fit in self.fits.items():
            if isinstance(fit, FitError):
                found.append(Flag(code=f"no_{method}_fit".replace("-", "_"), message=str(fit)))
            else:
                found += fit.flags
        return tuple({flag.code: flag for flag in reversed(found)}.values())[::-1]

    @cached_property
    def parity(self) -> list[io.Row]:
        """Forecasts of the largest runs, both arms, from a fit to the others; with 95 % intervals
        of one new run.

        Raises:
            FitError: too few runs to hold any out.
        """
        with np.errstate(over="ignore"):
            size = np.nan_to_num(self.table.N, nan=1.0) * self.table.D_F
        limit = np.quantile(size, 1 - HELD_OUT, method="lower")
        small = np.asarray((size <= limit) & (size < size.max()))
        fit = fit_transfer(
            self.table.where(small), law=self.law, low_data=np.inf, draws=self.draws,
            seed=self.seed,
        )  # fmt: skip
        large = self.table.where(~small & (self.table.D_F > 0))
        tuned = large.pretrained.where(fit.terms.known(large.pretrained))
        return [
            row for table in (large.scratch, tuned) for row in _forecasts(fit, table, self.seed)
        ]


def _forecasts(fit: TransferFit, table: RunTable, seed: int) -> list[io.Row]:
    """Rows of the parity picture for runs of one arm, with the interval of one new run."""
    if len(table) == 0:
        return []
    expected: Forecast | ScratchForecast
    if bool(table.is_scratch[0]):
        expected = forecast_scratch(
            fit.scratch, data=table.D_F, parameters=table.N, draws=len(fit.tau_draws),
            level=fit.level, seed=seed,
        )  # fmt: skip
    else:
        expected = forecast(
            fit, parameters=table.N, fine_tune_data=table.D_F, pretrain_data=table.D_pre, seed=seed
        )
    low, high = expected.prediction_interval
    return [
        {
            "run_id": str(table.run_id[i]), "arm": str(table.arm[i]), "N": float(table.N[i]),
            "D_F": float(table.D_F[i]), "measured": float(table.loss[i]),
            "forecast": float(expected.loss[i]),
            # refits may all lie to one side of the fit; the point stays inside, as in `worth`
            "low": float(min(low[i], expected.loss[i])),
            "high": float(max(high[i], expected.loss[i])),
        }
        for i in range(len(table))
    ]  # fmt: skip

"""What the claims of this room are judged on: run tables and what is computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.transfer.effective import EffectiveData, effective_data
from precocial.transfer.exchange import ExchangeRate, exchange_rate
from precocial.transfer.fit import TransferFit, fit_transfer
from precocial.transfer.table import RunTable

Floats = NDArray[np.float64]


SHIPPED = Path(__file__).parent / "results" / "sweep.csv"
"""Run table of the laptop recipe's sweep; `sweep.json` beside it says what made it."""


def shipped() -> RunTable:
    """The run table that precocial ships: small models, English documentation to Python code."""
    return RunTable.read(SHIPPED)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Results behind the claims, computed when first asked for.

    Attributes:
        table: a run table with both arms, from models that were trained; None for none.
        mixed: the same with pre-training on text mixed with other code; None for none.
        law: of the from-scratch surface; None lets a backtest choose.
    """

    table: RunTable | None = None
    mixed: RunTable | None = None
    law: str | None = None
    draws: int = 400
    seed: int = 0

    @property
    def runs(self) -> RunTable:
        """The table, or a FitError that says what is missing."""
        if self.table is None:
            raise FitError(
                "needs trained models: run `precocial transfer sweep` and pass its table"
            )
        return self.table

    @cached_property
    def fit(self) -> TransferFit:
        return fit_transfer(self.runs, law=self.law, draws=self.draws, seed=self.seed)

    @cached_property
    def mixed_fit(self) -> TransferFit:
        if self.mixed is None:
            raise FitError("needs a second sweep, pre-trained on text mixed with other code")
        return fit_transfer(self.mixed, law=self.fit.scratch.law, draws=self.draws, seed=self.seed)

    @cached_property
    def effective(self) -> EffectiveData:
        return effective_data(self.runs, draws=self.draws, seed=self.seed)

    @cached_property
    def exchange(self) -> ExchangeRate:
        return exchange_rate(self.fit)

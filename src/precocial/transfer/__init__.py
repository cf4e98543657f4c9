"""What a pre-trained model is worth in data: scaling laws for transfer (Hernandez et al. 2021)."""

from __future__ import annotations

from precocial.transfer.backtest import Backtest, Candidate, backtest
from precocial.transfer.claims import CLAIMS
from precocial.transfer.effective import EffectiveData, ReadStatus, effective_data
from precocial.transfer.evidence import Evidence, shipped
from precocial.transfer.exchange import (
    Cell,
    ExchangeRate,
    cell_rows,
    exchange_rate,
    iso_loss,
    ossification_map,
)
from precocial.transfer.fit import TransferFit, fit_transfer
from precocial.transfer.flags import Flag
from precocial.transfer.forecast import Forecast, ScratchForecast, forecast, forecast_scratch
from precocial.transfer.formulas import (
    PUBLISHED,
    Constants,
    convert_k,
    exchange_exponent,
    fraction_from_half_size,
    fraction_from_transfer,
    half_size,
    multiplier,
    transferred,
)
from precocial.transfer.methods import METHODS
from precocial.transfer.plan import Have, Option, Plan, Prices, plan
from precocial.transfer.readers import read_runs
from precocial.transfer.scratch import ScratchFit, best_in_sample, fit_scratch
from precocial.transfer.simulate import KAPLAN_SURFACE, Design, Noise, simulate
from precocial.transfer.surface import Surface
from precocial.transfer.table import COLUMNS, RunTable, run_table
from precocial.transfer.uncertainty import Profile
from precocial.worth.laws import LAWS, Law

__all__ = [
    "CLAIMS",
    "COLUMNS",
    "KAPLAN_SURFACE",
    "LAWS",
    "METHODS",
    "PUBLISHED",
    "Backtest",
    "Candidate",
    "Cell",
    "Constants",
    "Design",
    "EffectiveData",
    "Evidence",
    "ExchangeRate",
    "Flag",
    "Forecast",
    "Have",
    "Law",
    "Noise",
    "Option",
    "Plan",
    "Prices",
    "Profile",
    "ReadStatus",
    "RunTable",
    "ScratchFit",
    "ScratchForecast",
    "Surface",
    "TransferFit",
    "backtest",
    "best_in_sample",
    "cell_rows",
    "convert_k",
    "effective_data",
    "exchange_exponent",
    "exchange_rate",
    "fit_scratch",
    "fit_transfer",
    "forecast",
    "forecast_scratch",
    "fraction_from_half_size",
    "fraction_from_transfer",
    "half_size",
    "iso_loss",
    "multiplier",
    "ossification_map",
    "plan",
    "read_runs",
    "run_table",
    "shipped",
    "simulate",
    "transferred",
]

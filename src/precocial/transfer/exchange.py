"""What one resource is worth in another: sizes in data, and cells where pre-training hurts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError, FitError
from precocial.transfer.effective import EffectiveData
from precocial.transfer.fit import TransferFit
from precocial.transfer.models import log_effective

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ExchangeRate:
    """Decades of fine-tuning data that leave D_T where a decade of model size would put it.

    Attributes:
        decades: beta / alpha.
        low, high: interval at `level`; infinite where alpha's interval reaches 0.
        statement: in words.
    """

    decades: float
    low: float
    high: float
    level: float

    @property
    def statement(self) -> str:
        return (
            f"at low data, a model 10 times larger is worth {_times(self.decades)} times the "
            f"fine-tuning data ({_times(self.low)} to {_times(self.high)})"
        )


def _times(decades: float) -> str:
    return "unboundedly many" if not np.isfinite(decades) else f"{10**decades:.3g}"


def exchange_rate(fit: TransferFit) -> ExchangeRate:
    """beta / alpha of a fit (the paper: about 2, "10 times the model, 100 times the data").

    Raises:
        FitError: the fit has no size exponent or no draws.
    """
    draws, point = fit.draws(), fit.estimates()
    if "beta" not in point or len(draws["alpha"]) == 0:
        raise FitError(
            "an exchange rate of size and data needs two or more sizes and bootstrap draws"
        )
    tail = (1 - fit.level) / 2
    # a share of draws with alpha <= 0 says that no finite rate bounds the exchange
    ratio = np.where(draws["alpha"] > 0, draws["beta"] / draws["alpha"], np.inf)
    low = float(np.quantile(ratio, tail, method="lower"))
    high = float(np.quantile(ratio, 1 - tail, method="higher"))
    decades = point["beta"] / point["alpha"] if point["alpha"] > 0 else np.inf
    return ExchangeRate(decades=float(decades), low=low, high=high, level=fit.level)


def iso_loss(fit: TransferFit, *, loss: float, parameters: ArrayLike) -> Floats:
    """(n,) fine-tuning data that bring a pre-trained model of each size to `loss`.

    NaN where no amount does, or where the law reaches it with less than a millionth of the
    least data measured.

    Raises:
        ConfigError: loss not above 0.
    """
    if not loss > 0:
        raise ConfigError(f"loss must be above 0; got {loss!r}")
    N = np.atleast_1d(np.asarray(parameters, dtype=np.float64))
    needed = fit.surface.data_for(N, np.full(len(N), np.log(loss)))[0]
    least = float(fit.table.D_F[fit.table.D_F > 0].min()) * 1e-6
    low = np.full(len(N), np.log(least))
    with np.errstate(divide="ignore"):  # no data are needed: -inf
        log_needed = np.log(needed)
    high = np.log(np.where(np.isfinite(needed), np.maximum(needed, least), least))
    pretraining = np.full(len(N), np.nanmedian(fit.table.pretrained.D_pre)) if (
        "gamma" in fit.terms.names
    ) else np.full(len(N), np.nan)  # fmt: skip
    for _ in range(60):
        middle = 0.5 * (low + high)
        z = fit.terms.regressors(np.exp(middle), N, pretraining)
        enough = log_effective(middle, fit.tau @ z)[0][0] >= log_needed
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    found = np.exp(high)
    return np.where(np.isfinite(needed) & (found > 2 * least), found, np.nan)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One (N, D_F) of the ossification map, seeds pooled.

    Attributes:
        ratio: geometric mean of D_E / D_F; where no run is on its curve inf (above it) or NaN
            (below it), and only low and high say something.
        low, high: from the widest run interval.
        verdict: "helps" or "hurts" (ossified: D_E < D_F) where the whole interval says so,
            "undecided", or "unbracketed".
    """

    parameters: float
    fine_tune_data: float
    regime: float
    ratio: float
    low: float
    high: float
    runs: int
    verdict: str


def ossification_map(effective: EffectiveData) -> tuple[Cell, ...]:
    """Where pre-training helped and where it hurt, over N and D_F / D(N)."""
    table = effective.table
    cells: dict[tuple[float, float], list[int]] = {}
    for row in range(len(table)):
        if table.D_F[row] > 0:
            key = (float(np.nan_to_num(table.N[row], nan=1.0)), float(table.D_F[row]))
            cells.setdefault(key, []).append(row)
    return tuple(_cell(effective, key, rows) for key, rows in sorted(cells.items()))


def _cell(effective: EffectiveData, key: tuple[float, float], rows: list[int]) -> Cell:
    N, D_F = key
    D_E = effective.D_E[rows]
    bracketed = np.isfinite(D_E)
    low, high = effective.D_E_low[rows].min() / D_F, effective.D_E_high[rows].max() / D_F
    verdict = "helps" if low > 1 else "hurts" if high < 1 else "undecided"
    if not bracketed.any():
        verdict = "unbracketed" if verdict == "undecided" else verdict
    return Cell(
        parameters=N, fine_tune_data=D_F, regime=float(effective.regime[rows[0]]),
        ratio=float(np.exp(np.mean(np.log(D_E[bracketed] / D_F)))) if bracketed.any() else
        float(D_E[0] / D_F),
        low=float(low), high=float(high), runs=len(rows), verdict=verdict,
    )  # fmt: skip


def cell_rows(cells: tuple[Cell, ...]) -> list[dict[str, Any]]:
    """Plain rows for a table or a file."""
    return [
        {
            "N": cell.parameters, "D_F": cell.fine_tune_data, "regime": cell.regime,
            "ratio": cell.ratio, "low": cell.low, "high": cell.high, "runs": cell.runs,
            "verdict": cell.verdict,
        }
        for cell in cells
    ]  # fmt: skip

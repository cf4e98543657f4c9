"""What a fitted law says of a run that was not made, with intervals and doubts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.errors import ConfigError, FitError
from precocial.runs import stream
from precocial.transfer.effective import LOW_DATA
from precocial.transfer.fit import TransferFit
from precocial.transfer.flags import Flag, check_extrapolation, levels
from precocial.transfer.models import log_effective
from precocial.transfer.scratch import ScratchFit
from precocial.transfer.table import RunTable
from precocial.transfer.uncertainty import check_draws, check_level

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_NOISE_DRAWS = 20
"""Noise draws per bootstrap draw behind a prediction interval."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """A forecast at n points; intervals are (low, high) pairs of (n,) arrays.

    Attributes:
        parameters, fine_tune_data, pretrain_data: (n,) where; D_pre is NaN where not used.
        loss, loss_interval: expected loss of a fine-tuned run.
        prediction_interval: of one new run's loss: parameters and noise together.
        effective_data, effective_interval: D_E.
        scratch_loss: expected loss of a run from scratch on the same data.
        regime: D_F / D(N).
        level: of the intervals.
        flags: doubts.
    """

    parameters: Floats
    fine_tune_data: Floats
    pretrain_data: Floats
    loss: Floats
    loss_interval: Pair
    prediction_interval: Pair
    effective_data: Floats
    effective_interval: Pair
    scratch_loss: Floats
    regime: Floats
    level: float
    flags: tuple[Flag, ...]

    @property
    def transferred(self) -> Floats:
        """(n,) D_T = D_E - D_F."""
        return self.effective_data - self.fine_tune_data

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows for a table or a file."""
        return [
            {
                "N": float(self.parameters[i]), "D_F": float(self.fine_tune_data[i]),
                "loss": float(self.loss[i]),
                "loss_low": float(self.loss_interval[0][i]),
                "loss_high": float(self.loss_interval[1][i]),
                "run_low": float(self.prediction_interval[0][i]),
                "run_high": float(self.prediction_interval[1][i]),
                "scratch_loss": float(self.scratch_loss[i]),
                "D_E": float(self.effective_data[i]),
                "D_E_low": float(self.effective_interval[0][i]),
                "D_E_high": float(self.effective_interval[1][i]),
                "D_T": float(self.transferred[i]), "regime": float(self.regime[i]),
            }
            for i in range(len(self.parameters))
        ]  # fmt: skip


def forecast(
    fit: TransferFit,
    *,
    parameters: ArrayLike,
    fine_tune_data: ArrayLike,
    pretrain_data: ArrayLike = np.nan,
    seed: int = 0,
) -> Forecast:
    """The loss and the effective data of fine-tuning a model of N on D_F.

    Args:
        parameters, fine_tune_data: broadcast to (n,). A fit of one size takes NaN parameters.
        pretrain_data: D_pre; needed only where the fit has an exponent for it.

    Raises:
        ConfigError: values not above 0, or D_pre missing.
        FitError: the fit has no bootstrap draws.
    """
    N, D_F, D_pre = (
        axis.ravel().astype(np.float64)
        for axis in np.broadcast_arrays(parameters, fine_tune_data, pretrain_data)
    )
    _check(fit, N, D_F, D_pre)
    if len(fit.tau_draws) == 0:
        raise FitError("this fit has no bootstrap draws, so no intervals; fit with draws=400")
    with np.errstate(over="ignore", invalid="ignore"):  # far enough out there is no number
        return _forecast(fit, N, D_F, D_pre, stream(seed, "transfer", "forecast"))


def _forecast(
    fit: TransferFit, N: Floats, D_F: Floats, D_pre: Floats, rng: np.random.Generator
) -> Forecast:
    z = fit.terms.regressors(D_F, N, D_pre)
    log_D_E = log_effective(np.log(D_F), fit.tau @ z)[0]
    log_D_E_draws = log_effective(np.log(D_F), fit.tau_draws @ z)[0]
    log_loss = fit.surface.log_loss_at(N, log_D_E)[0]
    draws = fit.surface_draws.log_loss_at(N, log_D_E_draws)
    expected, run = _intervals(draws, fit.noise, fit.level, rng)
    return Forecast(
        parameters=N, fine_tune_data=D_F, pretrain_data=D_pre, loss=np.exp(log_loss),
        loss_interval=expected, prediction_interval=run,
        effective_data=np.exp(log_D_E[0]),
        effective_interval=_ends(np.exp(log_D_E_draws), fit.level),
        scratch_loss=np.exp(fit.surface.log_loss(N, D_F)[0]),
        regime=fit.surface.regime(N, D_F)[0], level=fit.level,
        flags=(*_doubts(fit, N, D_F, D_pre), *_check_zero_shot(fit, N, D_F, D_pre, log_loss)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ScratchForecast:
    """A from-scratch law's forecast at n points; intervals are (low, high) pairs of (n,) arrays.

    Attributes:
        parameters, data: (n,) where.
        loss, loss_interval: expected loss.
        prediction_interval: of one new run's loss: parameters and noise together.
        level: of the intervals.
        flags: doubts.
    """

    parameters: Floats
    data: Floats
    loss: Floats
    loss_interval: Pair
    prediction_interval: Pair
    level: float
    flags: tuple[Flag, ...]


def forecast_scratch(
    fit: ScratchFit,
    *,
    data: ArrayLike,
    parameters: ArrayLike = np.nan,
    kind: str = "wild",
    draws: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> ScratchForecast:
    """The loss of training a model of N from scratch on D, by one law alone.

    Args:
        data, parameters: broadcast to (n,); a law without a size term needs no parameters.
        kind, draws: the bootstrap behind the intervals, as in `ScratchFit.draws`.

    Raises:
        ConfigError: values not above 0, level outside (0, 1) or fewer than 20 draws.
    """
    D, N = (axis.ravel().astype(np.float64) for axis in np.broadcast_arrays(data, parameters))
    _check_positive("data", D)
    flags = check_extrapolation("D", D, fit.table.D_F)
    if fit.surface.law.uses_size:
        _check_positive("parameters", N)
        flags += check_extrapolation("N", N, fit.table.N)
    check_level("forecast_scratch", level)
    check_draws("forecast_scratch", draws, none=False)
    rng = stream(seed, "transfer", "forecast_scratch")
    drawn = fit.draws(draws, rng, kind=kind).log_loss(N, D)
    with np.errstate(over="ignore", invalid="ignore"):
        expected, run = _intervals(drawn, fit.noise, level, rng)
        loss = np.exp(fit.surface.log_loss(N, D)[0])
    return ScratchForecast(
        parameters=N, data=D, loss=loss, loss_interval=expected,
        prediction_interval=run, level=level, flags=(*fit.flags, *flags),
    )  # fmt: skip


def _intervals(
    log_loss: Floats, noise: float, level: float, rng: np.random.Generator
) -> tuple[Pair, Pair]:
    """Of the expected loss and of one new run's, from (P, n) draws of the expected log loss."""
    runs = log_loss + noise * rng.standard_normal((_NOISE_DRAWS, *log_loss.shape))
    return _ends(np.exp(log_loss), level), _ends(np.exp(runs).reshape(-1, log_loss.shape[1]), level)


def _ends(draws: Floats, level: float) -> Pair:
    tail = 50 * (1 - level)
    low, high = np.percentile(draws, [tail, 100 - tail], axis=0)
    return low, high


def _check(fit: TransferFit, N: Floats, D_F: Floats, D_pre: Floats) -> None:
    sized = fit.surface.law.uses_size or "beta" in fit.terms.names
    _check_positive("parameters", N if sized else N[~np.isnan(N)])
    _check_positive("fine_tune_data", D_F)
    if "gamma" in fit.terms.names and not (D_pre > 0).all():
        raise ConfigError(
            "this fit has an exponent for pre-training data; give pretrain_data above 0"
        )


def _check_positive(name: str, values: Floats) -> None:
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ConfigError(
            f"{name} must be finite and above 0; got {values!r}. No data, or zero-shot, has no "
            "value under the law; the paper extrapolates to 1 character instead"
        )


def zero_shot_loss(runs: RunTable, N: Floats, D_pre: Floats) -> Floats:
    """(n,) measured loss without fine-tuning at sizes N and, where known, pre-training D_pre.

    The geometric mean of the runs with D_F = 0, interpolated in logs between measured sizes; NaN
    beyond them, and where there is no such run. A table without sizes is one size.
    """
    zero = runs.pretrained.where(runs.pretrained.D_F == 0)
    found = np.full(len(N), np.nan)
    size, wanted = np.nan_to_num(zero.N, nan=1.0), np.nan_to_num(N, nan=1.0)
    for at, amount in enumerate(D_pre):
        same = np.isclose(zero.D_pre, amount, rtol=1e-6) | np.isnan(amount)
        knots, place = np.unique(np.log(size[same]), return_inverse=True)
        if len(knots):
            mean = np.bincount(place, np.log(zero.loss[same])) / np.bincount(place)
            x = np.log(wanted[at])
            near = knots[np.argmin(np.abs(knots - x))]
            x = near if abs(near - x) < 1e-6 else x
            found[at] = np.exp(np.interp(x, knots, mean, left=np.nan, right=np.nan))
    return found


def _check_zero_shot(
    fit: TransferFit, N: Floats, D_F: Floats, D_pre: Floats, log_loss: Floats
) -> list[Flag]:
    """Below the least D_F measured, does the law promise less than no fine-tuning at all?"""
    measured = zero_shot_loss(fit.table, N, D_pre)
    tuned = fit.table.pretrained.D_F
    least = tuned[tuned > 0].min()
    worse = (least > D_F) & (log_loss > np.log(measured))
    if not worse.any():
        return []
    at = int(np.flatnonzero(worse)[0])
    return [Flag(
        code="below_zero_shot",
        message=f"at D_F = {D_F[at]:.3g}, below the least measured {least:.3g}, the forecast loss "
        f"{np.exp(log_loss[at]):.4g} is worse than the zero-shot loss {measured[at]:.4g} measured "
        "at this size: the law has no value at D_F = 0 and fails there; take the zero-shot loss",
    )]  # fmt: skip


def _doubts(fit: TransferFit, N: Floats, D_F: Floats, D_pre: Floats) -> tuple[Flag, ...]:
    tuned = fit.table.pretrained  # runs from scratch reach further and say nothing of transfer
    flags = check_extrapolation("D_F", D_F, tuned.D_F)
    flags += check_extrapolation("D_pre", D_pre, tuned.D_pre)
    if "beta" in fit.terms.names:
        flags += check_extrapolation("N", N, fit.table.N)
    elif len(levels(N)) > 1:
        raise FitError("the table has one size, so nothing can be said of other sizes")
    regime = fit.surface.regime(N, D_F)[0]
    if (regime > LOW_DATA).any():
        flags.append(Flag(
            code="beyond_low_data",
            message=f"D_F is {regime.max():.2g} D(N), above {LOW_DATA}: the paper's law breaks "
            "there, and small models may do worse than from scratch (ossification)",
        ))  # fmt: skip
    return tuple(flags)

"""Effective data: the from-scratch data that would have reached a fine-tuned model's loss.

D_E is read off the from-scratch curve of the same size, D_T = D_E - D_F. Nothing is
extrapolated: a loss outside the measured curve gives a bound and says so. Intervals come from
redrawing the noise of every run about its curve and reading again; the noise may change with the
data and is as uncertain as its degrees of freedom say (`precocial.worth.spread`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.runs import stream
from precocial.transfer.flags import (
    Flag,
    check_arm_units,
    check_copies,
    check_sizes,
    check_source,
    levels,
)
from precocial.transfer.scratch import ScratchFit, best_in_sample
from precocial.transfer.table import RunTable
from precocial.transfer.uncertainty import check_draws, check_level
from precocial.worth.monotone import MonotoneCurve, cross
from precocial.worth.spread import NoiseTrend, noise_trend, widening

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOW_DATA = 0.1
"""Eq. 1.1 holds for D_F of at most this share of D(N) (paper, eq. 1.1 and appendix D)."""
MIN_FREEDOM = 5
"""Degrees of freedom of repeated runs from which on they give the noise of their arm; ours."""
_ONE_SIZE = 1.0


class ReadStatus(StrEnum):
    """Where a fine-tuned loss lies on the from-scratch curve of its size."""

    measured = "measured"
    above_range = "above_range"
    below_range = "below_range"
    no_curve = "no_curve"

    @property
    def advice(self) -> str:
        return {
            "measured": "",
            "above_range": "better than every from-scratch run of this size: D_E is a lower "
            "bound; train from scratch on more data to bracket it",
            "below_range": "worse than every from-scratch run of this size: D_E is an upper "
            "bound; train from scratch on less data to bracket it",
            "no_curve": "no usable from-scratch curve of this size; train at least two "
            "amounts of data from scratch",
        }[self.value]


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectiveData:
    """One entry a pre-trained run, (n,) each; data in the table's unit.

    Attributes:
        table: the pre-trained runs.
        D_E, D_E_low, D_E_high: effective data and its interval. Beyond the curve only one end
            is known: above_range has D_E inf, at least the most data of the curve; below_range
            has D_E NaN, between 0 and the least data of the curve. `status` says which.
        D_T, D_T_low, D_T_high: D_E - D_F; negative where pre-training hurt.
        regime: D_F / D(N), D(N) from `scratch`.
        status: `ReadStatus` values.
        ossified: D_E < D_F with the whole interval.
        level: of the intervals.
        scratch: the law that gave D(N) and the noise.
        flags: doubts.
    """

    table: RunTable
    D_E: Floats
    D_E_low: Floats
    D_E_high: Floats
    regime: Floats
    status: NDArray[np.str_]
    level: float
    scratch: ScratchFit
    flags: tuple[Flag, ...]

    @property
    def D_T(self) -> Floats:
        return self.D_E - self.table.D_F

    @property
    def D_T_low(self) -> Floats:
        return self.D_E_low - self.table.D_F

    @property
    def D_T_high(self) -> Floats:
        return self.D_E_high - self.table.D_F

    @property
    def measured(self) -> Bools:
        return np.asarray(self.status == ReadStatus.measured)

    @property
    def ossified(self) -> Bools:
        return self.D_E_high < self.table.D_F

    @property
    def fraction(self) -> Floats:
        """f = D_T / D_E, the fraction of effective data that came from transfer."""
        return self.D_T / self.D_E

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows for a table or a file."""
        names = ("run_id", "source", "N", "D_pre", "D_F", "seed", "loss")
        own = ("D_E", "D_E_low", "D_E_high", "D_T", "D_T_low", "D_T_high", "regime", "status",
               "ossified")  # fmt: skip
        columns = {name: getattr(self.table, name).tolist() for name in names}
        columns |= {name: getattr(self, name).tolist() for name in own}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def effective_data(
    table: RunTable,
    *,
    scratch: ScratchFit | None = None,
    level: float = 0.95,
    draws: int = 400,
    seed: int = 0,
) -> EffectiveData:
    """D_E and D_T of every pre-trained run, with intervals.

    Args:
        scratch: the law for D(N) and for the noise; default `best_in_sample`.
        level: of the intervals.
        draws: redrawn tables behind them, at least 20; 0 for none (NaN intervals).

    Raises:
        ConfigError: level or draws out of their range.
        FitError: no pre-trained runs, several sources, sizes counted in two ways, or no run that
            can be placed on a curve.
    """
    check_level("effective_data", level)
    check_draws("effective_data", draws)
    if len(table.pretrained) == 0:
        raise FitError("the table has no pre-trained runs; effective data compare the two arms")
    check_source(table.pretrained)
    check_sizes(table)
    if scratch is None:
        scratch = best_in_sample(table)
    runs, base = table.pretrained, scratch.table
    D_E = read_off(base, runs)
    status = _statuses(D_E)
    if (status == ReadStatus.no_curve).all():
        raise FitError(
            "no pre-trained run has a from-scratch curve of its own size; "
            "train the same sizes in both arms"
        )
    low, high = np.full((2, len(runs)), np.nan)
    if draws:
        rng = stream(seed, "transfer", "effective_data")
        first, last = redraw(base, runs, *run_noise(base, runs, scratch), draws, rng)
        least, most = _curve_ends(base, runs)
        # a draw beyond the curve says only on which side: its other end is the curve's
        first = np.where(np.isposinf(first), most[:, None], first)
        last = np.where(np.isneginf(last), least[:, None], last)
        # order statistics, not interpolated ones: an infinite draw must not turn into NaN
        low = np.exp(np.quantile(first, (1 - level) / 2, axis=1, method="lower"))
        high = np.exp(np.quantile(last, (1 + level) / 2, axis=1, method="higher"))
    regime = scratch.surface.regime(runs.N, runs.D_F)[0]
    flags = check_copies(runs, runs.distinct()) + _flags(status, runs, regime)
    flags += check_units_of_arms(runs, scratch)
    return EffectiveData(
        table=runs, D_E=np.where(D_E == 0, np.nan, D_E), D_E_low=low, D_E_high=high,
        regime=regime, status=status, level=level, scratch=scratch, flags=(*scratch.flags, *flags),
    )  # fmt: skip


def check_units_of_arms(runs: RunTable, scratch: ScratchFit) -> list[Flag]:
    """`check_arm_units` of pre-trained runs against the fitted law."""
    tuned = runs.where(runs.D_F > 0)
    gap = np.log(tuned.loss) - scratch.surface.log_loss(tuned.N, tuned.D_F)[0]
    return check_arm_units(gap, tuned.D_F, scratch.noise)


def read_off(base: RunTable, runs: RunTable) -> Floats:
    """(n,) D_E of `runs` on the curves of `base`: inf above, 0 below, NaN without a curve."""
    D_E = np.full(len(runs), np.nan)
    for rows, own in _same_size(base, runs):
        try:
            curve = MonotoneCurve.through(base.D_F[own], np.log(base.loss[own]))
        except FitError:
            continue
        D_E[rows] = np.exp(curve.log_data_at(np.log(runs.loss[rows])))
    return D_E


def _curve_ends(base: RunTable, runs: RunTable) -> tuple[Floats, Floats]:
    """(n,) log of the least and of the most data on each run's curve; NaN without a curve."""
    least, most = np.full((2, len(runs)), np.nan)
    for rows, own in _same_size(base, runs):
        least[rows], most[rows] = np.log([base.D_F[own].min(), base.D_F[own].max()])
    return least, most


def redraw(
    base: RunTable, runs: RunTable, base_noise: RunNoise, noise: RunNoise, draws: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Two (n, draws) arrays of log D_E from tables whose every loss is moved by its arm's noise.

    A redrawn curve may rise somewhere and reach a loss twice: the first and the last place.
    """
    first, last = (np.full((len(runs), draws), np.nan) for _ in range(2))
    moved = np.log(runs.loss)[:, None] + noise.draw(runs.D_F, draws, rng)
    all_curves = np.log(base.loss)[:, None] + base_noise.draw(base.D_F, draws, rng)
    for rows, own in _same_size(base, runs):
        x, place = np.unique(np.log(base.D_F[own]), return_inverse=True)
        mean = (place == np.arange(len(x))[:, None]) / np.bincount(place)[:, None]
        first[rows] = cross(x, mean @ all_curves[own], moved[rows])
        last[rows] = cross(x, mean @ all_curves[own], moved[rows], last=True)
    return first, last


def _same_size(base: RunTable, runs: RunTable) -> Iterator[tuple[Bools, Bools]]:
    """Masks of `runs` and of `base` that share a size with enough from-scratch levels."""
    base_size, size = _sizes(base), _sizes(runs)
    for wanted in levels(size):
        own = np.isclose(base_size, wanted, rtol=1e-6)
        if len(levels(base.D_F[own])) >= 2:
            yield np.isclose(size, wanted, rtol=1e-6), own


@dataclass(frozen=True, kw_only=True, eq=False)
class RunNoise:
    """The noise of one arm's runs, in log loss.

    Attributes:
        trend: standard deviation over data.
        residuals: (m,) deviations over it, of mean square 1, to draw from.
        low, high: the data between which the trend was measured; beyond it stays as it is there.
    """

    trend: NoiseTrend
    residuals: Floats
    low: float
    high: float

    @classmethod
    def of(cls, data: Floats, deviations: Floats, freedom: Floats) -> RunNoise:
        """From deviations (n,) of log loss at data (n,), each with its share of the freedom."""
        amounts, place = np.unique(data, return_inverse=True)
        squares, free = np.zeros((2, len(amounts)))
        np.add.at(squares, place, deviations**2)
        np.add.at(free, place, freedom)
        trend = noise_trend(amounts, squares, free)
        sd, known = trend.sd(data), freedom > 0
        pool = np.zeros(1)
        if sd.all():
            pool = deviations[known] / np.sqrt(freedom[known]) / sd[known]
            pool = pool / np.sqrt(np.mean(pool**2))
        return cls(trend=trend, residuals=pool, low=data[known].min(), high=data[known].max())

    def draw(self, data: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """(n, draws) noise at data (n,): residuals times sd, each draw with its own draw of the
        spread, as Student's t does."""
        scale = widening(self.trend.freedom, draws, rng)
        sd = self.trend.sd(np.clip(data, self.low, self.high))
        picks = rng.integers(len(self.residuals), size=(len(data), draws))
        return np.asarray(sd[:, None] * scale * self.residuals[picks])


def run_noise(base: RunTable, runs: RunTable, scratch: ScratchFit) -> tuple[RunNoise, RunNoise]:
    """The noise of the from-scratch and of the fine-tuned arm.

    Of an arm's own seeds where they leave `MIN_FREEDOM` degrees of freedom, else the other arm's,
    else the residuals about the fitted law (which also hold the law's own misfit).
    """
    own, other = _seed_noise(base), _seed_noise(runs)
    if own is None and other is None:
        n, p = len(scratch.table), scratch.surface.phi.shape[1]
        own = RunNoise.of(scratch.table.D_F, scratch.residuals, np.full(n, (n - p) / n))
    first = own or other
    assert first is not None  # for mypy
    return first, other or first


def _seed_noise(table: RunTable) -> RunNoise | None:
    """Pooled over cells with several runs; copies of a run say nothing."""
    table = table.distinct()
    cell = np.stack([_sizes(table), table.D_F, np.nan_to_num(table.D_pre)], axis=1)
    _, place = np.unique(cell, axis=0, return_inverse=True)
    place = place.ravel()
    log_loss, count = np.log(table.loss), np.bincount(place)
    if len(table) - len(count) < MIN_FREEDOM:
        return None
    mean = np.bincount(place, log_loss) / count
    return RunNoise.of(table.D_F, log_loss - mean[place], (1 - 1 / count)[place])


def _sizes(table: RunTable) -> Floats:
    return np.where(np.isnan(table.N), _ONE_SIZE, table.N)


def _statuses(D_E: Floats) -> NDArray[np.str_]:
    return np.select(
        [np.isnan(D_E), np.isposinf(D_E), D_E == 0],
        [ReadStatus.no_curve, ReadStatus.above_range, ReadStatus.below_range],
        ReadStatus.measured,
    ).astype(np.str_)


def _flags(status: NDArray[np.str_], runs: RunTable, regime: Floats) -> list[Flag]:
    flags = []
    for kind in (ReadStatus.above_range, ReadStatus.below_range, ReadStatus.no_curve):
        count = int((status == kind).sum())
        if count:
            flags.append(Flag(
                code="not_bracketed", message=f"{count} of {len(runs)} runs: {kind.advice}",
            ))  # fmt: skip
    beyond = int((regime > LOW_DATA).sum())
    if beyond:
        flags.append(Flag(
            code="beyond_low_data",
            message=f"{beyond} of {len(runs)} runs have D_F above {LOW_DATA} D(N), where the "
            "paper's law breaks; they are left out of its fit",
        ))  # fmt: skip
    if (runs.D_F == 0).any():
        flags.append(Flag(
            code="zero_shot",
            message=f"{int((runs.D_F == 0).sum())} zero-shot run(s): D_E is read off, but the law "
            "has no value at D_F = 0, so its fit leaves them out",
        ))  # fmt: skip
    return flags

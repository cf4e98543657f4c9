"""`worth`: how much data a prior saves, read off two learning curves."""

from __future__ import annotations

import math
import numbers
import operator

import numpy as np
from numpy.typing import ArrayLike

from precocial.errors import ConfigError, one_of
from precocial.worth.curve import Curve, Floats, Levels, check_units
from precocial.worth.curve_law import CURVE_LAWS
from precocial.worth.monotone import evaluate
from precocial.worth.reading import MIN_LEVELS, Reading, read
from precocial.worth.result import Status, Worth, WorthRow
from precocial.worth.spread import Spread, borrow, redraw, spread

METHODS = ("cubic", "pchip", *CURVE_LAWS)
MIN_DRAWS, MAX_DRAWS = 100, 100_000
WIDE_GAP = 10.0
"""Neighbouring base sizes further apart than this leave the curve between them to chance; ours."""
_AMBIGUOUS = 0.95
"""A reading is undefined when the base curve has its loss in several places in this share of
draws: then it is not noise that makes the curve rise. Ours."""
_SAME_PLACE = 1e-12
_NO_LOSS = (
    "the treated curve has no loss here: name one of its sizes, or one between its smallest and "
    f"largest size above 0, of which it needs {MIN_LEVELS}"
)


def worth(
    base: Curve,
    treated: Curve,
    *,
    at: ArrayLike | None = None,
    method: str = "cubic",
    bootstrap: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Worth:
    """The data that a prior saves: D with loss_base(d + D) = loss_treated(d).

    The treated loss at d is its level's mean (between levels, a cubic). The base curve is read
    backwards in log data and log loss: by a monotone cubic through the level means (`monotone`),
    or by a fitted law (`curve_law`). Nothing is extrapolated: outside the base curve's data the row
    says so and gives a bound; a law's guess there stands in `extrapolated`. D may be negative:
    then the prior costs data.

    The interval is a percentile interval over `bootstrap` pairs of redrawn curves (`spread`). A
    draw's curve need not fall: its first place with the treated loss counts for the low end, its
    last for the high end. So the interval inverts the test of "the base loss at d + D equals the
    treated loss at d", and holds for steep and flat curves alike. Draws that leave the base
    curve's range are kept as bounds, so an end may be open. It covers the seeds' noise; it does
    not cover a prior that other seeds would have made different (one pre-trained checkpoint).

    How often 95 % intervals hold the truth, in simulation (1,000 tables a case, 8 base sizes, mean
    of 4 values of d; a case's error is about 0.5 %): 2, 3, 5 seeds 96, 95, 95 %; noise whose
    spread falls 1.8-fold a decade of data 94-95 %; heavy tails, skew, 5 % outliers 94-95 %; noise
    of each size unrelated to the next 93 %; half the noise shared by all sizes 94 %; 4 base sizes a
    decade apart 94-96 %; one treated seed 95 %; a plateau, or noise as large as the steps between
    sizes, 97 %. Laws, where they are the truth: 94 %, and 93 % (at worst 91 %) under 5 % noise.

    Args:
        base: the arm without the prior.
        treated: the arm with it.
        at: (r,) data sizes d at which to read; by default every size of the treated curve.
        method: "cubic" (spline slopes, limited), "pchip", "power" or "rectified".
        bootstrap: draws behind the intervals; 0 for none.
        level: probability of the intervals.
        seed: of the draws.

    Returns:
        Rows in rising order of d, without repeats.

    Raises:
        ConfigError: curves in two units, sizes that are not finite and at least 0, an unknown
            method, a number of draws or a level that is not allowed.
        FitError: a law with too few base levels.

    Source: effective data, Hernandez et al. 2021 (arXiv 2102.01293), Sec. 1 and App. D. They drop
    points with D <= 0, which selects high values; here these are kept.
    """
    check_units(base, treated)
    one_of("worth: method", method, METHODS)
    _check_numbers(bootstrap, level, seed)
    sizes = _sizes(at, treated)
    own, other = base.levels().above_zero(), treated.levels()
    base_noise, treated_noise, notes = _noises(own, other, bootstrap)
    if len(own) < len(base.levels()):
        notes.append("base runs without data are left out: zero has no logarithm")
    curves = _redrawn(own, base_noise, bootstrap, seed, "base")
    losses = _redrawn(other, treated_noise, bootstrap, seed, "treated")
    loss = _treated_loss(other, losses, sizes)
    reading = read(method, own, base_noise, curves, loss)
    rows = [
        _row(float(size), index, loss[index], reading, own, level)
        for index, size in enumerate(sizes)
    ]
    return Worth(
        rows=tuple(rows),
        base=base,
        treated=treated,
        method=method,
        level=level,
        draws=curves.shape[1] - 1,
        seed=seed,
        line=tuple((data, value) for data, value in reading.line.tolist()),
        notes=(*notes, *reading.notes),
    )


def _check_numbers(bootstrap: int, level: float, seed: int) -> None:
    for name, value, most in (("bootstrap", bootstrap, MAX_DRAWS), ("seed", seed, 2**63 - 1)):
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ConfigError(f"worth: {name} must be a whole number; got {value!r}")
        if not 0 <= operator.index(value) <= most:
            raise ConfigError(f"worth: {name} must lie in 0..{most}; got {value!r}")
    if 0 < bootstrap < MIN_DRAWS:
        raise ConfigError(
            f"worth: bootstrap must be 0 (no intervals) or at least {MIN_DRAWS}; got {bootstrap}"
        )
    if not isinstance(level, numbers.Real) or not 0 < level < 1:
        raise ConfigError(f"worth: level must lie in (0, 1); got {level!r}. The usual is 0.95")


def _sizes(at: ArrayLike | None, treated: Curve) -> Floats:
    if at is None:
        return np.unique(treated.data)
    try:
        sizes = np.atleast_1d(np.asarray(at, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"worth: at must be data sizes; got {at!r:.80}") from error
    if sizes.ndim != 1 or not len(sizes) or not np.all(np.isfinite(sizes) & (sizes >= 0)):
        raise ConfigError(
            f"worth: at must be a list of finite data sizes, at least 0; got {at!r:.80}"
        )
    return np.unique(sizes)


def _noises(
    base: Levels, treated: Levels, bootstrap: int
) -> tuple[Spread | None, Spread | None, list[str]]:
    """The spread of both arms; an arm without repeated runs borrows the other's."""
    ours, theirs = spread(base), spread(treated)
    if ours is None and theirs is None:
        return None, None, [
            "no size has two seeds in either arm, so the noise is unknown and there is no "
            "interval. Run each size with at least three seeds"
        ]  # fmt: skip
    notes = []
    for name, own, arm in (("base", ours, base), ("treated", theirs, treated)):
        single = int((arm.runs == 1).sum())
        if own is None:
            notes.append(
                f"the {name} arm has one seed a size: the other arm's spread stands in for its "
                "own. Run it with at least three seeds"
            )
        elif not own.sd.all():
            notes.append(
                f"repeated runs of the {name} arm have equal losses, so its noise counts as 0. "
                "Check that the seed reaches the training"
            )
        elif single:
            notes.append(
                f"{single} of {len(arm)} sizes of the {name} arm have one seed: the spread of the "
                "others stands in"
            )
    if ours is None and theirs is not None:
        ours = borrow(base, theirs)
    if theirs is None and ours is not None:
        theirs = borrow(treated, ours)
    return ours, theirs, notes if bootstrap else []


def _redrawn(levels: Levels, noise: Spread | None, bootstrap: int, seed: int, name: str) -> Floats:
    """(n, 1 + draws) mean log losses: what was observed, then the draws."""
    seen = levels.mean[:, None]
    if noise is None or not bootstrap:
        return seen
    # one stream an arm, by name: the draws of one do not depend on the size of the other
    rng = np.random.default_rng([seed, *name.encode()])
    return np.concatenate([seen, redraw(levels, noise, bootstrap, rng)], axis=1)


def _treated_loss(levels: Levels, losses: Floats, sizes: Floats) -> Floats:
    """(r, 1 + draws) log losses of the treated arm at `sizes`; NaN where it has none."""
    out = np.full((len(sizes), losses.shape[1]), np.nan)
    some = levels.data > 0
    if some.sum() >= MIN_LEVELS and np.any(sizes > 0):
        place = np.log(levels.data[some])
        out[sizes > 0] = evaluate(place, losses[some], np.log(sizes[sizes > 0]))
    for index, size in enumerate(sizes):
        # a level's own mean, untouched by the interpolation
        out[index] = losses[levels.data == size][0] if size in levels.data else out[index]
    return out


def _row(
    size: float, index: int, loss: Floats, reading: Reading, base: Levels, level: float
) -> WorthRow:
    """One data size: the number or the bound, the interval, the status, the advice."""
    if math.isnan(loss[0]):
        return WorthRow(
            data=size, loss=None, worth=None, low=None, high=None,
            status=Status.undefined, advice=_NO_LOSS,
        )  # fmt: skip
    point, guess = float(reading.point[index]), float(reading.extrapolated[index])
    several = float(reading.several()[index]) > _AMBIGUOUS
    status = _status(point, several)
    worth = _data(point, base) - size if status is Status.measured else None
    first, last = reading.first[index], reading.last[index]
    low, high = _interval(first, last, base, size, level, worth)
    above, below = status is Status.above_range, status is Status.below_range
    return WorthRow(
        data=size,
        loss=math.exp(loss[0]),
        worth=worth,
        low=low,
        high=high,
        lower_bound=_data(float(reading.least[index]), base) - size if above else None,
        upper_bound=_data(float(reading.most[index]), base) - size if below else None,
        extrapolated=None if math.isnan(guess) else math.exp(guess) - size,
        censored_below=int(np.isneginf(first).sum()),
        censored_above=int(np.isposinf(last).sum()),
        draws=len(first),
        status=status,
        advice=_advice(status, point, several, bool(reading.unclear[index]), base),
    )


def _interval(
    first: Floats, last: Floats, base: Levels, size: float, level: float, worth: float | None
) -> tuple[float | None, float | None]:
    """Percentiles of D, counted outward, so that few draws make the interval wider.

    A draw outside the range is a bound: beyond the last level d + D is at least that level, short
    of the first at most that one. The point itself is always inside.
    """
    if not len(first):
        return None, None
    cut = math.floor((1 - level) / 2 * (len(first) - 1))
    lows = np.sort(np.where(np.isposinf(first), np.log(base.data[-1]), first))
    highs = np.sort(np.where(np.isneginf(last), np.log(base.data[0]), last))
    low, high = _data(lows[cut], base) - size, _data(highs[-1 - cut], base) - size
    return (low, high) if worth is None else (min(low, worth), max(high, worth))


def _data(place: float, base: Levels) -> float:
    """exp, without rounding where the place is a level."""
    level = np.flatnonzero(np.abs(np.log(base.data) - place) < _SAME_PLACE)
    return float(base.data[level[0]]) if len(level) else math.exp(place)


def _status(point: float, several: bool) -> Status:
    if math.isnan(point) or several:
        return Status.undefined
    if math.isinf(point):
        return Status.above_range if point > 0 else Status.below_range
    return Status.measured


def _advice(status: Status, point: float, several: bool, unclear: bool, base: Levels) -> str:
    """What to know about a row, and what to run next."""
    if status is Status.above_range:
        top = float(base.data[-1])
        return (
            f"the treated loss is below the base curve, which ends at {top:g}: d + D is above "
            f"{top:g}. Train the base arm on more data"
        )
    if status is Status.below_range:
        low = float(base.data[0])
        return (
            f"the treated loss is above the base curve, which begins at {low:g}: d + D is below "
            f"{low:g}. Train the base arm on less data"
        )
    if several:
        return (
            "the base loss rises with data by more than its noise, and has the treated loss in "
            "several places. Tune the base arm at each size"
        )
    if status is Status.undefined:
        return "the base curve cannot be read; see the notes"
    if unclear:
        return "base sizes are out of order here; more seeds would tell noise from a rising loss"
    nearest = np.searchsorted(base.data, math.exp(point)).clip(1, len(base) - 1)
    low, high = base.data[nearest - 1 : nearest + 1].tolist()
    if high > WIDE_GAP * low * (1 + 1e-9):
        return (
            f"read between base sizes {low:g} and {high:g}, more than a factor {WIDE_GAP:g} "
            "apart: the interval does not cover what happens between. Add a size there"
        )
    return ""

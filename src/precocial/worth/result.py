"""What `worth` gives back: one row a data size, each with its interval, status and advice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from precocial import io
from precocial.worth.curve import Curve


class Status(StrEnum):
    """What could be read at a data size.

    measured: the base curve reaches the treated loss between its levels.
    above_range: the treated loss lies below the whole base curve: only a lower bound is known.
    below_range: the treated loss lies above the whole base curve: only an upper bound is known.
    undefined: there is no loss to read, or no single place where the base curve has it.
    """

    measured = "measured"
    above_range = "above_range"
    below_range = "below_range"
    undefined = "undefined"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorthRow:
    """The worth of a prior at one data size. Data are in the curves' unit.

    Attributes:
        data: d, the treated arm's data.
        loss: the treated loss at d; None where the treated curve has none.
        worth: D with loss_base(d + D) = loss_treated(d); None unless `status` is measured.
        low: lower end of the interval of D; None without an interval. It is never under -d,
            because d + D is data; it is -d where draws fell short of the base curve's first level.
        high: upper end; inf where draws ran past the base curve's last level.
        lower_bound: D is at least this, by the measured curve alone (above_range).
        upper_bound: D is at most this, by the measured curve alone (below_range).
        extrapolated: D by the fitted law outside the measured range; a guess, not a measurement.
        censored_below: draws that fell short of the base curve's first level.
        censored_above: draws that ran past its last level.
        draws: bootstrap draws behind the interval; 0 without one.
        status: see `Status`.
        advice: what to know or run next; "" when there is nothing to say.
    """

    data: float
    loss: float | None
    worth: float | None
    low: float | None
    high: float | None
    lower_bound: float | None = None
    upper_bound: float | None = None
    extrapolated: float | None = None
    censored_below: int = 0
    censored_above: int = 0
    draws: int = 0
    status: Status
    advice: str = ""

    @property
    def multiplier(self) -> float | None:
        """(d + D)/d: how many times the data the prior makes of d; None at d = 0."""
        if self.worth is None or self.data == 0:
            return None
        return (self.data + self.worth) / self.data


@dataclass(frozen=True, kw_only=True, eq=False)
class Worth:
    """The worth of a prior, with the curves it was read from.

    Attributes:
        rows: one a data size, rising.
        base: the arm without the prior.
        treated: the arm with it.
        method: "cubic", "pchip", "power" or "rectified".
        level: the intervals' probability.
        draws: bootstrap draws asked for.
        seed: of the bootstrap.
        line: points (data, loss) of the base curve as it was read, for pictures.
        notes: what holds for all rows.
    """

    rows: tuple[WorthRow, ...]
    base: Curve
    treated: Curve
    method: str
    level: float
    draws: int
    seed: int
    line: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]

    def records(self) -> list[io.Row]:
        """The rows as plain dicts, for tables and files; of an open end `open_above` is true."""
        return [
            {
                "data": row.data,
                "loss": row.loss,
                "worth": row.worth,
                "low": row.low,
                "high": row.high,
                "open_below": row.low is not None and row.low <= -row.data,
                "open_above": row.high is not None and math.isinf(row.high),
                "lower_bound": row.lower_bound,
                "upper_bound": row.upper_bound,
                "extrapolated": row.extrapolated,
                "multiplier": row.multiplier,
                "censored_below": row.censored_below,
                "censored_above": row.censored_above,
                "draws": row.draws,
                "status": row.status.value,
                "advice": row.advice,
            }
            for row in self.rows
        ]

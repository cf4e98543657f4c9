"""What makes a result doubtful: each doubt has a code, a reason and advice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.transfer.table import RunTable

Floats = NDArray[np.float64]

BITS_TO_NATS_GAP = float(-np.log(np.log(2)))
"""|log(loss in bits) - log(loss in nats)|."""
MAX_CORRELATION = 0.99
DECADE = 10.0


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A doubt. `code` is stable; `message` says the reason and what to do."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def levels(values: Floats, *, tolerance: float = 1e-6) -> Floats:
    """Distinct values, sorted; those closer than `tolerance` (relative) count as one."""
    kept = np.sort(values[~np.isnan(values)])
    if kept.size == 0:
        return kept
    fresh = np.concatenate([[True], np.diff(kept) > tolerance * np.abs(kept[1:])])
    return np.asarray(kept[fresh])


def check_scratch_design(table: RunTable, *, uses_size: bool, parameters: int) -> list[Flag]:
    """Enough levels of N and D for a from-scratch law?

    Raises:
        FitError: fewer runs than parameters, or a size law on one size.
    """
    runs, data, sizes = len(table), len(levels(table.D_F)), len(levels(table.N))
    if runs <= parameters or data < 2:
        raise FitError(
            f"a law with {parameters} parameters needs more than {parameters} from-scratch runs "
            f"at 2 or more amounts of data; got {runs} runs at {data}. Add runs to the ladder"
        )
    flags = []
    if uses_size and sizes < 2:
        raise FitError(
            f"this law has a size term and the table has {sizes} level(s) of N; "
            "use law='power' or 'rectified_one_size', or add runs of other sizes"
        )
    if uses_size and sizes < 3:
        flags.append(Flag(
            code="few_sizes",
            message=f"{sizes} levels of N cannot separate a size exponent from its coefficient; "
            "add a third size",
        ))  # fmt: skip
    if data < 3:
        flags.append(Flag(
            code="few_data_levels",
            message=f"{data} levels of data cannot separate an exponent from a floor; "
            "add a third amount",
        ))  # fmt: skip
    return flags


def check_sizes(table: RunTable) -> list[Flag]:
    """Are parameters counted in one way throughout?

    Raises:
        FitError: N holds the total in some rows and not in others.
    """
    both = ~np.isnan(table.N) & ~np.isnan(table.N_total)
    if not both.any():
        return []
    same = table.N[both] == table.N_total[both]
    if (table.N[both] > table.N_total[both]).any():
        bad = table.run_id[both][table.N[both] > table.N_total[both]][0]
        raise FitError(
            f"run {bad!r} has N above N_total; N leaves the embeddings out, N_total holds them"
        )
    if same.any() and not same.all():
        raise FitError(
            f"N equals N_total in {int(same.sum())} rows and not in {int((~same).sum())}: "
            "parameter counts are mixed with and without embeddings; count all one way"
        )
    if same.all():
        return [Flag(
            code="embeddings_counted",
            message="N equals N_total everywhere: embeddings seem to be counted; the paper's N "
            "leaves them out, so exponents are not comparable with it",
        )]  # fmt: skip
    return []


def check_loss_units(run_id: NDArray[np.str_], residuals: Floats, noise: float) -> list[Flag]:
    """Do some rows sit where bits would sit among nats (or the other way round)?"""
    near = np.abs(np.abs(residuals) - BITS_TO_NATS_GAP) < max(0.04, 4 * noise)
    if noise < BITS_TO_NATS_GAP / 6 and near.any() and near.mean() < 0.5:
        return [Flag(
            code="mixed_loss_units",
            message=f"{int(near.sum())} run(s), {run_id[near][0]!r} first, lie a factor of ln 2 "
            "off the law: some losses look like bits and others like nats; convert them",
        )]  # fmt: skip
    return []


def check_correlation(log_k: Floats, alpha: Floats) -> list[Flag]:
    """Can k and alpha be told apart? Both (draws,)."""
    if len(alpha) < 10 or np.ptp(alpha) == 0 or np.ptp(log_k) == 0:
        return []
    correlation = float(np.corrcoef(log_k, alpha)[0, 1])
    if abs(correlation) <= MAX_CORRELATION:
        return []
    return [Flag(
        code="k_alpha_correlated",
        message=f"log k and alpha correlate at {correlation:.4f}: quote D_T at the data you have, "
        "not k alone; a wider range of fine-tuning data would separate them",
    )]  # fmt: skip


def check_extrapolation(name: str, wanted: Floats, seen: Floats) -> list[Flag]:
    """Is any of `wanted` more than a decade outside the range of `seen`?"""
    low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
    outside = wanted[(wanted > DECADE * high) | (wanted < low / DECADE)]
    if outside.size == 0:
        return []
    return [Flag(
        code="extrapolation",
        message=f"{name} = {outside[0]:.3g} is more than a decade outside the measured "
        f"{low:.3g} to {high:.3g}; the interval does not cover a change of law on the way",
    )]  # fmt: skip

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
OUTLIER_SPREADS = 10.0
"""Robust standard deviations from the law beyond which a run is an outlier; ours."""
OUTLIER_LOSS = 0.1
"""And at least this share of the loss: noise can be next to nothing; ours."""
MOST_OUTLIERS = 0.1
"""Of the runs, or one run; where more lie off the law, it is the law that is wrong; ours."""


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
    if uses_size and np.isnan(table.N).all():
        raise FitError(
            "this law has a size term and column N is missing: sizes are not given; add N "
            "(parameters without embeddings) to all rows, or use law='power' or "
            "'rectified_one_size'"
        )
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
    if len(table) and np.isnan(table.N).all():
        return [Flag(
            code="no_sizes",
            message="column N is missing: sizes are not given, so all runs are treated as one "
            "size; add N (parameters without embeddings) if they differ",
        )]  # fmt: skip
    both = ~np.isnan(table.N) & ~np.isnan(table.N_total)
    if not both.any():
        return []
    same = table.N[both] == table.N_total[both]
    if (table.N[both] > table.N_total[both]).any():
        bad = table.run_id[both][table.N[both] > table.N_total[both]][0]
        raise FitError(
            f"run {str(bad)!r} has N above N_total; N leaves the embeddings out, N_total holds them"
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
    near = _like_another_unit(residuals, noise)
    if near.any() and near.mean() < 0.5:
        return [Flag(
            code="mixed_loss_units",
            message=f"{int(near.sum())} run(s), {str(run_id[near][0])!r} first, lie a factor of "
            "ln 2 off the law: some losses look like bits and others like nats; convert them",
        )]  # fmt: skip
    return []


def _like_another_unit(residuals: Floats, noise: float) -> NDArray[np.bool_]:
    """(n,) where bits would lie among nats; nowhere if the noise is too large to tell."""
    near = np.abs(np.abs(residuals) - BITS_TO_NATS_GAP) < max(0.04, 4 * noise)
    return np.asarray(near & (noise < BITS_TO_NATS_GAP / 6))


def check_outliers(run_id: NDArray[np.str_], residuals: Floats, noise: float) -> list[Flag]:
    """Do a few runs lie far off the law? `residuals` (n,) are fitted minus measured log loss.

    Far is over `OUTLIER_SPREADS` robust standard deviations (`noise`) and `OUTLIER_LOSS` of the
    loss. Those that lie where another unit would are left to `check_loss_units`.
    """
    limit = max(OUTLIER_SPREADS * noise, float(np.log1p(OUTLIER_LOSS)))
    far = (np.abs(residuals) > limit) & ~_like_another_unit(residuals, noise)
    if not 0 < far.sum() <= max(1, MOST_OUTLIERS * len(residuals)):
        return []
    worst = int(np.argmax(np.where(far, np.abs(residuals), 0.0)))
    with np.errstate(over="ignore"):
        factor = float(np.exp(np.abs(residuals[worst])))
    side = "above" if residuals[worst] < 0 else "below"
    return [Flag(
        code="outlier",
        message=f"{int(far.sum())} run(s) lie far off the law, {str(run_id[worst])!r} most: its "
        f"loss is {factor:.3g} times {side} what the other runs say; check it, or leave it out",
    )]  # fmt: skip


def check_arm_units(gap: Floats, D_F: Floats, noise: float) -> list[Flag]:
    """Is the whole fine-tuned arm in bits where the other is in nats, or the other way round?

    `gap` (n,) is the log loss of fine-tuned runs less that of training from scratch on the same
    data. As transfer vanishes it comes up to 0; with units mixed, to + or - |log ln 2|. Above, the
    worst tenth of the runs decides; below, where transfer alone could lie, the worst run at each
    of the two largest amounts of data must lie there.
    """
    near = max(0.04, 4 * noise)
    if len(gap) < 4 or noise >= BITS_TO_NATS_GAP / 6:
        return []
    worst = float(np.median(gap[gap >= np.quantile(gap, 0.9)]))
    ends = np.array([gap[np.isclose(D_F, level)].max() for level in levels(D_F)[-2:]])
    above = abs(worst - BITS_TO_NATS_GAP) < near
    if not above and not (np.abs(ends + BITS_TO_NATS_GAP) < near).all():
        return []
    return [Flag(
        code="mixed_loss_units",
        message="where transfer vanishes the fine-tuned losses lie a factor of ln 2 "
        f"{'above' if above else 'below'} those from scratch: one arm looks like bits and the "
        "other like nats; convert one",
    )]  # fmt: skip


def check_source(runs: RunTable) -> None:
    """Raise FitError where the pre-trained runs come from several sources."""
    sources = sorted(set(runs.source.tolist()))
    if len(sources) > 1:
        raise FitError(
            f"the pre-trained runs come from {len(sources)} sources "
            f"({', '.join(name or 'not named' for name in sources)}); "
            "k, alpha and D_E belong to one source: take each alone"
        )


def check_copies(given: RunTable, kept: RunTable) -> list[Flag]:
    """Were runs left out by `RunTable.distinct`?"""
    if len(given) == len(kept):
        return []
    return [Flag(
        code="equal_runs",
        message=f"{len(given) - len(kept)} of {len(given)} runs repeat another one's size, data "
        "and loss: they say nothing of the noise and count once. Leave out copies; check that the "
        "seed reaches the training, and give repeated runs seeds of their own",
    )]  # fmt: skip


def check_pretraining(runs: RunTable) -> list[Flag]:
    """Are runs of several amounts of pre-training pooled, too few for an exponent?"""
    known = runs.D_pre[runs.D_pre > 0]
    count = len(levels(known))
    missing = len(runs) - len(known)
    if count == 0 or (count == 1 and not missing) or count > 2:
        return []
    what = f"{count} amount(s) of pre-training data"
    what += " and some that are not named" if missing else ""
    return [Flag(
        code="pooled_pretraining",
        message=f"the fine-tuned runs come from {what}, too few for an exponent, and are pooled: "
        "k is a mean over them. Fit each alone, or add a third amount",
    )]  # fmt: skip


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
    seen = seen[seen > 0]
    if seen.size == 0:
        return []
    low, high = float(seen.min()), float(seen.max())
    outside = wanted[(wanted > DECADE * high) | (wanted < low / DECADE)]
    if outside.size == 0:
        return []
    return [Flag(
        code="extrapolation",
        message=f"{name} = {outside[0]:.3g} is more than a decade outside the measured "
        f"{low:.3g} to {high:.3g}; the interval does not cover a change of law on the way",
    )]  # fmt: skip

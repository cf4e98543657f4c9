"""Choosing a law by how well it would have forecast: rolling origin, toward the large end.

Runs are ordered along one axis. The law is fitted to the smaller runs and asked for all the
larger ones; then the origin moves up and the same is asked again. The fit within the sample
does not choose: laws that extrapolate very differently fit it equally well.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError, one_of
from precocial.transfer.flags import levels
from precocial.transfer.methods import joint, prepare
from precocial.transfer.models import log_effective
from precocial.transfer.scratch import fit_scratch
from precocial.transfer.table import RunTable
from precocial.worth.laws import LAWS, ONE_SIZE_LAWS, SIZE_LAWS

AXES = ("flops", "N", "D_F")
ORIGINS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the runs, in order, that the successive fits are given."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A law and a way of counting parameters.

    Attributes:
        error: mean over tables and origins of the mean |log predicted - log measured loss|.
        bias: the same without the absolute value; above 0 where the law forecasts too high.
        folds: how many (table, origin) pairs the comparison rests on: those that every law
            which can be fitted at the last origins can answer.
        failed: how many of all pairs it could not answer.
    """

    law: str
    counting: str
    parameters: int
    error: float
    bias: float
    folds: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """Candidates, best first; those that cannot be fitted at the last origins stand last."""

    axis: str
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate:
        return self.candidates[0]

    def rows(self) -> list[dict[str, Any]]:
        """Plain rows for a table or a file."""
        return [
            {
                "law": c.law, "counting": c.counting, "parameters": c.parameters,
                "error": c.error, "bias": c.bias, "folds": c.folds, "failed": c.failed,
                "chosen": c is self.best,
            }
            for c in self.candidates
        ]  # fmt: skip


def backtest(
    tables: RunTable | Sequence[RunTable],
    *,
    laws: Sequence[str] | None = None,
    axis: str | None = None,
    origins: Sequence[float] = ORIGINS,
) -> Backtest:
    """Compare from-scratch laws by forecasts toward the large end.

    Args:
        tables: one table, or several that are to share a law (corpora, say), each fitted on
            its own. Where a table has pre-trained runs, the joint fit forecasts both arms.
        laws: names of `laws.LAWS`; default all that suit (with or without a size term).
        axis: "flops" (6*N*D), "N" or "D_F"; default flops where there are sizes, else D_F.
        origins: shares of the runs to fit on.

    Both ways of counting parameters are tried where every run has N_total.

    Raises:
        FitError: too few runs for any origin.
        ConfigError: unknown law or axis.
    """
    given = [tables] if isinstance(tables, RunTable) else list(tables)
    several = min((len(levels(table.scratch.N)) for table in given), default=0) >= 2
    axis = axis or ("flops" if several else "D_F")
    one_of("axis", axis, AXES)
    laws = laws or (SIZE_LAWS if several else ONE_SIZE_LAWS)
    for law in laws:
        one_of("law", law, LAWS)
    if not given or not origins or not all(0 < origin < 1 for origin in origins):
        raise ConfigError(f"give a table and origins between 0 and 1; got {origins!r}")
    counted = {"N": given}
    if several and not any(np.isnan(table.N_total).any() for table in given):
        counted["N_total"] = [table.with_total_parameters() for table in given]
    candidates = list(itertools.product(laws, counted))
    folds = [
        [_fold(table, law, axis, origin) for table in counted[counting] for origin in origins]
        for law, counting in candidates
    ]
    last = [at for at in range(len(folds[0])) if (at + 1) % len(origins) == 0]
    able = [row for row in folds if all(row[at] is not None for at in last)]
    if not able:
        raise FitError(
            "no law could be fitted and asked for larger runs; a backtest needs about twice as "
            "many runs as the law has parameters, at two or more amounts of data"
        )
    # candidates are compared on the same questions: those that all who reach the end can answer
    fair = [all(row[at] is not None for row in able) for at in range(len(folds[0]))]
    found = [
        (row in able, _score(law, counting, row, fair))
        for (law, counting), row in zip(candidates, folds, strict=True)
    ]
    # errors equal to a part in 1e5 of the loss are equal: then the law with fewer parameters
    found.sort(key=lambda pair: (not pair[0], round(pair[1].error, 5), pair[1].parameters))
    return Backtest(axis=axis, candidates=tuple(candidate for _, candidate in found))


@dataclass(frozen=True)
class _Fold:
    """Errors of one candidate at one origin of one table; None where it could not be fitted."""

    error: float
    bias: float


def _score(
    law: str, counting: str, folds: Sequence[_Fold | None], fair: Sequence[bool]
) -> Candidate:
    asked = [fold for fold, counts in zip(folds, fair, strict=True) if counts and fold is not None]
    return Candidate(
        law=law, counting=counting, parameters=len(LAWS[law].coordinates),
        error=float(np.mean([fold.error for fold in asked])) if asked else float("inf"),
        bias=float(np.mean([fold.bias for fold in asked])) if asked else float("nan"),
        folds=len(asked), failed=sum(fold is None for fold in folds),
    )  # fmt: skip


def _fold(table: RunTable, law: str, axis: str, origin: float) -> _Fold | None:
    """Fit to the runs up to the origin, both arms if the table has them; forecast the rest."""
    train = _train_mask(table, axis, origin)
    small, large = table.where(train), table.where(~train & (table.D_F > 0))
    try:
        scratch = fit_scratch(small, law)
        arms = [(scratch.surface.log_loss(large.scratch.N, large.scratch.D_F)[0], large.scratch)]
        if len(large.pretrained):
            parts, _ = prepare(small, scratch, np.inf)
            found = joint(parts, None, 0, np.random.default_rng(0))
            runs = large.pretrained.where(parts.terms.known(large.pretrained))
            z = parts.terms.regressors(runs.D_F, runs.N, runs.D_pre)
            log_D_E, _ = log_effective(np.log(runs.D_F), found.tau @ z)
            arms.append((found.surface.log_loss_at(runs.N, log_D_E)[0], runs))
    except FitError:
        return None
    errors = np.concatenate([predicted - np.log(runs.loss) for predicted, runs in arms])
    return _Fold(float(np.abs(errors).mean()), float(errors.mean())) if len(errors) else None


def _train_mask(table: RunTable, axis: str, origin: float) -> NDArray[np.bool_]:
    """The runs up to the origin; runs at one place on the axis stay on one side, and the
    largest are always held out."""
    size = np.nan_to_num(table.N, nan=1.0)
    with np.errstate(over="ignore"):
        place = {"flops": size * table.D_F, "N": size, "D_F": table.D_F}[axis]
    limit = np.quantile(place, origin, method="lower")
    return np.asarray((place <= limit) & (place < place.max()))

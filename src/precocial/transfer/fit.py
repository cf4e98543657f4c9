"""Fitting the law of transfer to a run table: `fit_transfer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError, one_of
from precocial.runs import stream
from precocial.transfer.backtest import backtest
from precocial.transfer.effective import LOW_DATA
from precocial.transfer.flags import (
    Flag,
    check_correlation,
    check_loss_units,
    check_outliers,
    check_sizes,
    check_source,
)
from precocial.transfer.formulas import Constants
from precocial.transfer.methods import METHODS, Found, Parts, prepare
from precocial.transfer.models import TransferTerms, log_effective
from precocial.transfer.scratch import ScratchFit, best_in_sample, fit_scratch
from precocial.transfer.surface import Surface
from precocial.transfer.table import RunTable
from precocial.transfer.uncertainty import (
    MIN_DRAWS,
    Profile,
    check_draws,
    check_level,
    profile,
)
from precocial.worth.laws import Law
from precocial.worth.solver import Problem

Floats = NDArray[np.float64]
Value = TypeVar("Value")

VANISHING = 0.1
"""D_T below this share of D_F is called vanishing (ours: a tenth is within most budgets)."""


class _Fitted(dict[str, Value]):
    """By name; one that the fit does not have is a FitError that says why."""

    def __missing__(self, name: str) -> NoReturn:
        raise FitError(
            f"this fit has no {name}; it has {', '.join(self)}. beta needs runs of two or more "
            "sizes N, gamma three amounts of pre-training data"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TransferFit:
    """A fitted transfer law. Shape letters: P bootstrap draws, q transfer coordinates.

    Attributes:
        method: one of `METHODS`.
        scratch: the from-scratch fit it stands on.
        terms: what tau means.
        surface, tau: the point estimate: one parameter vector, (1, q).
        surface_draws, tau_draws: bootstrap draws of both (none: P = 0).
        noise: robust standard deviation of a fine-tuned run's log loss about the law.
        table: the runs the fit was given; `used` of its pre-trained ones carried it.
        unit: of data.
        flags: doubts.
    """

    method: str
    scratch: ScratchFit
    terms: TransferTerms
    surface: Surface
    tau: Floats
    surface_draws: Surface
    tau_draws: Floats
    noise: float
    table: RunTable
    used: RunTable
    level: float
    flags: tuple[Flag, ...]
    problem: Problem | None

    @property
    def constants(self) -> Constants:
        """k, alpha, beta; beta is 0 where the table has one size."""
        exponents = {name: float(v[0]) for name, v in self.terms.exponents(self.tau).items()}
        return Constants(
            k=float(np.exp(self.terms.log_k(self.tau)[0])), alpha=exponents["alpha"],
            beta=exponents.get("beta", 0.0), unit=str(self.table.unit[0]),
        )  # fmt: skip

    def draws(self) -> dict[str, Floats]:
        """(P,) bootstrap draws of log k, alpha and, where fitted, beta and gamma."""
        return _Fitted(
            log_k=self.terms.log_k(self.tau_draws), **self.terms.exponents(self.tau_draws)
        )

    def estimates(self) -> dict[str, float]:
        """The point estimates of what `draws` holds."""
        values = {"log_k": self.terms.log_k(self.tau), **self.terms.exponents(self.tau)}
        return _Fitted({name: float(value[0]) for name, value in values.items()})

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Bootstrap intervals at `level` of log k, alpha, beta, gamma.

        Raises:
            FitError: fewer than 20 draws.
        """
        if len(self.tau_draws) < MIN_DRAWS:
            raise FitError(
                f"intervals need at least {MIN_DRAWS} bootstrap draws; this fit has "
                f"{len(self.tau_draws)}. Fit with draws=400"
            )
        tail = 50 * (1 - self.level)
        return {
            name: (float(low), float(high))
            for name, values in self.draws().items()
            for low, high in [np.percentile(values, [tail, 100 - tail])]
        }

    def profile(self, name: str) -> Profile:
        """Profile likelihood of "alpha", "beta" or "gamma" (joint fit only).

        Raises:
            FitError: another method, which has no likelihood.
            ConfigError: an exponent this fit does not have.
        """
        one_of("exponent", name, self.terms.names)
        if self.problem is None:
            raise FitError(f"method {self.method!r} has no likelihood; use method='joint'")
        theta = np.concatenate([self.surface.phi[0], self.tau[0]])
        at = self.surface.phi.shape[1] + 1 + self.terms.names.index(name)
        return profile(self.problem, theta, at, level=self.level)


def fit_transfer(
    table: RunTable,
    *,
    method: str = "joint",
    law: str | Law | None = None,
    delta: float | None = None,
    draws: int = 400,
    level: float = 0.95,
    low_data: float = LOW_DATA,
    seed: int = 0,
) -> TransferFit:
    """Fit the transfer law to a table with both arms.

    Args:
        method: "joint", "readoff" or "logit-paper".
        law: of the from-scratch surface; default the best of `backtest`.
        delta: Huber's threshold on log loss; default from the residuals.
        draws: bootstrap refits for intervals; 0 for none. With fewer than 20 there are draws (of
            a law without noise, one is enough) and no `intervals`, and a flag says so.
        low_data: runs with D_F above this share of D(N) are left out; inf keeps all.

    Raises:
        FitError: too few runs, one arm missing, several sources, or D_T not bracketed at all.
        ConfigError: unknown method or law, or a number out of its range.
    """
    one_of("method", method, METHODS)
    check_level("fit_transfer", level)
    check_draws("fit_transfer", draws, least=1)
    if not low_data > 0:
        raise ConfigError(f"fit_transfer: low_data must be above 0; got {low_data!r}")
    check_sizes(table)
    check_source(table.pretrained)
    scratch = fit_scratch(table, law or _choose_law(table), delta=delta)
    parts, flags = prepare(table, scratch, low_data)
    found = METHODS[method](parts, delta, draws, stream(seed, "transfer", "fit", method))
    flags += check_correlation(parts.terms.log_k(found.tau_draws), found.tau_draws[:, 1])
    flags += _check_vanishing(parts.used, parts.terms, found.tau)
    residuals = _residuals(parts, found)
    flags += check_loss_units(parts.used.run_id, residuals, found.noise)
    flags += check_outliers(parts.used.run_id, residuals, found.noise)
    if 0 < draws < MIN_DRAWS:
        flags.append(Flag(
            code="few_draws",
            message=f"{draws} bootstrap draws are too few for an interval; fit with 400",
        ))  # fmt: skip
    return TransferFit(
        method=method, scratch=scratch, terms=parts.terms, table=table, used=parts.used,
        level=level, flags=(*scratch.flags, *flags), **vars(found),
    )  # fmt: skip


def _choose_law(table: RunTable) -> str:
    try:
        return backtest(table).best.law
    except FitError:  # too few runs to hold any out
        return best_in_sample(table).law


def _residuals(parts: Parts, found: Found) -> Floats:
    """(n,) fitted minus measured log loss of the fine-tuned runs."""
    used = parts.used
    z = parts.terms.regressors(used.D_F, used.N, used.D_pre)
    log_D_E, _ = log_effective(np.log(used.D_F), found.tau @ z)
    return np.asarray(found.surface.log_loss_at(used.N, log_D_E)[0] - np.log(used.loss))


def _check_vanishing(used: RunTable, terms: TransferTerms, tau: Floats) -> list[Flag]:
    """Is there so little transfer that its constants mean little?"""
    log_D_T = (tau @ terms.regressors(used.D_F, used.N, used.D_pre))[0]
    share = np.exp(np.minimum(log_D_T - np.log(used.D_F), 700.0))
    most = used.D_F.max() <= used.D_F
    worth = float(np.median(share[most]))
    if worth >= VANISHING:
        return []
    return [Flag(
        code="vanishing_transfer",
        message=f"at the largest D_F the prior is worth {worth:.1%} of the "
        "fine-tuning data: it fades, and beyond it the constants say little; plan with the "
        "from-scratch curve there",
    )]  # fmt: skip

"""Fitting a from-scratch law to the runs trained from scratch.

Start: on a grid of the nonlinear parameters the rest are solved linearly, non-negative, on
relative residuals (variable projection). Then reweighted Levenberg-Marquardt, then BFGS, both
with exact derivatives, on the SUM of Huber terms of the log loss (a mean is so small that
optimisers stop early; Besiroglu et al. 2024 trace Hoffmann et al.'s published constants to that).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, FitError, one_of
from precocial.transfer.flags import (
    Flag,
    check_copies,
    check_loss_units,
    check_outliers,
    check_scratch_design,
    check_sizes,
    levels,
)
from precocial.transfer.surface import Surface
from precocial.transfer.table import RunTable
from precocial.transfer.uncertainty import case_bootstrap, wild_bootstrap
from precocial.worth.laws import LAWS, ONE_SIZE_LAWS, SIZE_LAWS, Law, project
from precocial.worth.solver import Model, Problem, best_of, minimise

Floats = NDArray[np.float64]

MIN_DELTA = 1e-3
"""Hoffmann et al.'s and Besiroglu et al.'s Huber threshold: our least one."""
EFFICIENT = 1.345
"""Huber threshold in standard deviations that keeps 95 % efficiency on Gaussian noise."""
_STARTS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class ScratchFit:
    """A from-scratch law fitted to n runs.

    Attributes:
        table: the n runs.
        surface: the fitted law (one parameter vector).
        objective: sum of Huber terms of the log loss.
        delta: Huber's threshold.
        noise: robust standard deviation of the log loss about the law.
        residuals: (n,) fitted minus measured log loss.
        flags: doubts.
    """

    table: RunTable
    surface: Surface
    objective: float
    delta: float
    noise: float
    residuals: Floats
    flags: tuple[Flag, ...]

    @property
    def law(self) -> str:
        return self.surface.law.name

    @property
    def parameters(self) -> dict[str, float]:
        """The law's own parameters by name."""
        return {name: float(value[0]) for name, value in self.surface.natural().items()}

    def problem(self) -> Problem:
        """The optimisation that was solved: for bootstraps and profiles."""
        return _problem(self.surface, self.table, self.delta)

    def draws(self, count: int, rng: np.random.Generator, *, kind: str = "wild") -> Surface:
        """Bootstrap refits as one surface of `count` vectors.

        Args:
            kind: "wild" (each run keeps or flips its residual; for designed ladders) or "case"
                (runs drawn with replacement).
        """
        one_of("kind", kind, ("wild", "case"))
        resample = wild_bootstrap if kind == "wild" else case_bootstrap
        return _with(self.surface, resample(self.problem(), self.surface.phi[0], count, rng))


def fit_scratch(
    table: RunTable, law: str | Law = "additive", *, delta: float | None = None
) -> ScratchFit:
    """Fit `law` to the scratch runs of `table`.

    Args:
        law: a name of `laws.LAWS` or an object of your own.
        delta: Huber's threshold on the log loss; default 1.345 robust standard deviations of
            the residuals, at least 1e-3.

    Raises:
        FitError: too few runs or levels for this law, or sizes counted in two ways.
        ConfigError: unknown law, delta not above 0.
    """
    if isinstance(law, str):
        one_of("law", law, LAWS)
        law = LAWS[law]
    if delta is not None and not delta > 0:
        raise ConfigError(f"delta must be above 0; got {delta!r}")
    flags = check_sizes(table)  # of both arms: they are compared
    runs = table.scratch.distinct()
    flags += check_copies(table.scratch, runs)
    flags += check_scratch_design(runs, uses_size=law.uses_size, parameters=len(law.coordinates))
    empty = np.empty((0, len(law.coordinates)))
    surface = Surface(law=law, phi=empty, x0=_centre(runs.N, law.uses_size), y0=_centre(runs.D_F))
    freed = float(np.sqrt(len(runs) / (len(runs) - len(law.coordinates))))
    starts = _starts(surface, runs, delta or MIN_DELTA)
    if delta is None:
        delta = MIN_DELTA
        for _ in range(2):
            found = minimise(_problem(surface, runs, delta), starts)
            starts = found.theta[np.argsort(found.objective)[:1]]
            noise = freed * robust_spread(_residuals(_with(surface, starts), runs))
            delta = max(MIN_DELTA, EFFICIENT * noise)
    solved = best_of(_problem(surface, runs, delta), starts)
    fitted = _with(surface, solved.theta)
    residuals = _residuals(fitted, runs)
    noise = freed * robust_spread(residuals)
    flags += check_loss_units(runs.run_id, residuals, noise)
    flags += check_outliers(runs.run_id, residuals, noise)
    return ScratchFit(
        table=runs, surface=fitted, objective=float(solved.objective[0]), delta=delta,
        noise=noise, residuals=residuals, flags=tuple(flags),
    )  # fmt: skip


def best_in_sample(table: RunTable) -> ScratchFit:
    """The law with the least noise about it, for questions inside the measured range.

    It says nothing of extrapolation: `backtest` does.

    Raises:
        FitError: no law can be fitted.
    """
    fits, reason = [], None
    for law in SIZE_LAWS if len(levels(table.scratch.N)) >= 2 else ONE_SIZE_LAWS:
        try:
            fits.append(fit_scratch(table, law))
        except FitError as error:
            reason = error
    if not fits:
        raise FitError(f"no from-scratch law can be fitted: {reason}")
    return min(fits, key=lambda fit: fit.noise)


def robust_spread(residuals: Floats) -> float:
    """Standard deviation from the median absolute residual: outliers do not inflate it."""
    return float(1.4826 * np.median(np.abs(residuals)))


def _starts(surface: Surface, runs: RunTable, delta: float) -> Floats:
    """(S, p) the best points of the grid."""
    x, y = _coordinates(surface, runs)
    starts = project(surface.law, x, y, np.log(runs.loss))
    problem = _problem(surface, runs, delta)
    with np.errstate(over="ignore", invalid="ignore"):
        objective = problem.objective(problem.residuals(problem.model(starts)[0]))
    return starts[np.argsort(objective, kind="stable")[:_STARTS]]


def _problem(surface: Surface, runs: RunTable, delta: float) -> Problem:
    return Problem(
        model=_model(surface, runs), target=np.log(runs.loss), weights=np.ones(len(runs)),
        delta=delta,
    )  # fmt: skip


def _model(surface: Surface, runs: RunTable) -> Model:
    x, y = _coordinates(surface, runs)

    def model(phi: Floats) -> tuple[Floats, Floats]:
        at = surface.law.evaluate(phi, x, y)
        return at.log_loss, at.jacobian

    return model


def _residuals(surface: Surface, runs: RunTable) -> Floats:
    return np.asarray(surface.log_loss(runs.N, runs.D_F)[0] - np.log(runs.loss))


def _with(surface: Surface, phi: Floats) -> Surface:
    return Surface(law=surface.law, phi=phi, x0=surface.x0, y0=surface.y0)


def _coordinates(surface: Surface, runs: RunTable) -> tuple[Floats, Floats]:
    return surface.size_coordinate(runs.N), np.log(runs.D_F) - surface.y0


def _centre(values: Floats, used: bool = True) -> float:
    return float(np.log(values).mean()) if used else 0.0

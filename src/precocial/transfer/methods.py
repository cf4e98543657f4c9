"""Three ways to fit D_T = k * D_F**alpha * N**beta to the runs of both arms.

joint        one robust likelihood of both arms: the from-scratch surface and the transfer law
             together; runs outside the from-scratch range count as one-sided bounds.
readoff      D_E read off the measured curves, then the law fitted to log D_E, each run weighted
             by the slope of its curve.
logit-paper  the paper's own fit of fits (appendix C): per D_F a half-size N* from the logit of
             the fraction from transfer with one common slope, then a line of log N* on log D_F.
             It drops D_T <= 0, as the paper does, which selects high values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.transfer.effective import (
    ReadStatus,
    check_units_of_arms,
    read_off,
    redraw,
    run_noise,
)
from precocial.transfer.flags import (
    Flag,
    check_copies,
    check_pretraining,
    check_source,
    levels,
)
from precocial.transfer.models import JointModel, ReadOffModel, TransferTerms
from precocial.transfer.scratch import EFFICIENT, MIN_DELTA, ScratchFit, robust_spread
from precocial.transfer.surface import Surface
from precocial.transfer.table import RunTable
from precocial.transfer.uncertainty import wild_bootstrap
from precocial.worth.solver import Problem, best_of, minimise

Floats = NDArray[np.float64]

MIN_RUNS = 4
"""Fewer fine-tuned runs than this cannot carry a law of three constants."""
MIN_PRETRAINING = 3
"""Amounts of pre-training data from which on D_pre has an exponent of its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """What a method is given: the from-scratch fit, the runs the law may use, and on which side
    of their curve those beyond it lie (n,): +1 better, -1 worse, 0 measured."""

    scratch: ScratchFit
    used: RunTable
    side: NDArray[np.int_]
    terms: TransferTerms


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a method gives back: point estimates and draws. See `fit.TransferFit`."""

    surface: Surface
    tau: Floats
    surface_draws: Surface
    tau_draws: Floats
    noise: float
    problem: Problem | None = None


def prepare(table: RunTable, scratch: ScratchFit, low_data: float) -> tuple[Parts, list[Flag]]:
    """The runs the law may use and its terms.

    Raises:
        FitError: too few runs, one arm missing, several sources, or D_T not bracketed at all.
    """
    used, side, flags = _usable(table, scratch, low_data)
    sizes = len(levels(used.N)) >= 2
    pretraining = len(levels(used.D_pre[used.D_pre > 0])) >= MIN_PRETRAINING
    least = max(MIN_RUNS, 3 + sizes + pretraining)
    if len(used) < least or len(levels(used.D_F)) < 2:
        raise FitError(
            f"{len(used)} fine-tuned run(s) at {len(levels(used.D_F))} amounts of data are left "
            f"in the low-data regime; the law needs at least {least} at 2 or more amounts. "
            f"Add runs with D_F below {low_data:g} D(N)"
        )
    terms = TransferTerms.of(used, sizes=sizes, pretraining=pretraining)
    flags += _check_levels(used) + check_pretraining(used)
    flags += check_units_of_arms(table.pretrained, scratch)
    return Parts(scratch=scratch, used=used, side=side, terms=terms), flags


def _usable(
    table: RunTable, scratch: ScratchFit, low_data: float
) -> tuple[RunTable, NDArray[np.int_], list[Flag]]:
    """The fine-tuned runs the law may use, and on which side those beyond the curve lie."""
    runs = table.pretrained.distinct()
    if len(runs) == 0:
        raise FitError("the table has no pre-trained runs; the transfer law compares two arms")
    check_source(runs)
    regime = scratch.surface.regime(runs.N, runs.D_F)[0]
    keep = (runs.D_F > 0) & (regime <= low_data)
    flags = check_copies(table.pretrained, runs)
    beyond = int((regime > low_data).sum())
    if beyond:
        flags.append(Flag(
            code="beyond_low_data",
            message=f"{beyond} of {len(runs)} runs have D_F above {low_data:g} D(N), where the "
            "paper's law breaks; they are left out of the fit",
        ))  # fmt: skip
    D_E = read_off(scratch.table, runs)
    alone = keep & np.isnan(D_E)
    if alone.any():
        flags.append(Flag(
            code="no_curve",
            message=f"{int(alone.sum())} of {len(runs)} runs are left out: "
            f"{ReadStatus.no_curve.advice}",
        ))  # fmt: skip
        keep &= ~alone
    unknown = keep & ~(runs.D_pre > 0)
    if len(levels(runs.D_pre[keep & ~unknown])) >= MIN_PRETRAINING and unknown.any():
        flags.append(Flag(
            code="no_pretraining_data",
            message=f"{int(unknown.sum())} of {len(runs)} runs do not say what they were "
            "pre-trained on (D_pre is missing or 0), while the others differ in it; they are left "
            "out",
        ))  # fmt: skip
        keep &= ~unknown
    used, D_E = runs.where(keep), D_E[keep]
    side = np.where(np.isposinf(D_E), 1, np.where(D_E == 0, -1, 0))
    for out, kind in ((side > 0, ReadStatus.above_range), (side < 0, ReadStatus.below_range)):
        if out.any():
            flags.append(Flag(
                code="not_bracketed",
                message=f"{int(out.sum())} of {len(used)} runs lie outside the from-scratch "
                f"curve and count as bounds: {kind.advice}",
            ))  # fmt: skip
    if len(used) and (side != 0).all():
        raise FitError(
            "no fine-tuned loss lies on the from-scratch curve of its size, so D_T is bounded "
            "and not measured; train from scratch on more (or less) data"
        )
    return used, side, flags


def _check_levels(used: RunTable) -> list[Flag]:
    flags = []
    for code, name, column in (("few_sizes", "N", used.N), ("few_data_levels", "D_F", used.D_F)):
        count = len(levels(column))
        if count < 3 and not (name == "N" and count == 0):  # a table of one size names none
            flags.append(Flag(
                code=code,
                message=f"the fine-tuned runs have {count} level(s) of {name}; its exponent "
                f"needs three or more{' (with one it is set to 0)' if name == 'N' else ''}",
            ))  # fmt: skip
    return flags


def _start(parts: Parts) -> Floats:
    """(q,) weighted regression of log D_T, D_T from the fitted surface."""
    used, surface = parts.used, parts.scratch.surface
    D_E = surface.data_for(used.N, np.log(used.loss))[0]
    z = parts.terms.regressors(used.D_F, used.N, used.D_pre)
    good = np.isfinite(D_E) & (D_E > 1.05 * used.D_F)
    if good.sum() < len(z) + 1:
        return np.array([np.log(np.median(used.D_F)), *np.zeros(len(z) - 1)])
    D_T = D_E[good] - used.D_F[good]
    weight = np.abs(surface.slope(used.N[good], D_E[good])[0]) * D_T / D_E[good]
    return np.asarray(np.linalg.lstsq((z[:, good] * weight).T, np.log(D_T) * weight, rcond=None)[0])


def joint(parts: Parts, delta: float | None, draws: int, rng: np.random.Generator) -> Found:
    surface, base, used = parts.scratch.surface, parts.scratch.table, parts.used
    p = len(surface.law.coordinates)
    model = JointModel(surface, parts.terms, base, used)
    target, side = _joint_target(parts)
    start = np.concatenate([surface.phi[0], _start(parts)])[None]
    threshold = delta or parts.scratch.delta
    problem = Problem(
        model=model, target=target, weights=np.ones(len(target)), delta=threshold, side=side
    )
    for _ in range(0 if delta else 2):
        start = minimise(problem, start).theta
        threshold = max(MIN_DELTA, EFFICIENT * _spread(problem, start))
        problem = replace(problem, delta=threshold)
    start = best_of(problem, start).theta
    noise = _spread(problem, start)
    noise *= float(np.sqrt(len(target) / max(1, len(target) - start.shape[1])))
    samples = wild_bootstrap(problem, start[0], draws, rng)
    return Found(
        surface=replace(surface, phi=start[:, :p]), tau=start[:, p:],
        surface_draws=replace(surface, phi=samples[:, :p]), tau_draws=samples[:, p:],
        noise=noise, problem=problem,
    )  # fmt: skip


def _spread(problem: Problem, theta: Floats) -> float:
    """Robust standard deviation of the residuals of the rows that are measured."""
    residuals = problem.residuals(problem.model(theta)[0])[0]
    return robust_spread(residuals if problem.side is None else residuals[problem.side == 0])


def _joint_target(parts: Parts) -> tuple[Floats, NDArray[np.int_]]:
    """Measured log losses; for a run beyond the curve, the curve's end as a bound."""
    base, used = parts.scratch.table, parts.used
    log_loss = np.log(used.loss)
    for row in np.flatnonzero(parts.side):
        end = _ends_of_curve(parts, row)[int(parts.side[row] > 0)]
        log_loss[row] = parts.scratch.surface.log_loss(used.N[row], end)[0, 0]
    return (
        np.concatenate([np.log(base.loss), log_loss]),
        np.concatenate([np.zeros(len(base), dtype=int), parts.side]),
    )


def readoff(parts: Parts, delta: float | None, draws: int, rng: np.random.Generator) -> Found:
    used, scratch = parts.used, parts.scratch
    log_D_E, side = _bounded(parts, _log_read_off(parts)[:, None])
    slope = np.abs(scratch.surface.slope(used.N, np.exp(log_D_E[0]))[0])
    model = ReadOffModel(parts.terms, used, slope)
    tau, threshold = _start(parts)[None], delta or MIN_DELTA
    for _ in range(1 if delta else 3):
        problem = Problem(
            model=model, target=slope * log_D_E[0], weights=np.ones(len(used)),
            delta=threshold, side=side[0],
        )  # fmt: skip
        tau = minimise(problem, tau).theta
        noise = robust_spread(problem.residuals(model(tau)[0])[0][side[0] == 0])
        threshold = delta or max(MIN_DELTA, EFFICIENT * noise)
    samples = np.empty((0, tau.shape[1]))
    if draws:
        log_D_E, side = _bounded(parts, _redrawn(parts, draws, rng))
        fresh = replace(problem, target=slope * log_D_E, side=side)
        samples = minimise(fresh, np.repeat(tau, draws, axis=0), tolerance=1e-7).theta
    return Found(
        surface=scratch.surface, tau=tau, tau_draws=samples, noise=noise,
        surface_draws=scratch.draws(draws, rng),
    )  # fmt: skip


def _log_read_off(parts: Parts) -> Floats:
    """(n,) log D_E; -inf for a run below its curve."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(read_off(parts.scratch.table, parts.used)))


def _redrawn(parts: Parts, draws: int, rng: np.random.Generator) -> Floats:
    """(n, draws) log D_E of redrawn tables; the middle where a curve is crossed twice."""
    base, used = parts.scratch.table, parts.used
    first, last = redraw(base, used, *run_noise(base, used, parts.scratch), draws, rng)
    low, high = np.log([_ends_of_curve(parts, row) for row in range(len(used))]).T[:, :, None]
    # a redrawn curve that rises may have one crossing outside its range: below it, or beyond
    middle = 0.5 * (np.clip(first, low, high) + np.clip(last, low, high))
    return np.where(first == last, first, middle)


def _bounded(parts: Parts, log_D_E: Floats) -> tuple[Floats, NDArray[np.int_]]:
    """(P, n) log D_E, infinite ones replaced by the end of their curve, and their sides."""
    ends = np.array([_ends_of_curve(parts, row) for row in range(len(parts.used))])
    side = np.where(np.isposinf(log_D_E), -1, np.where(np.isneginf(log_D_E), 1, 0))
    low, high = np.log(ends[:, :1]), np.log(ends[:, 1:])
    bounded = np.where(side < 0, high, np.where(side > 0, low, log_D_E))
    return bounded.T, side.T


def _ends_of_curve(parts: Parts, row: int | np.intp) -> tuple[float, float]:
    """The least and the most data that a model of this run's size was trained on from scratch."""
    base, used = parts.scratch.table, parts.used
    own = np.isclose(np.nan_to_num(base.N), np.nan_to_num(used.N[row]), rtol=1e-6)
    return float(base.D_F[own].min()), float(base.D_F[own].max())


def logit_paper(parts: Parts, delta: float | None, draws: int, rng: np.random.Generator) -> Found:
    used, scratch = parts.used, parts.scratch
    if parts.terms.names != ("alpha", "beta"):
        raise FitError(
            "the paper's fit of fits needs two or more sizes at one amount of pre-training; "
            "use method='joint'"
        )
    tau = _fit_of_fits(parts, _log_read_off(parts))
    redrawn = _redrawn(parts, draws, rng) if draws else np.empty((len(used), 0))
    samples = [_fit_of_fits(parts, column) for column in redrawn.T]
    return Found(
        surface=scratch.surface, tau=tau[None],
        tau_draws=np.array(samples).reshape(draws, len(tau)),
        noise=scratch.noise, surface_draws=scratch.draws(draws, rng),
    )  # fmt: skip


_NO_GAIN = (
    "the paper's fit of fits needs D_T > 0 at two or more sizes for two or more amounts of "
    "fine-tuning data; method='joint' also takes D_T of 0 and below"
)


def _fit_of_fits(parts: Parts, log_D_E: Floats) -> Floats:
    """(3,) tau. logit f = beta*(log N - log N*(D_F)); log N* = ((1-alpha) log D_F - log k)/beta."""
    used = parts.used
    keep = np.isfinite(log_D_E) & (log_D_E > np.log(used.D_F))
    if not keep.any():
        raise FitError(_NO_GAIN)
    logit = np.log(np.expm1(log_D_E[keep] - np.log(used.D_F[keep])))
    log_N, amounts = np.log(used.N[keep]), levels(used.D_F[keep])
    group = np.argmin(np.abs(np.log(used.D_F[keep])[:, None] - np.log(amounts)), axis=1)
    count = np.bincount(group)
    within_N = log_N - (np.bincount(group, log_N) / count)[group]
    if len(amounts) < 2 or not (within_N**2).sum() > 0:
        raise FitError(_NO_GAIN)
    beta = float((within_N * logit).sum() / (within_N**2).sum())
    log_half = np.bincount(group, log_N - logit / beta) / count
    slope, intercept = np.polyfit(np.log(amounts), log_half, 1)
    alpha, log_k = 1 - beta * slope, -beta * intercept
    centre = np.array(parts.terms.centre)
    return np.array([log_k + np.array([alpha, beta]) @ centre, alpha, beta])


Method = Callable[[Parts, float | None, int, np.random.Generator], Found]
METHODS: dict[str, Method] = {"joint": joint, "readoff": readoff, "logit-paper": logit_paper}

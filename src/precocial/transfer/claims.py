"""The statements of Hernandez et al. 2021 as checks. Each is in our words.

Closed-form claims are computed from the published constants. The rest are measured on
`Evidence`: run tables of models that were trained. The constants belong to the paper's own corpora
and are "not tested at this scale" on others, whatever they give; the qualitative statements are
tested where they can be.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from precocial.errors import FitError
from precocial.runs import Claim, Measured, Tolerance, at_least, at_most, between, stream, within
from precocial.transfer.effective import LOW_DATA
from precocial.transfer.evidence import Evidence
from precocial.transfer.flags import levels
from precocial.transfer.formulas import (
    PUBLISHED,
    fraction_from_half_size,
    fraction_from_transfer,
    half_size,
    transferred,
)
from precocial.transfer.models import log_effective
from precocial.transfer.table import RunTable

Floats = NDArray[np.float64]
Measure = Callable[[Evidence], Measured]

_GPT3_PARAMETERS = 1.75e11
_REDRAWN = 400
"""Redrawn tables behind an interval."""


def _gpt3(row: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        D_T = transferred(PUBLISHED[row], parameters=_GPT3_PARAMETERS, fine_tune_data=1)
        return Measured(value=float(D_T), note="from the paper's rounded constants")

    return measure


def _growth(row: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        some, one = (
            transferred(PUBLISHED[row], parameters=_GPT3_PARAMETERS, fine_tune_data=D_F)
            for D_F in (300, 1)
        )
        return Measured(value=float(some / one))

    return measure


def _published_exchange(row: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        law = PUBLISHED[row]
        return Measured(value=law.beta / law.alpha, note="beta / alpha of the published row")

    return measure


def _identity(evidence: Evidence) -> Measured:
    rng = stream(0, "transfer", "claims", "identity")
    N, D_F = 10 ** rng.uniform(5, 11, 200), 10 ** rng.uniform(3, 9, 200)
    worst = 0.0
    for law in PUBLISHED.values():
        direct = fraction_from_transfer(law, parameters=N, fine_tune_data=D_F)
        star = half_size(law, fine_tune_data=D_F)
        other = fraction_from_half_size(law, parameters=N, half_size=star)
        worst = max(worst, float(np.abs(direct - other).max()))
    return Measured(value=worst, note="largest difference at 200 random points of both rows")


def _constant(name: str) -> Measure:
    """Never judged: the constants are of the paper's own corpora, which no table of ours holds."""

    def measure(evidence: Evidence) -> Measured:
        estimates = evidence.fit.estimates()
        if name not in estimates or np.isnan(evidence.runs.N).any():
            raise FitError(f"the table does not tell {name}: it needs models of several sizes")
        low, high = evidence.fit.intervals()[name]
        return Measured(note=(
            f"ours: {name} {estimates[name]:.3g} ({low:.3g} to {high:.3g}) at N up to "
            f"{float(evidence.runs.N.max()):.2g}, on other corpora than the paper's"
        ))  # fmt: skip

    return measure


def _same_beta(evidence: Evidence) -> Measured:
    first, second = evidence.fit.draws()["beta"], evidence.mixed_fit.draws()["beta"]
    return _of_draws(
        evidence.fit.estimates()["beta"] - evidence.mixed_fit.estimates()["beta"], first - second
    )


def _closer_source(evidence: Evidence) -> Measured:
    first, second = evidence.fit.draws()["alpha"], evidence.mixed_fit.draws()["alpha"]
    point = evidence.fit.estimates()["alpha"] - evidence.mixed_fit.estimates()["alpha"]
    return _of_draws(point, first - second)


def _of_draws(value: float, draws: Floats) -> Measured:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Measured(value=float(value), interval=(float(low), float(high)))


def _law_holds(evidence: Evidence) -> Measured:
    """Spread of fine-tuned losses about the law against the noise of one run."""
    fit = evidence.fit
    assert fit.problem is not None  # for mypy: a joint fit
    theta = np.concatenate([fit.surface.phi[0], fit.tau[0]])
    residuals = fit.problem.residuals(fit.problem.model(theta[None])[0])[0]
    tuned = residuals[-len(fit.used) :]
    return Measured(
        value=float(np.sqrt(np.mean(tuned**2))), note=f"rms of {len(tuned)} runs, in log loss"
    )


def _helps(evidence: Evidence) -> Measured:
    """Of the low-data runs whose interval of D_E lies on one side of D_F, the share above it."""
    read = evidence.effective
    low = (read.regime <= LOW_DATA) & (read.table.D_F > 0) & (read.status != "no_curve")
    helped = int((low & (read.D_E_low > read.table.D_F)).sum())
    hurt = int((low & (read.D_E_high < read.table.D_F)).sum())
    if not helped + hurt:
        raise FitError("no fine-tuned run in the low-data regime has D_E clear of D_F")
    open_ = int(low.sum()) - helped - hurt
    return Measured(
        value=helped / (helped + hurt),
        note=f"{helped} low-data runs helped, {hurt} hurt, {open_} undecided",
    )


def _shrinks(evidence: Evidence) -> Measured:
    return _of_draws(evidence.fit.estimates()["alpha"], evidence.fit.draws()["alpha"])


def _grows_with_size(evidence: Evidence) -> Measured:
    return _of_draws(evidence.fit.estimates()["beta"], evidence.fit.draws()["beta"])


def _logit_straight(evidence: Evidence) -> Measured:
    """Share of the variance of logit f, within amounts of data, that one slope in log N holds."""
    read = evidence.effective
    good = read.measured & (read.D_E > read.table.D_F) & (read.table.D_F > 0)
    good &= read.regime <= LOW_DATA
    runs = read.table.where(good)
    if len(levels(runs.N)) < 3 or len(levels(runs.D_F)) < 2:
        raise FitError("needs three sizes at two or more amounts of data with D_T > 0")
    logit = np.log(read.D_E[good] / runs.D_F - 1)
    _, group = np.unique(runs.D_F, return_inverse=True)

    def share(rows: NDArray[np.intp]) -> float:
        within_N, within_f = (
            values - (np.bincount(group[rows], values) / np.bincount(group[rows]))[group[rows]]
            for values in (np.log(runs.N)[rows], logit[rows])
        )
        return float(stats.pearsonr(within_N, within_f).statistic ** 2)

    return _resampled(share, len(runs), evidence.seed, f"{len(runs)} runs")


def _resampled(
    figure: Callable[[NDArray[np.intp]], float], count: int, seed: int, note: str
) -> Measured:
    """A figure of `count` rows with a 95 % percentile interval over redrawn rows."""
    rng = stream(seed, "transfer", "claims", "resample")
    draws = []
    for _ in range(_REDRAWN):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a redrawn table may have one size only: left out
            value = figure(rng.integers(0, count, count))
        if np.isfinite(value):
            draws.append(value)
    if len(draws) < _REDRAWN // 2:
        raise FitError("too few rows for an interval")
    low, high = np.percentile(draws, [2.5, 97.5])
    value = figure(np.arange(count))
    return Measured(
        value=value, interval=(min(float(low), value), max(float(high), value)), note=note
    )


def _breaks_beyond(evidence: Evidence) -> Measured:
    """Rms error of the law beyond 0.1 D(N) over that within, in log loss."""
    fit, runs = evidence.fit, evidence.runs.pretrained
    regime = runs.D_F / fit.surface.enough_data(runs.N)[0]
    beyond = runs.where((regime > LOW_DATA) & (runs.D_F > 0))
    if len(beyond) < 3:
        raise FitError("fewer than three fine-tuned runs lie beyond 0.1 D(N)")
    outside, inside = _errors(evidence, beyond), _errors(evidence, fit.used)
    within = float(np.sqrt(np.mean(inside**2)))

    def ratio(rows: NDArray[np.intp]) -> float:
        return float(np.sqrt(np.mean(outside[rows] ** 2))) / within

    return _resampled(ratio, len(outside), evidence.seed, f"{len(beyond)} runs beyond the limit")


def _errors(evidence: Evidence, runs: RunTable) -> Floats:
    """Log loss by the law minus what was measured."""
    fit = evidence.fit
    z = fit.terms.regressors(runs.D_F, runs.N, runs.D_pre)
    log_D_E, _ = log_effective(np.log(runs.D_F), fit.tau @ z)
    predicted = fit.surface.log_loss(runs.N, np.exp(log_D_E))[0]
    return np.asarray(predicted - np.log(runs.loss))


def _ossified(evidence: Evidence) -> Measured:
    read = evidence.effective
    near = (read.regime > LOW_DATA) & (read.table.D_F > 0)
    if near.sum() < 3:
        raise FitError("fewer than three fine-tuned runs have D_F near D(N)")
    found = int(read.ossified[near].sum())
    if not found:
        return Measured(note=(
            f"none of {int(near.sum())} runs with D_F above 0.1 D(N) has its interval wholly below "
            "D_F; that so few show none says little"
        ))  # fmt: skip
    return Measured(
        value=float(found),
        note=f"of {int(near.sum())} runs with D_F above 0.1 D(N), intervals wholly below D_F",
    )


def _compute(evidence: Evidence) -> Measured:
    """Share of matched low-data cells in which fine-tuning has the lower loss for its FLOPs."""
    runs = evidence.runs
    if np.isnan(runs.flops).any():
        raise FitError("the table does not record FLOPs")
    tuned, scratch = runs.pretrained, runs.scratch
    wins = []
    for row in np.flatnonzero(tuned.D_F > 0):
        rivals = np.isclose(scratch.N, tuned.N[row]) & (scratch.flops <= 1.01 * tuned.flops[row])
        if rivals.any():
            wins.append(tuned.loss[row] < scratch.loss[rivals].min())
    if len(wins) < 5:
        raise FitError("fewer than five fine-tuned runs have a from-scratch rival of equal FLOPs")
    return Measured(value=float(np.mean(wins)), note=f"{len(wins)} comparisons")


def _fewer_epochs(evidence: Evidence) -> Measured:
    """Steps to the best loss, from scratch over fine-tuned, at the least D_F."""
    runs = evidence.runs
    smallest = levels(runs.D_F[runs.D_F > 0])[:2]
    small = runs.where(np.isin(runs.D_F, smallest) & ~np.isnan(runs.best_step))
    ratios = []
    for N in levels(small.N):
        for D_F in smallest:
            cell = small.where((small.N == N) & (small.D_F == D_F))
            if len(cell.scratch) and len(cell.pretrained):
                ratios.append(
                    cell.scratch.best_step.mean() / max(1.0, cell.pretrained.best_step.mean())
                )
    if len(ratios) < 3:
        raise FitError("fewer than three cells have both arms with the step of their best loss")
    logs = np.log(ratios)
    mean, half = logs.mean(), stats.t.ppf(0.975, len(logs) - 1) * stats.sem(logs)
    low, middle, high = (float(np.exp(mean + sign * half)) for sign in (-1, 0, 1))
    return Measured(
        value=middle, interval=(low, high),
        note=f"geometric mean and t interval over {len(logs)} cells, in steps of equal batches",
    )  # fmt: skip


def _raw_is_noisier(evidence: Evidence) -> Measured:
    """Residual spread of a power law in D_E over that of one in D_T / D_F (the logit of f)."""
    read = evidence.effective
    good = read.measured & (read.D_E > read.table.D_F) & (read.table.D_F > 0)
    good &= read.regime <= LOW_DATA
    runs = read.table.where(good)
    if len(runs) < 8 or len(levels(runs.N)) < 2 or len(levels(runs.D_F)) < 2:
        raise FitError("needs eight low-data runs with D_T > 0, two sizes and two amounts of data")
    x = np.stack([np.ones(len(runs)), np.log(runs.D_F), np.log(runs.N)], axis=1)
    targets = np.log(read.D_E[good]), np.log(read.D_E[good] / runs.D_F - 1)

    def ratio(rows: NDArray[np.intp]) -> float:
        spreads = []
        for target in targets:
            fitted = x[rows] @ np.linalg.lstsq(x[rows], target[rows], rcond=None)[0]
            spreads.append(float((target[rows] - fitted).std()))
        return spreads[0] / spreads[1]

    return _resampled(ratio, len(runs), evidence.seed, f"residual spread of {len(runs)} runs")


def _not_run(why: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        return Measured(note=why)

    return measure


def _claim(
    source: str, statement: str, figure: float | str, tolerance: Tolerance, recipe: str,
    measure: Measure,
) -> Claim[Evidence]:  # fmt: skip
    return Claim(
        room="transfer", source=f"Hernandez et al. 2021, {source}", statement=statement,
        figure=figure, tolerance=tolerance, recipe=recipe, measure=measure,
    )  # fmt: skip


CLAIMS: tuple[Claim[Evidence], ...] = (
    _claim("main text", "data transferred to one character of python at GPT-3's size, text",
           3.7e8, within(relative=0.05), "smoke", _gpt3("text")),
    _claim("main text", "the same for half text, half other code",
           4.1e9, within(relative=0.05), "smoke", _gpt3("mix")),
    _claim("main text", "300 characters instead of one multiply D_T by, text",
           2.8, within(relative=0.02), "smoke", _growth("text")),
    _claim("main text", "300 characters instead of one multiply D_T by, mix",
           1.7, within(relative=0.02), "smoke", _growth("mix")),
    _claim("main text", "a model 10 times larger is worth 100 times the data: beta/alpha, text",
           2.0, within(relative=0.1), "smoke", _published_exchange("text")),
    _claim("main text", "beta is about twice alpha in the mix row too",
           2.0, within(relative=0.1), "smoke", _published_exchange("mix")),
    _claim("appendices B, C", "the fraction from transfer by k, alpha, beta and by N* agree",
           0.0, at_most(1e-12), "smoke", _identity),
    _claim("appendix C", "fits on raw D_E are noisier than on the logit of the fraction "
           "(residual spread, ratio)", "above 1", at_least(1.0), "laptop", _raw_is_noisier),
    _claim("eq. 1.1", "D_T = k D_F^alpha N^beta holds at low data (rms of log loss)",
           "holds", at_most(0.02), "laptop", _law_holds),
    _claim("main text", "pre-training helps at low data (share of runs with D_E clear of D_F)",
           "always", at_least(0.95), "demo", _helps),
    _claim("main text", "the multiplier D_E/D_F falls as D_F grows (alpha below 1)",
           "below 1", at_most(1.0), "demo", _shrinks),
    _claim("main text", "larger models gain more from pre-training (beta above 0)",
           "above 0", at_least(0.0), "demo", _grows_with_size),
    _claim("appendix C", "logit of the fraction is nearly straight in log N with one slope (R^2)",
           "nearly straight", at_least(0.8), "laptop", _logit_straight),
    _claim("main text", "alpha, text to python", 0.18, within(absolute=0.02), "paper",
           _constant("alpha")),
    _claim("main text", "beta, text to python", 0.38, within(absolute=0.03), "paper",
           _constant("beta")),
    _claim("main text", "beta is the same for text and for the mix (difference)",
           0.0, within(absolute=0.03), "paper", _same_beta),
    _claim("main text", "a closer source has the smaller alpha (text minus mix)",
           "above 0", at_least(0.0), "paper", _closer_source),
    _claim("appendix D", "the law breaks for D_F above 0.1 D(N) (error there over error "
           "below)", "above 1", at_least(1.5), "laptop", _breaks_beyond),
    _claim("section 3.1", "small models with much data do worse than from scratch (cells)",
           "some", at_least(1), "laptop", _ossified),
    _claim("section 3.2", "pre-training left out, fine-tuning beats training from scratch at equal "
           "compute (share)", "mostly", at_least(0.5), "demo", _compute),
    _claim("appendix G", "small sets need 2 to 5 times fewer epochs than from scratch",
           "2 to 5", between(2.0, 5.0), "laptop", _fewer_epochs),
    _claim("appendix F", "0.3 % of python in the text multiplies effective python by about",
           4.5, within(relative=0.3), "paper",
           _not_run("needs a sweep on text with python mixed in at 0.3 %")),
)  # fmt: skip

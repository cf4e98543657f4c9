"""Forecasts of runs that were not made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import (
    KAPLAN_SURFACE,
    RunTable,
    Surface,
    TransferFit,
    effective_data,
    fit_scratch,
    fit_transfer,
    forecast,
    transferred,
)
from precocial.transfer.forecast import forecast_scratch, zero_shot_loss
from tests.transfer.planted import ADDITIVE, TEXT, codes, drawn, fitted, ladder

SURFACE = Surface.of("kaplan", KAPLAN_SURFACE)


def test_without_noise_it_is_the_law() -> None:
    N, D_F = np.array([1e7, 3e8, 5e9]), np.array([2e5, 1e6, 3e6])
    got = forecast(fitted(noise=0.0, draws=5), parameters=N, fine_tune_data=D_F)
    D_T = transferred(TEXT, parameters=N, fine_tune_data=D_F)
    np.testing.assert_allclose(got.transferred, D_T, rtol=1e-6)
    np.testing.assert_allclose(got.loss, np.exp(SURFACE.log_loss(N, D_F + D_T)[0]), rtol=1e-8)
    np.testing.assert_allclose(got.scratch_loss, np.exp(SURFACE.log_loss(N, D_F)[0]), rtol=1e-8)
    np.testing.assert_allclose(got.regime, D_F / SURFACE.enough_data(N)[0], rtol=1e-6)
    assert (got.loss < got.scratch_loss).all()


def with_zero_shot(loss: float) -> TransferFit:
    """The fit with zero-shot rows of two sizes, one loss, in its table."""
    fit = fitted()
    zero = [{"arm": "pretrained", "N": N, "D_F": 0.0, "unit": "characters", "loss": loss,
             "loss_unit": "nats/token", "run_id": f"zero-{N:g}"} for N in (1e7, 1e9)]  # fmt: skip
    return replace(fit, table=RunTable.from_rows([*fit.table.rows(), *zero]))


def test_a_forecast_worse_than_zero_shot_below_the_data_is_flagged() -> None:
    least = 1e5
    small = forecast(fitted(), parameters=1e8, fine_tune_data=0.5 * least)
    assert "below_zero_shot" not in codes(small.flags)  # no zero-shot rows
    loss = float(small.loss[0])
    for zero, D_F, N, said in (
        (0.9 * loss, 0.5 * least, 1e8, True),
        (1.1 * loss, 0.5 * least, 1e8, False),
        (0.9 * loss, least, 1e8, False),  # measured there: the runs speak for themselves
        (0.01 * loss, 0.5 * least, 5e9, False),  # no zero-shot run near this size
    ):
        got = forecast(with_zero_shot(zero), parameters=N, fine_tune_data=D_F)
        assert ("below_zero_shot" in codes(got.flags)) == said


def test_zero_shot_losses_are_interpolated_between_sizes_in_logs() -> None:
    rows = [{"arm": "pretrained", "N": N, "D_F": D_F, "D_pre": D_pre, "loss": loss}
            for N, D_F, D_pre, loss in ((1e6, 0, 1e9, 4.0), (1e8, 0, 1e9, 1.0), (1e8, 0, 1e9, 4.0),
                                        (1e8, 5, 1e9, 0.1), (1e8, 0, 1e10, 0.5))]  # fmt: skip
    table, N = RunTable.from_rows(rows), np.array([1e6, 1e7, 1e8, 1e9])
    found = zero_shot_loss(table, N, np.full(4, 1e9))
    np.testing.assert_allclose(found, [4.0, np.sqrt(8.0), 2.0, np.nan])
    assert np.isnan(zero_shot_loss(table, N, np.full(4, 5e9))).all()
    pooled = zero_shot_loss(table, N[2:3], np.full(1, np.nan))
    np.testing.assert_allclose(pooled, np.cbrt(1.0 * 4.0 * 0.5))


def test_intervals_hold_the_estimate_and_each_other() -> None:
    got = forecast(fitted(), parameters=1e8, fine_tune_data=[1e5, 1e6, 1e7])
    low, high = got.loss_interval
    run_low, run_high = got.prediction_interval
    assert (run_low < low).all()
    assert (low < got.loss).all()
    assert (got.loss < high).all()
    assert (high < run_high).all()
    # one run's noise is 0.3 %: the interval of a run is at least 3.92 of that
    assert (np.log(run_high / run_low) > 3 * fitted().noise).all()
    assert (got.effective_interval[0] < got.effective_data).all()
    assert (got.effective_data < got.effective_interval[1]).all()


def test_the_interval_widens_with_extrapolation() -> None:
    got = forecast(fitted(), parameters=[1e8, 1e9, 1e10, 1e11], fine_tune_data=1e6)
    low, high = got.loss_interval
    assert (np.diff(np.log(high / low)) > 0).all()


@pytest.mark.parametrize(
    ("N", "D_F", "said"),
    [(9e9, 1e6, set()), (1.1e10, 1e6, {"extrapolation"}), (1e8, 1e3, {"extrapolation"}),
     (1e6, 1e9, {"beyond_low_data", "extrapolation"})],
)  # fmt: skip
def test_doubts_beyond_a_decade_and_beyond_low_data(N: float, D_F: float, said: set[str]) -> None:
    assert codes(forecast(fitted(), parameters=N, fine_tune_data=D_F).flags) == said


@pytest.mark.parametrize("D_F", [0.0, -1.0, np.nan, np.inf])
def test_zero_shot_has_no_value(D_F: float) -> None:
    with pytest.raises(ConfigError, match="zero-shot"):
        forecast(fitted(), parameters=1e8, fine_tune_data=D_F)
    with pytest.raises(ConfigError, match="parameters must be"):
        forecast(fitted(), parameters=D_F, fine_tune_data=1e6)


def test_a_fit_without_draws_has_no_intervals() -> None:
    with pytest.raises(FitError, match="draws=400"):
        forecast(fitted(draws=0), parameters=1e8, fine_tune_data=1e6)


def test_a_fit_of_one_size_says_nothing_of_others() -> None:
    table = drawn(0.001)
    one = fit_transfer(table.where(table.N.max() == table.N), law="power", draws=20)
    assert np.isfinite(forecast(one, parameters=1e9, fine_tune_data=2e6).loss).all()
    with pytest.raises(FitError, match="one size"):
        forecast(one, parameters=[1e8, 1e9], fine_tune_data=2e6)


def test_rows_and_seeds() -> None:
    first, again, other = (
        forecast(fitted(), parameters=1e8, fine_tune_data=[1e6, 2e6], seed=seed).rows()
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert [row["D_F"] for row in first] == [1e6, 2e6]
    assert first[0]["D_T"] == pytest.approx(first[0]["D_E"] - 1e6)
    assert first[0]["loss"] == other[0]["loss"]


def test_it_agrees_with_what_was_measured() -> None:
    read = effective_data(drawn(0.0), draws=0)
    measured = read.measured
    runs = read.table.where(measured)
    got = forecast(fitted(noise=0.0, draws=5), parameters=runs.N, fine_tune_data=runs.D_F)
    np.testing.assert_allclose(got.effective_data, read.D_E[measured], rtol=0.1)
    np.testing.assert_allclose(got.loss, runs.loss, rtol=1e-8)


def test_a_from_scratch_law_alone() -> None:
    fit = fit_scratch(ladder("additive", ADDITIVE, noise=0.003))
    got = forecast_scratch(fit, data=[1e8, 1e10, 1e11], parameters=1e7, draws=60)
    true = 1.2 + 60 * 1e7**-0.3 + 300 * np.array([1e8, 1e10, 1e11]) ** -0.28
    assert ((got.prediction_interval[0] < true) & (true < got.prediction_interval[1])).all()
    assert got.flags == ()
    far = forecast_scratch(fit, data=2e11, parameters=2e9, draws=20)
    assert len(far.flags) == 2
    for wrong in ({"data": 0.0}, {"data": 1e6, "parameters": 0.0},
                  {"data": 1e6, "parameters": 1e6, "level": 1.0},
                  {"data": 1e6, "parameters": 1e6, "draws": 0}):  # fmt: skip
        with pytest.raises(ConfigError):
            forecast_scratch(fit, **wrong)  # type: ignore[arg-type]


def test_a_law_of_one_size_needs_no_parameters() -> None:
    fit = fit_scratch(ladder("power", {"E": 1.2, "B": 300.0, "b": 0.28}), "power")
    got = forecast_scratch(fit, data=1e11, draws=20)
    assert got.loss[0] == pytest.approx(1.2 + 300 * 1e11**-0.28, rel=1e-6)

"""`forecast_scratch`: what a from-scratch law says alone."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.transfer import PUBLISHED, Noise, fit_scratch, simulate
from precocial.transfer.forecast import forecast_scratch


def test_intervals_nest_hold_the_truth_and_widen_beyond_the_runs() -> None:
    fit = fit_scratch(simulate(PUBLISHED["text"], noise=Noise(relative=0.01)), "kaplan")
    exact = fit_scratch(simulate(PUBLISHED["text"], noise=Noise(relative=0.0)), "kaplan")
    sizes = [1e8, 1e11]
    said = forecast_scratch(fit, parameters=sizes, data=1e12)
    truth = forecast_scratch(exact, parameters=sizes, data=1e12).loss
    low, high = said.loss_interval
    run_low, run_high = said.prediction_interval
    assert np.all((run_low < low) & (low < said.loss) & (said.loss < high) & (high < run_high))
    assert np.all((run_low < truth) & (truth < run_high))
    assert np.all(np.diff((high - low) / said.loss) > 0)
    assert "extrapolation" in [flag.code for flag in said.flags]


def test_the_seed_decides_the_intervals_and_not_the_loss() -> None:
    fit = fit_scratch(simulate(PUBLISHED["text"]), "additive")
    first, again, other = (
        forecast_scratch(fit, parameters=1e9, data=1e9, draws=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first.prediction_interval == again.prediction_interval
    assert first.prediction_interval != other.prediction_interval
    assert first.loss == other.loss
    assert first.loss[0] == pytest.approx(np.exp(fit.surface.log_loss(1e9, 1e9)[0, 0]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": 0.0}, "data must be finite and above 0"),
        ({"parameters": np.nan}, "parameters must be finite"),
        ({"level": 1.0}, "level must lie in"),
        ({"draws": 0}, "draws must be a whole number"),
    ],
)
def test_what_it_refuses(wrong: dict[str, float], message: str) -> None:
    fit = fit_scratch(simulate(PUBLISHED["text"]), "additive")
    with pytest.raises(ConfigError, match=message):
        forecast_scratch(fit, **({"parameters": 1e9, "data": 1e9} | wrong))


def test_a_law_without_a_size_term_needs_no_parameters() -> None:
    table = simulate(PUBLISHED["text"])
    fit = fit_scratch(table.where(table.N[0] == table.N), "power")
    said = forecast_scratch(fit, data=[1e6, 1e7])
    assert said.loss.shape == (2,)
    assert np.isfinite(said.prediction_interval).all()

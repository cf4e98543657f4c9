"""Fitting from-scratch laws."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import LAWS, best_in_sample, fit_scratch
from precocial.transfer.scratch import EFFICIENT, MIN_DELTA, robust_spread
from precocial.worth.laws import project
from tests.transfer.planted import ADDITIVE, changed, codes, ladder

PLANTED = {
    "additive": ADDITIVE,
    "gadre": {"E": 1.2, "A": 40.0, "B": 200.0, "b": 0.28},
    "rectified": {"E": 1.2, "A": 60.0, "a": 0.3, "B": 300.0, "b": 0.4, "D_l": 150.0},
    "kaplan": {"a_N": 0.076, "a_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13},
    "power": {"E": 1.2, "B": 300.0, "b": 0.28},
    "power_no_floor": {"B": 300.0, "b": 0.28},
    "rectified_one_size": {"E": 1.2, "B": 300.0, "b": 0.4, "D_l": 150.0},
    "rectified_one_size_no_floor": {"B": 300.0, "b": 0.4, "D_l": 150.0},
}


@pytest.mark.parametrize("law", LAWS)
def test_noise_free_ladders_give_their_parameters_back(law: str) -> None:
    fit = fit_scratch(ladder(law, PLANTED[law]), law)
    assert fit.law == law
    assert fit.parameters == pytest.approx(PLANTED[law], rel=1e-6)
    assert np.abs(fit.residuals).max() < 1e-6
    assert fit.flags == ()


def test_an_object_of_your_own_is_a_law() -> None:
    table = ladder("additive", ADDITIVE)
    assert fit_scratch(table, LAWS["additive"]).parameters == fit_scratch(table).parameters


def test_fine_tuned_runs_are_left_out() -> None:
    table = ladder("additive", ADDITIVE)
    tuned = changed(table, arm=np.where(np.arange(35) % 7 == 3, "pretrained", "scratch"),
                    loss=np.where(np.arange(35) % 7 == 3, 0.1, table.loss))  # fmt: skip
    fit = fit_scratch(tuned)
    assert len(fit.table) == 30
    assert fit.parameters == pytest.approx(ADDITIVE, rel=1e-6)


def test_noise_is_measured_and_sets_delta() -> None:
    fit = fit_scratch(ladder("additive", ADDITIVE, noise=0.02))
    assert fit.noise == pytest.approx(0.02, rel=0.4)
    assert fit.delta == pytest.approx(EFFICIENT * fit.noise, rel=0.2)
    quiet = fit_scratch(ladder("additive", ADDITIVE, noise=1e-5))
    assert quiet.delta == MIN_DELTA
    assert fit_scratch(ladder("additive", ADDITIVE, noise=0.02), delta=0.5).delta == 0.5
    with pytest.raises(ConfigError, match="delta"):
        fit_scratch(ladder("additive", ADDITIVE), delta=0.0)


def test_a_failed_run_hardly_moves_the_fit() -> None:
    table = ladder("additive", ADDITIVE, noise=0.003)
    failed = changed(table, loss=table.loss * np.where(np.arange(35) == 17, 2.5, 1))
    moved, clean = fit_scratch(failed), fit_scratch(table)
    assert moved.parameters["b"] == pytest.approx(clean.parameters["b"], rel=0.05)
    squares = fit_scratch(failed, delta=1e3)
    assert squares.parameters["b"] != pytest.approx(clean.parameters["b"], rel=0.05)


def test_too_few_of_anything_is_refused_or_flagged() -> None:
    table = ladder("additive", ADDITIVE)
    N, D = np.unique(table.N), np.unique(table.D_F)
    assert codes(fit_scratch(table.where(np.isin(table.N, N[:2]))).flags) == {"few_sizes"}
    assert codes(fit_scratch(table.where(np.isin(table.D_F, D[:2]))).flags) == {"few_data_levels"}
    with pytest.raises(FitError, match="size term"):
        fit_scratch(table.where(N[0] == table.N))
    with pytest.raises(FitError, match="more than 5 from-scratch runs"):
        fit_scratch(table.where(np.arange(35) < 5))
    with pytest.raises(ConfigError, match="additive"):
        fit_scratch(table, "hernandez")


def test_sizes_with_and_without_embeddings_are_refused() -> None:
    table = ladder("additive", ADDITIVE)
    mixed = changed(table, N_total=table.N * np.where(np.arange(35) % 2, 1, 1.5))
    with pytest.raises(FitError, match="embeddings"):
        fit_scratch(mixed)


@pytest.mark.parametrize("factor", [np.log(2), 1 / np.log(2)])
def test_bits_among_nats_are_flagged(factor: float) -> None:
    table = ladder("additive", ADDITIVE, noise=0.003)
    mixed = changed(table, loss=table.loss * np.where(np.isin(np.arange(35), [4, 22]), factor, 1))
    fit = fit_scratch(mixed)
    assert codes(fit.flags) == {"mixed_loss_units"}
    assert "2 run(s)" in fit.flags[0].message


def test_starts_lie_near_the_planted_law() -> None:
    fit = fit_scratch(ladder("additive", ADDITIVE))
    surface, runs = fit.surface, fit.table
    x, y = np.log(runs.N) - surface.x0, np.log(runs.D_F) - surface.y0
    starts = project(surface.law, x, y, np.log(runs.loss))
    objective = fit.problem().objective(fit.problem().residuals(fit.problem().model(starts)[0]))
    assert np.exp(starts[objective.argmin(), 1]) == pytest.approx(ADDITIVE["b"], rel=0.5)


@pytest.mark.parametrize("kind", ["wild", "case"])
def test_draws_spread_about_the_fit(kind: str) -> None:
    fit = fit_scratch(ladder("additive", ADDITIVE, noise=0.005))
    draws = fit.draws(100, np.random.default_rng(0), kind=kind).natural()["b"]
    assert draws.shape == (100,)
    assert np.percentile(draws, 1) < fit.parameters["b"] < np.percentile(draws, 99)
    jacobian = fit.problem().model(fit.surface.phi)[1][0]
    variance = np.linalg.inv(jacobian @ jacobian.T)[1, 1] * 0.005**2
    assert draws.std() == pytest.approx(fit.parameters["b"] * np.sqrt(variance), rel=0.5)
    with pytest.raises(ConfigError, match="kind"):
        fit.draws(3, np.random.default_rng(0), kind="jackknife")


@pytest.mark.parametrize("law", ["kaplan", "additive", "power", "rectified_one_size"])
def test_the_law_that_made_the_ladder_is_best_in_sample(law: str) -> None:
    best = best_in_sample(ladder(law, PLANTED[law]))
    assert best.noise < 1e-6
    assert best.law == law or PLANTED[law].items() <= {
        name: pytest.approx(value, rel=1e-3) for name, value in best.parameters.items()
    }.items()  # fmt: skip


def test_no_law_at_all_is_refused() -> None:
    table = ladder("power", PLANTED["power"])
    with pytest.raises(FitError, match="no from-scratch law"):
        best_in_sample(table.where(np.arange(len(table)) < 2))


def test_robust_spread_is_a_standard_deviation() -> None:
    values = np.random.default_rng(0).standard_normal(20_000) * 0.3
    assert robust_spread(values) == pytest.approx(0.3, rel=0.03)
    values[:100] = 1e6
    assert robust_spread(values) == pytest.approx(0.3, rel=0.04)

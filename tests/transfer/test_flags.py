"""Doubts, each with its code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import Have, Prices, fit_transfer, flags, forecast, plan
from precocial.transfer.flags import Flag
from tests.transfer.planted import ADDITIVE, changed, codes, drawn, ladder


def test_a_flag_reads_as_its_code_and_reason() -> None:
    assert str(Flag(code="few_sizes", message="add one")) == "few_sizes: add one"


def test_levels_join_what_is_equal_to_rounding_and_skip_what_is_missing() -> None:
    values = np.array([2.0, 1.0, np.nan, 2.0 * (1 + 1e-9), 3.0])
    np.testing.assert_allclose(flags.levels(values), [1, 2, 3])
    assert len(flags.levels(np.array([np.nan]))) == 0


@pytest.mark.parametrize(
    ("sizes", "amounts", "said"),
    [(3, 3, set()), (2, 4, {"few_sizes"}), (5, 2, {"few_data_levels"}),
     (2, 2, {"few_sizes", "few_data_levels"})],
)  # fmt: skip
def test_few_levels_are_flagged(sizes: int, amounts: int, said: set[str]) -> None:
    table = ladder("additive", ADDITIVE)
    N, D = flags.levels(table.N)[:sizes], flags.levels(table.D_F)[:amounts]
    table = table.where(np.isin(table.N, N) & np.isin(table.D_F, D))
    found = flags.check_scratch_design(table, uses_size=True, parameters=3)
    assert codes(tuple(found)) == said


def test_too_few_runs_or_sizes_are_refused() -> None:
    table = ladder("additive", ADDITIVE)
    with pytest.raises(FitError, match="more than 35"):
        flags.check_scratch_design(table, uses_size=True, parameters=35)
    with pytest.raises(FitError, match="size term"):
        flags.check_scratch_design(table.where(table.N[0] == table.N), uses_size=True, parameters=3)
    with pytest.raises(FitError, match="at 1"):
        flags.check_scratch_design(
            table.where(table.D_F[0] == table.D_F), uses_size=True, parameters=3
        )


def test_ways_of_counting_parameters() -> None:
    table = ladder("additive", ADDITIVE)
    assert flags.check_sizes(table) == []
    assert flags.check_sizes(changed(table, N_total=2 * table.N)) == []
    assert codes(tuple(flags.check_sizes(changed(table, N_total=table.N)))) == {
        "embeddings_counted"
    }
    mixed = changed(table, N_total=table.N * np.where(np.arange(len(table)) < 3, 1, 2))
    with pytest.raises(FitError, match="mixed with and without embeddings"):
        flags.check_sizes(mixed)
    with pytest.raises(FitError, match="above N_total"):
        flags.check_sizes(changed(table, N_total=0.5 * table.N))


def test_losses_a_factor_of_ln_2_off_are_flagged() -> None:
    names, residuals = np.array([f"r{i}" for i in range(20)]), np.full(20, 1e-3)
    assert flags.check_loss_units(names, residuals, 0.003) == []
    residuals[4] = -np.log(1 / np.log(2))
    found = flags.check_loss_units(names, residuals, 0.003)
    assert codes(tuple(found)) == {"mixed_loss_units"}
    assert "'r4'" in found[0].message
    # noise as large as the gap says nothing, nor do units that are wrong everywhere
    assert flags.check_loss_units(names, residuals, 0.1) == []
    assert flags.check_loss_units(names, np.full(20, residuals[4]), 0.003) == []


@pytest.mark.parametrize(
    ("residual", "noise", "said"),
    [(-13.0, 0.003, True), (0.2, 0.003, True), (0.05, 0.003, False), (0.2, 0.03, False),
     (flags.BITS_TO_NATS_GAP, 0.003, False)],
)  # fmt: skip
def test_a_run_far_off_the_law_is_an_outlier(residual: float, noise: float, said: bool) -> None:
    names, residuals = np.array([f"r{i}" for i in range(20)]), np.full(20, 1e-3)
    residuals[4] = residual
    found = flags.check_outliers(names, residuals, noise)
    assert codes(tuple(found)) == ({"outlier"} if said else set())
    assert not said or "'r4'" in found[0].message
    assert "np.str_" not in str(found)
    # where many lie off the law, the law is wrong and not they
    assert flags.check_outliers(names, np.full(20, residual), noise) == []


@pytest.mark.parametrize("arm", ["scratch", "pretrained"])
def test_one_absurd_loss_is_named_in_either_arm(arm: str) -> None:
    table = drawn(0.003)
    at = int(np.flatnonzero(table.arm == arm)[6])
    loss = np.where(np.arange(len(table)) == at, 1e6, table.loss)
    said = [flag for flag in fit_transfer(changed(table, loss=loss), law="kaplan", draws=0).flags
            if flag.code == "outlier"]  # fmt: skip
    assert len(said) == 1
    assert f"'{table.run_id[at]}'" in said[0].message
    assert "above" in said[0].message
    clean = fit_transfer(table, law="kaplan", draws=0)
    assert "outlier" not in codes(clean.flags)


def test_a_table_without_sizes_says_so() -> None:
    largest = drawn(0.003).where(drawn(0.003).N == 1e9)
    one = replace(largest, N=np.full(len(largest), np.nan))
    fit = fit_transfer(one, law="power", draws=20)
    (flag,) = [flag for flag in fit.flags if flag.code == "no_sizes"]
    assert "treated as one size" in flag.message
    with pytest.raises(FitError, match="column N is missing"):
        fit_transfer(one, law="additive")
    have = Have(parameters=1e8, fine_tune_data=1e6, pretrain_data=1e9)
    better = 0.99 * float(forecast(fit, parameters=np.nan, fine_tune_data=1e6).loss[0])
    with pytest.raises(ConfigError, match="column N is missing"):
        plan(fit, have=have, prices=Prices(data=1.0, flop=1e-18), target_loss=better)
    data = plan(fit, have=have, prices=Prices(data=1.0, flop=0.0), target_loss=better)
    assert data.recommended == "data"


def test_correlated_constants_are_flagged() -> None:
    rng = np.random.default_rng(0)
    alpha, free = rng.standard_normal((2, 200))
    assert flags.check_correlation(free, alpha) == []
    assert flags.check_correlation(-5 * alpha + free, alpha) == []
    found = flags.check_correlation(-15 * alpha + free, alpha)
    assert codes(tuple(found)) == {"k_alpha_correlated"}
    assert flags.check_correlation(alpha[:5], alpha[:5]) == []
    assert flags.check_correlation(np.zeros(20), alpha[:20]) == []


@pytest.mark.parametrize(
    ("wanted", "said"), [(1e2, False), (9e3, False), (1.1e4, True), (11.0, False), (0.9, True)]
)
def test_a_decade_beyond_is_extrapolation(wanted: float, said: bool) -> None:
    seen = np.array([10.0, 1e3, np.nan])
    found = flags.check_extrapolation("D_F", np.array([50.0, wanted]), seen)
    assert bool(found) is said

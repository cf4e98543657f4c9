"""Doubts, each with its code."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.transfer import flags
from precocial.transfer.flags import Flag
from tests.transfer.planted import ADDITIVE, changed, codes, ladder


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

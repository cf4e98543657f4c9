"""The transfer law fitted to tables whose constants are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import (
    METHODS,
    PUBLISHED,
    Backtest,
    Constants,
    Noise,
    RunTable,
    TransferFit,
    backtest,
    convert_k,
    fit_transfer,
    simulate,
)
from tests.transfer.planted import SMALL, TEXT, changed, codes, drawn, fitted

every_method = pytest.mark.parametrize("method", METHODS)


def fit(table: RunTable, method: str = "joint", draws: int = 0, **more: object) -> TransferFit:
    return fit_transfer(table, method=method, law="kaplan", draws=draws, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", PUBLISHED)
@pytest.mark.parametrize("method", ["joint", "readoff"])
def test_noise_free_tables_give_the_published_rows_back(row: str, method: str) -> None:
    found = fitted(noise=0.0, method=method, row=row, whole=True, draws=0).constants
    assert found.k == pytest.approx(PUBLISHED[row].k, rel=5e-3)
    assert found.alpha == pytest.approx(PUBLISHED[row].alpha, abs=1e-3)
    assert found.beta == pytest.approx(PUBLISHED[row].beta, abs=1e-3)
    assert found.unit == "characters"


@pytest.mark.parametrize("row", PUBLISHED)
def test_the_joint_fit_is_exact_without_noise(row: str) -> None:
    found = fitted(noise=0.0, row=row, whole=True, draws=0)
    assert found.constants.k == pytest.approx(PUBLISHED[row].k, rel=1e-8)
    assert found.noise < 1e-9


@pytest.mark.parametrize("row", PUBLISHED)
def test_the_papers_own_method_runs_and_its_bias_is_finite(row: str) -> None:
    found = fitted(noise=0.0, method="logit-paper", row=row, whole=True, draws=0).constants
    bias = found.k / PUBLISHED[row].k - 1
    # not exact: it reads off interpolated curves and drops D_T <= 0
    assert 1e-5 < abs(bias) < 0.05
    assert found.alpha == pytest.approx(PUBLISHED[row].alpha, abs=5e-3)
    assert found.beta == pytest.approx(PUBLISHED[row].beta, abs=5e-3)


@every_method
@pytest.mark.parametrize("per_token", [4.0, 0.25])
def test_the_unit_of_data_changes_k_alone(method: str, per_token: float) -> None:
    table = drawn(0.003)
    counted = changed(table, D_F=table.D_F / per_token, unit="tokens")
    old, new = fit(table, method), fit(counted, method)
    rule = convert_k(old.constants, units_per_new_unit=per_token, unit="tokens")
    assert new.constants.k == pytest.approx(rule.k, rel=1e-5)
    assert new.constants.alpha == pytest.approx(rule.alpha, abs=1e-6)
    assert new.constants.beta == pytest.approx(rule.beta, abs=1e-6)
    assert new.constants.unit == "tokens"


@every_method
def test_the_order_of_rows_is_irrelevant(method: str) -> None:
    table = drawn(0.003)
    order = np.random.default_rng(0).permutation(len(table))
    mixed = RunTable.from_rows([table.rows()[at] for at in order])
    assert fit(mixed, method).estimates() == pytest.approx(fit(table, method).estimates(), rel=1e-7)


@every_method
def test_the_same_seed_gives_the_same_bytes(method: str) -> None:
    first, again, other = (
        fit(drawn(0.003), method, draws=20, seed=seed).draws() for seed in (1, 1, 2)
    )
    for name, values in first.items():
        assert values.tobytes() == again[name].tobytes()
        assert (values != other[name]).any()


@every_method
def test_runs_that_stand_twice_change_nothing(method: str) -> None:
    table = drawn(0.003)
    twice = RunTable.from_rows(
        [row | {"run_id": f"{row['run_id']}-{seed}", "seed": seed}
         for row in table.rows() for seed in (0, 1)]
    )  # fmt: skip
    once, both = fit(table, method, delta=0.01), fit(twice, method, delta=0.01)
    assert both.estimates() == pytest.approx(once.estimates(), rel=1e-4)


@every_method
def test_seeds_of_a_cell_are_all_used(method: str) -> None:
    table = simulate(TEXT, design=replace(SMALL, seeds=3), noise=Noise(relative=0.003))
    found = fit(table, method, draws=20)
    assert len(found.used) == 3 * 16
    assert found.constants.alpha == pytest.approx(TEXT.alpha, abs=0.02)
    assert found.constants.beta == pytest.approx(TEXT.beta, abs=0.02)


def short_ladder(noise: float, most: float) -> RunTable:
    table = drawn(noise)
    return table.where(~table.is_scratch | (most >= table.D_F))


def test_runs_beyond_the_ladder_count_as_bounds() -> None:
    table = short_ladder(0.001, 2e8)
    found = fit(table, draws=50)
    assert "not_bracketed" in codes(found.flags)
    assert len(found.used) == 16
    assert found.constants.alpha == pytest.approx(TEXT.alpha, abs=0.03)
    assert found.constants.beta == pytest.approx(TEXT.beta, abs=0.03)
    low, high = found.intervals()["beta"]
    assert low < TEXT.beta < high


def test_the_read_off_keeps_bounds_too() -> None:
    found = fit(short_ladder(0.0, 2e8), "readoff")
    assert "not_bracketed" in codes(found.flags)
    assert found.constants.beta == pytest.approx(TEXT.beta, abs=0.01)


@every_method
def test_nothing_bracketed_is_refused(method: str) -> None:
    table = drawn()
    tuned = changed(table, loss=np.where(table.is_scratch, table.loss, 0.1))
    with pytest.raises(FitError, match="bounded"):
        fit(tuned, method)


def test_a_table_that_cannot_carry_the_law_is_refused() -> None:
    table = drawn()
    with pytest.raises(FitError, match="no pre-trained runs"):
        fit(table.scratch)
    with pytest.raises(FitError, match="got 0 runs"):
        fit(table.pretrained)
    sources = np.where(table.is_scratch, "", np.where(table.N > 1e7, "books", "news"))
    with pytest.raises(FitError, match="2 sources \\(books, news\\)"):
        fit(changed(table, source=sources))
    one_amount = table.where(table.is_scratch | (table.D_F == 1e5))
    with pytest.raises(FitError, match="at 1 amounts"):
        fit(one_amount)
    few = table.where(table.is_scratch | (np.cumsum(~table.is_scratch) <= 3))
    with pytest.raises(FitError, match="needs at least"):
        fit(few)


@pytest.mark.parametrize(
    "wrong", [{"method": "magic"}, {"law": "magic"}, {"level": 1.0}, {"draws": -1},
              {"low_data": 0.0}, {"delta": -1.0}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        fit_transfer(drawn(), **({"law": "kaplan"} | wrong))  # type: ignore[arg-type]


def test_one_size_has_no_exponent_of_size() -> None:
    table = drawn(0.001)
    one = table.where(table.N.max() == table.N)
    found = fit_transfer(one, law="power", draws=20)
    assert set(found.estimates()) == {"log_k", "alpha"}
    assert found.constants.beta == 0.0
    assert "few_sizes" in codes(found.flags)
    with pytest.raises(FitError, match="two or more sizes"):
        fit_transfer(one, law="power", method="logit-paper", draws=0)


def test_amounts_of_pretraining_get_an_exponent() -> None:
    gamma, tables = 0.3, []
    for at, D_pre in enumerate((1e8, 1e9, 1e10)):
        law = Constants(k=TEXT.k * (D_pre / 1e9) ** gamma, alpha=TEXT.alpha, beta=TEXT.beta)
        table = simulate(law, design=SMALL, noise=Noise(relative=0.0))
        names = np.array([f"{name}-{at}" for name in table.pretrained.run_id])
        tables.append(changed(table.pretrained, D_pre=D_pre, run_id=names))
    rows = [row for table in (drawn().scratch, *tables) for row in table.rows()]
    found = fit(RunTable.from_rows(rows)).estimates()
    assert found["gamma"] == pytest.approx(gamma, abs=1e-6)
    assert found["alpha"] == pytest.approx(TEXT.alpha, abs=1e-6)
    assert np.exp(found["log_k"]) * 1e9**gamma == pytest.approx(TEXT.k, rel=1e-4)


def test_runs_beyond_low_data_are_left_out_and_flagged() -> None:
    table = drawn(whole=True)
    found = fit(table)
    assert "beyond_low_data" in codes(found.flags)
    regime = found.used.D_F / found.surface.enough_data(found.used.N)[0]
    assert regime.max() <= 0.1
    assert len(fit(table, low_data=np.inf).used) == 56 > len(found.used)


def test_fading_transfer_is_flagged() -> None:
    weak = simulate(replace(TEXT, k=1.0), design=SMALL, noise=Noise(relative=0.0))
    assert "vanishing_transfer" in codes(fit(weak).flags)
    assert "vanishing_transfer" not in codes(fitted(noise=0.0).flags)


def test_a_law_is_chosen_by_backtest_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(table: RunTable) -> Backtest:
        return backtest(table, laws=["gadre"], origins=[0.8])

    monkeypatch.setattr("precocial.transfer.fit.backtest", choose)
    assert fit_transfer(drawn(), draws=0).scratch.law == "gadre"


def test_the_best_law_in_sample_is_taken_where_no_run_can_be_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(table: RunTable) -> Backtest:
        raise FitError("too few runs")

    monkeypatch.setattr("precocial.transfer.fit.backtest", refuse)
    assert fit_transfer(drawn(), draws=0).scratch.law == "kaplan"


def test_intervals_come_from_the_draws_at_their_level() -> None:
    found = fit(drawn(0.003), draws=100, level=0.8)
    low, high = found.intervals()["alpha"]
    inside = np.mean((found.draws()["alpha"] >= low) & (found.draws()["alpha"] <= high))
    assert inside == pytest.approx(0.8, abs=0.02)


def test_profile_and_bootstrap_agree() -> None:
    found = fitted(noise=0.003, whole=True)
    for name in ("alpha", "beta"):
        profile, (low, high) = found.profile(name), found.intervals()[name]
        assert profile.low < found.estimates()[name] < profile.high
        assert 0.6 < (profile.high - profile.low) / (high - low) < 1.7
    with pytest.raises(ConfigError, match="exponent"):
        found.profile("gamma")
    with pytest.raises(FitError, match="no likelihood"):
        fitted(method="readoff", draws=5).profile("alpha")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["joint", "readoff"])
def test_intervals_cover(method: str) -> None:
    """40 tables at 95 %: fewer than 34 covered has a probability of 0.3 %."""
    covered = dict.fromkeys(("alpha", "beta"), 0)
    for seed in range(40):
        table = simulate(TEXT, design=SMALL, noise=Noise(relative=0.003), seed=seed)
        found = fit_transfer(table, method=method, law="kaplan", draws=100, seed=seed).intervals()
        for name in covered:
            low, high = found[name]
            covered[name] += low <= getattr(TEXT, name) <= high
    assert min(covered.values()) >= 34, covered


def test_noise_is_that_of_the_runs() -> None:
    assert fitted(noise=0.003, whole=True).noise == pytest.approx(0.003, rel=0.35)

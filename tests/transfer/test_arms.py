"""The two arms against each other: what is refused, left out or flagged before a comparison."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import (
    CLAIMS,
    KAPLAN_SURFACE,
    METHODS,
    Evidence,
    Have,
    Prices,
    RunTable,
    Surface,
    backtest,
    effective_data,
    fit_scratch,
    fit_transfer,
    forecast,
    plan,
)
from tests.transfer.planted import changed, codes, drawn, fitted

GAMMA = 0.25


@cache
def pretrained_on(*amounts: float, holes: float | None = -1.0) -> RunTable:
    """Three sizes, three D_F, some D_pre: D_T = 50 D_F^0.2 N^0.4 D_pre^0.25; every fourth row's
    D_pre replaced by `holes` unless it is -1."""
    surface, rng = Surface.of("kaplan", KAPLAN_SURFACE), np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for N in (1e6, 1e7, 1e8):
        ladder = np.geomspace(1e5, 1e11, 8).tolist()
        rows += [{"arm": "scratch", "N": N, "D_F": D, "D_E": D} for D in ladder]
        for D in (1e5, 1e6, 1e7):
            for D_pre in amounts:
                D_E = D + 50 * D**0.2 * N**0.4 * D_pre**GAMMA
                known = D_pre if holes == -1.0 or len(rows) % 4 else holes
                rows.append({"arm": "pretrained", "N": N, "D_F": D, "D_E": D_E, "D_pre": known})
    for row in rows:
        log_loss = surface.log_loss(row["N"], row.pop("D_E"))[0, 0]
        row["loss"] = float(np.exp(log_loss + 0.001 * rng.standard_normal()))
    return RunTable.from_rows(rows)


@pytest.mark.parametrize("holes", [None, 0.0])
@pytest.mark.parametrize("method", ["joint", "readoff"])
def test_runs_that_hide_their_pretraining_are_left_out(method: str, holes: float | None) -> None:
    table = pretrained_on(1e8, 1e9, 1e10, holes=holes)
    fit = fit_transfer(table, method=method, law="kaplan", draws=20)
    assert "no_pretraining_data" in codes(fit.flags)
    assert (fit.used.D_pre > 0).all()
    assert fit.estimates()["gamma"] == pytest.approx(GAMMA, abs=0.05)
    assert np.isfinite(backtest(table, laws=["kaplan"], origins=(0.7,)).best.error)


def test_two_amounts_of_pretraining_are_pooled_with_a_flag() -> None:
    for amounts, said in (((1e9,), False), ((1e8, 1e10), True), ((1e8, 1e9, 1e10), False)):
        fit = fit_transfer(pretrained_on(*amounts), law="kaplan", draws=0)
        assert ("pooled_pretraining" in codes(fit.flags)) == said
    partly = fit_transfer(pretrained_on(1e9, holes=None), law="kaplan", draws=0)
    assert "pooled_pretraining" in codes(partly.flags)


def test_parameters_counted_one_way_in_one_arm_and_another_in_the_other() -> None:
    table = drawn(0.003)
    total = 1.5 * table.N
    mixed = changed(table, N_total=total, N=np.where(table.is_scratch, table.N, total))
    for ask in (fit_scratch, effective_data, fit_transfer):
        with pytest.raises(FitError, match="mixed with and without embeddings"):
            ask(mixed)


def test_single_fine_tuned_runs_in_bits_are_flagged() -> None:
    table = drawn(0.003, whole=True)
    few = ~table.is_scratch & (np.arange(len(table)) % 9 == 0)
    for loss in (table.loss / np.log(2), table.loss * np.log(2)):
        mixed = changed(table, loss=np.where(few, loss, table.loss))
        assert "mixed_loss_units" in codes(fit_transfer(mixed, law="kaplan", draws=0).flags)
    assert "mixed_loss_units" not in codes(fit_transfer(table, law="kaplan", draws=0).flags)


def test_a_fit_of_no_gain_says_so() -> None:
    """Every D_T <= 0: the paper's fit of fits has nothing left."""
    table = drawn(0.003)
    loss = fit_scratch(table, "kaplan").surface.log_loss(table.N, 0.8 * table.D_F)[0]
    hurt = changed(table, loss=np.where(table.is_scratch, table.loss, np.exp(loss)))
    hurt = changed(hurt, hurt.is_scratch | (hurt.D_F > 1.3e5))
    with pytest.raises(FitError, match="D_T > 0"):
        fit_transfer(hurt, law="kaplan", method="logit-paper", draws=0)


def test_a_forecast_is_judged_by_the_fine_tuned_runs() -> None:
    fit = fitted()  # D_F up to 1e7 fine-tuned, up to 1e12 from scratch
    for D_F, said in ((9e7, False), (2e8, True)):
        flags = forecast(fit, parameters=1e9, fine_tune_data=D_F).flags
        assert ("extrapolation" in codes(flags)) == said
    fit = fit_transfer(pretrained_on(1e8, 1e9, 1e10), law="kaplan", draws=20)
    for D_pre, said in ((1e9, False), (1e20, True)):
        flags = forecast(fit, parameters=1e7, fine_tune_data=1e6, pretrain_data=D_pre).flags
        assert ("extrapolation" in codes(flags)) == said


def test_a_plan_judges_every_option_and_where_you_stand() -> None:
    fit = fitted(noise=0.0, draws=20)  # N up to 1e9
    aim = float(forecast(fit, parameters=3e10, fine_tune_data=1e6).loss[0])
    dear, have = Prices(data=1e-9, flop=1e-9), Have(
        parameters=9e8, fine_tune_data=1e6, pretrain_data=1e9
    )  # fmt: skip
    found = plan(fit, have=have, prices=dear, target_loss=aim)
    assert found.options[0].name == "data"
    said = [flag.message for flag in found.flags if flag.code == "extrapolation"]
    assert any("'parameters'" in message for message in said)
    far = Have(parameters=1e12, fine_tune_data=1e6, pretrain_data=1e9)
    aim = float(forecast(fit, parameters=1.5e12, fine_tune_data=1e6).loss[0])
    flags = plan(fit, have=far, prices=dear, target_loss=aim).flags
    assert any(flag.message.startswith("N now") for flag in flags)


def test_an_option_out_of_reach_costs_no_number_even_where_a_price_is_zero() -> None:
    fit = fit_transfer(pretrained_on(1e8, 1e9, 1e10), law="kaplan", draws=20)
    have = Have(parameters=1e6, fine_tune_data=1e5, pretrain_data=1e9)
    aim = 0.98 * float(fit.surface.floor(1e6)[0, 0])  # no data bring this size there
    found = plan(fit, have=have, prices=Prices(data=1e-3, flop=1e-12), target_loss=aim)
    money = {option.name: option.money for option in found.options}
    assert money["data"] == money["pretraining"] == np.inf
    assert not any(np.isnan([o.money_low, o.money_high]).any() for o in found.options)
    assert found.options[0].name == "parameters"
    assert found.options[0].best_in == 1


@pytest.mark.parametrize(
    ("amounts", "why"),
    [((1e9,), "have 1 amount"), ((1e8, 1e10), "have 2 amount"), ((1e8, 1e9, 1e10), None)],
)
def test_a_plan_says_that_it_leaves_out_pretraining(
    amounts: tuple[float, ...], why: str | None
) -> None:
    fit = fit_transfer(pretrained_on(*amounts), law="kaplan", draws=20)
    have = Have(parameters=1e7, fine_tune_data=1e6, pretrain_data=1e9)
    found = plan(fit, have=have, prices=Prices(data=1e-3, flop=1e-18), budget=100.0)
    names = {option.name for option in found.options}
    left_out = dict(found.left_out)
    assert names | set(left_out) == {"data", "parameters", "pretraining"}
    assert not names & set(left_out)
    if why is None:
        assert left_out == {}
    else:
        assert why in left_out["pretraining"]
        assert "needs 3" in left_out["pretraining"]


def test_a_plan_says_that_it_leaves_out_the_size() -> None:
    table = drawn(0.003)
    fit = fit_transfer(table.where(table.N.max() == table.N), law="power", draws=20)
    have = Have(parameters=1e9, fine_tune_data=1e6, pretrain_data=1e9)
    found = plan(fit, have=have, prices=Prices(data=1e-3, flop=0.0), budget=100.0)
    assert [option.name for option in found.options] == ["data"]
    left_out = dict(found.left_out)
    assert set(left_out) == {"parameters", "pretraining"}
    assert "have 1 size" in left_out["parameters"]
    assert "have 0 amount" in left_out["pretraining"]


def test_absurd_amounts_and_prices_are_refused() -> None:
    with pytest.raises(ConfigError, match="parameters"):
        Have(parameters=1e300, fine_tune_data=1e6, pretrain_data=1e9)
    with pytest.raises(ConfigError, match="flop"):
        Prices(data=1, flop=1e200)


def test_draws_have_a_least_and_a_most() -> None:
    for draws in (-1, 20_001, 99_999_999):
        with pytest.raises(ConfigError, match="draws must be"):
            fit_transfer(drawn(), law="kaplan", draws=draws)
    few = fit_transfer(drawn(0.003), law="kaplan", draws=1)
    assert "few_draws" in codes(few.flags)
    with pytest.raises(FitError, match="at least 20"):
        few.intervals()


def test_a_table_without_sizes_is_answered_as_far_as_it_goes() -> None:
    table = drawn(0.003)
    one = RunTable.from_rows(
        {name: value for name, value in row.items() if name != "N"}
        for row in table.where(table.N.max() == table.N).rows()
    )
    fit = fit_transfer(one, law="power", draws=20)
    assert forecast(fit, parameters=np.nan, fine_tune_data=1e6).loss[0] > 0
    evidence = Evidence(table=one, law="power", draws=20)
    for claim in CLAIMS:
        if claim.statement in ("alpha, text to python", "beta, text to python"):
            with pytest.raises(FitError, match="several sizes"):
                claim.measure(evidence)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e8, 1e290])
@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_the_loss_does_not_matter(method: str, scale: float) -> None:
    """Powers of losses overflow long before the losses do."""
    table = drawn(0.003)
    plain, scaled = (
        fit_transfer(own, method=method, law="additive", draws=0).estimates()
        for own in (table, changed(table, loss=scale * table.loss))
    )
    assert scaled["beta"] == pytest.approx(plain["beta"], rel=0.02)
    assert scaled["alpha"] == pytest.approx(plain["alpha"], rel=0.05)

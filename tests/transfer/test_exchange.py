"""What a size is worth in data, and where pre-training hurts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import (
    cell_rows,
    effective_data,
    exchange_rate,
    fit_scratch,
    fit_transfer,
    forecast,
    iso_loss,
    ossification_map,
)
from tests.transfer.planted import TEXT, changed, drawn, fitted


def test_the_rate_is_beta_over_alpha() -> None:
    rate = exchange_rate(fitted(noise=0.0, draws=5))
    assert rate.decades == pytest.approx(TEXT.beta / TEXT.alpha, rel=1e-6)
    noisy = exchange_rate(fitted())
    estimates = fitted().estimates()
    assert noisy.decades == pytest.approx(estimates["beta"] / estimates["alpha"])
    assert noisy.low < noisy.decades < noisy.high
    assert f"{10**noisy.decades:.3g} times" in noisy.statement


def test_the_rate_is_unbounded_where_alpha_may_be_0() -> None:
    tau = fitted().tau_draws.copy()
    tau[:5, 1] = -0.01
    rate = exchange_rate(replace(fitted(), tau_draws=tau))
    assert rate.high == np.inf
    assert np.isfinite(rate.low)
    assert "unboundedly many" in rate.statement
    tau[:, 1] = -0.01
    flat = replace(fitted(), tau_draws=tau, tau=tau[:1])
    assert exchange_rate(flat).decades == exchange_rate(flat).low == np.inf


def test_a_rate_needs_sizes_and_draws() -> None:
    with pytest.raises(FitError, match="draws"):
        exchange_rate(fitted(draws=0))
    table = drawn(0.001)
    one = fit_transfer(table.where(table.N.max() == table.N), law="power", draws=5)
    with pytest.raises(FitError, match="two or more sizes"):
        exchange_rate(one)


def test_iso_loss_is_the_inverse_of_the_forecast() -> None:
    fit, N = fitted(), np.array([1e8, 3e8, 1e9])
    D_F = iso_loss(fit, loss=3.0, parameters=N)
    assert np.isfinite(D_F).all()
    assert (np.diff(D_F) < 0).all()
    np.testing.assert_allclose(forecast(fit, parameters=N, fine_tune_data=D_F).loss, 3.0, rtol=1e-6)


def test_iso_loss_says_where_no_data_reach_it() -> None:
    floor = fitted().surface.floor(1e6)[0, 0]
    found = iso_loss(fitted(), loss=float(floor) * 0.999, parameters=[1e6, 1e9])
    assert np.isnan(found[0])
    # a loss that transfer alone gives at next to no data has no amount either
    assert np.isnan(iso_loss(fitted(), loss=8.0, parameters=1e9)).all()
    with pytest.raises(ConfigError, match="loss"):
        iso_loss(fitted(), loss=0.0, parameters=1e9)


def test_the_map_tells_help_from_hurt() -> None:
    table = drawn()
    tuned = np.flatnonzero(~table.is_scratch)
    loss = table.loss.copy()
    base = table.scratch
    N, D_F = table.N[tuned[3]], table.D_F[tuned[3]]
    own = base.loss[(base.N == N) & np.isclose(base.D_F, D_F)][0]
    loss[tuned[3]] = 1.1 * own  # worse than from scratch on as much data
    loss[tuned[4]] = 0.1  # better than the curve
    table = changed(table, loss=loss)
    read = effective_data(table, scratch=fit_scratch(table, "kaplan"), draws=50)
    cells = ossification_map(read)
    assert len(cells) == 16
    verdicts = [cell.verdict for cell in cells]
    assert verdicts[3] == "hurts"
    assert cells[3].ratio == pytest.approx(cells[3].high)
    assert cells[3].high < 1
    assert cells[4].ratio == np.inf
    assert verdicts.count("helps") == 15 or verdicts.count("helps") == 14
    assert cell_rows(cells)[3]["verdict"] == "hurts"
    assert cell_rows(cells)[3]["N"] == N


def test_a_cell_is_undecided_where_the_interval_holds_1() -> None:
    read = effective_data(drawn(), scratch=fit_scratch(drawn(), "kaplan"), draws=20)
    wide = replace(read, D_E_low=0.5 * read.table.D_F, D_E_high=2 * read.table.D_F)
    assert {cell.verdict for cell in ossification_map(wide)} == {"undecided"}
    open_ended = replace(wide, D_E=np.full(16, np.inf), D_E_high=np.full(16, np.inf))
    assert {cell.verdict for cell in ossification_map(open_ended)} == {"unbracketed"}


def test_seeds_of_a_cell_are_pooled() -> None:
    read = effective_data(drawn(), scratch=fit_scratch(drawn(), "kaplan"), draws=20)
    one = replace(read, table=changed(read.table, N=1e6, D_F=1e5), D_E=np.geomspace(1e5, 4e5, 16))
    (cell,) = ossification_map(one)
    assert cell.runs == 16
    assert cell.ratio == pytest.approx(2.0)
    assert cell.low == pytest.approx(read.D_E_low.min() / 1e5)


def test_zero_shot_runs_have_no_cell() -> None:
    read = effective_data(drawn(), scratch=fit_scratch(drawn(), "kaplan"), draws=20)
    amounts = np.where(read.table.D_F == 1e5, 0.0, read.table.D_F)
    assert len(ossification_map(replace(read, table=changed(read.table, D_F=amounts)))) == 12

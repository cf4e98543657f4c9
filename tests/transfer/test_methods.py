"""The three methods, on runs chosen so that each one's own rule shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.transfer import METHODS, fit_scratch
from precocial.transfer.methods import Parts, _joint_target, _redrawn, prepare
from tests.transfer.planted import TEXT, changed, codes, drawn


def parts_of(**columns: object) -> tuple[Parts, set[str]]:
    table = changed(drawn(), **columns)
    parts, flags = prepare(table, fit_scratch(table, "kaplan"), 0.1)
    return parts, codes(tuple(flags))


def test_every_method_has_its_name() -> None:
    assert list(METHODS) == ["joint", "readoff", "logit-paper"]


@pytest.mark.parametrize(("loss", "side"), [(0.5, 1), (50.0, -1)])
def test_a_run_off_its_curve_is_a_bound_on_the_right_side(loss: float, side: int) -> None:
    row = int(np.flatnonzero(~drawn().is_scratch)[5])
    moved = np.where(np.arange(len(drawn())) == row, loss, drawn().loss)
    parts, said = parts_of(loss=moved)
    assert said == {"not_bracketed"}
    assert parts.side.sum() == side
    assert parts.side[5] == side


@pytest.mark.parametrize(("loss", "said"), [(0.5, "on more data"), (50.0, "on less data")])
def test_advice_is_that_of_the_side_a_run_lies_on(loss: float, said: str) -> None:
    row = int(np.flatnonzero(~drawn().is_scratch)[5])
    table = changed(drawn(), loss=np.where(np.arange(len(drawn())) == row, loss, drawn().loss))
    (flag,) = prepare(table, fit_scratch(table, "kaplan"), 0.1)[1]
    assert said in flag.message


@pytest.mark.parametrize(("loss", "end"), [(0.5, 1e12), (50.0, 1e5)])
def test_the_joint_fit_bounds_by_the_end_of_the_curve(loss: float, end: float) -> None:
    row = int(np.flatnonzero(~drawn().is_scratch)[5])
    moved = np.where(np.arange(len(drawn())) == row, loss, drawn().loss)
    parts, _ = parts_of(loss=moved)
    target, side = _joint_target(parts)
    at_end = parts.scratch.surface.log_loss(drawn().N[row], end)[0, 0]
    assert target[32 + 5] == pytest.approx(at_end)
    assert np.flatnonzero(side).tolist() == [32 + 5]


def test_curves_that_rise_leave_every_redraw_a_number_or_a_bound() -> None:
    table = drawn()
    two = np.isin(table.D_F, np.unique(table.scratch.D_F)[-2:])  # a flat pair: noise turns it over
    parts, _ = parts_of(loss=table.loss)
    own = table.where(table.is_scratch & two)
    residuals = 0.3 * np.random.default_rng(1).choice([-1.0, 1.0], len(own))
    flat = replace(parts, scratch=replace(parts.scratch, table=own, residuals=residuals))
    drawn_D_E = _redrawn(flat, 200, np.random.default_rng(0))
    assert not np.isnan(drawn_D_E).any()
    assert np.isfinite(drawn_D_E).any()


def test_runs_of_a_size_without_a_curve_are_left_out() -> None:
    table = drawn()
    alone = ~table.is_scratch & (table.N.max() == table.N)
    parts, said = parts_of(N=np.where(alone, 2 * table.N, table.N))
    assert "no_curve" in said
    assert len(parts.used) == 12


def test_zero_shot_runs_are_left_out() -> None:
    table = drawn()
    parts, _ = parts_of(D_F=np.where(table.is_scratch | (table.D_F > 1e5), table.D_F, 0.0))
    assert len(parts.used) == 12
    assert parts.used.D_F.min() > 0


@pytest.mark.parametrize("method", METHODS)
def test_each_is_near_the_truth_without_noise(method: str) -> None:
    parts, _ = parts_of()
    found = METHODS[method](parts, None, 0, np.random.default_rng(0))
    assert found.tau.shape == (1, 3)
    assert found.tau_draws.shape == (0, 3)
    assert found.tau[0, 1:] == pytest.approx([TEXT.alpha, TEXT.beta], abs=0.03)


def test_only_the_papers_method_drops_negative_transfer() -> None:
    table = drawn(0.003)
    # one run that pre-training hurt: worse than from scratch on the same data
    worse = np.flatnonzero(~table.is_scratch & (table.N.max() == table.N) & (table.D_F == 1e5))
    same = table.is_scratch & (table.N.max() == table.N) & (table.D_F == 1e5)
    hurt = changed(table, loss=np.where(np.arange(len(table)) == worse,
                                        0.999 * table.loss[same], table.loss))  # fmt: skip
    # D_E is a little above D_F there; now a little below
    below = changed(table, loss=np.where(np.arange(len(table)) == worse,
                                         1.5 * table.loss[same], table.loss))  # fmt: skip
    estimates = {}
    for name in ("joint", "logit-paper"):
        for label, own in (("hurt", hurt), ("below", below)):
            parts, _ = prepare(own, fit_scratch(own, "kaplan"), 0.1)
            estimates[name, label] = METHODS[name](parts, 0.01, 0, np.random.default_rng(0)).tau[0]
    dropped = changed(table, np.arange(len(table)) != worse[0])
    parts, _ = prepare(dropped, fit_scratch(dropped, "kaplan"), 0.1)
    without = METHODS["logit-paper"](parts, 0.01, 0, np.random.default_rng(0)).tau[0]
    np.testing.assert_allclose(estimates["logit-paper", "below"][1:], without[1:], rtol=1e-9)
    assert np.abs(estimates["logit-paper", "hurt"] - without)[1:].max() > 1e-3


def test_the_papers_method_needs_transfer_at_two_sizes() -> None:
    table = drawn()
    scratch_loss = fit_scratch(table, "kaplan").surface.log_loss(table.N, 0.9 * table.D_F)[0]
    keep = table.is_scratch | (table.N.max() == table.N)
    parts, _ = parts_of(loss=np.where(keep, table.loss, np.exp(scratch_loss)))
    with pytest.raises(FitError, match="D_T > 0 at two or more sizes"):
        METHODS["logit-paper"](parts, None, 0, np.random.default_rng(0))


def test_no_runs_in_the_low_data_regime_are_refused() -> None:
    table = drawn()
    with pytest.raises(FitError, match="D_F below 1e-09"):
        prepare(table, fit_scratch(table, "kaplan"), 1e-9)


def test_draws_of_the_read_off_widen_with_noise() -> None:
    spreads = []
    for noise in (0.001, 0.004):
        table = drawn(noise)
        parts, _ = prepare(table, fit_scratch(table, "kaplan"), 0.1)
        draws = METHODS["readoff"](parts, None, 60, np.random.default_rng(0)).tau_draws
        spreads.append(draws[:, 1].std())
    assert 2 < spreads[1] / spreads[0] < 8

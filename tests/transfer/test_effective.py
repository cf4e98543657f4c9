"""Effective data: read off, bounded, and never extrapolated."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.transfer import (
    ReadStatus,
    RunTable,
    effective_data,
    fit_scratch,
    fit_transfer,
    ossification_map,
    transferred,
)
from precocial.transfer.effective import RunNoise, read_off, redraw, run_noise
from precocial.worth.spread import NoiseTrend
from tests.transfer.planted import TEXT, bounded_below, changed, codes, drawn


def test_noise_free_tables_give_the_planted_data() -> None:
    table = drawn(whole=True)
    read = effective_data(table, draws=0)
    D_T = transferred(TEXT, parameters=read.table.N, fine_tune_data=read.table.D_F)
    measured = read.measured
    np.testing.assert_allclose(read.D_E[measured], (read.table.D_F + D_T)[measured], rtol=0.02)
    assert measured.mean() > 0.9
    np.testing.assert_allclose(read.fraction, read.D_T / read.D_E)
    assert np.isnan(read.D_E_low).all()


def moved(loss: float, row: int = 5) -> RunTable:
    """The table with one fine-tuned run of another loss."""
    at = np.flatnonzero(~drawn().is_scratch)[row]
    return changed(drawn(), loss=np.where(np.arange(len(drawn())) == at, loss, drawn().loss))


def test_a_loss_beyond_either_end_is_a_bound() -> None:
    above, below = (effective_data(moved(loss), draws=20) for loss in (0.5, 50.0))
    assert above.status[5] == ReadStatus.above_range
    assert above.D_E[5] == above.D_E_high[5] == np.inf
    assert not above.ossified[5]
    assert below.status[5] == ReadStatus.below_range
    assert np.isnan(below.D_E[5])
    # only the ends of the curve are known: 1e5 and 1e12 are its least and its most data
    assert above.D_E_low[5] == pytest.approx(1e12)
    assert (below.D_E_low[5], below.D_E_high[5]) == (0, pytest.approx(1e5))
    assert below.ossified[5]  # D_F is above 1e5
    for read in (above, below):
        assert "not_bracketed" in codes(read.flags)
        assert (np.delete(read.status, 5) == ReadStatus.measured).all()
    assert all(ReadStatus(status).advice or status == "measured" for status in ReadStatus)


def test_a_loss_above_the_whole_curve_does_not_say_that_pre_training_hurts() -> None:
    read = effective_data(bounded_below(), draws=50)
    below = read.status == ReadStatus.below_range
    assert below.sum() == 9
    np.testing.assert_allclose(read.D_E_high[below], 1e4)
    assert not read.ossified.any()
    verdicts = {cell.fine_tune_data: cell.verdict for cell in ossification_map(read)}
    assert verdicts == {1e3: "unbracketed", 2e3: "unbracketed", 3e3: "unbracketed",
                        1e4: "helps", 3e4: "helps"}  # fmt: skip


def test_a_loss_below_the_whole_curve_does_not_say_that_pre_training_helps() -> None:
    """Fine-tuned on more than the curve holds: D_E is above its end, D_F too."""
    table = bounded_below()
    few = table.where(~table.is_scratch | (table.D_F < 2e4) | (table.D_F == 3e4))
    more = changed(few, D_F=np.where(few.is_scratch, few.D_F, 100 * few.D_F),
                   loss=np.where(few.is_scratch, few.loss, 1.5))  # fmt: skip
    read = effective_data(more, draws=50)
    assert (read.status == ReadStatus.above_range).all()
    np.testing.assert_allclose(read.D_E_low, 3e4)
    assert (read.D_E_high == np.inf).all()
    assert {cell.verdict for cell in ossification_map(read)} == {"unbracketed"}


def test_negative_transfer_is_kept() -> None:
    base = drawn().scratch
    own = (np.unique(base.N)[1] == base.N) & np.isclose(base.D_F, 1e7)
    hurt = int(np.flatnonzero((np.unique(base.N)[1] == drawn().pretrained.N)
                              & np.isclose(drawn().pretrained.D_F, 1e7))[0])  # fmt: skip
    table = moved(1.1 * float(base.loss[own][0]), hurt)
    read = effective_data(table, draws=50)
    assert read.status[hurt] == ReadStatus.measured
    assert -1e7 < read.D_T[hurt] < 0
    assert read.D_T_high[hurt] < 0
    assert read.ossified[hurt]
    assert read.ossified.sum() == 1


@pytest.mark.parametrize("per_unit", [4.0, 1e-3])
def test_the_unit_of_data_scales_everything(per_unit: float) -> None:
    table = drawn(0.003)
    old, new = (
        effective_data(own, scratch=fit_scratch(own, "kaplan"), draws=30)
        for own in (table, changed(table, D_F=table.D_F / per_unit, unit="tokens"))
    )
    for name in ("D_E", "D_T", "D_T_low", "D_T_high"):
        np.testing.assert_allclose(getattr(new, name) * per_unit, getattr(old, name), rtol=1e-4)
    np.testing.assert_allclose(new.regime, old.regime, rtol=1e-4)
    assert (new.status == old.status).all()


def test_zero_shot_runs_are_read_off() -> None:
    table = drawn()
    zero = ~table.is_scratch & (table.D_F == 1e5)
    read = effective_data(changed(table, D_F=np.where(zero, 0.0, table.D_F)), draws=0)
    assert "zero_shot" in codes(read.flags)
    none = read.table.D_F == 0
    assert none.sum() == 4
    np.testing.assert_array_equal(read.D_T[none], read.D_E[none])
    assert (read.regime[none] == 0).all()


def test_identical_arms_transfer_nothing() -> None:
    inside = []
    for seed in range(10):
        base = drawn(0.003, 2 * seed).scratch
        twin = changed(drawn(0.003, 2 * seed + 1).scratch, arm="pretrained")
        twin = twin.where((twin.D_F > 2e6) & (twin.D_F < 2e9) & (twin.N > 1e8))
        rows = [row | {"run_id": f"{row['arm']}-{row['run_id']}"}
                for part in (base, twin) for row in part.rows()]  # fmt: skip
        both = RunTable.from_rows(rows)
        read = effective_data(both, scratch=fit_scratch(both, "kaplan"), draws=200, seed=seed)
        inside += ((read.D_T_low <= 0) & (read.D_T_high >= 0)).tolist()
    # 95 % intervals: below 85 % of 24 or more runs is a rare accident
    assert len(inside) >= 24
    assert np.mean(inside) >= 0.85


def test_the_same_arm_read_on_itself_is_its_own_data() -> None:
    base = drawn().scratch
    np.testing.assert_allclose(read_off(base, base), base.D_F, rtol=1e-9)


def test_sizes_without_a_curve_have_none() -> None:
    table = drawn()
    other = ~table.is_scratch & (table.N.max() == table.N)
    read = effective_data(changed(table, N=np.where(other, 2 * table.N, table.N)), draws=20)
    assert (read.status == ReadStatus.no_curve).sum() == 4
    assert np.isnan(read.D_E[read.status == ReadStatus.no_curve]).all()
    with pytest.raises(FitError, match="of its own size"):
        effective_data(changed(table, N=np.where(table.is_scratch, table.N, 3 * table.N)))
    with pytest.raises(FitError, match="no pre-trained runs"):
        effective_data(table.scratch)


def test_intervals_narrow_with_less_noise_and_lower_level() -> None:
    def width(noise: float, level: float) -> float:
        fit = fit_scratch(drawn(noise), "kaplan")
        read = effective_data(drawn(noise), scratch=fit, level=level, draws=100)
        return float(np.median(np.log(read.D_E_high / read.D_E_low)))

    assert width(0.003, 0.95) > 1.3 * width(0.003, 0.6)
    assert width(0.004, 0.95) > 2 * width(0.001, 0.95)


def flat(sd: float) -> RunNoise:
    """Normal noise of one standard deviation."""
    trend = NoiseTrend(log_variance=2 * float(np.log(sd)), slope=0.0, center=0.0, freedom=1e6)
    pool = np.random.default_rng(7).standard_normal(2000)
    return RunNoise(trend=trend, residuals=pool, low=1.0, high=1e15)


def test_noise_is_pooled_over_seeds_where_there_are_some() -> None:
    base = drawn(0.003).scratch
    fit = fit_scratch(base, "kaplan")
    for noise in run_noise(base, base, fit):  # no seeds: about the law
        n, p = len(base), 4
        assert noise.trend.freedom == pytest.approx(n - p - 1)
        want = np.sqrt((fit.residuals**2).sum() / (n - p))
        assert np.median(noise.trend.sd(base.D_F)) == pytest.approx(want, rel=0.2)
    rng = np.random.default_rng(0)
    rows = [
        row | {"run_id": f"{row['run_id']}-{seed}", "seed": seed,
               "loss": row["loss"] * np.exp(0.02 * rng.standard_normal())}
        for row in base.rows() for seed in range(4)
    ]  # fmt: skip
    seeded = RunTable.from_rows(rows)
    # an arm with seeds has its own noise; one without takes the other's
    for other in (seeded, base):
        for noise in run_noise(seeded, other, fit):
            assert noise.trend.freedom == 3 * len(base) - 1
            np.testing.assert_allclose(noise.trend.sd(base.D_F), 0.02, rtol=0.4)


def test_noise_follows_the_data_where_it_changes_with_them() -> None:
    base, rng = drawn(whole=True).scratch, np.random.default_rng(0)
    sd = 0.02 * (base.D_F / 1e5) ** -0.1
    noisy = changed(base, loss=base.loss * np.exp(sd * rng.standard_normal(len(base))))
    noise, _ = run_noise(noisy.scratch, noisy, fit_scratch(noisy, "kaplan"))
    assert noise.trend.slope == pytest.approx(-0.2, abs=0.05)
    drawn_noise = noise.draw(base.D_F, 4000, rng).std(axis=1)
    np.testing.assert_allclose(drawn_noise, sd, rtol=0.35)
    beyond = noise.draw(np.array([base.D_F.max(), 1e30]), 4000, rng).std(axis=1)
    assert beyond[1] == pytest.approx(beyond[0], rel=0.1)  # no trend beyond what was measured


def copies(table: RunTable, count: int, **changes: object) -> RunTable:
    return RunTable.from_rows(
        row | {"run_id": f"{row['run_id']}-{copy}"} | dict.fromkeys(changes, copy)
        for copy in range(count) for row in table.rows()
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{}, {"seed": True}])
def test_copies_of_runs_do_not_narrow_an_interval_and_are_flagged(
    changes: dict[str, object],
) -> None:
    """Under new names, and under new seeds that reached no training."""
    table = drawn(0.003)
    once = effective_data(table, scratch=fit_scratch(table, "kaplan"), draws=100)
    many = copies(table, 3, **changes)
    read = effective_data(many, scratch=fit_scratch(many, "kaplan"), draws=100)
    assert "equal_runs" in codes(read.flags)
    assert "equal_runs" not in codes(once.flags)
    wide, narrow = (
        np.median(np.log(r.D_E_high / r.D_E_low)[np.isfinite(r.D_E_high) & (r.D_E_low > 0)])
        for r in (once, read)
    )
    assert narrow == pytest.approx(wide, rel=0.15)
    fit = fit_transfer(many, law="kaplan", method="readoff", draws=50)
    alone = fit_transfer(table, law="kaplan", method="readoff", draws=50)
    assert "equal_runs" in codes(fit.flags)
    assert np.ptp(fit.intervals()["alpha"]) == pytest.approx(
        np.ptp(alone.intervals()["alpha"]), rel=0.4
    )


def test_ties_between_seeds_that_do_differ_are_kept() -> None:
    table = drawn(0.003)
    seeded = copies(table, 2, seed=True)
    tied = changed(seeded, loss=np.where(np.arange(len(seeded)) == 0, 1.01 * seeded.loss,
                                         seeded.loss))  # fmt: skip
    assert len(tied.distinct()) == len(tied)
    assert len(seeded.distinct()) == len(table)


def test_two_sources_are_refused() -> None:
    table = drawn(0.003)
    two = changed(table, source=np.where(table.N > 1e7, "a", "b"))
    with pytest.raises(FitError, match="2 sources"):
        effective_data(two)


def test_a_level_or_draws_out_of_range_are_refused() -> None:
    for wrong in ({"level": 2.0}, {"level": 0.0}, {"draws": -3}, {"draws": 1},
                  {"draws": 10**8}):  # fmt: skip
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            effective_data(drawn(), **wrong)


def test_an_arm_in_bits_is_flagged() -> None:
    table = drawn(0.003, whole=True)
    for loss, said in (
        (table.loss, False),
        (np.where(table.is_scratch, 1, 1 / np.log(2)) * table.loss, True),
    ):
        mixed = changed(table, loss=loss)
        read = effective_data(mixed, scratch=fit_scratch(mixed, "kaplan"), draws=0)
        fit = fit_transfer(mixed, law="kaplan", draws=0)
        assert ("mixed_loss_units" in codes(read.flags)) == said
        assert ("mixed_loss_units" in codes(fit.flags)) == said


def test_redraws_have_the_spread_of_the_noise_over_the_slope() -> None:
    table = drawn()
    fit, runs = fit_scratch(table, "kaplan"), table.pretrained
    first, last = redraw(table.scratch, runs, flat(1e-4), flat(1e-4), 400, np.random.default_rng(0))
    D_E = read_off(table.scratch, runs)
    slope = np.abs(fit.surface.slope(runs.N, D_E)[0])
    # the run moves by the noise, and so does its curve (two points of it, shared by distance)
    ratio = first.std(axis=1) / (1e-4 / slope)
    assert ((ratio > 1.0) & (ratio < 1.7)).all()
    np.testing.assert_allclose(first, last, rtol=1e-2)


def test_rows_hold_the_table_and_the_reading() -> None:
    row = effective_data(drawn(), draws=20).rows()[0]
    assert {"run_id", "N", "D_F", "loss", "D_E", "D_T", "D_T_low", "regime", "status",
            "ossified"} <= set(row)  # fmt: skip
    assert row["D_T"] == pytest.approx(row["D_E"] - row["D_F"])

"""`worth`: the number, its bounds, its status, its advice."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, FitError
from precocial.testing import st_curve
from precocial.worth import METHODS, Curve, Status, WorthRow, worth
from tests.worth.planted import World, power, saved

DRAWS = 200
DATA = np.geomspace(1e3, 1e6, 7)


def only(rows: tuple[WorthRow, ...]) -> WorthRow:
    assert len(rows) == 1
    return rows[0]


def flat(data: float, loss: float, *, seeds: int = 2) -> Curve:
    """One size of a treated arm, its runs a hair apart."""
    losses = loss * np.exp(1e-4 * np.linspace(-1, 1, seeds))
    return Curve.from_arrays([data], losses[None], arm="treated")


# ------------------------------------------------------------ the number


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_worth_is_read_off(method: str) -> None:
    world = World(sd=0.0, seeds=1)
    found = worth(*world.draw(0), method=method)
    assert [row.status for row in found.rows] == [Status.measured] * 4
    error = [row.worth / saved(row.data) - 1 for row in found.rows if row.worth is not None]
    # a law that is the truth leaves only rounding; cubics leave their fourth or second order
    most = {"cubic": 0.002, "pchip": 0.02, "power": 1e-9, "rectified": 1e-4}[method]
    assert np.abs(error).max() < most


@given(st.floats(0.05, 0.9), st.floats(0.0, 2.0), st.floats(0.1, 30), st.floats(-0.9, 30))
def test_the_power_law_gives_a_planted_worth_back(b: float, E: float, B: float, D: float) -> None:
    sizes = np.geomspace(10, 1e5, 7)
    base = Curve.from_arrays(sizes, E + B * sizes**-b)
    treated = Curve.from_arrays([1e3], [E + B * (1e3 * (1 + D)) ** -b])
    found = only(worth(base, treated, method="power").rows)
    assert found.worth == pytest.approx(1e3 * D, rel=1e-5, abs=1e-3)


def test_a_bad_teacher_has_negative_worth() -> None:
    world = World(saved=lambda data: -0.5 * data, sizes=(1e5, 3e5, 1e6))
    for row in worth(*world.draw(1)).rows:
        assert row.status is Status.measured
        assert row.worth is not None
        assert row.high is not None
        assert row.worth == pytest.approx(-0.5 * row.data, rel=0.1)
        assert row.high < 0


def test_zero_shot_is_worth_its_effective_data() -> None:
    base, _ = World().draw(0)
    row = only(worth(base, flat(0.0, float(power(np.array(2e5))))).rows)
    assert row.worth == pytest.approx(2e5, rel=0.05)
    assert row.multiplier is None


def test_sizes_between_the_treated_ones_are_read_off_a_cubic() -> None:
    base, treated = World(sd=1e-5).draw(3)
    row = only(worth(base, treated, at=[7e4]).rows)
    assert row.worth == pytest.approx(saved(7e4), rel=0.02)
    assert row.multiplier == pytest.approx(1 + saved(7e4) / 7e4, rel=0.02)


# ------------------------------------------------------------ the interval


@given(st_curve(seeds=(2, 4), noise=0.05, rough=0.1))
def test_a_curve_is_worth_nothing_against_itself(curve: Curve) -> None:
    for row in worth(curve, curve, bootstrap=DRAWS).rows:
        if row.low is not None and row.high is not None:
            assert row.low <= 0 <= row.high
        if row.status is Status.measured and np.all(np.diff(curve.levels().mean) < 0):
            assert row.worth == 0


@given(st_curve(seeds=(1, 1), noise=0.05))
def test_without_repeated_seeds_there_is_no_interval(curve: Curve) -> None:
    found = worth(curve, curve, bootstrap=DRAWS)
    assert found.draws == 0
    assert "at least three seeds" in found.notes[0]
    assert all(row.low is None and row.high is None and row.draws == 0 for row in found.rows)


def test_an_arm_without_repeated_seeds_borrows_the_other_arms_spread() -> None:
    base, treated = World().draw(0)
    first = treated.seed == 0
    single = Curve(
        data=treated.data[first], loss=treated.loss[first], seed=treated.seed[first], arm="one"
    )
    for pair in ((base, single), (single, treated)):
        found = worth(*pair, at=[treated.data[1]])
        assert "the other arm's spread stands in" in found.notes[0]
        assert found.rows[0].draws == 2000
    row, full = worth(base, single).rows[1], worth(base, treated).rows[1]
    assert width(row) > 1.2 * width(full)


def test_sizes_with_one_seed_are_named_and_wider() -> None:
    base, treated = World(sd=0.01, seeds=5).draw(0)
    lone = treated.data == treated.data[0]
    keep = ~lone | (treated.seed == 0)
    part = Curve(
        data=treated.data[keep], loss=treated.loss[keep], seed=treated.seed[keep], arm="part"
    )
    found, full = worth(base, part), worth(base, treated)
    assert "1 of 4 sizes of the treated arm have one seed" in found.notes[0]
    assert width(found.rows[0]) > 1.2 * width(full.rows[0])


def test_seeds_that_change_nothing_are_pointed_out() -> None:
    base, treated = World().draw(0)
    copies = Curve.from_arrays(
        treated.levels().data, np.exp(treated.levels().mean)[:, None] * [1, 1]
    )
    found = worth(base, copies)
    assert "Check that the seed reaches the training" in found.notes[0]
    assert width(found.rows[0]) < width(worth(base, treated).rows[0])


def width(row: WorthRow) -> float:
    assert row.low is not None
    assert row.high is not None
    return row.high - row.low


def test_more_noise_and_fewer_seeds_make_the_interval_wider() -> None:
    calm, loud = World(sd=0.002, seeds=5), World(sd=0.008, seeds=5)
    few = World(sd=0.002, seeds=2)
    rows = [worth(*world.draw(0)).rows[1] for world in (calm, loud, few)]
    assert 2.5 * width(rows[0]) < width(rows[1])
    assert width(rows[0]) < width(rows[2])


def test_the_two_arms_are_drawn_apart() -> None:
    """With one stream for both, a curve against itself would have an interval of no width."""
    base, _ = World(sd=0.01).draw(0)
    assert width(worth(base, base).rows[3]) > 0.05 * base.levels().data[3]


def test_a_higher_level_makes_the_interval_wider() -> None:
    pair = World().draw(0)
    assert width(worth(*pair, level=0.5).rows[0]) < width(worth(*pair, level=0.99).rows[0])


def test_the_draws_are_the_seeds_and_do_not_hang_on_other_rows() -> None:
    pair = World().draw(0)
    whole = worth(*pair, bootstrap=DRAWS)
    assert whole.rows == worth(*pair, bootstrap=DRAWS).rows
    part = worth(*pair, bootstrap=DRAWS, at=[whole.rows[2].data])
    assert only(part.rows) == whole.rows[2]
    assert worth(*pair, bootstrap=DRAWS, seed=1).rows != whole.rows


@given(st_curve(seeds=(1, 4), rough=0.05), st_curve(seeds=(1, 4)), st.floats(1e-6, 1e6))
def test_the_unit_of_data_does_not_matter(base: Curve, treated: Curve, unit: float) -> None:
    def scaled(curve: Curve) -> Curve:
        return Curve(data=curve.data * unit, loss=curve.loss, seed=curve.seed, arm=curve.arm)

    plain = worth(base, treated, bootstrap=DRAWS)
    other = worth(scaled(base), scaled(treated), bootstrap=DRAWS)
    for one, two in zip(plain.rows, other.rows, strict=True):
        # rounding may carry a loss that equals a level over the edge
        edge = abs(np.log(one.loss or 1) - base.levels().mean[[0, -1]]).min() < 1e-9
        assume(not edge)
        assert one.status == two.status
        tolerance = 1e-6 * (base.data[-1] + one.data)
        for name in ("worth", "low", "high", "lower_bound", "upper_bound"):
            ours, theirs = getattr(one, name), getattr(two, name)
            if ours is None or math.isinf(ours):
                assert theirs == ours
            else:
                assert theirs / unit == pytest.approx(ours, abs=tolerance)


@given(st_curve(seeds=(1, 4)), st_curve(seeds=(1, 4)), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_seeds_do_not_matter(
    base: Curve, treated: Curve, random: Any
) -> None:
    def shuffled(curve: Curve) -> Curve:
        rows = curve.rows()
        random.shuffle(rows)
        for size in set(curve.data.tolist()):
            own = [row for row in rows if row["data"] == size]
            for row, name in zip(own, random.sample(range(1000), len(own)), strict=True):
                row["seed"] = name
        return Curve.from_rows(rows)

    plain = worth(base, treated, bootstrap=DRAWS)
    assert worth(shuffled(base), shuffled(treated), bootstrap=DRAWS).rows == plain.rows


# ------------------------------------------------------------ outside the range


@given(st_curve(seeds=(2, 3), noise=0.001), st.floats(1.5, 10), st.floats(0, 1e9))
def test_beyond_the_base_curve_only_a_bound_is_known(
    base: Curve, factor: float, data: float
) -> None:
    low, high = float(base.loss.min()), float(base.loss.max())
    over = only(worth(base, flat(data, low / factor), bootstrap=DRAWS).rows)
    assert over.status is Status.above_range
    assert over.worth is None
    assert over.upper_bound is None
    assert over.lower_bound == pytest.approx(base.data[-1] - data)
    assert over.high == math.inf
    assert over.low == pytest.approx(base.data[-1] - data)
    assert over.censored_above == DRAWS
    assert "Train the base arm on more data" in over.advice

    under = only(worth(base, flat(data, high * factor), bootstrap=DRAWS).rows)
    assert under.status is Status.below_range
    assert under.worth is None
    assert under.lower_bound is None
    assert under.upper_bound == pytest.approx(base.data[0] - data)
    assert under.low == pytest.approx(-data)
    assert under.high == pytest.approx(base.data[0] - data)
    assert under.censored_below == DRAWS
    assert "Train the base arm on less data" in under.advice


@given(st_curve(seeds=(1, 3), noise=0.1, rough=0.1), st_curve(seeds=(1, 3), zero_shot=True))
def test_every_row_is_consistent_with_its_status(base: Curve, treated: Curve) -> None:
    for method in ("cubic", "pchip"):
        for row in worth(base, treated, bootstrap=DRAWS, method=method).rows:
            assert (row.worth is not None) == (row.status is Status.measured)
            assert (row.lower_bound is not None) == (row.status is Status.above_range)
            assert (row.upper_bound is not None) == (row.status is Status.below_range)
            assert row.extrapolated is None
            assert (row.low is None) == (row.high is None) == (row.draws == 0)
            if row.low is not None and row.high is not None:
                assert -row.data <= row.low <= row.high
                if row.worth is not None:
                    assert row.low <= row.worth <= row.high
            if row.status is not Status.measured:
                assert row.advice


@pytest.mark.parametrize("method", ["power", "rectified"])
def test_a_law_guesses_outside_the_range_in_a_field_that_says_so(method: str) -> None:
    base, _ = World(sd=1e-6).draw(0)
    for data in (1e8, 1e3):
        row = only(worth(base, flat(500.0, float(power(np.array(data)))), method=method).rows)
        assert row.worth is None
        assert row.status is (Status.above_range if data == 1e8 else Status.below_range)
        assert row.extrapolated == pytest.approx(data - 500, rel=0.1)
    below_floor = only(worth(base, flat(500.0, 1.5), method=method).rows)
    assert below_floor.status is Status.above_range
    assert below_floor.extrapolated is None


def test_an_open_end_is_open_and_counted() -> None:
    base, _ = World(sd=0.01).draw(0)
    last = float(np.exp(base.levels().mean[-1]))
    row = only(worth(base, flat(1e4, last * 1.0005)).rows)
    assert row.status is Status.measured
    assert row.high == math.inf
    assert 0.25 * row.draws < row.censored_above < 0.75 * row.draws
    assert row.low is not None
    assert row.low < row.worth  # type: ignore[operator]


def test_records_say_which_end_is_open() -> None:
    base, treated = World().draw(0)
    low, high = flat(1e4, float(base.loss.max()) * 2), flat(1e4, float(base.loss.min()) / 2)
    under, over = worth(base, low).records()[0], worth(base, high).records()[0]
    assert (under["open_below"], under["open_above"], under["low"]) == (True, False, -1e4)
    assert (over["open_below"], over["open_above"], over["high"]) == (False, True, np.inf)
    records = worth(base, treated).records()
    assert io.loads(io.dumps(records)) == records


# ------------------------------------------------------------ what cannot be read


def test_a_base_curve_of_two_sizes_gives_bounds_and_no_number() -> None:
    base = Curve.from_arrays([10, 100], [[3.0, 3.01], [2.0, 2.01]])
    inside, over = only(worth(base, flat(5, 2.5)).rows), only(worth(base, flat(5, 1.0)).rows)
    assert inside.status is Status.undefined
    assert inside.worth is None
    assert over.status is Status.above_range
    assert over.lower_bound == 95
    assert "at least 3" in worth(base, flat(5, 2.5)).notes[0]


def test_a_base_curve_without_data_has_nothing() -> None:
    base = Curve.from_arrays([0], [[3.0, 3.1]])
    found = worth(base, flat(5, 2.5))
    assert only(found.rows).status is Status.undefined
    assert "zero has no logarithm" in " ".join(found.notes)


def test_a_base_curve_that_never_falls_is_undefined() -> None:
    base = Curve.from_arrays(DATA, np.linspace(2.0, 2.1, 7)[:, None] * [1, 1.001])
    found = worth(base, flat(5, 2.05))
    assert only(found.rows).status is Status.undefined
    assert "falls nowhere with data" in " ".join(found.notes)


def test_a_base_curve_that_rises_beyond_its_noise_is_undefined_there_only() -> None:
    means = np.array([4.0, 3.0, 3.5, 2.5, 2.0, 1.8, 1.7])
    base = Curve.from_arrays(DATA, means[:, None] * [1, 1.0001, 1.0002])
    hump, slope = only(worth(base, flat(10, 3.2)).rows), only(worth(base, flat(10, 2.2)).rows)
    assert hump.status is Status.undefined
    assert "several places" in hump.advice
    assert hump.low is not None
    assert hump.low + 10 < DATA[1] < DATA[2] < (hump.high or 0) + 10
    assert slope.status is Status.measured


def test_a_bump_that_may_be_noise_is_read_and_named() -> None:
    means = np.array([4.0, 3.0, 3.05, 2.5, 2.0, 1.8, 1.7])
    found = worth(Curve.from_arrays(DATA, means), flat(10, 3.02, seeds=1))
    assert only(found.rows).status is Status.measured
    assert "out of order" in only(found.rows).advice
    assert "rise with data" in " ".join(found.notes)


def test_a_wide_gap_between_base_sizes_is_named() -> None:
    sizes = np.array([10, 100, 1e5, 1e6])
    base = Curve.from_arrays(sizes, 1 + 5 * sizes**-0.3)
    inside = Curve.from_arrays([50], [1 + 5 * 3000**-0.3])
    assert "Add a size there" in only(worth(base, inside).rows).advice
    beside = Curve.from_arrays([50], [1 + 5 * 3e5**-0.3])
    assert only(worth(base, beside).rows).advice == ""


def test_where_the_treated_arm_has_no_loss_nothing_is_said() -> None:
    base, treated = World().draw(0)
    for at in ([1.0], [1e9], [0.0]):
        row = only(worth(base, treated, at=at).rows)
        assert row.status is Status.undefined
        assert row.loss is None
        assert "name one of its sizes" in row.advice


def test_a_law_that_does_not_fit_says_so() -> None:
    sizes = np.geomspace(1e3, 1e6, 7)
    steps = 3 - np.tanh(np.log(sizes / 3e4))
    base = Curve.from_arrays(sizes, steps[:, None] * [1, 1.001])
    note = worth(base, flat(10, 3.0), method="power").notes[-1]
    assert "more than the seeds' noise allows" in note
    honest = World(sd=0.003).draw(0)
    assert not any("misses" in text for text in worth(*honest, method="power").notes)
    with pytest.raises(FitError, match="data sizes above 0 are needed"):
        worth(Curve.from_arrays([1, 10, 100], [3, 2, 1.5]), flat(1, 2), method="power")


# ------------------------------------------------------------ arguments


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "linear"}, {"bootstrap": -1}, {"bootstrap": 5}, {"bootstrap": 10**9},
        {"bootstrap": 1.5}, {"bootstrap": True}, {"level": 0}, {"level": 1.0}, {"level": "x"},
        {"level": math.nan}, {"seed": -1}, {"seed": "x"}, {"at": []}, {"at": [-1]},
        {"at": [math.nan]}, {"at": [[1.0]]}, {"at": "all"}, {"at": [math.inf]},
    ],
)  # fmt: skip
def test_arguments_that_are_not_allowed_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        worth(*World().draw(0), **arguments)


def test_curves_in_two_units_are_refused() -> None:
    base, _ = World().draw(0)
    other = Curve.from_arrays([1e4], [[2.0, 2.1]], data_unit="tokens")
    with pytest.raises(ConfigError, match="one data_unit; base has 'units', treated has 'tokens'"):
        worth(base, other)


def test_no_intervals_on_request() -> None:
    found = worth(*World().draw(0), bootstrap=0)
    assert all(row.low is None and row.worth is not None for row in found.rows)
    assert found.notes == ()


@pytest.mark.parametrize("method", ["power", "rectified"])
@pytest.mark.parametrize(("size", "loss"), [(1.0, 4e307), (1.0, 1e-300), (1e-310, 1.0), (1e300, 1)])
def test_a_law_at_the_ends_of_the_floats_answers_or_refuses(
    method: str, size: float, loss: float
) -> None:
    curve = Curve.from_arrays(
        np.geomspace(1e3, 1e7, 5) * size,
        loss * np.array([[4, 4.02], [3, 3.01], [2.5, 2.49], [2.2, 2.21], [2.1, 2.11]]),
    )
    rows: tuple[WorthRow, ...] = ()
    with contextlib.suppress(FitError):
        rows = worth(curve, curve, method=method, bootstrap=100).rows
    assert all(row.worth is None or abs(row.worth) < row.data for row in rows)
    if 1e-300 < loss < 1e300:
        assert len(rows) == 5

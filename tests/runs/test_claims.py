"""Verdicts are arithmetic."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, FitError
from precocial.runs import (
    Claim,
    Measured,
    Tolerance,
    Verdict,
    at_least,
    at_most,
    between,
    judge,
    verdict,
    within,
)

YES, NO, OPEN = Verdict.reproduced, Verdict.contradicted, Verdict.not_tested


def claim(measure: Any, *, figure: float | str = 0.18, tolerance: Tolerance) -> Claim[Any]:
    return Claim(
        room="transfer",
        source="Hernandez et al. 2021, eq. 1.1",
        statement="the exponent of the data is 0.18",
        figure=figure,
        tolerance=tolerance,
        recipe="laptop",
        measure=measure,
    )


@pytest.mark.parametrize(
    ("value", "interval", "tolerance", "expected"),
    [
        # within 10% of 0.18: 0.162 to 0.198
        (0.17, None, within(relative=0.1), YES),
        (0.20, None, within(relative=0.1), NO),
        (0.18, (0.17, 0.19), within(relative=0.1), YES),
        (0.25, (0.21, 0.29), within(relative=0.1), NO),
        (0.18, (0.10, 0.30), within(relative=0.1), OPEN),  # right, but too coarse to say so
        (0.25, (0.19, 0.31), within(relative=0.1), OPEN),
        (0.199, None, within(absolute=0.02), YES),
        (0.199, None, within(absolute=0.02, relative=0.01), YES),
        # inequalities and thresholds
        (1.0, (0.5, 1.5), at_least(0), YES),
        (1.0, (-0.5, 2.5), at_least(0), OPEN),
        (-1.0, (-2.0, -0.5), at_least(0), NO),
        (0.0, None, at_least(0), YES),
        (3.0, (2.0, math.inf), at_least(1), YES),
        (3.0, (2.0, math.inf), at_most(1), NO),
        (1e-13, None, at_most(1e-12), YES),
        (4.0, None, between(1, 10), YES),
        (11.0, None, between(1, 10), NO),
        # an estimate outside its own interval counts with it
        (0.30, (0.17, 0.19), within(relative=0.1), OPEN),
        (math.nan, None, at_least(0), OPEN),
        (math.inf, None, at_least(0), OPEN),
    ],
)
def test_a_verdict_is_computed(value: float, interval: Any, tolerance: Any, expected: Any) -> None:
    measured = Measured(value=value, interval=interval)
    (row,) = judge([claim(lambda evidence: evidence, tolerance=tolerance)], measured)
    assert row["verdict"] == expected
    assert row["ours"] is value
    assert bool(row["note"]) == (expected is OPEN)


def test_a_row_has_all_that_the_command_prints() -> None:
    seen = judge(
        [
            claim(
                lambda evidence: Measured(value=evidence, interval=(0.1, 0.2)), tolerance=at_most(1)
            )
        ],
        0.15,
    )
    assert seen == [
        {
            "room": "transfer",
            "source": "Hernandez et al. 2021, eq. 1.1",
            "statement": "the exponent of the data is 0.18",
            "figure": 0.18,
            "ours": 0.15,
            "interval": [0.1, 0.2],
            "tolerance": "at most 1",
            "recipe": "laptop",
            "verdict": "reproduced",
            "note": "",
        }
    ]
    assert io.loads(io.dumps(seen)) == seen


def no_fit(evidence: Any) -> Measured:
    raise FitError("three sizes are needed; got 2")


def test_what_cannot_be_measured_is_not_tested_and_says_why() -> None:
    rows = judge(
        [
            claim(no_fit, tolerance=at_most(1)),
            claim(lambda evidence: Measured(note="needs 1e8 characters"), tolerance=at_most(1)),
            claim(
                lambda evidence: Measured(note="a table has no losses", applicable=False),
                tolerance=at_most(1),
            ),
        ],
        None,
    )
    assert [(row["verdict"], row["note"], row["ours"]) for row in rows] == [
        ("not tested at this scale", "three sizes are needed; got 2", None),
        ("not tested at this scale", "needs 1e8 characters", None),
        ("not applicable", "a table has no losses", None),
    ]


def test_a_bug_in_a_measure_is_not_a_verdict() -> None:
    with pytest.raises(ZeroDivisionError):
        judge([claim(lambda evidence: 1 / 0, tolerance=at_most(1))], None)


@pytest.mark.parametrize(
    "wrong",
    [
        within,
        lambda: within(relative=-0.1),
        lambda: within(absolute=math.nan),
        lambda: between(2, 1),
        lambda: at_least(math.nan),
        lambda: at_least(math.inf),
        lambda: within(relative=0.1).allowed("falls with data"),
        lambda: within(relative=0.1).allowed(math.inf),
        lambda: Measured(value=1.0, interval=(2.0, 1.0)),
        lambda: Measured(value=1.0, interval=(math.nan, 1.0)),
        Measured,
    ],
)
def test_claims_that_make_no_sense_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        wrong()


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        (within(relative=0.005), "± 0.5%"),
        (within(absolute=0.02), "± 0.02"),
        (within(absolute=0.02, relative=0.1), "± 10% or 0.02"),
        (at_least(0), "at least 0"),
        (at_most(1e-12), "at most 1e-12"),
        (between(1, 10), "1 to 10"),
    ],
)
def test_a_tolerance_is_told_in_words(tolerance: Tolerance, said: str) -> None:
    assert str(tolerance) == said


numbers = st.floats(-1e6, 1e6)


@given(
    ends=st.tuples(numbers, numbers).map(sorted),
    value=numbers,
    bounds=st.lists(numbers, min_size=4, max_size=4).map(sorted),
)
def test_a_wider_tolerance_never_takes_back_a_reproduction(
    ends: list[float], value: float, bounds: list[float]
) -> None:
    measured = Measured(value=value, interval=(ends[0], ends[1]))
    wide, narrow = (verdict(measured, low, high) for low, high in (bounds[::3], bounds[1:3]))
    if narrow is YES:
        assert wide is YES
    if wide is NO:
        assert narrow is NO
    mirrored = Measured(value=-value, interval=(-ends[1], -ends[0]))
    assert verdict(mirrored, -bounds[3], -bounds[0]) is wide


@given(ends=st.tuples(numbers, numbers).map(sorted), low=numbers, width=st.floats(0, 1e6))
def test_a_wider_interval_never_decides_what_was_open(
    ends: list[float], low: float, width: float
) -> None:
    middle = (ends[0] + ends[1]) / 2
    tight = verdict(Measured(value=middle, interval=(ends[0], ends[1])), low, low + width)
    loose = verdict(Measured(value=middle, interval=(ends[0] - 1, ends[1] + 1)), low, low + width)
    assert loose in (tight, OPEN)

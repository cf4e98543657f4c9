"""Both sides of the crossing come out of the lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.preferences import optimal
from precocial.preferences.occam.codes import encode_delta
from precocial.preferences.occam.language import V1, V2, WARY, Language, Term, pair
from precocial.preferences.occam.regimes import (
    DEGENERATE,
    GROUPS,
    OPTIMAL,
    SHAPES,
    RegimeRow,
    _Grid,
    crossing,
    regimes,
    slippery_grid,
)
from precocial.preferences.occam.terms import Interpreter, sizes_of

QUIRKS = (0, 1, 3, 4, 5, 8)


@pytest.fixture(scope="module")
def rows() -> tuple[RegimeRow, ...]:
    return regimes(V1, quirks=QUIRKS, worlds=1)


def of(rows: tuple[RegimeRow, ...], shape: str) -> list[RegimeRow]:
    return [row for row in rows if row.shape == shape]


def test_every_row_is_a_posterior(rows: tuple[RegimeRow, ...]) -> None:
    assert len(rows) == len(SHAPES) * len(QUIRKS)
    for row in rows:
        assert set(row.mass) == set(row.bits) == set(GROUPS)
        assert sum(row.mass.values()) == pytest.approx(1, abs=1e-12)
        for regret in (row.map_regret, row.mean_regret, row.agent_regret):
            assert -1e-9 <= regret <= 1 + 1e-9


def test_the_true_pair_has_the_bits_of_its_program(rows: tuple[RegimeRow, ...]) -> None:
    # v1: optimal 3, goal 2, one of 16 states 4; override 3, delta(k), state 4 and action 2 each.
    for row in rows:
        k = row.quirks
        assert row.bits["true"] == 9 + (3 + len(encode_delta(k)) + 6 * k if k else 0)
        # const 3, zero 3 and the shorter of table (1 and 4^16 tables) and eval of the true pair.
        assert row.bits["indifferent"] <= 6 + min(1 + 32, 2 + row.bits["true"])
        assert row.bits["opposite"] == row.bits["true"] + V1.overheads["F4"]


def test_few_quirks_favour_the_truth_and_many_the_degenerate_pairs(
    rows: tuple[RegimeRow, ...],
) -> None:
    for shape in SHAPES:
        few, *_, many = of(rows, shape)
        assert few.true_found == 1
        assert few.mass["true"] > 0.5
        assert few.map_regret == pytest.approx(0, abs=1e-6)
        assert few.crossed == 0
        assert many.true_found == 0
        assert many.mass["true"] < 0.01
        assert many.crossed == 1
        assert sum(many.mass[name] for name in DEGENERATE) > 30 * many.mass["true"]
        assert many.map_regret > 0.1


def test_beyond_the_crossing_the_razor_mixes_the_agents_policy_and_none(
    rows: tuple[RegimeRow, ...],
) -> None:
    # In v1 (p_pi, 0), (p_g, R_pi) and (optimal, R_pi) tie: one deploys the uniform policy, two pi.
    many = of(rows, "scattered")[-1]
    assert many.bits["indifferent"] == many.bits["greedy"] == many.bits["absorbed"] == 39
    grid = _Grid(V1, 4, 0, 0)
    uniform = grid._regret(grid.mdp.uniform_policy())
    assert many.map_regret == pytest.approx((uniform + 2 * many.agent_regret) / 3, abs=1e-9)


def test_the_crossing_is_where_the_lengths_say(rows: tuple[RegimeRow, ...]) -> None:
    # First k with 9 + 3 + delta(k) + 6 k >= 39, the length of (p_pi, 0) with a table.
    expected = next(k for k in range(1, 16) if 12 + len(encode_delta(k)) + 6 * k >= 39)
    assert expected == 4
    assert crossing(rows, shape="scattered") == expected
    assert crossing([row for row in rows if row.quirks < 4], shape="scattered") is None


@pytest.mark.parametrize("language", [V1, V2, WARY], ids=["v1", "v2", "wary"])
def test_no_degenerate_pair_is_more_than_c_above_the_true_one(language: Language) -> None:
    for row in regimes(language, quirks=(0, 2, 6), worlds=1, shapes=("scattered", "block")):
        for name in (*DEGENERATE, "opposite"):
            assert row.bits[name] - row.bits["true"] <= language.c
            # So the odds for the truth are at most 2^c.
            assert row.mass["true"] <= 2**language.c * row.mass[name] + 1e-12


def test_dearer_operations_move_the_crossing_and_do_not_remove_it() -> None:
    for language, expected in ((V1, 4), (WARY, 6)):
        found = regimes(language, shapes=("scattered",), quirks=(3, 4, 5, 6, 7), worlds=1)
        assert crossing(found, shape="scattered") == expected


def test_the_agent_does_what_its_programs_do() -> None:
    # Quirks are where the policy and the plan differ, and there are as many as are asked for.
    grid = _Grid(V1, 3, 0, 0)
    for shape in SHAPES:
        for count in range(9):
            quirks = grid.quirks(shape, count)
            assert len(quirks) == count
            assert all(grid.best[s].argmax() != a for s, a in quirks.items())
            assert set(quirks) >= set(grid.quirks(shape, max(count - 1, 0)))
    pi = grid.best.copy()
    pi[4] = np.eye(4)[(pi[4].argmax() + 1) % 4]
    programs = grid._pairs(pi, ((4, int(pi[4].argmax())),))
    assert programs[0][0] == "true"
    assert len({str(term) for _, term, _ in programs}) == len(programs)
    for _, term, bits in programs:
        run = Interpreter(grid.mdp)
        planner, reward = term.args
        assert isinstance(planner, Term)
        assert isinstance(reward, Term)
        np.testing.assert_array_equal(run.plan(planner, run.reward(reward)), pi, str(term))
        assert bits == V1.bits(pair(planner, reward), sizes_of(grid.mdp))


def test_the_grid_has_one_best_action_everywhere() -> None:
    mdp = slippery_grid(4, seed=2)
    R = mdp.on_arrival(np.eye(16))
    assert (optimal().policies(mdp, R).max(axis=2) == 1).all()
    assert V1.bits(OPTIMAL, sizes_of(mdp)) == 3


def test_rows_that_jump_back_do_not_count_as_crossed(rows: tuple[RegimeRow, ...]) -> None:
    mixed = [replace(row, crossed=0.0) if row.quirks == 5 else row for row in rows]
    assert crossing(mixed, shape="block") == 8


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="shape"):
        regimes(V1, shapes=("round",))
    with pytest.raises(ConfigError, match="fewer than states"):
        regimes(V1, quirks=(16,))

"""The mean judge: a gap that certifies, cycles that are called cycles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from precocial.choice import quantilize
from precocial.normativity.complementarity import lemke
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.mean_judge import box_of, gap_of, project, quantile_in, settle
from tests.normativity.worlds import random_tower

CYCLE = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
TRUST = np.array([1 / 3 + 0.05, 1 / 3, 1 / 3 - 0.05])
START = np.array([0.6, 0.3, 0.1])


def ring(**given: object) -> Hierarchy:
    return Hierarchy(
        [Level("judges", ["a", "b", "c"], TRUST)], [CYCLE], q=0.3, semantics="mean", **given
    )  # type: ignore[arg-type]


def test_answering_again_and_again_cycles_and_is_called_that() -> None:
    r, seen = START, []
    for _ in range(6):
        r = quantilize(r @ CYCLE, 0.3, base=TRUST)
        seen.append(int(np.argmax(r)))
    assert seen == [2, 1, 0, 2, 1, 0]
    fx = fixed_point(ring(), solver="iterate", start=START)
    assert fx.status == "did not converge"
    assert fx.gap is not None
    assert fx.gap > 0.1
    assert "cycle of 3" in fx.advice
    added = fx.change_when_adding_level(1)
    assert not added.holds


@pytest.mark.parametrize("solver", ["auto", "extragradient", "complementarity"])
@pytest.mark.parametrize("floor", [0.0, 0.2])
def test_the_cycle_has_a_fixed_point_whose_gap_is_nothing(solver: str, floor: float) -> None:
    fx = fixed_point(ring(floor=floor), solver=solver, start=START)  # type: ignore[arg-type]
    assert (fx.status, fx.certified_by) == ("converged", "gap")
    assert fx.gap is not None
    assert fx.gap <= 1e-10
    r = fx.levels["judges"]
    low, high = box_of(TRUST, 0.3, floor)
    assert (r >= low - 1e-12).all()
    assert (r <= high + 1e-12).all()
    assert r.sum() == pytest.approx(1)
    assert fx.change_when_adding_level(3).holds
    # the gap by a linear programme
    best = linprog(-(r @ CYCLE), A_eq=np.ones((1, 3)), b_eq=[1], bounds=list(zip(low, high)))
    assert -best.fun - r @ CYCLE @ r <= 1e-9


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("q", [0.3, 0.75])
def test_random_mean_judges_are_settled_exactly(seed: int, q: float) -> None:
    rng = np.random.default_rng(seed)
    S, p = rng.normal(size=(25, 25)), rng.dirichlet(np.ones(25))
    low, high = box_of(p, q, 0.05)
    found = settle(S, low, high, p, tol=1e-9, most=1000, solver="complementarity")
    assert found.converged
    assert gap_of(S, found.r, low, high) <= 1e-9
    assert found.r.sum() == pytest.approx(1, abs=1e-12)


def test_several_fixed_points_are_said_to_be_several() -> None:
    # Each judge is for itself: whoever has most of the weight keeps it.
    H = Hierarchy([Level("judges", list("abcd"))], [np.eye(4)], q=0.25, semantics="mean")
    fx = fixed_point(H)
    assert fx.status == "no unique fixed point"
    assert fx.apart > 0.5
    assert fx.gap == pytest.approx(0, abs=1e-9)


def test_the_unit_of_the_scores_does_not_matter() -> None:
    levels = [Level("judges", ["a", "b", "c"], TRUST)]
    for unit in (1e-6, 1e9, 1e140):
        H = Hierarchy(levels, [unit * CYCLE], q=0.3, semantics="mean")
        fx = fixed_point(H)
        assert fx.status == "converged"
        assert fx.change_when_adding_level(1).holds
        assert fx.levels["judges"] == pytest.approx(np.full(3, 1 / 3), abs=1e-4)


def test_levels_below_get_the_mean_verdict() -> None:
    H = random_tower(4, m=10, q=0.6, tasks=3, semantics="mean")
    fx = fixed_point(H)
    r = fx.levels["processes"]
    verdict = np.einsum("h,htg->tg", r, H.judges[0].scores)
    assert fx.actions == pytest.approx(quantilize(verdict, 0.6, base=H.initial[0]))
    assert fx.density["labels"][0] <= 1 / 0.6 + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_projection_and_quantile_are_the_optima(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, x = rng.dirichlet(np.ones(6)), rng.normal(size=6)
    low, high = box_of(p, 0.4, 0.1)
    near = project(x, low, high)
    best = quantile_in(x, low, high)
    assert near.sum() == pytest.approx(1, abs=1e-12)
    for other in itertools.islice(feasible(rng, low, high), 200):
        assert (x - near) @ (other - near) <= 1e-9
        assert x @ other <= x @ best + 1e-9
    lp = linprog(-x, A_eq=np.ones((1, 6)), b_eq=[1], bounds=list(zip(low, high)))
    assert x @ best == pytest.approx(-lp.fun, abs=1e-9)
    assert quantile_in(x, 0 * low, p / 0.4) == pytest.approx(quantilize(x, 0.4, base=p), abs=1e-14)


def feasible(rng: np.random.Generator, low: np.ndarray, high: np.ndarray):  # type: ignore[no-untyped-def]
    while True:
        yield quantile_in(rng.normal(size=len(low)), low, high)


def test_lemke_solves_a_small_problem_and_admits_a_ray() -> None:
    M, k = np.array([[2.0, 1], [1, 2]]), np.array([-5.0, -6])
    z, _ = lemke(M, k, np.ones(2))
    assert z == pytest.approx([4 / 3, 7 / 3])
    assert lemke(M, -k, np.ones(2))[1] == 0
    none, _ = lemke(-np.eye(2), -np.ones(2), np.ones(2))
    assert none is None


def test_a_gap_is_in_the_unit_of_the_scores_and_a_change_is_not() -> None:
    levels = [Level("judges", ["a", "b", "c"], TRUST)]
    plain = fixed_point(ring(), solver="iterate", start=START)
    for unit in (10.0, 1e9):
        H = Hierarchy(levels, [unit * CYCLE], q=0.3, semantics="mean")
        fx = fixed_point(H, solver="iterate", start=START)
        assert fx.gap == pytest.approx(unit * plain.gap)  # type: ignore[operator]
        assert fx.change_when_adding_level(1).change == pytest.approx(plain.gap)


def test_answers_that_hardly_move_are_settled_only_where_nothing_is_to_be_gained() -> None:
    # no answer has more than 1.25 times the trust: none is far from the last
    low, high = box_of(TRUST, 0.8, 0.0)
    found = settle(100 * CYCLE, low, high, START, tol=0.3, most=50, solver="iterate")
    assert (found.steps, found.tv[0] <= 0.3) == (1, True)
    assert found.gap == gap_of(100 * CYCLE, found.r, low, high) > 0.3
    assert not found.converged

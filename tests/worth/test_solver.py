"""The batched robust solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.worth.solver import Problem, minimise, polish

T = np.linspace(0, 3, 30)
TRUE = np.array([0.4, -0.7, 0.2])


def model(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a*exp(b*t) + c with log a, b, c."""
    a, b, c = np.exp(theta[:, 0:1]), theta[:, 1:2], theta[:, 2:3]
    curve = a * np.exp(b * T)
    return curve + c, np.stack([curve, curve * T, np.ones_like(curve)], axis=1)


def noisy(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return model(TRUE[None])[0][0] + 0.01 * rng.standard_normal(len(T))


def problem(**changes: object) -> Problem:
    plain = Problem(model=model, target=noisy(), weights=np.ones(len(T)), delta=0.013)
    return replace(plain, **changes)  # type: ignore[arg-type]


def starts(count: int = 5) -> np.ndarray:
    return TRUE + 0.3 * np.random.default_rng(1).standard_normal((count, 3))


def test_it_recovers_planted_parameters_from_every_start() -> None:
    found = minimise(problem(target=model(TRUE[None])[0][0]), starts())
    np.testing.assert_allclose(found.theta, np.broadcast_to(TRUE, (5, 3)), atol=1e-7)
    assert found.converged.all()


def test_outliers_hardly_move_it() -> None:
    target = noisy()
    clean = minimise(problem(), TRUE[None]).theta
    target[[3, 17]] += 5.0
    moved = minimise(problem(target=target), TRUE[None]).theta
    squares = minimise(problem(target=target, delta=1e9), TRUE[None]).theta
    assert np.abs(moved - clean).max() < 0.05
    assert np.abs(squares - clean).max() > 0.5


def test_a_batch_is_one_by_one() -> None:
    target = np.stack([noisy(seed) for seed in range(5)])
    weights = np.random.default_rng(2).uniform(0, 2, (5, len(T)))
    side = np.zeros((5, len(T)), dtype=int)
    side[2, :4] = 1
    many = problem(target=target, weights=weights, side=side)
    together = minimise(many, starts())
    for row in range(5):
        own = problem(target=target[row], weights=weights[row], side=side[row])
        alone = minimise(own, starts()[row : row + 1])
        np.testing.assert_allclose(together.theta[row], alone.theta[0], atol=1e-9)
        np.testing.assert_allclose(together.objective[row], alone.objective[0], rtol=1e-9)


def test_pieces_of_a_large_batch_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    target = np.stack([noisy(seed) for seed in range(5)])
    whole = minimise(problem(target=target), starts())
    monkeypatch.setattr("precocial.worth.solver._CHUNK", 2 * len(T) * 3)
    pieces = minimise(problem(target=target), starts())
    np.testing.assert_allclose(pieces.theta, whole.theta, atol=1e-9)


def test_fixed_parameters_stay() -> None:
    fixed = np.array([False, True, False])
    start = starts()
    found = minimise(problem(fixed=fixed), start)
    np.testing.assert_array_equal(found.theta[:, 1], start[:, 1])
    assert (found.theta[:, 0] != start[:, 0]).all()
    each = np.eye(5, 3, dtype=bool)
    found = minimise(problem(fixed=each), start)
    np.testing.assert_array_equal(found.theta[each], start[each])
    polished = polish(problem(fixed=fixed), start[0])
    assert polished.theta[0, 1] == start[0, 1]


@pytest.mark.parametrize("side", [1, -1])
def test_one_sided_rows_cost_nothing_on_their_free_side(side: int) -> None:
    bound = problem(side=np.full(len(T), side))
    # the target is at or above (+1), or at or below (-1), the prediction
    free = bound.residuals(bound.target[None] - side * 0.5)
    paid = bound.residuals(bound.target[None] + side * 0.5)
    assert (free == 0).all()
    np.testing.assert_allclose(paid, side * 0.5)
    assert bound.objective(free)[0] == 0 < bound.objective(paid)[0]


def test_a_satisfied_bound_does_not_move_the_fit() -> None:
    target, side = noisy(), np.zeros(len(T), dtype=int)
    weights = np.ones(len(T))
    target[10], side[10] = target[10] + 2, 1
    weights[10] = 0
    left_out = minimise(problem(weights=weights), TRUE[None]).theta
    bounded = minimise(problem(target=target, side=side), TRUE[None]).theta
    np.testing.assert_allclose(bounded, left_out, atol=1e-6)
    broken = minimise(problem(target=target, side=-side), TRUE[None]).theta
    assert np.abs(broken - left_out).max() > 1e-4


@pytest.mark.parametrize("iterations", [1, 2, 5, 200])
def test_the_objective_never_rises(iterations: int) -> None:
    start = TRUE + 2 * np.random.default_rng(3).standard_normal((40, 3))
    before = problem().objective(problem().residuals(model(start)[0]))
    found = minimise(problem(), start, iterations=iterations)
    assert (found.objective <= before).all()
    after = problem().objective(problem().residuals(model(found.theta)[0]))
    np.testing.assert_allclose(found.objective, after, rtol=1e-12)


def test_one_iteration_has_not_converged() -> None:
    assert not minimise(problem(), starts(), iterations=1).converged.any()


def test_huber_is_quadratic_then_linear() -> None:
    one = replace(problem(), target=np.zeros(2), weights=np.array([1.0, 2.0]), delta=0.5)
    cost = one.objective(np.array([[0.3, -2.0]]))
    assert cost[0] == pytest.approx(0.5 * 0.09 + 2 * 0.5 * (2.0 - 0.25))


@pytest.mark.parametrize("delta", [1e-4, 0.013, 1.0])
def test_polish_never_ends_higher(delta: float) -> None:
    own = problem(delta=delta)
    rough = minimise(own, starts(1), iterations=6)
    fine = polish(own, rough.theta[0])
    assert fine.objective[0] <= rough.objective[0] * (1 + 1e-12)
    assert fine.objective[0] == pytest.approx(
        own.objective(own.residuals(model(fine.theta)[0]))[0], rel=1e-12
    )


def test_a_start_without_a_finite_loss_is_refused() -> None:
    with pytest.raises(FitError, match="no finite loss"):
        polish(problem(target=np.full(len(T), np.nan)), TRUE)

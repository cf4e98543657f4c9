"""The implicit gradient against central differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError, FitError
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from precocial.normativity.sensitivity import gradient, in_logits, influence
from tests.normativity.worlds import random_tower

STEP = 1e-6


def error_of(H: Hierarchy, seed: int, method: str) -> float:
    """The largest relative error over levels, each along a random direction of its logits."""
    rng = np.random.default_rng(seed)
    fx = fixed_point(H, tol=1e-15, most_levels=300)
    toward = {level.name: rng.normal(size=level.p.shape) for level in H.levels}
    found = in_logits(fx, gradient(fx, toward, method=method))  # type: ignore[arg-type]

    def value(place: int, logits: np.ndarray) -> float:
        grown = np.exp(logits)
        initial = list(H.initial)
        initial[place] = grown / grown.sum(axis=-1, keepdims=True)
        at = fixed_point(H, tol=1e-15, initial=tuple(initial), most_levels=300)
        return float(sum((toward[name] * at.levels[name]).sum() for name in toward))

    errors = []
    for n, level in enumerate(H.levels):
        way, theta = rng.normal(size=level.p.shape), np.log(level.p)
        numeric = (value(n, theta + STEP * way) - value(n, theta - STEP * way)) / (2 * STEP)
        exact = float((found[level.name] * way).sum())
        errors.append(abs(exact - numeric) / max(abs(numeric), 1e-2))
    return max(errors)


@pytest.mark.parametrize("method", ["solve", "series"])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize(
    ("m", "q", "tasks", "middle", "ties"),
    [(3, 0.9, 0, 0, False), (10, 0.75, 0, 4, True), (25, 0.6, 5, 0, False), (10, 0.4, 3, 4, False)],
)
def test_the_gradient_is_that_of_finite_differences(
    m: int, q: float, tasks: int, middle: int, ties: bool, floor: float, share: bool, method: str
) -> None:  # fmt: skip
    H = random_tower(m, m=m, q=q, floor=floor, share=share, tasks=tasks, middle=middle, ties=ties)
    assert error_of(H, m, method) < 1e-5


def test_without_the_inverse_the_gradient_is_wrong() -> None:
    # What a single level up explains is not all: the check above can fail.
    H = random_tower(1, m=10, q=0.6)
    fx = fixed_point(H, tol=1e-15, most_levels=300)
    toward = {"labels": np.array([1.0, 0, 0, 0])}
    exact = gradient(fx, toward)["processes"]
    once = gradient(fixed_point(random_tower(1, m=10, q=0.6, share=False, depth=1)), toward)
    assert np.abs(exact - once["processes"]).max() > 1e-3


def test_influence_is_the_derivative_of_the_log_probability() -> None:
    H = random_tower(3, m=8, q=0.7, tasks=2)
    fx = fixed_point(H)
    found = influence(fx, "b", task="task 1")
    toward = np.zeros((2, 4))
    toward[1, 1] = 1 / fx.actions[1, 1]
    same = in_logits(fx, gradient(fx, {"labels": toward}))
    assert all((found[name] == same[name]).all() for name in same)
    assert found["processes"].sum() == pytest.approx(0, abs=1e-12)
    for bad in ({"item": "z", "task": "task 1"}, {"item": "b"}, {"item": "b", "task": "task 9"}):
        with pytest.raises(ConfigError):
            influence(fx, **bad)


def test_no_gradient_where_there_is_no_one_fixed_point() -> None:
    H = Hierarchy([Level("judges", ["a", "b", "c", "d"])], [np.eye(4)], q=0.2)
    with pytest.raises(FitError, match="no unique"):
        gradient(fixed_point(H), {"judges": np.ones(4)})
    with pytest.raises(ConfigError, match="no level"):
        gradient(fixed_point(random_tower(0)), {"nowhere": np.ones(4)})
    mean = random_tower(0, semantics="mean")
    with pytest.raises(ConfigError, match="sample"):
        gradient(fixed_point(mean), {"labels": np.ones(4)})

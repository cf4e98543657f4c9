"""Laws of one curve: planted constants come back, data are read off exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from precocial.errors import FitError
from precocial.worth.curve_law import fit_curve, refit_curves

X = np.log(np.geomspace(1e4, 1e7, 8))
PLANTED = [
    ("power", {"E": 1.7, "B": 40.0, "b": 0.28}),
    ("power", {"E": 0.0, "B": 12.0, "b": 0.1}),
    ("power", {"E": 0.9, "B": 300.0, "b": 0.6}),
    ("rectified", {"E": 1.2, "B": 60.0, "b": 0.35, "D_l": 30.0}),
    ("rectified", {"E": 0.5, "B": 60.0, "b": 0.2, "D_l": 1.0}),
]


def log_loss(x: np.ndarray, E: float, B: float, b: float, D_l: float = 0.0) -> np.ndarray:
    return np.log(E + B / (D_l + np.exp(b * x)))


@pytest.mark.parametrize(("law", "constants"), PLANTED)
def test_planted_constants_come_back(law: str, constants: dict[str, float]) -> None:
    got = fit_curve(law, X, log_loss(X, **constants), np.ones(8))
    found = got.law.natural(got.phi, 0.0, got.center)
    assert found["E"] == pytest.approx(constants["E"], abs=1e-6)
    assert found["b"] == pytest.approx(constants["b"], rel=1e-6)
    assert found["B"] == pytest.approx(constants["B"], rel=1e-5)


@pytest.mark.parametrize(("law", "constants"), PLANTED)
def test_data_are_read_off_exactly_inside_and_outside(
    law: str, constants: dict[str, float]
) -> None:
    got = fit_curve(law, X, log_loss(X, **constants), np.ones(8))
    x = np.log([2e3, 3e4, 2e6, 9e7])
    np.testing.assert_allclose(got.log_loss(x)[:, 0], log_loss(x, **constants), atol=1e-9)
    np.testing.assert_allclose(got.log_data(log_loss(x, **constants)[:, None])[:, 0], x, atol=1e-6)


def test_a_loss_below_the_floor_needs_no_end_of_data() -> None:
    got = fit_curve("power", X, log_loss(X, 1.7, 40, 0.28), np.ones(8))
    assert got.log_data(np.log([[1.69]])).item() == np.inf


def test_a_loss_above_the_rectified_law_needs_none() -> None:
    constants: dict[str, Any] = {"E": 1.2, "B": 60.0, "b": 0.35, "D_l": 30.0}
    got = fit_curve("rectified", X, log_loss(X, **constants), np.ones(8))
    assert got.log_data(np.log([[1.2 + 60 / 30 + 0.1]])).item() == -np.inf


def test_refits_find_what_fits_from_scratch_find() -> None:
    rng = np.random.default_rng(1)
    clean = log_loss(X, 1.7, 40, 0.28)
    noisy = clean[:, None] + 0.003 * rng.standard_normal((8, 30))
    together = refit_curves(fit_curve("power", X, clean, np.ones(8)), X, noisy, np.ones(8))
    for draw in range(30):
        alone = fit_curve("power", X, noisy[:, draw], np.ones(8))
        assert together.misfit[draw] == pytest.approx(alone.misfit[0], rel=1e-6)


def test_too_few_levels_are_refused() -> None:
    with pytest.raises(FitError, match="5 data sizes above 0 are needed; got 4"):
        fit_curve("rectified", X[:4], np.zeros(4), np.ones(4))

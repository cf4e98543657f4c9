"""From-scratch laws: derivatives, inverses, and their own parameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.testing import check_law
from precocial.worth.laws import LAWS, ONE_SIZE_LAWS, SIZE_LAWS, KaplanLaw, SumLaw

every_law = pytest.mark.parametrize("name", LAWS)
X, Y = np.linspace(-4, 4, 9), np.linspace(-5, 6, 9)
NATURAL = {
    "additive": {"E": 1.5, "A": 50.0, "a": 0.3, "B": 400.0, "b": 0.25},
    "gadre": {"E": 1.5, "A": 50.0, "B": 400.0, "b": 0.25},
    "rectified": {"E": 1.5, "A": 50.0, "a": 0.3, "B": 400.0, "b": 0.25, "D_l": 7.0},
    "kaplan": {"a_N": 0.076, "a_D": 0.103, "N_c": 6.4e13, "D_c": 1.8e13},
    "power": {"E": 1.5, "B": 400.0, "b": 0.25},
    "power_no_floor": {"B": 400.0, "b": 0.25},
    "rectified_one_size": {"E": 1.5, "B": 400.0, "b": 0.25, "D_l": 7.0},
    "rectified_one_size_no_floor": {"B": 400.0, "b": 0.25, "D_l": 7.0},
}


def vectors(name: str, numbers: list[float]) -> np.ndarray:
    return np.array(numbers).reshape(2, 6)[:, : len(LAWS[name].coordinates)]


st_phi = st.lists(st.floats(-1.5, 1.0), min_size=12, max_size=12)


@every_law
@given(numbers=st_phi)
def test_jacobian_and_slope_are_the_derivatives(name: str, numbers: list[float]) -> None:
    law, phi, step = LAWS[name], vectors(name, numbers), 1e-6
    got = law.evaluate(phi, X, Y)
    for at in range(phi.shape[1]):
        move = step * np.eye(phi.shape[1])[at]
        rise = law.evaluate(phi + move, X, Y).log_loss - law.evaluate(phi - move, X, Y).log_loss
        np.testing.assert_allclose(got.jacobian[:, at], rise / (2 * step), atol=2e-7, rtol=1e-5)
    rise = law.evaluate(phi, X, Y + step).log_loss - law.evaluate(phi, X, Y - step).log_loss
    np.testing.assert_allclose(got.slope, rise / (2 * step), atol=2e-7, rtol=1e-5)
    assert (got.slope <= 0).all()


@every_law
@given(numbers=st_phi)
def test_log_data_undoes_evaluate(name: str, numbers: list[float]) -> None:
    law, phi = LAWS[name], vectors(name, numbers)
    got = law.evaluate(phi, X, Y)
    back = law.log_data(phi, X, got.log_loss)
    clear = np.abs(got.slope) > 1e-4
    np.testing.assert_allclose(back[clear], np.broadcast_to(Y, back.shape)[clear], atol=1e-8)


@every_law
def test_points_may_differ_from_vector_to_vector(name: str) -> None:
    law = LAWS[name]
    phi = np.random.default_rng(0).uniform(-1, 1, (3, len(law.coordinates)))
    x, y = np.stack([X, X + 1, -X]), np.stack([Y, -Y, 2 * Y])
    together = law.evaluate(phi, x, y)
    for row in range(3):
        alone = law.evaluate(phi[row : row + 1], x[row], y[row])
        for part in ("log_loss", "jacobian", "slope"):
            one, all_of_them = getattr(alone, part), getattr(together, part)
            np.testing.assert_allclose(all_of_them[row], one[0], rtol=1e-13)


@every_law
def test_own_parameters_and_coordinates_undo_one_another(name: str) -> None:
    law = LAWS[name]
    phi = law.coordinates_of(NATURAL[name])
    back = law.natural(phi[None], 0.0, 0.0)
    assert {key: value.item() for key, value in back.items()} == pytest.approx(NATURAL[name])


@every_law
def test_laws_pass_the_contract(name: str) -> None:
    check_law(LAWS[name], vectors=6, seed=7)


def test_laws_give_their_formulas() -> None:
    N, D = 3e6, 2e8
    written = {
        "additive": 1.5 + 50 * N**-0.3 + 400 * D**-0.25,
        "gadre": 1.5 + 50 * N**-0.25 + 400 * D**-0.25,
        "rectified": 1.5 + 50 * N**-0.3 + 400 / (7 + D**0.25),
        "kaplan": ((6.4e13 / N) ** (0.076 / 0.103) + 1.8e13 / D) ** 0.103,
        "power": 1.5 + 400 * D**-0.25,
        "power_no_floor": 400 * D**-0.25,
        "rectified_one_size": 1.5 + 400 / (7 + D**0.25),
        "rectified_one_size_no_floor": 400 / (7 + D**0.25),
    }
    for name, loss in written.items():
        law = LAWS[name]
        phi = law.coordinates_of(NATURAL[name])[None]
        got = law.evaluate(phi, np.log([N]), np.log([D])).log_loss
        assert np.exp(got[0, 0]) == pytest.approx(loss, rel=1e-12), name


@every_law
def test_a_loss_below_the_floor_is_never_reached(name: str) -> None:
    law = LAWS[name]
    phi = law.coordinates_of(NATURAL[name])[None]
    floor = law.log_floor(phi, np.log([1e6]))
    if np.isneginf(floor).all():
        pytest.skip("no floor")
    assert np.isposinf(law.log_data(phi, np.log([1e6]), floor - 1e-3)).all()


def test_a_rectified_curve_says_when_even_no_data_does_better() -> None:
    law = LAWS["rectified_one_size_no_floor"]
    phi = law.coordinates_of(NATURAL["rectified_one_size_no_floor"])[None]
    zero_shot = np.log(400 / 7)
    assert np.isneginf(law.log_data(phi, np.zeros(1), np.array([[zero_shot + 0.1]]))).all()
    assert np.isfinite(law.log_data(phi, np.zeros(1), np.array([[zero_shot - 0.1]]))).all()


@every_law
def test_columns_span_the_loss(name: str) -> None:
    law = LAWS[name]
    nonlinear = next(iter(law.grid()))
    columns = law.columns(nonlinear, X, Y)
    own = np.linspace(0.5, 1.5, columns.shape[1])
    phi = law.assemble(nonlinear, own)
    log_loss = law.evaluate(phi[None], X, Y).log_loss[0]
    # a starting point stands for an absent rectifier by a tiny one
    np.testing.assert_allclose(np.log(columns @ own), law.power(nonlinear) * log_loss, atol=1e-6)


def test_names_and_sizes() -> None:
    assert set(SIZE_LAWS) | set(ONE_SIZE_LAWS) == set(LAWS)
    assert all(LAWS[name].uses_size for name in SIZE_LAWS)
    assert not any(LAWS[name].uses_size for name in ONE_SIZE_LAWS)
    assert SumLaw("mine", size="tied").coordinates == ("log B", "log b", "log A", "log E")
    assert KaplanLaw().coordinates == ("log a_D", "log r", "log N_c", "log D_c")

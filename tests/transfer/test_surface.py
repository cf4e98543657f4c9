"""From-scratch surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from precocial.errors import ConfigError
from precocial.transfer import KAPLAN_SURFACE, LAWS, Surface
from tests.transfer.planted import ADDITIVE

KAPLAN = Surface.of("kaplan", KAPLAN_SURFACE)
SUM = Surface.of("additive", ADDITIVE)


def test_parameters_come_back() -> None:
    back = {name: float(value[0]) for name, value in SUM.natural().items()}
    assert back == pytest.approx(ADDITIVE)


@pytest.mark.parametrize(
    "parameters",
    [{}, {**ADDITIVE, "F": 1.0}, {**ADDITIVE, "b": 0.0}, {**ADDITIVE, "b": float("nan")}],
)
def test_missing_unknown_and_useless_parameters_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="needs the parameters"):
        Surface.of("additive", parameters)


def test_an_unknown_law_is_refused() -> None:
    with pytest.raises(ConfigError, match="additive"):
        Surface.of("nothing", ADDITIVE)


@pytest.mark.parametrize("surface", [KAPLAN, SUM])
def test_data_for_undoes_the_loss(surface: Surface) -> None:
    N, D = np.array([1e6, 1e8, 1e9]), np.array([1e5, 1e7, 1e8])
    np.testing.assert_allclose(surface.data_for(N, surface.log_loss(N, D))[0], D, rtol=1e-9)


@pytest.mark.parametrize("surface", [KAPLAN, SUM])
def test_slope_is_the_derivative(surface: Surface) -> None:
    up, down = (surface.log_loss(1e8, D)[0, 0] for D in (1e7 * np.exp(1e-5), 1e7 * np.exp(-1e-5)))
    assert surface.slope(1e8, 1e7)[0, 0] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_no_data_reach_a_loss_below_the_floor() -> None:
    floor = np.log(SUM.floor(1e8)[0])
    assert np.isposinf(SUM.data_for(1e8, floor - 1e-6)).all()


def test_enough_data_is_the_closed_form_of_kaplan() -> None:
    # 99 % as floor / loss: D(N) = D_c (N/N_c)^(a_N/a_D) / (0.99^(-1/a_D) - 1)
    N, k = np.array([1e6, 1e9]), KAPLAN_SURFACE
    ratio = k["a_N"] / k["a_D"]
    written = k["D_c"] * (N / k["N_c"]) ** ratio / (0.99 ** (-1 / k["a_D"]) - 1)
    np.testing.assert_allclose(KAPLAN.enough_data(N)[0], written, rtol=1e-9)
    np.testing.assert_allclose(
        KAPLAN.floor(N)[0] / np.exp(KAPLAN.log_loss(N, written)[0]), 0.99, rtol=1e-9
    )
    assert (KAPLAN.enough_data(N, share=0.95) < KAPLAN.enough_data(N)).all()


def test_a_law_without_a_floor_never_has_enough() -> None:
    free = Surface.of("power_no_floor", {"B": 300.0, "b": 0.28})
    assert np.isposinf(free.enough_data(1e6)).all()


def test_a_law_without_a_size_term_takes_unknown_sizes() -> None:
    one = Surface.of("power", {"E": 1.0, "B": 300.0, "b": 0.28})
    assert np.exp(one.log_loss(np.nan, 1e6)[0, 0]) == pytest.approx(1 + 300 * 1e6**-0.28)


@pytest.mark.parametrize("name", LAWS)
def test_effective_data_beyond_the_largest_float_reach_the_floor(name: str) -> None:
    surface = Surface(law=LAWS[name], phi=np.zeros((1, len(LAWS[name].coordinates))))
    far = surface.log_loss_at(1e6, 5e3)
    assert (far <= surface.log_loss_at(1e6, 100.0)).all()
    floor = np.log(surface.floor(1e6)) if np.all(surface.floor(1e6) > 0) else far
    np.testing.assert_allclose(far, floor, atol=1e-9)


def test_many_vectors_at_once() -> None:
    both = Surface(law=SUM.law, phi=np.concatenate([SUM.phi, SUM.phi + 0.1]))
    D = np.array([1e5, 1e6, 1e7])
    assert both.log_loss([1e6, 1e7, 1e8], D).shape == (2, 3)
    np.testing.assert_array_equal(both.log_loss(1e6, D)[0], SUM.log_loss(1e6, D)[0])

"""The closed forms of the paper: golden values, identities to 1e-12, monotone, scale laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial.errors import ConfigError
from precocial.transfer import (
    PUBLISHED,
    Constants,
    convert_k,
    exchange_exponent,
    fraction_from_half_size,
    fraction_from_transfer,
    half_size,
    multiplier,
    transferred,
)

TEXT, MIX = PUBLISHED["text"], PUBLISHED["mix"]
GPT3 = 1.75e11

laws = st.builds(
    Constants,
    k=st.floats(1, 1e6),
    alpha=st.floats(0.02, 0.95),
    beta=st.floats(0.05, 0.9),
)
sizes = st.floats(1e4, 1e12)
amounts = st.floats(1, 1e10)


def close(left: object, right: object) -> bool:
    return bool(np.allclose(left, right, rtol=1e-12, atol=0))  # type: ignore[arg-type]


def test_the_published_rows() -> None:
    assert (TEXT.k, TEXT.alpha, TEXT.beta) == (1.9e4, 0.18, 0.38)
    assert (MIX.k, MIX.alpha, MIX.beta) == (2.1e5, 0.096, 0.38)


@pytest.mark.parametrize(("law", "ours"), [(TEXT, "3.557e+08"), (MIX, "3.932e+09")])
def test_gpt3_size_with_one_character(law: Constants, ours: str) -> None:
    found = float(transferred(law, parameters=GPT3, fine_tune_data=1))
    assert f"{found:.3e}" == ours


@pytest.mark.parametrize(("law", "published"), [(TEXT, 3.7e8), (MIX, 4.1e9)])
def test_gpt3_size_is_within_5_percent_of_the_paper(law: Constants, published: float) -> None:
    assert transferred(law, parameters=GPT3, fine_tune_data=1) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("law", "times"), [(TEXT, 2.79), (MIX, 1.73)])
def test_300_characters_against_one(law: Constants, times: float) -> None:
    one, many = transferred(law, parameters=GPT3, fine_tune_data=[1, 300])
    assert round(many / one, 2) == times


@pytest.mark.parametrize(
    ("law", "N", "D_F", "D_T", "fraction"),
    [
        (TEXT, 1e6, 1e8, 9.971342e7, 0.49928252),
        (TEXT, 1e8, 1e6, 2.504688e8, 0.99602336),
        (MIX, 1e6, 1e8, 2.345413e8, 0.70108323),
        (MIX, 1e8, 1e6, 8.673998e8, 0.99884846),
    ],
)
def test_golden_values(law: Constants, N: float, D_F: float, D_T: float, fraction: float) -> None:
    assert f"{float(transferred(law, parameters=N, fine_tune_data=D_F)):.6e}" == f"{D_T:.6e}"
    found = fraction_from_transfer(law, parameters=N, fine_tune_data=D_F)
    assert found == pytest.approx(fraction, abs=6e-9)


@pytest.mark.parametrize(("law", "slope"), [(TEXT, 2.158), (MIX, 2.379)])
def test_slope_of_the_half_size(law: Constants, slope: float) -> None:
    low, high = np.log(half_size(law, fine_tune_data=[1e4, 1e5]))
    assert round((high - low) / math.log(10), 3) == slope


@pytest.mark.parametrize(("law", "exponent"), [(TEXT, 2.11), (MIX, 3.96)])
def test_exchange_of_parameters_for_data(law: Constants, exponent: float) -> None:
    assert round(exchange_exponent(law), 2) == exponent
    # and that much more data at a tenth of the size leaves D_T where it was
    here = transferred(law, parameters=1e8, fine_tune_data=1e3)
    there = transferred(law, parameters=1e7, fine_tune_data=1e3 * 10 ** exchange_exponent(law))
    assert close(here, there)


@given(law=laws, N=sizes, D_F=amounts)
def test_b2_is_the_share_of_transfer_in_effective_data(
    law: Constants, N: float, D_F: float
) -> None:
    D_T = transferred(law, parameters=N, fine_tune_data=D_F)
    fraction = fraction_from_transfer(law, parameters=N, fine_tune_data=D_F)
    assert close(fraction, D_T / (D_F + D_T))
    assert 0 < fraction <= 1


@given(law=laws, N=sizes, D_F=amounts)
def test_c1_is_b2(law: Constants, N: float, D_F: float) -> None:
    N_star = half_size(law, fine_tune_data=D_F)
    fraction = fraction_from_half_size(law, parameters=N, half_size=N_star)
    assert close(fraction, fraction_from_transfer(law, parameters=N, fine_tune_data=D_F))


@given(law=laws, D_F=amounts)
def test_at_the_half_size_transfer_equals_fine_tuning_data(law: Constants, D_F: float) -> None:
    N_star = half_size(law, fine_tune_data=D_F)
    assert close(transferred(law, parameters=N_star, fine_tune_data=D_F), D_F)
    assert close(fraction_from_transfer(law, parameters=N_star, fine_tune_data=D_F), 0.5)
    assert close(multiplier(law, parameters=N_star, fine_tune_data=D_F), 2)


@given(law=laws, N=sizes, D_F=amounts)
def test_multiplier_is_effective_data_over_data(law: Constants, N: float, D_F: float) -> None:
    fraction = fraction_from_transfer(law, parameters=N, fine_tune_data=D_F)
    times = multiplier(law, parameters=N, fine_tune_data=D_F)
    assert close(times, (D_F + transferred(law, parameters=N, fine_tune_data=D_F)) / D_F)
    assert close(times, 1 + law.k * N**law.beta / D_F ** (1 - law.alpha))
    if fraction < 0.99:  # 1 - f loses digits near 1
        assert np.allclose(times, 1 / (1 - fraction), rtol=1e-10, atol=0)


@given(law=laws, N=sizes, D_F=amounts, c=st.floats(0.1, 10))
def test_the_unit_of_data_does_not_matter(law: Constants, N: float, D_F: float, c: float) -> None:
    """c old units to a new one: D_T, counted in new units, is the same data."""
    new = convert_k(law, units_per_new_unit=c, unit="tokens")
    assert new.unit == "tokens"
    there = transferred(new, parameters=N, fine_tune_data=D_F / c)
    assert close(there * c, transferred(law, parameters=N, fine_tune_data=D_F))
    back = convert_k(new, units_per_new_unit=1 / c, unit=law.unit)
    assert close(back.k, law.k)
    assert replace(back, k=law.k) == law


@given(law=laws, N=sizes, D_F=amounts, more=st.floats(1.01, 100))
def test_monotone(law: Constants, N: float, D_F: float, more: float) -> None:
    def at(function, size: float, data: float) -> float:  # type: ignore[no-untyped-def]
        return float(function(law, parameters=size, fine_tune_data=data))

    assert at(transferred, N * more, D_F) > at(transferred, N, D_F)
    assert at(transferred, N, D_F * more) > at(transferred, N, D_F)
    assert at(multiplier, N * more, D_F) >= at(multiplier, N, D_F)
    assert at(multiplier, N, D_F * more) <= at(multiplier, N, D_F)
    assert at(fraction_from_transfer, N * more, D_F) >= at(fraction_from_transfer, N, D_F)
    assert half_size(law, fine_tune_data=D_F * more) > half_size(law, fine_tune_data=D_F)


@given(law=laws, N=sizes, D_F=amounts, c=st.floats(0.01, 100))
def test_scale_laws(law: Constants, N: float, D_F: float, c: float) -> None:
    base = transferred(law, parameters=N, fine_tune_data=D_F)
    assert close(transferred(law, parameters=N * c, fine_tune_data=D_F), base * c**law.beta)
    assert close(transferred(law, parameters=N, fine_tune_data=D_F * c), base * c**law.alpha)
    assert close(transferred(replace(law, k=law.k * c), parameters=N, fine_tune_data=D_F), base * c)


def test_shapes_broadcast() -> None:
    grid = transferred(TEXT, parameters=np.ones((3, 1)) * 1e6, fine_tune_data=[1e3, 1e4])
    assert grid.shape == (3, 2)
    assert close(grid[2, 1], transferred(TEXT, parameters=1e6, fine_tune_data=1e4))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["parameters", "fine_tune_data"])
def test_the_law_has_no_value_there(name: str, bad: float) -> None:
    good = {"parameters": 1e6, "fine_tune_data": 1e3}
    with pytest.raises(ConfigError, match=name):
        transferred(TEXT, **(good | {name: bad}))


@pytest.mark.parametrize(
    "bad", [{"k": 0.0}, {"k": -1.0}, {"k": math.nan}, {"alpha": math.inf}, {"beta": math.nan}]
)
def test_constants_are_checked(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="k > 0"):
        replace(TEXT, **bad)


def test_without_alpha_there_is_no_rate() -> None:
    with pytest.raises(ConfigError, match="alpha is 0"):
        exchange_exponent(replace(TEXT, alpha=0.0))

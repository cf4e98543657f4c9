"""Few bits a parameter: what is trained on is what is kept."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call, grad, vmap

from precocial.errors import ConfigError
from precocial.genome.file.quantise import LARGEST, fake_quantise, quantise

BITS = st.integers(2, 16)
SIZES = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40)


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def plain_step(byte: int, bits: int) -> float:
    """By the definition: 5 bits of exponent from -14, 3 of mantissa."""
    return math.ldexp(1 + (byte % 8) / 8, byte // 8 - 14 - (bits - 1))


@given(values=SIZES, bits=BITS)
def test_the_error_is_at_most_that_of_the_least_step_that_reaches_all_values(
    values: list[float], bits: int
) -> None:
    tensor = torch.tensor(values).double()
    most = 2 ** (bits - 1) - 1
    kept = quantise(tensor, bits)
    error = float((kept.values() - tensor).square().sum())
    assert abs(kept.codes).max() <= most
    for byte in range(256):
        step = plain_step(byte, bits)
        if step * most >= float(tensor.abs().max()):
            other = ((tensor / step).round() * step - tensor).square().sum()
            assert error <= float(other) * (1 + 1e-6) + 1e-12
            break


@given(values=SIZES, bits=BITS)
def test_quantising_again_changes_nothing(values: list[float], bits: int) -> None:
    once = quantise(torch.tensor(values), bits)
    again = quantise(once.values(), bits)
    assert torch.equal(once.values(), again.values())


def test_cutting_off_a_far_value_gains_at_few_bits() -> None:
    tensor = torch.cat([normals(500), torch.tensor([4.5])])
    kept = quantise(tensor, 3)
    reaching = 4.5 / 3
    plain = ((tensor / reaching).round() * reaching - tensor).square().mean()
    assert float((kept.values() - tensor).square().mean()) < 0.7 * float(plain)


@given(byte=st.integers(0, 255), bits=BITS)
def test_every_step_and_code_is_exact(byte: int, bits: int) -> None:
    most = 2 ** (bits - 1) - 1
    step = plain_step(byte, bits)
    tensor = torch.tensor([most * step, -step, 0.0, step])
    kept = quantise(tensor, bits)
    assert kept.step == byte
    assert torch.equal(kept.values(), tensor)


@given(values=SIZES, bits=BITS)
def test_what_is_trained_on_is_bit_equal_to_what_is_kept(values: list[float], bits: int) -> None:
    tensor = torch.tensor(values)
    trained = fake_quantise({"w": tensor}, bits)["w"]
    kept = quantise(tensor, bits).values()
    # As integers, so that 0 and -0 differ.
    assert torch.equal(trained.view(torch.int32), kept.view(torch.int32))
    assert torch.equal(fake_quantise({"w": trained}, bits)["w"], trained)


def test_the_gradient_passes_straight_through() -> None:
    tensor = normals(7).requires_grad_()
    weights = normals(7, seed=1)
    (fake_quantise({"w": tensor}, 3)["w"] * weights).sum().backward()
    assert tensor.grad is not None
    assert torch.equal(tensor.grad, weights)


def test_double_precision_stays_double() -> None:
    tensor = normals(5).double()
    trained = fake_quantise({"w": tensor}, 6)["w"]
    assert trained.dtype == torch.float64
    assert torch.equal(trained.float(), quantise(tensor, 6).values())


def test_a_population_is_quantised_one_by_one() -> None:
    population = normals(4, 3, 5) * torch.tensor([1.0, 10.0, 0.1, 0.0])[:, None, None]
    together = vmap(lambda w: fake_quantise({"w": w}, 4)["w"])(population)
    alone = torch.stack([fake_quantise({"w": w}, 4)["w"] for w in population])
    assert torch.equal(together, alone)
    slopes = vmap(grad(lambda w: fake_quantise({"w": w}, 4)["w"].sum()))(population)
    assert torch.equal(slopes, torch.ones_like(population))


def test_training_on_few_bits_ends_better_than_rounding_afterwards() -> None:
    # Least squares with a coarse step: rounding each weight alone ignores that errors add up.
    inputs = normals(64, 20) + 2 * normals(64, 1, seed=1)
    layer = torch.nn.Linear(20, 1, bias=False)
    target = inputs @ normals(20, 1, seed=2)

    def loss(bits: int) -> Tensor:
        weights = fake_quantise(dict(layer.named_parameters()), bits)
        return (functional_call(layer, weights, (inputs,)) - target).square().mean()

    best = {}
    for bits in (32, 3):
        torch.manual_seed(0)
        layer.reset_parameters()
        optimiser = torch.optim.Adam(layer.parameters(), 0.01)
        losses = []
        for _ in range(600):
            optimiser.zero_grad()
            value = loss(bits)
            value.backward()
            optimiser.step()
            losses.append(float(loss(3).detach()))
        best[bits] = min(losses[-100:])
    assert best[3] < 0.7 * best[32]


def test_statistics_keep_their_exponent() -> None:
    variances = torch.tensor([1e-6, 1.0, 3e5])
    kept = fake_quantise({"statistics.0/running_var": variances, "w": variances}, 8)
    assert float((kept["statistics.0/running_var"] / variances - 1).abs().max()) < 2**-8
    assert float(kept["w"][0]) == 0.0


def test_32_bits_change_nothing() -> None:
    tensor = normals(9)
    assert fake_quantise({"w": tensor}, 32)["w"] is tensor


def test_all_zero_and_empty_tensors_are_kept() -> None:
    assert torch.equal(quantise(torch.zeros(3), 8).values(), torch.zeros(3))
    assert quantise(torch.zeros(0), 8).codes.size == 0


@pytest.mark.parametrize("bits", [0, 1, 17, 31, 33])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(ConfigError, match="bits must be one of"):
        fake_quantise({"w": torch.ones(2)}, bits)
    with pytest.raises(ConfigError, match="bits must be one of"):
        quantise(torch.ones(2), bits)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="NaN or infinite"):
        quantise(torch.tensor([0.0, value]), 8)


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_what_is_too_large_is_refused_and_what_is_not_is_reached(bits: int) -> None:
    most = LARGEST * (1 - 2.0 ** (1 - bits))
    assert float(quantise(torch.tensor([most]), bits).values()) == pytest.approx(most, rel=1e-6)
    with pytest.raises(ConfigError, match="take bits=32"):
        quantise(torch.tensor([most * 1.01]), bits)

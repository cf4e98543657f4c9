"""Decoders: the right weight at the right place, by every way of computing it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from precocial.errors import ConfigError
from precocial.genome import (
    Binary,
    Decoder,
    Fourier,
    Gene,
    Genome,
    Gray,
    Hashed,
    OneHot,
    Pair,
    Product,
    Stored,
    TwoTower,
)
from precocial.genome.decoders.decoder import table_of
from precocial.genome.decoders.rules import decoder_from


def naive(decoder: Pair) -> Tensor:
    """W[i, j] = scale * F(a_i || b_j), one pair of labels at a time."""
    rows = table_of(decoder.row_labels).to(decoder.network[0].weight.dtype)
    out = torch.empty(decoder.rows, decoder.columns, dtype=rows.dtype)
    columns = decoder.column_labels
    pairs = rows.new_zeros(1, 0) if columns is None else table_of(columns).to(rows.dtype)
    for i, j in itertools.product(range(decoder.rows), range(decoder.columns)):
        out[i, j] = decoder.scale * decoder.network(torch.cat([rows[i], pairs[j]])).squeeze()
    return out


def pairs(**options: Any) -> Pair:
    torch.manual_seed(0)
    options = {"hidden": (5, 3), **options}
    return Pair(Binary(13, 4, 1), Product(Gray(3), Gray(4)), scale=0.7, **options)


def towers(**options: Any) -> TwoTower:
    torch.manual_seed(0)
    return TwoTower(Hashed(13, 5), Fourier((3, 4)), hidden=(6,), rank=4, scale=0.7, **options)


def bias() -> Pair:
    torch.manual_seed(0)
    return Pair(Gray(9), None, hidden=(5,))


DECODERS: dict[str, Callable[[], Decoder]] = {
    "pair": pairs,
    "blocked": lambda: pairs(block_weights=60),
    "one row a block": lambda: pairs(block_weights=1),
    "bias": bias,
    "linear rule": lambda: Pair(OneHot(4), Gray(8), hidden=()),
    "two towers": towers,
    "stored": lambda: Stored(3, 5, start=torch.arange(15.0)),
}


@pytest.mark.parametrize("hidden", [(30, 10), (10, 5), (4,), ()])
@pytest.mark.parametrize("block", [1, 30, 1 << 20])
def test_naive_factorised_and_blocked_agree(hidden: tuple[int, ...], block: int) -> None:
    decoder = pairs(hidden=hidden, block_weights=block)
    with torch.no_grad():
        assert torch.allclose(decoder.weight(), naive(decoder), rtol=0, atol=1e-6)


def test_the_network_of_a_bias_reads_the_label_of_its_neuron_only() -> None:
    decoder = bias()
    assert (decoder.rows, decoder.columns) == (9, 1)
    with torch.no_grad():
        assert torch.allclose(decoder.weight(), naive(decoder), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["pair", "blocked", "bias", "linear rule", "two towers"])
def test_gradients_are_right_in_double_precision(name: str) -> None:
    decoder = DECODERS[name]().double()
    names = [key for key, _ in decoder.named_parameters()]
    values = tuple(
        parameter.detach().clone().requires_grad_() for parameter in decoder.parameters()
    )

    def weight(*values: Tensor) -> Tensor:
        return functional_call(_Weight(decoder), _prefixed(names, values), ())

    assert torch.autograd.gradcheck(weight, values)
    inputs = torch.randn(2, decoder.columns, dtype=torch.float64)

    def product(*values: Tensor) -> Tensor:
        return functional_call(_Weight(decoder), _prefixed(names, values), (inputs,))

    assert torch.autograd.gradcheck(product, values)


class _Weight(nn.Module):
    """A decoder as a module with a forward pass: its weight, or its product with x."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, x: Tensor | None = None) -> Tensor:
        return self.decoder.weight() if x is None else self.decoder.product(x)


def _prefixed(names: list[str], values: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"decoder.{name}": value for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize("name", list(DECODERS))
def test_the_product_is_that_with_the_built_matrix(name: str) -> None:
    decoder = DECODERS[name]()
    x = torch.randn(3, 2, decoder.columns, generator=torch.Generator().manual_seed(1))
    expected = x @ decoder.weight().T
    found = decoder.product(x)
    assert found.shape == (3, 2, decoder.rows)
    error = (found - expected).detach().norm() / expected.detach().norm()
    assert float(error) < 1e-4
    if name == "stored":
        return
    # And so is its gradient.
    first = torch.autograd.grad(expected.square().sum(), list(decoder.parameters()))
    second = torch.autograd.grad(found.square().sum(), list(decoder.parameters()))
    for one, other in zip(first, second, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4 * float(one.abs().max()))


@pytest.mark.parametrize("name", ["pair", "blocked"])
def test_some_weights_alone_are_those_of_the_whole(name: str) -> None:
    decoder = DECODERS[name]()
    assert isinstance(decoder, Pair)
    rows, columns = torch.tensor([0, 12, 3, 3]), torch.tensor([11, 0, 5, 5])
    assert torch.allclose(decoder.at(rows, columns), decoder.weight()[rows, columns], atol=1e-7)


@pytest.mark.parametrize("name", list(DECODERS))
def test_a_spec_remakes_the_decoder_by_way_of_json(name: str) -> None:
    decoder = DECODERS[name]()
    remade = decoder_from(json.loads(json.dumps(decoder.spec())))
    remade.load_state_dict(decoder.state_dict())
    assert torch.equal(remade.weight(), decoder.weight())
    assert remade.spec() == decoder.spec()
    assert (remade.rows, remade.columns) == (decoder.rows, decoder.columns)


@pytest.mark.parametrize("name", ["pair", "blocked", "two towers"])
def test_a_population_is_a_loop(name: str) -> None:
    genome = Genome([Gene("w", (13, 12), DECODERS[name]())])
    generator = torch.Generator().manual_seed(2)
    population = {
        key: torch.randn(5, *value.shape, generator=generator)
        for key, value in genome.named_parameters()
    }
    together = vmap(lambda one: functional_call(genome, one, ()))(population)["w"]
    for number in range(5):
        one = {key: value[number] for key, value in population.items()}
        alone = functional_call(genome, one, ())["w"]
        assert torch.allclose(together[number], alone, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- a planted rule


def planted(decoder: Pair) -> Tensor:
    """F = the first digit of the output's label + 10 times the last of the input's, as a network.

    Set by hand, so that a transposed or shuffled matrix cannot agree.
    """
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        digits = decoder.row_labels.width
        decoder.network[0].weight[0, 0] = 1.0
        decoder.network[0].weight[0, -1] = 10.0
        assert decoder.network[0].in_features == digits + decoder.column_labels.width
        decoder.network[2].weight[0, 0] = 1.0
    return decoder.weight().detach()


def test_a_planted_rule_is_found_at_out_in_of_a_linear_layer() -> None:
    model = nn.Linear(6, 11)
    decoder = Pair(Binary(11, 4), Binary(6, 3), hidden=(2,))
    planted(decoder)
    genome = Genome([Gene("weight", (11, 6), decoder), Gene("bias", (11,), Stored(11, 1))])
    weight = genome.birth(model).weight.detach()
    for out, into in itertools.product(range(11), range(6)):
        assert float(weight[out, into]) == (out >> 3) + 10 * (into & 1)


def test_a_planted_rule_is_found_at_its_place_in_a_convolution() -> None:
    model = nn.Conv2d(3, 5, (2, 4), bias=False)
    # Channels, rows and columns of the kernel, row-major.
    columns = Product(Binary(3, 2), Gray(2), Binary(4, 2))
    decoder = Pair(Binary(5, 3), columns, hidden=(2,))
    planted(decoder)
    weight = Genome([Gene("weight", (5, 3, 2, 4), decoder)]).birth(model).weight.detach()
    for out, into, y, x in itertools.product(range(5), range(3), range(2), range(4)):
        assert float(weight[out, into, y, x]) == (out >> 2) + 10 * (x & 1)


def test_a_planted_rule_is_learned_from_the_weights() -> None:
    # W[out, in] = product of the signs of two digits: no sum of row and column terms gives it.
    decoder = pairs(hidden=(16, 8))
    rows, columns = table_of(decoder.row_labels), table_of(decoder.column_labels)
    target = (2 * rows[:, 3] - 1)[:, None] * (2 * columns[:, 0] - 1)[None, :]
    optimiser = torch.optim.Adam(decoder.parameters(), 0.02)
    for _ in range(400):
        optimiser.zero_grad()
        loss = (decoder.weight() - target).square().mean()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert torch.allclose(decoder.weight(), target, atol=0.05)


def test_the_rank_of_two_towers_is_bounded_and_that_of_a_pair_is_not() -> None:
    torch.manual_seed(0)
    low = TwoTower(Hashed(30, 8), Hashed(30, 8), rank=3)
    free = Pair(Hashed(30, 8), Hashed(30, 8), hidden=(30, 10))
    with torch.no_grad():
        assert int(torch.linalg.matrix_rank(low.weight().double(), tol=1e-5)) <= 3
        assert int(torch.linalg.matrix_rank(free.weight().double(), tol=1e-5)) > 6


# ---------------------------------------------------------------- refusals


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="widths of at least 1"):
        Pair(Gray(4), None, hidden=(0,))


@pytest.mark.parametrize(
    "spec", [None, {}, {"kind": "oracle"}, {"kind": "pair"}, {"kind": "stored", "rows": 2}, [1]]
)
def test_specs_that_describe_nothing_are_refused(spec: Any) -> None:
    with pytest.raises(ConfigError, match="not a decoder that this version knows"):
        decoder_from(spec)

"""What holds for every kind of decoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from precocial.errors import ConfigError
from precocial.genome import Genome, perceptron_784
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.decoders.rules import RULES, count, decoder_from


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(9, 14), nn.ReLU(), nn.Linear(14, 12))


def genome(kind: str, *, parameters: int = 200) -> Genome:
    return Genome.for_model(small(), decoder=kind, parameters=parameters, seed=3).eval()


def weights_of(genome: Genome) -> list[Decoder]:
    found = [genome.decoder_of(name) for name in genome.shapes]
    return [decoder for decoder in found if decoder.columns > 1]


@pytest.mark.parametrize("kind", RULES)
def test_a_product_is_the_product_with_the_matrix(kind: str) -> None:
    for decoder in weights_of(genome(kind)):
        x = torch.randn(7, decoder.columns)
        torch.testing.assert_close(decoder.product(x), x @ decoder.weight().T)


@pytest.mark.parametrize("kind", RULES)
def test_gradients_are_exact(kind: str) -> None:
    made = genome(kind).double()
    for module in made.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_floating_point():
                setattr(module, name, buffer.double())
    decoder = weights_of(made)[-1]
    parameters = dict(decoder.named_parameters())
    # Away from the corners of a ReLU, where there is no derivative.
    values = [value.detach() + 1e-3 * torch.randn_like(value) for value in parameters.values()]
    values = [value.requires_grad_() for value in values]

    def weight(*at: torch.Tensor) -> torch.Tensor:
        return functional_call(_Weight(decoder), {f"of.{k}": v for k, v in zip(parameters, at)}, ())

    assert torch.autograd.gradcheck(weight, values)


class _Weight(nn.Module):
    def __init__(self, of: Decoder) -> None:
        super().__init__()
        self.of = of

    def forward(self) -> torch.Tensor:
        return self.of.weight()


@pytest.mark.parametrize("kind", RULES)
def test_a_spec_remakes_the_decoder(kind: str) -> None:
    for decoder in weights_of(genome(kind)):
        again = decoder_from(decoder.spec()).eval()
        again.load_state_dict(decoder.state_dict())
        assert torch.equal(again.weight(), decoder.weight())
        assert again.spec() == decoder.spec()


@pytest.mark.parametrize("spec", [{}, {"kind": "x"}, {"kind": "pair"}, [], {"kind": "stored"}])
def test_specs_of_nothing_are_refused(spec: object) -> None:
    with pytest.raises(ConfigError, match="not a decoder"):
        decoder_from(spec)


@pytest.mark.parametrize("kind", RULES)
def test_a_population_is_a_vmap(kind: str) -> None:
    made = genome(kind)
    stacked = {
        name: torch.stack([value, value + 0.1, value - 0.2]).detach()
        for name, value in made.named_parameters()
    }
    population = vmap(lambda parameters: functional_call(made, parameters, ()))(stacked)
    for member in range(3):
        own = {name: value[member] for name, value in stacked.items()}
        for name, weight in functional_call(made, own, ()).items():
            torch.testing.assert_close(population[name][member], weight)


@pytest.mark.parametrize("kind", RULES)
def test_the_budget_is_kept_and_used(kind: str) -> None:
    made = Genome.for_model(perceptron_784(), decoder=kind, parameters=6_500)
    larger = Genome.for_model(perceptron_784(), decoder=kind, parameters=13_000)
    assert 3_000 < made.parameter_count <= 6_500 < larger.parameter_count <= 13_000
    with pytest.raises(ConfigError, match="at least"):
        Genome.for_model(perceptron_784(), decoder=kind, parameters=10)


@pytest.mark.parametrize("kind", ["pair", "two_tower", "subspace"])
def test_one_rule_for_all_layers(kind: str) -> None:
    model = small()
    made = Genome.for_model(model, decoder=kind, parameters=300, share="global")
    first, last = weights_of(made)
    shared = {id(p) for p in first.parameters()} & {id(p) for p in last.parameters()}
    assert len(shared) == len(list(first.parameters()))
    assert made.parameter_count == sum(p.numel() for p in set(made.parameters()))
    assert made.parameter_count < count(first) + count(last) + 26
    flat = first.weight().flatten()
    assert not torch.allclose(last.weight().flatten()[: len(flat)], flat)


@pytest.mark.parametrize("kind", ["low_rank", "gem", "sgem", "cell_types", "chunked"])
def test_rules_that_keep_values_cannot_be_shared(kind: str) -> None:
    with pytest.raises(ConfigError, match="share='layer'"):
        Genome.for_model(small(), decoder=kind, parameters=300, share="global")


def test_newborn_weights_have_the_usual_size() -> None:
    for kind in RULES:
        made = Genome.for_model(perceptron_784(), decoder=kind, parameters=6_500).eval()
        for name, fan_in in (("1.weight", 784), ("3.weight", 800)):
            spread = float(made.weight_of(name).detach().std()) * fan_in**0.5
            assert 0.7 < spread < 1.5, (kind, name)


def test_cell_types_draw_anew_in_training_and_by_litter_otherwise() -> None:
    decoder = weights_of(genome("cell_types"))[0]
    assert torch.equal(decoder.weight(), decoder.weight())
    decoder.train()
    assert not torch.equal(decoder.weight(), decoder.weight())
    spec = decoder.spec() | {"litter": 7}
    other = decoder_from(spec).eval()
    other.load_state_dict(decoder.state_dict())
    assert not torch.equal(decoder.eval().weight(), other.weight())

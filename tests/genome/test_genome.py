"""A genome for a model: sizes, birth, populations, the implicit network, budgets in bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from precocial.errors import ConfigError, DataError
from precocial.genome import (
    Binary,
    Gene,
    Genome,
    Hashed,
    OneHot,
    Pair,
    Stored,
    TwoTower,
    perceptron_784,
)
from precocial.genome.decoders.rules import RULES
from precocial.genome.file.genome_file import most_bytes


def convolutional() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, 12)
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, dropout=0.0, batch_first=True)
        self.head = nn.Linear(12, 20)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(tokens)))


MODELS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10)),
        torch.linspace(-1, 1, 3 * 64).reshape(3, 64),
    ),
    "convolutional": (convolutional, torch.linspace(-1, 1, 4 * 36).reshape(4, 1, 6, 6)),
    "transformer": (Transformer, torch.arange(15).reshape(3, 5)),
}


@pytest.mark.parametrize("decoder", list(RULES))
@pytest.mark.parametrize("name", list(MODELS))
def test_birth_expression_and_the_implicit_network_agree(name: str, decoder: str) -> None:
    make, inputs = MODELS[name]
    model = make()
    total = sum(parameter.numel() for parameter in model.parameters())
    genome = Genome.for_model(model, parameters=int(0.7 * total), decoder=decoder)
    genome.eval()
    assert genome.parameter_count <= 0.7 * total
    born = genome.birth(model).eval()
    model.eval()
    expected = functional_call(model, genome.express(), (inputs,))
    assert torch.equal(born(inputs), expected)
    implicit = genome.implicit(model).eval()
    found = implicit(inputs)
    error = (found - expected).detach().norm() / expected.detach().norm()
    assert float(error) < 1e-4
    # The implicit network trains the genome, by the same gradient.
    wanted = torch.autograd.grad(expected.square().sum(), _trained(genome), allow_unused=True)
    given = torch.autograd.grad(found.square().sum(), _trained(genome), allow_unused=True)
    size = max(float(one.abs().max()) for one in wanted if one is not None)
    for one, other in zip(wanted, given, strict=True):
        if one is not None and other is not None:
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * size)


def _trained(genome: Genome) -> list[nn.Parameter]:
    return [parameter for parameter in genome.parameters() if parameter.requires_grad]


def test_a_stochastic_genome_bears_the_same_young_each_time(tmp_path: Path) -> None:
    model, inputs = MODELS["perceptron"][0](), MODELS["perceptron"][1]
    genome = Genome.for_model(model, parameters=900, decoder="cell_types")
    assert genome.training
    first, second = genome.birth(model), genome.birth(model)
    assert torch.equal(first(inputs), second(inputs))
    assert genome.training
    assert not torch.equal(genome.express()["0.weight"], genome.express()["0.weight"])
    genome.save(tmp_path / "g.genome", bits=32)
    loaded = Genome.load(tmp_path / "g.genome")
    assert torch.equal(loaded.birth(model)(inputs), first(inputs))
    assert torch.equal(loaded.express()["0.weight"], first[0].weight)
    assert torch.allclose(loaded.implicit(model)(inputs), first(inputs), rtol=1e-4, atol=1e-5)


def test_a_model_is_not_changed_and_its_weights_do_not_matter() -> None:
    model = MODELS["perceptron"][0]()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = Genome.for_model(model, parameters=500, seed=3)
    first.birth(model)
    first.implicit(model)(torch.zeros(1, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        model[0].weight.mul_(2)
    again = Genome.for_model(model, parameters=500, seed=3).express()
    assert torch.equal(first.express()["0.weight"], again["0.weight"])
    other = Genome.for_model(model, parameters=500, seed=4).express()
    assert not torch.equal(first.express()["0.weight"], other["0.weight"])


def test_making_a_genome_draws_nothing_from_the_global_generator() -> None:
    model = MODELS["perceptron"][0]()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Genome.for_model(model, parameters=500)
    Genome.for_model(model, bytes=700)
    assert torch.equal(torch.get_rng_state(), before)


def test_newborn_weights_have_the_usual_size() -> None:
    genome = Genome.for_model(perceptron_784(), parameters=1900)
    weights = genome.express()
    for name, fan_in in (("1.weight", 784), ("3.weight", 800)):
        spread = float(weights[name].detach().std()) * math.sqrt(fan_in)
        assert 2**-0.51 < spread < 2**0.51  # the factor is a power of two


def test_a_population_is_a_loop() -> None:
    model, inputs = MODELS["perceptron"][0](), MODELS["perceptron"][1]
    genome = Genome.for_model(model, parameters=500)
    population = {
        name: value.detach() + 0.1 * torch.randn(4, *value.shape)
        for name, value in genome.named_parameters()
    }

    def answers(parameters: dict[str, Tensor]) -> Tensor:
        return functional_call(model, functional_call(genome, parameters, ()), (inputs,))

    together = vmap(answers)(population)
    for number in range(4):
        alone = answers({name: value[number] for name, value in population.items()})
        assert torch.allclose(together[number], alone, rtol=1e-4, atol=1e-5)


def test_labels_of_single_tensors_can_be_given() -> None:
    model = MODELS["perceptron"][0]()
    chosen = {"0.weight": (Hashed(50, 4), Binary(64, 6)), "2.bias": (OneHot(10), None)}
    genome = Genome.for_model(model, parameters=700, labels=chosen)
    decoder = genome.decoder_of("0.weight")
    assert isinstance(decoder, TwoTower)
    assert decoder.row_labels == Hashed(50, 4)
    assert decoder.column_labels == Binary(64, 6)
    with pytest.raises(ConfigError, match=r"labels of 0\.weight: 50 rows, 64 columns"):
        Genome.for_model(model, parameters=700, labels={"0.weight": (Hashed(64, 4), Binary(50))})


def test_biases_are_generated_or_stored_and_counted() -> None:
    model = nn.Sequential(nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 10))
    generated = Genome.for_model(model, parameters=1500)
    stored = Genome.for_model(model, parameters=1500, biases="store")
    assert isinstance(generated.decoder_of("0.bias"), Pair)
    assert isinstance(stored.decoder_of("0.bias"), Stored)
    assert torch.equal(stored.express()["0.bias"], model[0].bias)
    assert stored.parameter_count <= 1500


def test_a_tensor_smaller_than_its_rule_is_stored() -> None:
    genome = Genome.for_model(nn.Linear(3, 2), parameters=8)
    assert isinstance(genome.decoder_of("weight"), Stored)
    assert genome.parameter_count == 8
    assert genome.ratio == 1.0


# ---------------------------------------------------------------- statistics of BatchNorm


def test_statistics_are_recalibrated_as_plain_averages() -> None:
    model = convolutional()
    genome = Genome.for_model(model, parameters=900)
    batches = [torch.randn(16, 1, 6, 6, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    born = genome.birth(model, recalibrate=batches)
    maps = [born[0](batch).detach() for batch in batches]
    mean = torch.stack([one.mean((0, 2, 3)) for one in maps]).mean(0)
    assert torch.allclose(born[1].running_mean, mean, atol=1e-5)
    spread = torch.stack([one.var((0, 2, 3)) for one in maps]).mean(0)
    assert torch.allclose(born[1].running_var, spread, rtol=1e-4)
    assert born.training == model.training
    assert born[1].momentum == 0.1
    assert torch.equal(model[1].running_mean, torch.zeros(8))


@pytest.mark.wrong_types
def test_batches_that_cannot_be_shown_are_refused() -> None:
    model = convolutional()
    genome = Genome.for_model(model, parameters=900)
    inputs = torch.randn(16, 1, 6, 6)
    with pytest.raises(ConfigError, match=r"takes batches, such as \[inputs"):
        genome.birth(model, recalibrate=inputs)
    with pytest.raises(ConfigError, match=r"fails on a batch of recalibrate, \(16, 36\)"):
        genome.birth(model, recalibrate=[inputs.flatten(1)])
    for batch in (inputs * math.nan, 3):
        with pytest.raises(DataError, match="without NaN"):
            genome.birth(model, recalibrate=[batch])  # type: ignore[list-item]


def test_the_side_that_has_another_tensor_is_named() -> None:
    genome = Genome.for_model(nn.Linear(4, 3), parameters=30)
    with pytest.raises(ConfigError, match=r"has \(3,\) for 'bias', this one none"):
        genome.birth(nn.Linear(4, 3, bias=False))
    with pytest.raises(ConfigError, match=r"has \(3, 4\) for 'weight', this one \(5, 4\)"):
        genome.birth(nn.Linear(4, 5))


def test_statistics_are_stored_and_counted() -> None:
    model = convolutional()
    model(torch.randn(32, 1, 6, 6))
    genome = Genome.for_model(model, parameters=900, norm_statistics="store")
    kept = sum(value.numel() for value in genome.statistics.values())
    assert kept == 2 * (8 + 16)
    decoders = sum(p.numel() for p in genome.decoders.parameters())
    assert genome.parameter_count == decoders + kept <= 900
    born = genome.birth(model)
    for place in (1, 4):
        assert torch.equal(born[place].running_mean, model[place].running_mean)
        assert torch.equal(born[place].running_var, model[place].running_var)
    without = Genome.for_model(model, parameters=900).birth(model)
    assert torch.equal(without[1].running_var, torch.ones(8))


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("budget", [500, 997, 1973, 5000])
def test_the_largest_genome_within_a_budget_of_parameters(budget: int) -> None:
    genome = Genome.for_model(perceptron_784(), parameters=budget)
    assert genome.parameter_count <= budget
    size = genome.decoder_of("1.weight").rank
    larger = [
        TwoTower(
            d.row_labels, d.column_labels, hidden=(max(1, 4 * (size + 1) // 5),), rank=size + 1
        )
        for d in (genome.decoder_of("1.weight"), genome.decoder_of("3.weight"))
    ]
    biases = [genome.decoder_of(name) for name in ("1.bias", "3.bias")]
    more = sum(p.numel() for d in (*larger, *biases) for p in d.parameters())
    assert more > budget


def test_a_ratio_is_reached() -> None:
    genome = Genome.for_model(perceptron_784(), ratio=322)
    assert genome.ratio >= 322
    assert genome.phenotype_count == 636_010


@pytest.mark.parametrize("bits", [4, 8, 16, 32])
@pytest.mark.parametrize("decoder", list(RULES))
@pytest.mark.parametrize("name", list(MODELS))
def test_a_genome_within_a_budget_of_bytes_fits_whatever_its_values(
    tmp_path: Path, name: str, decoder: str, bits: int
) -> None:
    model = MODELS[name][0]()
    budget = 800 * bits // 4
    store: Any = "store" if bits == 8 else "recalibrate"
    genome = Genome.for_model(
        model, bytes=budget, bits=bits, decoder=decoder, norm_statistics=store
    )
    assert most_bytes(*genome._content(), bits) <= budget
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in genome.parameters():
            parameter.uniform_(-1, 1)
    assert genome.save(tmp_path / "g.genome", bits=bits) <= budget


def test_a_budget_of_bytes_is_used() -> None:
    # The next size of this genome has some 130 parameters more.
    for budget in (700, 1100, 1500, 2000, 3000):
        genome = Genome.for_model(perceptron_784(), bytes=budget)
        assert budget - 200 < most_bytes(*genome._content(), 8) <= budget
    few = Genome.for_model(perceptron_784(), bytes=2000, bits=4)
    assert (
        few.parameter_count > 1.8 * Genome.for_model(perceptron_784(), bytes=2000).parameter_count
    )


@pytest.mark.parametrize("unit", ["parameters", "bytes"])
def test_an_impossible_budget_gives_the_least_that_is_needed(unit: str) -> None:
    model = perceptron_784()
    with pytest.raises(ConfigError, match=f"at least (\\d+) {unit}.*the budget is 60") as caught:
        Genome.for_model(model, **{unit: 60})
    least = int(str(caught.value).split("at least ")[1].split(" ")[0])
    assert least > 60
    genome = Genome.for_model(model, **{unit: least})
    if unit == "parameters":
        assert genome.parameter_count == least
    else:
        assert most_bytes(*genome._content(), 8) <= least
    with pytest.raises(ConfigError, match=f"at least {least}"):
        Genome.for_model(model, **{unit: least - 1})


def test_a_file_larger_than_was_asked_for_is_not_written(tmp_path: Path) -> None:
    genome = Genome.for_model(perceptron_784(), bytes=1200)
    path = tmp_path / "g.genome"
    with pytest.raises(ConfigError, match=r"made for at most 1200: save it with fewer bits, or"):
        genome.save(path, bits=16)
    assert not path.exists()
    assert genome.save(path) <= 1200


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "exactly one of preset, parameters, bytes, ratio; got none"),
        ({"parameters": 900, "bytes": 900}, "got parameters, bytes"),
        ({"ratio": 0.0}, "ratio must be a number above 0"),
        ({"ratio": math.nan}, "ratio must be a number above 0"),
        ({"parameters": 900, "decoder": "oracle"}, "decoder must be one of"),
        ({"parameters": 900, "labels": "magic"}, "labels must be one of"),
        ({"parameters": 900, "biases": "forget"}, "biases must be one of"),
        ({"parameters": 900, "norm_statistics": "forget"}, "norm_statistics must be one of"),
        ({"bytes": 900, "bits": 7.5}, "bits must be one of"),
        ({"bytes": 900, "bits": 1}, "bits must be one of"),
        ({"parameters": -5}, "at least"),
        ({"bytes": "900"}, "bytes is a whole number; got '900'"),
        ({"bytes": True}, "bytes is a whole number; got True"),
        ({"parameters": 900.5}, "parameters is a whole number"),
        ({"parameters": 900, "seed": "a"}, "seed is a whole number"),
        ({"parameters": 900, "bits": "a"}, "bits must be one of"),
        ({"ratio": "a"}, "ratio must be a number above 0"),
        ({"parameters": 900, "input_shape": 784}, "input_shape is sides of a grid"),
        ({"parameters": 900, "input_shape": (28, "a")}, "input_shape is sides of a grid"),
        ({"parameters": 900, "labels": 7}, "labels are a style, or pairs by tensor; got 7"),
        ({"parameters": 900, "labels": {"1.weight": 3}}, "are a pair"),
        ({"parameters": 900, "labels": {"1.weight": (3, None)}}, "are a pair"),
        ({"parameters": 900, "labels": {"nope": (None, None)}}, "no tensor of that name"),
    ],
)
@pytest.mark.wrong_types
def test_wrong_arguments_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Genome.for_model(perceptron_784(), **options)


def test_a_genome_of_another_model_is_refused() -> None:
    genome = Genome.for_model(perceptron_784(), preset="GN5")
    for other in (nn.Linear(784, 10), nn.Sequential(nn.Flatten(), nn.Linear(784, 801))):
        with pytest.raises(ConfigError, match="this genome is for another model"):
            genome.birth(other)
        with pytest.raises(ConfigError, match="this genome is for another model"):
            genome.implicit(other)


def test_genes_of_one_decoder_count_it_once() -> None:
    shared = TwoTower(Hashed(8, 4), Hashed(8, 4), hidden=(3,), rank=2)
    genome = Genome([Gene("a", (8, 8), shared), Gene("b", (8, 4, 2), shared)])
    assert genome.parameter_count == sum(p.numel() for p in shared.parameters())
    assert genome.phenotype_count == 128
    assert torch.equal(genome.weight_of("a").reshape(-1), genome.weight_of("b").reshape(-1))


def in_parallel() -> nn.Module:
    return nn.DataParallel(nn.Linear(4, 3))


def without_values() -> nn.Module:
    with torch.device("meta"):
        return nn.Linear(4, 3)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: None, "must be a torch.nn.Module; got NoneType"),
        (lambda: 3, "must be a torch.nn.Module; got int"),
        (lambda: nn.Linear, "must be a torch.nn.Module; got the class Linear"),
        (lambda: torch.jit.script(nn.Linear(4, 3)), "is compiled by torch.jit"),
        (in_parallel, "give its .module"),
        (without_values, "on the device 'meta'"),
    ],
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.wrong_types
def test_what_is_no_plain_module_is_refused(make: Callable[[], Any], says: str) -> None:
    genome = Genome.for_model(nn.Linear(4, 3), parameters=15)
    for use in (
        lambda model: Genome.for_model(model, parameters=15),
        genome.birth,
        genome.implicit,
    ):
        with pytest.raises(ConfigError, match=says):
            use(make())


def test_a_frozen_model_a_shared_rule_without_matrices_and_a_nan_genome_are_refused() -> None:
    with pytest.raises(ConfigError, match="weight is frozen"):
        Genome.for_model(nn.Linear(4, 3).requires_grad_(False), parameters=15)
    with pytest.raises(ConfigError, match="there are none"):
        Genome.for_model(nn.ParameterList([torch.ones(40)]), parameters=99, share="global")
    model = MODELS["perceptron"][0]()
    genome = Genome.for_model(model, parameters=500)
    with torch.no_grad():
        next(genome.parameters()).fill_(math.nan)
    with pytest.raises(ConfigError, match="generates NaN or infinite weights"):
        genome.birth(model)


def test_a_genome_is_saved_at_the_bits_that_it_was_made_for(tmp_path: Path) -> None:
    model = perceptron_784()
    for options in ({"bytes": 900}, {"parameters": 900}, {"preset": "GN5"}):
        genome = Genome.for_model(model, bits=5, **options)
        size = genome.save(tmp_path / "g.genome")
        assert size == genome.byte_count() == genome.byte_count(5) < genome.byte_count(8)
        assert Genome.load(tmp_path / "g.genome").byte_count() == size
    assert Genome.for_model(model, parameters=900).bits == 8


@pytest.mark.wrong_types
def test_a_budget_that_is_no_number_is_refused() -> None:
    for budget in ({"bytes": math.nan}, {"parameters": math.nan}):
        with pytest.raises(ConfigError, match="got nan"):
            Genome.for_model(nn.Linear(64, 50), **budget)

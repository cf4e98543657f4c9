"""What a user's model is made of, and what no genome can generate."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from precocial.errors import ConfigError
from precocial.genome import (
    Axis,
    Genome,
    Innate,
    Part,
    Stored,
    all_convolutional,
    evolve,
    parts_of,
    perceptron_784,
)
from precocial.genome.data.sources import check_fits
from tests.genome.tiny_tasks import blobs, network


def by_name(model: nn.Module, input_shape: tuple[int, ...] | None = None) -> dict[str, Part]:
    return {part.name: part for part in parts_of(model, input_shape)}


def roles(axes: tuple[Axis, ...]) -> list[tuple[str, int]]:
    return [(axis.role, axis.size) for axis in axes]


def test_a_perceptron_is_pixels_neurons_and_answers() -> None:
    parts = by_name(perceptron_784())
    assert roles(parts["1.weight"].columns) == [("grid", 28), ("grid", 28)]
    assert roles(parts["1.weight"].rows) == [("units", 800)]
    assert roles(parts["3.weight"].columns) == [("units", 800)]
    assert roles(parts["3.weight"].rows) == [("classes", 10)]
    assert parts["3.bias"].columns == ()
    assert roles(parts["3.bias"].rows) == [("classes", 10)]
    assert (parts["1.weight"].fan_in, parts["1.bias"].fan_in) == (784, 784)
    assert (parts["1.weight"].out, parts["1.weight"].into) == (800, 784)


def test_inputs_lie_as_the_user_says_or_on_a_square_or_nowhere() -> None:
    model = nn.Sequential(nn.Linear(48, 5), nn.Linear(5, 2))
    assert roles(by_name(model)["0.weight"].columns) == [("units", 48)]
    said = by_name(model, (3, 4, 4))["0.weight"]
    assert roles(said.columns) == [("grid", 3), ("grid", 4), ("grid", 4)]
    with pytest.raises(ConfigError, match="has 12 places; the first linear layer has 48 inputs"):
        parts_of(model, (3, 4))
    # A square number of inputs of a later layer is no image.
    later = nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 2))
    assert roles(by_name(later)["1.weight"].columns) == [("units", 9)]


def test_a_convolution_is_filters_and_places_in_the_kernel() -> None:
    parts = by_name(nn.Sequential(nn.Conv2d(3, 8, (5, 2)), nn.Flatten(), nn.Linear(8, 10)))
    first = parts["0.weight"]
    assert first.shape == (8, 3, 5, 2)
    assert roles(first.columns) == [("units", 3), ("grid", 5), ("grid", 2)]
    assert first.fan_in == 30
    assert (first.out, first.into) == (8, 30)
    # Not the first weighted layer: its inputs are channels, not pixels.
    assert roles(parts["2.weight"].columns) == [("units", 8)]
    volume = by_name(nn.Sequential(nn.Conv3d(1, 2, 2), nn.Conv1d(2, 3, 4)))
    assert len(volume["0.weight"].columns) == 4
    assert len(volume["1.weight"].columns) == 2


def test_an_embedding_is_tokens_by_dimensions() -> None:
    parts = by_name(nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 30)))
    assert roles(parts["0.weight"].rows) == [("units", 30)]
    assert roles(parts["0.weight"].columns) == [("units", 8)]
    assert parts["0.weight"].fan_in == 8
    # Its own rows are never answers, even where it is all there is.
    assert roles(by_name(nn.Embedding(30, 8))["weight"].rows) == [("units", 30)]


def test_packed_query_key_and_value_are_three_blocks() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(12, 3)
            self.head = nn.Linear(12, 5)

    parts = by_name(Block())
    packed = parts["attention.in_proj_weight"]
    assert packed.shape == (36, 12)
    assert roles(packed.rows) == [("classes", 3), ("units", 12)]
    assert roles(parts["attention.in_proj_bias"].rows) == [("classes", 3), ("units", 12)]
    assert roles(parts["attention.out_proj.weight"].rows) == [("units", 12)]
    # The same, written as one linear layer.
    fused = by_name(nn.Sequential(nn.Linear(12, 36), nn.Linear(36, 4)))
    assert roles(fused["0.weight"].rows) == [("classes", 3), ("units", 12)]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, 16)
        self.hidden = nn.Linear(16, 16)
        self.head = nn.Linear(16, 40, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.hidden(self.embedding(tokens)))


def test_tied_weights_are_counted_and_born_once() -> None:
    model = Tied()
    parts = parts_of(model)
    assert [part.name for part in parts] == ["embedding.weight", "hidden.weight", "hidden.bias"]
    genome = Genome.for_model(model, parameters=900)
    assert genome.phenotype_count == 40 * 16 + 16 * 16 + 16
    born = genome.birth(model)
    assert born.head.weight is born.embedding.weight
    tokens = torch.arange(40).reshape(4, 10)
    expected = torch.func.functional_call(model, genome.express(), (tokens,))
    assert torch.allclose(born(tokens), expected, atol=1e-5)
    assert torch.allclose(genome.implicit(model)(tokens), expected, atol=1e-5)


def test_scale_and_shift_of_normalisations_are_kept() -> None:
    norms = (nn.BatchNorm1d(6), nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.RMSNorm(6))
    model = nn.Sequential(nn.Linear(6, 6), *norms, nn.Linear(6, 2))
    parts = parts_of(model)
    kept = [part.name for part in parts if part.kept]
    assert kept == [f"{i}.{leaf}" for i in (1, 2, 3) for leaf in ("weight", "bias")] + ["4.weight"]
    genome = Genome.for_model(model, parameters=400)
    assert all(isinstance(genome.decoder_of(name), Stored) for name in kept)


def test_a_lone_number_is_kept() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.values = nn.Parameter(torch.tensor(3.0))  # the name of a method of ModuleDict
            self.layer = nn.Linear(4, 2)

    model = Scaled()
    genome = Genome.for_model(model, parameters=50)
    assert float(genome.birth(model).values.detach()) == 3.0
    assert by_name(model)["values"].kept


def test_other_parameters_than_those_of_known_layers_are_generated_too() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place = nn.Parameter(torch.randn(1, 50, 16))
            self.token = nn.Parameter(torch.randn(16))

    genome = Genome.for_model(Positions(), parameters=300)
    assert genome.express()["place"].shape == (1, 50, 16)
    assert genome.express()["token"].shape == (16,)


def test_every_weight_has_its_place_among_rows_and_columns() -> None:
    for model in (
        perceptron_784(),
        all_convolutional(),
        Tied(),
        nn.TransformerDecoderLayer(8, 2, 16),
    ):
        for part in parts_of(model):
            assert part.out * max(part.into, 1) == part.size == math.prod(part.shape)


# ---------------------------------------------------------------- what cannot be generated


class Odd(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.good = nn.Linear(3, 2)
        self.odd = nn.Parameter(value, requires_grad=False)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (torch.ones(3, 3, dtype=torch.complex64), "dense floating-point tensor; got torch.complex"),
        (torch.ones(3, 3, dtype=torch.int32), "dense floating-point tensor; got torch.int32"),
        (torch.ones(3, 3).bool(), "dense floating-point tensor; got torch.bool"),
        (torch.eye(3).to_sparse(), "dense floating-point tensor"),
        (torch.full((3, 3), math.nan), "NaN or infinite"),
        (torch.tensor([1.0, math.inf]), "NaN or infinite"),
        (torch.zeros(0, 3), "is empty"),
    ],
)
def test_a_parameter_that_no_rule_can_generate_is_named(value: Tensor, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"^odd \(Odd\).*{says}"):
        parts_of(Odd(value))


def test_lazy_parametrized_and_bare_models_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"1\.weight \(LazyLinear\).*pass one batch"):
        parts_of(nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3)))
    with pytest.raises(ConfigError, match=r"is parametrized.*remove_parametrizations"):
        parts_of(nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3))))
    with pytest.raises(ConfigError, match="ReLU has no parameters"):
        parts_of(nn.ReLU())


def test_half_precision_is_allowed() -> None:
    model = nn.Linear(64, 10).to(torch.bfloat16)
    genome = Genome.for_model(model, parameters=300)
    assert genome.birth(model).weight.dtype == torch.bfloat16


def test_half_precision_is_for_birth_not_for_training() -> None:
    model = network()
    genome = Genome.for_model(model, parameters=200)
    for other in (torch.bfloat16, torch.float64):
        model.to(other)
        for use in (
            lambda: genome.implicit(model),
            lambda: check_fits(model, blobs()),
            lambda: next(evolve(genome, model, blobs(), Innate(steps=1))),
        ):
            with pytest.raises(ConfigError, match=r"0\.weight is of torch.*model\.float\(\)"):
                use()


# ---------------------------------------------------------------- what no file would hold


class Table(nn.Module):
    def __init__(self, *, persistent: bool) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(4), persistent=persistent)
        self.layer = nn.Linear(4, 2)


class Extra(nn.Linear):
    def get_extra_state(self) -> Tensor:
        return torch.ones(3)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Table(persistent=True), "table is a buffer.*persistent=False"),
        (lambda: Extra(3, 2), "_extra_state is part of the model's state"),
        (lambda: nn.utils.spectral_norm(nn.Linear(4, 3)), "SpectralNorm computes.*remove_spectral"),
    ],
)
def test_values_that_no_file_would_hold_are_refused(
    make: Callable[[], nn.Module], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        parts_of(nn.Sequential(make(), nn.BatchNorm1d(3)))


def test_a_buffer_that_the_code_makes_again_is_allowed_and_statistics_are() -> None:
    genome = Genome.for_model(
        nn.Sequential(Table(persistent=False), nn.BatchNorm1d(2)), parameters=99
    )
    assert set(genome.shapes) == {"0.layer.weight", "0.layer.bias", "1.weight", "1.bias"}


@pytest.mark.filterwarnings("ignore")
def test_a_partly_quantised_model_is_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    packed = torch.ao.quantization.quantize_dynamic(model, {"1"})
    with pytest.raises(ConfigError, match=r"^1\..*part of the model's state.*quantised"):
        Genome.for_model(packed, parameters=200)


def test_tensors_that_are_made_before_each_pass_are_refused() -> None:
    pruned = nn.Linear(4, 3)
    prune.l1_unstructured(pruned, "weight", amount=0.5)  # type: ignore[no-untyped-call]
    with pytest.warns(FutureWarning, match="weight_norm"):
        normed = nn.utils.weight_norm(nn.Linear(4, 3))
    for module in (pruned, normed):
        with pytest.raises(ConfigError, match="makes 'weight' before each pass"):
            parts_of(nn.Sequential(module))

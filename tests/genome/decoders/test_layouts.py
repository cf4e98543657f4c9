"""Layouts that are found for a model and a budget."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import (
    Examples,
    Genome,
    Innate,
    Task,
    compress,
    parts_of,
    perceptron_784,
    retinotopic_genome,
)
from precocial.genome.decoders.layouts import layouts
from precocial.genome.studies.fashion_study import WIDE


def classifier(inputs: int, hidden: int, answers: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, answers)
    )


def test_the_chosen_layout_of_the_papers_perceptron_is_among_them() -> None:
    model = perceptron_784()
    found = layouts(parts_of(model))
    assert WIDE in found
    counts = [retinotopic_genome(model, layout).parameter_count for layout in found]
    assert counts == sorted(set(counts))
    assert counts[0] < 200
    assert counts[-1] > 4000


@pytest.mark.parametrize(
    ("image", "hidden"),
    [((8, 8), 200), ((8, 6), 36), ((3, 8, 8), 60), ((5, 28), 90), ((28, 28), 24)],
)
def test_fields_tile_the_image_and_overlap(image: tuple[int, ...], hidden: int) -> None:
    inputs = int(torch.tensor(image).prod())
    for layout in layouts(parts_of(classifier(inputs, hidden), image)):
        assert layout.types * layout.grid[0] * layout.grid[1] == hidden
        for side, places, step, field in zip(
            image[-2:], layout.grid, layout.stride, layout.field, strict=True
        ):
            assert (places - 1) * step + field == side
            assert field >= 2 * step


@pytest.mark.parametrize("budget", [{"bytes": 700}, {"bytes": 1900}, {"parameters": 600}])
def test_the_largest_layout_within_a_budget_is_taken(budget: dict[str, int]) -> None:
    model = perceptron_784()
    genome = Genome.for_model(model, decoder="retinotopic", bits=6, seed=5, **budget)  # type: ignore[arg-type]
    assert genome.byte_count(6) <= budget.get("bytes", 10**9)
    assert genome.parameter_count <= budget.get("parameters", 10**9)
    every = [retinotopic_genome(model, one, seed=5) for one in layouts(parts_of(model))]
    (same,) = [one for one in every if one.parameter_count == genome.parameter_count]
    for name in ("1.weight", "1.bias", "3.weight"):  # the last bias is the model's own
        assert torch.equal(genome.weight_of(name), same.weight_of(name))
    larger = every[every.index(same) + 1]
    if "parameters" in budget:
        assert larger.parameter_count > budget["parameters"]
    else:
        assert larger.parameter_count * 6 / 8 > budget["bytes"] - 150  # of a header and a checksum


def test_a_budget_above_the_largest_takes_the_largest() -> None:
    model = classifier(64, 36)
    genome = Genome.for_model(model, parameters=10**6, decoder="retinotopic")
    largest = retinotopic_genome(model, layouts(parts_of(model))[-1])
    assert genome.parameter_count == largest.parameter_count


def test_the_bias_of_as_many_answers_as_hidden_cells_is_stored() -> None:
    model = classifier(64, 16, 16)
    genome = Genome.for_model(model, parameters=10**6, decoder="retinotopic")
    kinds = [genome.decoder_of(f"{layer}.bias").kind for layer in (1, 3)]
    assert kinds == ["per_type", "stored"]
    assert genome.decoder_of("3.bias").rows == 16


def test_compression_knows_the_image_from_the_task() -> None:
    torch.manual_seed(0)
    part = Examples(inputs=torch.randn(24, 1, 8, 6), targets=torch.arange(24) % 3)
    task = Task(name="tall", train=part, valid=part, test=part, classes=3)
    loop = Innate(steps=2, batch=8, evaluate_every=1, warmup_steps=0)
    model = classifier(48, 36)
    genome = compress(model, task, bytes=700, decoder="retinotopic", loop=loop)
    assert genome.decoder_of("1.weight").kind == "receptive_fields"
    with pytest.raises(ConfigError, match="give input_shape"):
        Genome.for_model(model, bytes=700, decoder="retinotopic")


@pytest.mark.parametrize(
    ("model", "more", "said"),
    [
        (classifier(64, 197), {}, "197 hidden cells of an image 8 x 8 lie on no grid.*10 x 7 x 7"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), {}, "Take another decoder"),
        (classifier(64, 36), {"share": "global"}, "leave out share"),
        (classifier(64, 36), {"biases": "store", "labels": "paper"}, "leave out labels, biases"),
        (classifier(64, 36), {"bytes": 90}, "needs at least"),
    ],
)
def test_what_does_not_fit_is_refused(model: nn.Module, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Genome.for_model(model, **{"bytes": 900, "decoder": "retinotopic"} | more)
    if said.startswith("197"):
        Genome.for_model(classifier(64, 490), bytes=900, decoder="retinotopic")

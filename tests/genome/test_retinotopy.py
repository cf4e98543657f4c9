"""Genomes of a layout: counts, the network that is born, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call

from precocial.errors import ConfigError
from precocial.genome import Genome, Retinotopy, perceptron_784, retinotopic_genome
from precocial.genome.studies.fashion_study import SMALL, WIDE

DIGITS = Retinotopy(types=4, grid=(3, 3), stride=(2, 2), field=(4, 4))


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        (WIDE, 10 * 26 + 10 + 10 * 10 * 16 + 10),
        (SMALL, 8 * 13 + 8 + 12 * (10 + 8 + 13) + 10),
    ],
)
def test_counts_are_those_of_the_parts(layout: Retinotopy, count: int) -> None:
    genome = retinotopic_genome(perceptron_784(), layout)
    assert genome.parameter_count == count
    assert genome.phenotype_count == 636_010


def test_the_implicit_network_is_the_born_one() -> None:
    model = perceptron_784()
    genome = retinotopic_genome(model, WIDE, seed=3)
    x = torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        expected = functional_call(model, genome.express(), (x,))
        torch.testing.assert_close(genome.birth(model)(x), expected)
        torch.testing.assert_close(genome.implicit(model)(x), expected, rtol=1e-4, atol=1e-4)


def test_newborn_weights_have_the_size_of_the_inputs_that_a_cell_sees() -> None:
    genome = retinotopic_genome(perceptron_784(), WIDE)
    W = genome.weight_of("1.weight").detach()
    seen = W[W != 0]
    assert 0.5 < float(seen.std()) * 70**0.5 < 2
    assert not torch.equal(
        W, retinotopic_genome(perceptron_784(), WIDE, seed=1).weight_of("1.weight")
    )


def test_colour_and_layers_without_bias(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 8 * 6, 36, bias=False), nn.ReLU(), nn.Linear(36, 3)
    )
    genome = retinotopic_genome(model, DIGITS, input_shape=(3, 8, 6))
    assert genome.parameter_count == 4 * 3 * 16 + 3 * 4 * 9 + 3
    genome.save(tmp_path / "x.genome", bits=32)
    again = Genome.load(tmp_path / "x.genome")
    for name, W in genome.express().items():
        assert torch.equal(W, again.express()[name])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Linear(64, 36)), "two linear layers"),
        (nn.Sequential(nn.Linear(63, 36), nn.ReLU(), nn.Linear(36, 3)), "two linear layers"),
        (nn.Sequential(nn.Linear(64, 35), nn.ReLU(), nn.Linear(35, 3)), "36 hidden cells"),
        (
            nn.Sequential(nn.Linear(64, 36), nn.LayerNorm(36), nn.ReLU(), nn.Linear(36, 3)),
            "two linear layers",
        ),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3)), "two linear layers"),
    ],
)
def test_other_models_are_refused(model: nn.Module, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        retinotopic_genome(model, DIGITS)

"""The seven published counts, exactly, and the labels that the paper describes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import Genome, Pair, Stored, all_convolutional, cheetah_policy, perceptron_784
from precocial.genome.decoders.rules import count


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_phenotypes_have_the_published_numbers_of_parameters() -> None:
    assert parameters(perceptron_784()) == 636_010
    assert parameters(all_convolutional()) == 1_369_738
    assert parameters(cheetah_policy()) == 6_092


# Shuvaev et al. 2024: GN5, GN20, GN30 for MNIST, GN10, GN30, GN50 for CIFAR-10, with compression.
@pytest.mark.parametrize(
    ("model", "preset", "genome", "ratio"),
    [
        ("perceptron", "GN5", 613, 1038),
        ("perceptron", "GN20", 1353, 470),
        ("perceptron", "GN30", 1973, 322),
        ("convolutional", "GN10", 3798, 361),
        ("convolutional", "GN30", 9378, 146),
        ("convolutional", "GN50", 14958, 92),
    ],
)
def test_the_published_counts_are_exact(model: str, preset: str, genome: int, ratio: int) -> None:
    phenotype = perceptron_784() if model == "perceptron" else all_convolutional()
    made = Genome.for_model(phenotype, preset=preset)
    assert made.parameter_count == genome
    assert made.phenotype_count == parameters(phenotype)
    assert round(made.ratio) == ratio


def test_the_perceptrons_genes_are_20_h_10_1_and_a_bias_net_and_ten_kept_biases() -> None:
    genome = Genome.for_model(perceptron_784(), preset="GN30")
    assert [count(genome.decoder_of(name)) for name in genome.shapes] == [951, 61, 951, 10]
    hidden, output = genome.decoder_of("1.weight"), genome.decoder_of("3.weight")
    assert isinstance(hidden, Pair)
    assert isinstance(output, Pair)
    assert hidden.row_labels.spec() == ["product", ["binary", 800, 10, 1]]
    assert hidden.column_labels is not None
    assert hidden.column_labels.spec() == ["product", ["gray", 28, 5], ["gray", 28, 5]]
    assert output.row_labels.spec() == ["one_hot", 10]
    assert isinstance(genome.decoder_of("3.bias"), Stored)


def test_every_weight_net_of_the_convolutional_network_has_20_inputs() -> None:
    genome = Genome.for_model(all_convolutional(), preset="GN10")
    kinds = [genome.decoder_of(name) for name in genome.shapes if name.endswith("weight")]
    assert len(kinds) == 9
    for decoder in kinds:
        assert isinstance(decoder, Pair)
        assert decoder.network[0].in_features == 20
        assert count(decoder) == 331
    # 11 parameters: the last bias net is linear on the one-hot answer.
    last = [name for name in genome.shapes if name.endswith("bias")][-1]
    assert count(genome.decoder_of(last)) == 11


def test_the_phenotypes_run() -> None:
    assert perceptron_784()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert all_convolutional()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert cheetah_policy()(torch.zeros(2, 17)).shape == (2, 12)


def test_a_preset_for_another_kind_of_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="use GN5, GN20, GN30"):
        Genome.for_model(perceptron_784(), preset="GN50")
    with pytest.raises(ConfigError, match="use GN10, GN30, GN50"):
        Genome.for_model(all_convolutional(), preset="GN5")
    with pytest.raises(ConfigError, match="preset must be one of"):
        Genome.for_model(perceptron_784(), preset="GN99")

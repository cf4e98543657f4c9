"""A genome for a network that sees: cell types on a grid, read through smooth maps."""

from __future__ import annotations

import torch
from torch import nn

from precocial.genome.decoders.layouts import Retinotopy, layout_decoders
from precocial.genome.genome import Genome
from precocial.genome.growth import Gene
from precocial.genome.phenotype.parts import parts_of


def retinotopic_genome(
    model: nn.Module,
    layout: Retinotopy,
    *,
    input_shape: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Genome:
    """A newborn genome for an image classifier with one hidden layer, in a layout of your own.

    The weights of the first layer are `ReceptiveFields`, those of the second `Bilinear` in one-hot
    answers and (type, cosines over places); a hidden bias is `PerType`, the last one is stored.
    `Genome.for_model(model, bytes=..., decoder="retinotopic")` finds a layout for a budget.

    Args:
        model: with two linear layers, the first on a flattened image; not changed.
        layout: of the hidden layer.
        input_shape: (height, width) or (channels, height, width); default: a square image.
        seed: of the initial values.

    Raises:
        ConfigError: another kind of model, or a layout for another number of hidden cells.
    """
    parts = parts_of(model, input_shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoders = layout_decoders(parts, layout)
    return Genome(Gene(p.name, p.shape, made) for p, made in zip(parts, decoders, strict=True))

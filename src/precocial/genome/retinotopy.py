"""A genome for a network that sees: cell types on a grid, read through smooth maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome.decoders.bilinear import Bilinear
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.retinotopic import PerType, ReceptiveFields
from precocial.genome.genome import Gene, Genome
from precocial.genome.labels.codes import Fourier, OneHot, Outer
from precocial.genome.phenotype.parts import Part, parts_of

_READOUT_SIZE = 2.0
"""How much larger readout weights are than one over the cells of a type. Ours, chosen on validation
images of Fashion-MNIST: Adam's steps suit the receptive fields and the readout at one rate."""


@dataclass(frozen=True, kw_only=True)
class Retinotopy:
    """How the hidden cells of an image classifier lie, see, and are read."""

    types: int
    """cell types, each with one receptive field and one bias"""
    grid: tuple[int, int]
    """places of the cells of a type, (down, across); types times places are the hidden cells"""
    stride: tuple[int, int]
    """pixels between places"""
    field: tuple[int, int]
    """pixels of a receptive field"""
    waves: tuple[int, int] | None = None
    """highest frequency along an axis, and in sum, of the cosines that make up a receptive field;
    None keeps each pixel"""
    maps: tuple[int, int] = (3, 6)
    """the same of the cosines over places through which an answer reads a type"""
    rank: int | None = None
    """of the wiring of answers, types and maps; None keeps it whole"""


def retinotopic_genome(
    model: nn.Module,
    layout: Retinotopy,
    *,
    input_shape: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Genome:
    """A newborn genome for an image classifier with one hidden layer.

    The weights of the first layer are `ReceptiveFields`, those of the second `Bilinear` in one-hot
    answers and (type, cosines over places); a hidden bias is `PerType`, the last one is stored.

    Args:
        model: with two linear layers, the first on a flattened image; not changed.
        layout: of the hidden layer.
        input_shape: (height, width) or (channels, height, width); default: a square image.
        seed: of the initial values.

    Raises:
        ConfigError: another kind of model, or a layout for another number of hidden cells.
    """
    parts = parts_of(model, input_shape)
    weights = [part for part in parts if part.columns]
    retina = _retina(weights, [part for part in parts if part.kept or len(part.shape) > 2])
    cells = math.prod(layout.grid)
    if weights[0].out != layout.types * cells or weights[1].into != weights[0].out:
        raise ConfigError(
            f"retinotopic_genome: {layout.types} types at {layout.grid} places are "
            f"{layout.types * cells} hidden cells; the model has {weights[0].out}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rule: dict[str, Callable[[Part], Decoder]] = {
            weights[0].name: lambda part: _fields(layout, retina),
            weights[1].name: lambda part: _readout(layout, part.out),
        }

        def bias(part: Part) -> Decoder:
            hidden = part.out == weights[0].out
            return PerType(types=layout.types, cells=cells) if hidden else Stored(part.out, 1)

        return Genome(Gene(p.name, p.shape, rule.get(p.name, bias)(p)) for p in parts)


def _retina(weights: list[Part], others: list[Part]) -> tuple[int, int, int]:
    """(channels, height, width) of the image that the first layer sees."""
    axes = weights[0].columns if weights else ()
    image = len(axes) in (2, 3) and all(axis.role == "grid" for axis in axes)
    if len(weights) != 2 or others or not image:
        raise ConfigError(
            "retinotopic_genome: for two linear layers on an image, and nothing else; got "
            f"{', '.join(f'{part.name} {part.shape}' for part in [*weights, *others]) or 'none'}. "
            "Give input_shape if the inputs are an image that is not square"
        )
    sizes = [axis.size for axis in axes]
    return (1, sizes[0], sizes[1]) if len(sizes) == 2 else (sizes[0], sizes[1], sizes[2])


def _fields(layout: Retinotopy, retina: tuple[int, int, int]) -> ReceptiveFields:
    patterns = None
    if layout.waves is not None:
        patterns = Fourier(layout.field, *layout.waves, constant=True)
    rule = ReceptiveFields(
        retina=retina,
        types=layout.types,
        grid=layout.grid,
        stride=layout.stride,
        field=layout.field,
        patterns=patterns,
    )
    spread = float(rule.fields().detach().std(correction=0))
    rule.scale = _power_of_two(1 / (spread * math.sqrt(retina[0] * math.prod(layout.field))))
    return rule


def _readout(layout: Retinotopy, answers: int) -> Bilinear:
    maps = Fourier(layout.grid, *layout.maps, constant=True)
    scale = _power_of_two(_READOUT_SIZE / maps.count)
    return Bilinear(
        OneHot(answers), Outer(OneHot(layout.types), maps), rank=layout.rank, scale=scale
    )


def _power_of_two(size: float) -> float:
    return 2.0 ** round(math.log2(size))

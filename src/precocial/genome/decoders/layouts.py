"""How the hidden cells of an image classifier are laid out, and the decoders of a layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.decoders.bilinear import Bilinear
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.retinotopic import PerType, ReceptiveFields
from precocial.genome.labels.codes import Fourier, OneHot, Outer
from precocial.genome.phenotype.parts import Part

RETINOTOPIC = "retinotopic"
"""Its name as a decoder: a layout for a whole model, where a rule is for one tensor."""

_READOUT_SIZE = 2.0
"""How much larger readout weights are than one over the cells of a type. Ours, chosen on validation
images of Fashion-MNIST: Adam's steps suit the receptive fields and the readout at one rate."""
_TYPES = 10
"""Cell types of a layout that is found for a budget: the nearest number that tiles the image. Ours,
from the layout of 2,000 bytes that was chosen on validation images of Fashion-MNIST."""
_STEPS: tuple[tuple[tuple[int, int] | None, tuple[int, int], int | None], ...] = (
    ((1, 2), (1, 2), 4),
    ((2, 3), (2, 3), 6),
    ((3, 4), (2, 3), 8),
    ((3, 4), (3, 4), 12),
    ((4, 5), (3, 4), 20),
    ((4, 5), (3, 5), 28),
    ((5, 6), (3, 6), None),
    ((6, 8), (4, 7), None),
    (None, (5, 8), None),
)
"""(waves, maps, rank) from few parameters to many: those of the two layouts that were chosen on
validation images of Fashion-MNIST (494 and 1,880 parameters), and steps below, between, above."""


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


def layout_decoders(parts: list[Part], layout: Retinotopy) -> list[Decoder]:
    """A decoder for each tensor of an image classifier with one hidden layer, drawn anew.

    Raises:
        ConfigError: another kind of model, or a layout for another number of hidden cells.
    """
    weights, retina = _weights(parts), _retina(parts)
    cells = math.prod(layout.grid)
    if weights[0].out != layout.types * cells or weights[1].into != weights[0].out:
        raise ConfigError(
            f"retinotopic: {layout.types} types at {layout.grid} places are "
            f"{layout.types * cells} hidden cells; the model has {weights[0].out}"
        )
    rule: dict[str, Callable[[Part], Decoder]] = {
        weights[0].name: lambda part: _fields(layout, retina),
        weights[1].name: lambda part: _readout(layout, part.out),
    }

    # By place: there may be as many answers as hidden cells.
    last = parts.index(weights[1])

    def bias(part: Part) -> Decoder:
        hidden = parts.index(part) < last
        return PerType(types=layout.types, cells=cells) if hidden else Stored(part.out, 1)

    return [rule.get(part.name, bias)(part) for part in parts]


def layouts(parts: list[Part]) -> list[Retinotopy]:
    """Layouts for an image classifier with one hidden layer, from few parameters to many.

    The fields of a type tile the image exactly, on a grid as square as can be: of all strides the
    largest at which fields still reach over two strides.

    Raises:
        ConfigError: another kind of model, or hidden cells that lie on no such grid.
    """
    weights, retina = _weights(parts), _retina(parts)
    cells, (channels, *sides) = weights[0].out, retina
    found = [one for types in range(2, cells + 1) for one in _tilings(cells, types, sides)]
    if not found:
        raise ConfigError(
            f"retinotopic: {cells} hidden cells of an image {sides[0]} x {sides[1]} lie on no "
            f"grid: take types x rows x columns of them, for instance {_TYPES} x "
            f"{_grid_for(sides[0])} x {_grid_for(sides[1])}"
        )
    tiling = min(found, key=lambda one: (abs(one.types - _TYPES), _lopsided(one.grid)))
    by_size: dict[int, Retinotopy] = {}
    for waves, maps, rank in _STEPS:
        one = _kept_small(tiling, waves, maps, rank, weights[1].out)
        by_size.setdefault(_size(one, channels, weights[1].out), one)
    return [by_size[size] for size in sorted(by_size)]


def layout_image(decoder: str | None, task: Task) -> tuple[int, ...] | None:
    """What a layout must know of a task: (channels, height, width); None for a rule of RULES."""
    return task.image if decoder == RETINOTOPIC else None


def _tilings(cells: int, types: int, sides: list[int]) -> Iterator[Retinotopy]:
    """Ways to place the cells of so many types."""
    places = cells // types if cells % types == 0 else 0
    for down in range(2, math.isqrt(places) + 1):
        across = places // down
        if places % down == 0 and across <= 2 * down:
            stride = _stride(sides[0], down), _stride(sides[1], across)
            if min(stride) > 0:
                field = sides[0] - (down - 1) * stride[0], sides[1] - (across - 1) * stride[1]
                yield Retinotopy(types=types, grid=(down, across), stride=stride, field=field)


def _stride(side: int, places: int) -> int:
    """The largest step s with side - (places - 1) s >= 2 s; 0 if there is none."""
    return side // (places + 1)


def _grid_for(side: int) -> int:
    """Places along a side that surely tile it."""
    return max(2, min(8, side - 1))


def _lopsided(grid: tuple[int, int]) -> float:
    return max(grid) / min(grid)


def _kept_small(
    tiling: Retinotopy,
    waves: tuple[int, int] | None,
    maps: tuple[int, int],
    rank: int | None,
    answers: int,
) -> Retinotopy:
    """The tiling with these cosines and this rank, without those that would save nothing."""
    if waves is not None and _cosines(tiling.field, waves) >= math.prod(tiling.field):
        waves = None
    seen = _cosines(tiling.grid, maps)
    if rank is not None and rank * (answers + tiling.types + seen) >= answers * tiling.types * seen:
        rank = None
    return Retinotopy(
        types=tiling.types, grid=tiling.grid, stride=tiling.stride, field=tiling.field,
        waves=waves, maps=maps, rank=rank,
    )  # fmt: skip


def _cosines(shape: tuple[int, int], most: tuple[int, int]) -> int:
    return Fourier(shape, *most, constant=True).width


def _size(layout: Retinotopy, channels: int, answers: int) -> int:
    """Parameters of fields and readout."""
    seen = _cosines(layout.grid, layout.maps)
    pixels = math.prod(layout.field)
    if layout.waves is not None:
        pixels = _cosines(layout.field, layout.waves)
    if layout.rank is None:
        wiring = answers * layout.types * seen
    else:
        wiring = layout.rank * (answers + layout.types + seen)
    return layout.types * channels * pixels + wiring


def _weights(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part.columns]


def _retina(parts: list[Part]) -> tuple[int, int, int]:
    """(channels, height, width) of the image that the first layer sees."""
    weights = _weights(parts)
    others = [part for part in parts if part.kept or len(part.shape) > 2]
    axes = weights[0].columns if weights else ()
    image = len(axes) in (2, 3) and all(axis.role == "grid" for axis in axes)
    if len(weights) != 2 or others or not image:
        every = dict.fromkeys([*weights, *others])
        got = ", ".join(f"{part.name} {list(part.shape)}" for part in every) or "none"
        raise ConfigError(
            "retinotopic: for two linear layers on an image, and nothing else; got "
            f"{got}. Take another decoder, or give input_shape, (height, width) or (channels, "
            "height, width), if the inputs are an image that is not square"
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

"""Labels of neurons: the address from which a genome computes a weight. Computed, never stored.

`Labels` name N neurons by N different codes of `width` numbers. Neurons that lie on a grid (pixels,
kernel positions, channels) are numbered row-major, as in a flattened tensor.

Source: Shuvaev et al. 2024, Methods (binary, Gray and one-hot codes). Fourier and hashed labels are
ours.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError

Table = NDArray[np.float64]


@runtime_checkable
class Labels(Protocol):
    """What a decoder needs of labels: how many neurons, how wide a code, and the codes."""

    kind: ClassVar[str]

    @property
    def count(self) -> int:
        """Number of neurons N."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a code."""
        ...

    def table(self) -> Table:
        """The codes, [N, width]."""
        ...

    def spec(self) -> list[Any]:
        """What remakes these labels, as JSON: [kind, ...]."""
        ...


def _positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} must be an integer of at least 1; got {value!r}")


def _bits(numbers: NDArray[np.int64], bits: int) -> Table:
    """The binary digits of numbers, most significant first, [N, bits]."""
    return ((numbers[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.float64)


@dataclass(frozen=True)
class Binary:
    """Plain binary numbers first, first + 1, ..., most significant digit first.

    The paper numbers hidden neurons 1..800 in 10 bits. `bits=None` takes the fewest that do.
    """

    kind: ClassVar[str] = "binary"
    count: int
    bits: int | None = None
    first: int = 0

    def __post_init__(self) -> None:
        _positive("Binary: count", self.count)
        if self.first < 0:
            raise ConfigError(f"Binary: first must be at least 0; got {self.first}")
        if 2**self.width < self.first + self.count:
            raise ConfigError(
                f"Binary: {self.bits} bits name at most {2**self.width} neurons; got "
                f"{self.count} from {self.first} on: take more bits"
            )

    @property
    def width(self) -> int:
        fewest = max(1, (self.first + self.count - 1).bit_length())
        return fewest if self.bits is None else self.bits

    def table(self) -> Table:
        return _bits(np.arange(self.first, self.first + self.count), self.width)

    def spec(self) -> list[Any]:
        return [self.kind, self.count, self.width, self.first]


@dataclass(frozen=True)
class Gray:
    """Gray codes g = i ^ (i >> 1): neighbours differ in one bit."""

    kind: ClassVar[str] = "gray"
    count: int
    bits: int | None = None

    def __post_init__(self) -> None:
        _positive("Gray: count", self.count)
        if 2**self.width < self.count:
            raise ConfigError(
                f"Gray: {self.bits} bits name at most {2**self.width} neurons; got {self.count}: "
                "take more bits"
            )

    @property
    def width(self) -> int:
        return max(1, (self.count - 1).bit_length()) if self.bits is None else self.bits

    def table(self) -> Table:
        numbers = np.arange(self.count)
        return _bits(numbers ^ (numbers >> 1), self.width)

    def spec(self) -> list[Any]:
        return [self.kind, self.count, self.width]


@dataclass(frozen=True)
class OneHot:
    """One digit a neuron."""

    kind: ClassVar[str] = "one_hot"
    count: int

    def __post_init__(self) -> None:
        _positive("OneHot: count", self.count)

    @property
    def width(self) -> int:
        return self.count

    def table(self) -> Table:
        return np.eye(self.count)

    def spec(self) -> list[Any]:
        return [self.kind, self.count]


@dataclass(frozen=True)
class Fourier:
    """Products of cosines of a position on a grid: low frequencies, so neighbours look alike.

    Code k is prod_d cos(pi k_d (i_d + 1/2) / n_d), a 2-D cosine transform's basis, for every
    frequency vector k with k_d <= `highest` and sum_d k_d <= `total`. The constant, k = 0, is
    included only if `constant`.
    """

    kind: ClassVar[str] = "fourier"
    shape: tuple[int, ...]
    highest: int = 3
    total: int | None = None
    constant: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        for side in self.shape:
            _positive("Fourier: a side of the shape", side)
        if self.highest < 1 or not self._frequencies():
            raise ConfigError(
                f"Fourier: highest must be at least 1; got {self.highest}, total {self.total}"
            )
        if len(np.unique(self.table().round(9), axis=0)) < self.count:
            raise ConfigError(
                f"Fourier: frequencies up to {self.highest} give two neurons of {self.shape} one "
                "label: raise highest or total"
            )

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        return len(self._frequencies())

    def _frequencies(self) -> list[tuple[int, ...]]:
        total = self.highest * len(self.shape) if self.total is None else self.total
        every = itertools.product(*(range(min(self.highest, n - 1) + 1) for n in self.shape))
        low = 0 if self.constant else 1
        kept = [k for k in every if low <= sum(k) <= total]
        return sorted(kept, key=lambda k: (sum(k), k))

    def table(self) -> Table:
        places = np.indices(self.shape).reshape(len(self.shape), -1)
        columns = []
        for frequency in self._frequencies():
            wave = np.ones(self.count)
            for k, n, i in zip(frequency, self.shape, places, strict=True):
                wave = wave * np.cos(np.pi * k * (i + 0.5) / n)
            columns.append(wave)
        return np.stack(columns, axis=1)

    def spec(self) -> list[Any]:
        return [self.kind, list(self.shape), self.highest, self.total, self.constant]


@dataclass(frozen=True)
class Hashed:
    """Standard normals from a hash of (seed, neuron, digit): an address without any order.

    The hash is splitmix64 and a Box-Muller step, written out here, so that a genome is born the
    same under every version of NumPy and torch.
    """

    kind: ClassVar[str] = "hashed"
    count: int
    width: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("Hashed: count", self.count)
        _positive("Hashed: width", self.width)
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"Hashed: seed must lie in [0, 2**32); got {self.seed}")

    def table(self) -> Table:
        return hashed_normals(self.seed, self.count * self.width).reshape(self.count, self.width)

    def spec(self) -> list[Any]:
        return [self.kind, self.count, self.width, self.seed]


@dataclass(frozen=True, init=False)
class _OfAxes:
    """Neurons on a grid of axes, each axis with labels of its own."""

    kind: ClassVar[str]
    parts: tuple[Labels, ...]

    def __init__(self, *parts: Labels) -> None:
        if not parts:
            raise ConfigError(f"{type(self).__name__}: give labels for at least one axis")
        object.__setattr__(self, "parts", tuple(parts))

    @property
    def count(self) -> int:
        return math.prod(part.count for part in self.parts)

    def spec(self) -> list[Any]:
        return [self.kind, *(part.spec() for part in self.parts)]


@dataclass(frozen=True, init=False)
class Product(_OfAxes):
    """Neurons on a grid of axes, each with labels of its own: codes are put side by side.

    `Product(Gray(28, 5), Gray(28, 5))` names the pixels of an image as the paper does.
    """

    kind: ClassVar[str] = "product"

    @property
    def width(self) -> int:
        return sum(part.width for part in self.parts)

    def table(self) -> Table:
        places = np.indices([part.count for part in self.parts]).reshape(len(self.parts), -1)
        return np.concatenate(
            [part.table()[i] for part, i in zip(self.parts, places, strict=True)], axis=1
        )


@dataclass(frozen=True, init=False)
class Outer(_OfAxes):
    """Neurons on a grid of axes; a code is the outer product of the codes of its axes.

    With it a bilinear decoder can give every cell type its own map over positions.
    """

    kind: ClassVar[str] = "outer"

    @property
    def width(self) -> int:
        return math.prod(part.width for part in self.parts)

    def table(self) -> Table:
        table: Table = np.ones((1, 1))
        for part in self.parts:
            table = np.asarray(np.kron(table, part.table()), dtype=np.float64)
        return table


@dataclass(frozen=True)
class Tagged:
    """Labels made `total` wide by zeros, then one digit for each tensor: 1 for their own.

    With it one network can serve tensors whose labels differ in width.
    """

    kind: ClassVar[str] = "tagged"
    labels: Labels
    total: int
    tensor: int
    tensors: int

    def __post_init__(self) -> None:
        if self.total < self.labels.width or not 0 <= self.tensor < self.tensors:
            raise ConfigError(
                f"Tagged: {self.labels.width} digits do not fit {self.total}, or tensor "
                f"{self.tensor} is not among {self.tensors}"
            )

    @property
    def count(self) -> int:
        return self.labels.count

    @property
    def width(self) -> int:
        return self.total + self.tensors

    def table(self) -> Table:
        table = np.zeros((self.count, self.width))
        table[:, : self.labels.width] = self.labels.table()
        table[:, self.total + self.tensor] = 1.0
        return table

    def spec(self) -> list[Any]:
        return [self.kind, self.labels.spec(), self.total, self.tensor, self.tensors]


def gray_grid(*shape: int, bits: Sequence[int] | None = None) -> Product:
    """Gray codes along every axis of a grid; `bits` a width for each axis."""
    widths = [None] * len(shape) if bits is None else list(bits)
    if len(widths) != len(shape):
        raise ConfigError(f"gray_grid: give one width an axis; got {bits} for {shape}")
    return Product(*(Gray(n, b) for n, b in zip(shape, widths, strict=True)))


_KINDS: dict[str, Any] = {
    kind.kind: kind for kind in (Binary, Gray, OneHot, Fourier, Hashed, Product, Outer, Tagged)
}


def labels_from(spec: Any) -> Labels:
    """The labels that a `spec()` describes.

    Raises:
        ConfigError: no such kind, or arguments that it does not take.
    """
    known = isinstance(spec, list) and spec and isinstance(spec[0], str) and spec[0] in _KINDS
    if not known:
        raise ConfigError(
            f"labels are [kind, ...] with a kind among {', '.join(_KINDS)}; got {spec!r}"
        )
    kind, *arguments = spec
    if kind in ("product", "outer"):
        arguments = [labels_from(part) for part in arguments]
    if kind == "fourier" and arguments and isinstance(arguments[0], list):
        arguments[0] = tuple(arguments[0])
    if kind == "tagged" and arguments:
        arguments[0] = labels_from(arguments[0])
    try:
        made: Labels = _KINDS[kind](*arguments)
    except TypeError as error:
        raise ConfigError(f"labels {kind!r} do not take {arguments!r}: {error}") from error
    return made


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _splitmix64(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = numbers + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hashed_words(seed: int, count: int) -> NDArray[np.uint64]:
    """`count` words of 64 random bits that depend on nothing but `seed` and their place."""
    with np.errstate(over="ignore"):
        start = _splitmix64(np.array([seed], dtype=np.uint64))
        return _splitmix64(start ^ (np.arange(count, dtype=np.uint64) * _GOLDEN))


def hashed_normals(seed: int, count: int) -> Table:
    """`count` standard normals that depend on nothing but `seed` and their place."""
    words = hashed_words(seed, 2 * ((count + 1) // 2))
    uniform = (words >> np.uint64(11)).astype(np.float64)
    uniform = (uniform + 0.5) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[0::2]))
    angle = 2.0 * np.pi * uniform[1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return pairs.reshape(-1)[:count]

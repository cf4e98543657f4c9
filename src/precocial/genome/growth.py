"""Genes of a size, and the largest size that a budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError, one_of
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.layouts import RETINOTOPIC, layout_decoders, layouts
from precocial.genome.decoders.rules import RULES, SHARES_ALWAYS, count, newborn_size, vector_rule
from precocial.genome.file.genome_file import most_bytes
from precocial.genome.labels.addresses import LabelStyle, labels_for
from precocial.genome.labels.codes import Labels, Tagged
from precocial.genome.phenotype.parts import Part

Biases = Literal["generate", "store"]
Share = Literal["layer", "global"]
TensorLabels = tuple[Labels, Labels | None]
"""Labels of the rows (outputs) and of the columns (inputs; None for a vector) of a tensor."""


@dataclass(frozen=True)
class Gene:
    """One tensor of the model and where its values come from."""

    name: str
    shape: tuple[int, ...]
    decoder: Decoder


@dataclass(frozen=True)
class Growth:
    """Genes of any size by one decoder, drawn by a seed; larger size, more parameters."""

    parts: list[Part]
    grow: Callable[[int], list[Gene]]
    seed: int
    sized: bool
    """whether newborn weights have their size as they are drawn"""

    def genes(self, size: int) -> list[Gene]:
        """Genes of a size, but for the size of newborn weights, which takes all weights to know."""
        torch.manual_seed(self.seed)
        return self.grow(size)

    def whole(self, size: int) -> list[Gene]:
        """Genes of a size, whose newborn weights are of a size that keeps a signal's."""
        genes = self.genes(size)
        return genes if self.sized else _sized(genes, self.parts)

    def largest(self, budget: int, statistics: Mapping[str, Tensor]) -> int:
        """The largest size with at most so many parameters, stored statistics and all.

        Raises:
            ConfigError: none is that small.
        """
        stored = sum(value.numel() for value in statistics.values())
        _refuse_below(_total(self.genes(1)) + stored, budget, "parameters")
        return _largest(lambda size: _total(self.genes(size)) + stored, budget)

    def largest_in_bytes(self, budget: int, statistics: Mapping[str, Tensor], bits: int) -> int:
        """The largest size whose file cannot exceed `budget` bytes at `bits` bits.

        Raises:
            ConfigError: none is that small.
        """

        def cost(size: int, whole: bool = False) -> int:
            genes = self.whole(size) if whole else self.genes(size)
            shapes = {gene.name: gene.shape for gene in genes}
            return most_bytes(shapes, {gene.name: gene.decoder for gene in genes}, statistics, bits)

        # The factor of newborn weights stands in the header. To know it takes all weights, so it is
        # looked at last; a larger size that fits only by its factor's digits is tried too.
        _refuse_below(cost(1, whole=True), budget, f"bytes at {bits} bits")
        size = _largest(cost, budget)
        while cost(size + 1) > cost(size) and cost(size + 1, whole=True) <= budget:
            size += 1
        while size > 1 and cost(size, whole=True) > budget:
            size -= 1
        return size


def growth_of(
    parts: list[Part],
    decoder: str,
    *,
    labels: LabelStyle | Mapping[str, TensorLabels],
    biases: Biases,
    share: Share,
    seed: int,
) -> Growth:
    """How genes of a decoder grow; the arguments are those of `Genome.for_model`.

    Raises:
        ConfigError: no such decoder, or a layout for a model that it does not fit.
    """
    one_of("decoder", decoder, (*RULES, RETINOTOPIC))
    if decoder != RETINOTOPIC:
        return Growth(parts, _ruled(parts, decoder, labels, biases, share), seed, sized=False)
    _check_left_out(labels=labels == "smooth", biases=biases == "generate", share=share == "layer")
    return Growth(parts, _laid_out(parts), seed, sized=True)


def _ruled(
    parts: list[Part],
    decoder: str,
    labels: LabelStyle | Mapping[str, TensorLabels],
    biases: Biases,
    share: Share,
) -> Callable[[int], list[Gene]]:
    """Genes by a rule of RULES."""
    named_labels = _all_labels(parts, labels, share)
    tied = share == "global" or decoder in SHARES_ALWAYS

    def grow(size: int) -> list[Gene]:
        genes = []
        for part in parts:
            own = named_labels.get(part.name)
            made = _decoder(part, decoder, own, biases, size, tied=tied)
            genes.append(Gene(part.name, part.shape, made))
        if tied:
            _tie(genes, parts)
        return genes

    return grow


def _laid_out(parts: list[Part]) -> Callable[[int], list[Gene]]:
    """Genes by the layouts of the hidden cells; above the largest there is no other."""
    found = layouts(parts)

    def grow(size: int) -> list[Gene]:
        made = layout_decoders(parts, found[min(size, len(found)) - 1])
        return [Gene(part.name, part.shape, one) for part, one in zip(parts, made, strict=True)]

    return grow


def _check_left_out(**left: bool) -> None:
    given = [name for name, as_it_is in left.items() if not as_it_is]
    if given:
        raise ConfigError(
            f"Genome.for_model: the decoder {RETINOTOPIC!r} has labels and biases of its own, and "
            f"shares nothing; leave out {', '.join(given)}"
        )


def _all_labels(
    parts: list[Part], labels: LabelStyle | Mapping[str, TensorLabels], share: Share
) -> dict[str, tuple[Labels, Labels]]:
    """Labels of every tensor; with one rule for all weights, of one width and with its number."""
    _check_named(parts, labels)
    every = {part.name: _labels(part, labels) for part in parts if not part.kept}
    if share == "layer":
        return every
    weights = [part.name for part in parts if part.columns and not part.kept]
    if not weights:
        raise ConfigError("share='global' is for the weights of matrices, and there are none")
    widths = [max(every[name][side].width for name in weights) for side in (0, 1)]
    for number, name in enumerate(weights):
        rows, columns = every[name]
        every[name] = (
            Tagged(rows, widths[0], number, len(weights)),
            Tagged(columns, widths[1], number, len(weights)),
        )
    return every


def _check_named(parts: list[Part], labels: object) -> None:
    """Labels of single tensors are pairs, for tensors that have labels."""
    if isinstance(labels, str):
        return
    if not isinstance(labels, Mapping):
        raise ConfigError(f"labels are a style, or pairs by tensor; got {labels!r}")
    known = [part.name for part in parts if not part.kept]
    for name, pair in labels.items():
        if name not in known:
            raise ConfigError(
                f"labels of {name!r}: no tensor of that name is generated; there are "
                f"{', '.join(known)}"
            )
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(map(_are_labels, pair))):
            raise ConfigError(
                f"labels of {name} are a pair (rows, columns) of labels such as Binary(64), or "
                f"None for the usual ones; got {pair!r}"
            )


def _are_labels(one: Any) -> bool:
    return one is None or isinstance(one, Labels)


def _tie(genes: list[Gene], parts: list[Part]) -> None:
    """One set of parameters for all weights."""
    weights = [gene.decoder for gene, part in zip(genes, parts, strict=True) if part.columns]
    for decoder in weights[1:]:
        decoder.share(weights[0])


def _labels(part: Part, labels: LabelStyle | Mapping[str, TensorLabels]) -> tuple[Labels, Labels]:
    named = None if isinstance(labels, str) else labels.get(part.name)
    style: LabelStyle = labels if isinstance(labels, str) else "smooth"
    rows, columns = (None, None) if named is None else named
    rows = labels_for(part.rows, style) if rows is None else rows
    columns = labels_for(part.columns, style) if columns is None and part.columns else columns
    if rows.count != part.out or (columns is not None and columns.count != part.into):
        raise ConfigError(
            f"labels of {part.name}: {part.out} rows, {part.into} columns; got labels of "
            f"{rows.count} and {columns.count if columns is not None else 1}"
        )
    return rows, columns if columns is not None else rows


def _decoder(
    part: Part,
    kind: str,
    labels: tuple[Labels, Labels] | None,
    biases: Biases,
    size: int,
    *,
    tied: bool,
) -> Decoder:
    if part.kept or (not part.columns and biases == "store"):
        return Stored(part.size, 1)
    assert labels is not None
    rows, columns = labels
    if not part.columns:
        return vector_rule(part, rows)
    made = RULES[kind](part, rows, columns, size)
    return made if tied or count(made) < part.size else Stored(part.out, part.into)


def _sized(genes: list[Gene], parts: list[Part]) -> list[Gene]:
    """Weights at birth have the standard deviation 1/sqrt(fan_in); the factor is a power of 2."""
    for gene, part in zip(genes, parts, strict=True):
        if part.columns and not isinstance(gene.decoder, Stored):
            with torch.no_grad():
                spread = float(gene.decoder.weight().std(correction=0))
            if spread > 0:
                gene.decoder.scale *= 2.0 ** round(math.log2(newborn_size(part) / spread))
    return genes


def _total(genes: list[Gene]) -> int:
    """Numbers in the genes, shared ones once."""
    return sum(p.numel() for p in nn.ModuleList([gene.decoder for gene in genes]).parameters())


def _largest(cost: Callable[[int], int], budget: int) -> int:
    """The largest size of at least 1 whose cost is within budget; 1 if none is."""
    low, high = 1, 2
    while cost(high) <= budget and cost(high) > cost(low):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost(middle) <= budget else (low, middle)
    return low


def _refuse_below(least: int, budget: int, unit: str) -> None:
    if not least <= budget:  # of NaN too
        raise ConfigError(
            f"no genome of this kind is that small: it needs at least {least} {unit}, the "
            f"budget is {budget}; raise the budget to that, or choose another decoder"
        )

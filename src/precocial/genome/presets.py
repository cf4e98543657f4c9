"""The paper's genomes, with their exact numbers of parameters.

Source: Shuvaev et al. 2024, Methods and results. For the 784-800-10 perceptron GN5, GN20 and GN30
have 613, 1,353 and 1,973 parameters; for the nine-layer convolutional network GN10, GN30 and GN50
have 3,798, 9,378 and 14,958.
"""

from __future__ import annotations

from collections.abc import Callable

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.pair import Pair
from precocial.genome.labels.addresses import numbered
from precocial.genome.labels.codes import Binary, Gray, Labels, OneHot, Product
from precocial.genome.phenotype.parts import Axes, Part

Plan = list[tuple[Part, Decoder]]


def _perceptron(hidden: tuple[int, ...], parts: list[Part]) -> Plan:
    """Weights by 20-h-10-1 (GN5: 20-10-5-1), hidden biases by 10-5-1, output biases kept."""
    plan: Plan = []
    for part in parts:
        rows = _perceptron_labels(part.rows)
        if part.kept or (not part.columns and part.rows[0].role == "classes"):
            plan.append((part, Stored(part.size, 1)))
        elif not part.columns:
            plan.append((part, Pair(rows, None, hidden=(5,))))
        else:
            plan.append((part, Pair(rows, _perceptron_labels(part.columns), hidden=hidden)))
    return plan


def _perceptron_labels(axes: Axes) -> Labels:
    if axes and axes[0].role == "grid":
        return Product(*(Gray(axis.size) for axis in axes))
    if axes and axes[0].role == "classes" and len(axes) == 1:
        return OneHot(axes[0].size)
    return Product(*(numbered(axis.size) for axis in axes)) if axes else Binary(1)


def _convolutional(hidden: tuple[int, ...], parts: list[Part]) -> Plan:
    """Weights by networks 20-h-10-1, biases by 8-10-1, the last ones by a linear rule on one-hot.

    Labels of a weight: 2 + 2 digits of Gray code for its place in the kernel (1 + 1 in the last
    layer), 8 binary digits for its input filter, 8 binary for its output filter (one-hot in the
    last layer).
    """
    plan: Plan = []
    for part in parts:
        answers = part.rows[0].role == "classes"
        rows: Labels = OneHot(part.out) if answers else numbered(part.out, 8)
        if part.kept:
            plan.append((part, Stored(part.size, 1)))
        elif not part.columns:
            plan.append((part, Pair(rows, None, hidden=() if answers else (10,))))
        else:
            filters, *kernel = part.columns
            grid = (Gray(axis.size, 1 if answers else 2) for axis in kernel)
            columns = Product(numbered(filters.size, 8), *grid)
            plan.append((part, Pair(rows, columns, hidden=hidden)))
    return plan


def _preset(
    perceptron: tuple[int, ...] | None, convolutional: tuple[int, ...] | None
) -> Callable[[list[Part]], Plan]:
    def plan(parts: list[Part]) -> Plan:
        convolution = any(len(part.shape) > 2 for part in parts)
        hidden = convolutional if convolution else perceptron
        if hidden is None:
            kind = "a convolutional network" if convolution else "a perceptron"
            fitting = [name for name in PRESETS if _fits(name, convolution)]
            raise ConfigError(
                f"the paper has no such preset for {kind}: use {', '.join(fitting)}, or give "
                "parameters= or ratio="
            )
        return (_convolutional if convolution else _perceptron)(hidden, parts)

    return plan


def _fits(name: str, convolution: bool) -> bool:
    return name in (("GN10", "GN30", "GN50") if convolution else ("GN5", "GN20", "GN30"))


PRESETS: dict[str, Callable[[list[Part]], Plan]] = {
    "GN5": _preset((10, 5), None),
    "GN10": _preset(None, (10, 10)),
    "GN20": _preset((20, 10), None),
    "GN30": _preset((30, 10), (30, 10)),
    "GN50": _preset(None, (50, 10)),
}

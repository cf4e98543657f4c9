"""What the loops share: a genome's parameters by name, rates, and optimisers as plain arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from precocial.genome.decoders.decoder import Decoder
from precocial.genome.decoders.pair import Pair
from precocial.genome.genome import Genome

Arrays = dict[str, NDArray[Any]]
Tensors = dict[str, Tensor]


class Loop(Protocol):
    """One outer loop in progress."""

    generations: int
    """in all; a step of the genome counts as one where there is a gradient"""
    every: int
    """generations to a row"""

    def advance(self, generation: int) -> tuple[dict[str, float], int]:
        """Generation n = 0, 1, ...: what was measured, and the examples that were presented."""
        ...

    def candidate(self) -> Tensors:
        """The parameters of the genome that are scored and may be kept."""
        ...

    def scores(self) -> dict[str, float]:
        """The candidate's scores, for it is in the genome; "chosen_by" is the one that chooses."""
        ...

    def optimisers(self) -> dict[str, tuple[torch.optim.Optimizer, Mapping[str, Tensor]]]:
        """What steps, by a short name, with its parameters by theirs."""
        ...

    def state(self) -> Tensors:
        """Further tensors that decide what comes next, live."""
        ...


def parameters_of(genome: Genome) -> Tensors:
    """The genome's parameters that are trained, by name, live."""
    return {name: value for name, value in genome.named_parameters() if value.requires_grad}


def copied(tensors: Mapping[str, Tensor]) -> Tensors:
    """Copies without a gradient."""
    return {name: value.detach().clone() for name, value in tensors.items()}


def put(into: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Write values into live tensors of the same names."""
    with torch.no_grad():
        for name, value in values.items():
            into[name].copy_(value)


@contextmanager
def holding(genome: Genome, values: Mapping[str, Tensor]) -> Iterator[None]:
    """The genome with other values, for a while."""
    own = parameters_of(genome)
    kept = copied(own)
    put(own, values)
    try:
        yield
    finally:
        put(own, kept)


def cosine_rate(step: int, steps: int, rate: float, warmup_steps: int) -> float:
    """A line up over the warm-up, times half a cosine down to 0 at `steps`."""
    rise = min(1.0, (step + 1) / (warmup_steps + 1))
    return rate * rise * 0.5 * (1 + math.cos(math.pi * step / steps))


def multiplies_without_weights(genome: Genome) -> bool:
    """Whether a rule of the genome computes x W^T for less than it takes to build W.

    The pair rule has a product of its own too, but one that builds W in blocks.
    """
    return any(
        type(decoder).product is not Decoder.product and not isinstance(decoder, Pair)
        for decoder in genome.decoders.values()
        if isinstance(decoder, Decoder)
    )


def optimiser_arrays(
    prefix: str, optimiser: torch.optim.Optimizer, parameters: Mapping[str, Tensor]
) -> Arrays:
    """An optimiser's state by parameter, as arrays."""
    return {
        f"{prefix}.{key}.{name}": value.detach().numpy().copy()
        for name, parameter in parameters.items()
        for key, value in optimiser.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(
    arrays: Mapping[str, NDArray[Any]],
    prefix: str,
    optimiser: torch.optim.Optimizer,
    parameters: Mapping[str, Tensor],
) -> None:
    """Undo `optimiser_arrays`."""
    for name, parameter in parameters.items():
        for key in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer"):
            array = arrays.get(f"{prefix}.{key}.{name}")
            if array is not None:  # a parameter without a gradient has no state
                # a file keeps a single number as an array of one
                shape = () if key == "step" else parameter.shape
                optimiser.state[parameter][key] = torch.tensor(array).reshape(shape)

"""What else the same number of bytes buys: the rivals that every report prints.

A rival is trained on the task's training examples, its rate and its size are chosen on the
validation examples, and its bytes are counted as those of a genome are: numbers at `bits` each,
coded, with the file around them; but for `pruned`, whose bytes are those of a code without a file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precocial.genome.data.examples import Task, accuracy
from precocial.genome.decoders.decoder import Stored
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.growth import Gene
from precocial.genome.lifetime.learning import Order, set_rate, step_on
from precocial.genome.loops.parts import cosine_rate

RATES = (1e-2, 3e-3, 1e-3)
"""Of Adam for dense rivals; the best on the validation examples counts."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A trained rival, with values as they are after rounding."""

    model: nn.Module
    parameters: int
    bytes: int
    note: str = ""


def trained(
    make: Callable[[], nn.Module], task: Task, *, steps: int, batch: int = 256, seed: int = 0
) -> nn.Module:
    """The best of RATES by validation accuracy, each trained by Adam with a cosine rate."""
    best, score = None, -1.0
    for rate in RATES:
        model = make()
        fit(model, task, steps=steps, rate=rate, batch=batch, seed=seed)
        found = accuracy(model, task.valid)
        if found > score:
            best, score = model, found
    assert best is not None
    return best


def fit(
    model: nn.Module,
    task: Task,
    *,
    steps: int,
    rate: float,
    batch: int = 256,
    seed: int = 0,
    keep: dict[str, Tensor] | None = None,
) -> None:
    """Train in place by Adam, cosine rate in steps; entries that `keep` masks to 0 stay 0."""
    descent = torch.optim.Adam(model.parameters(), lr=rate)
    order = Order(len(task.train), batch, seed, "rival", task.name)
    model.train()
    for step in range(steps):
        set_rate(descent, cosine_rate(step, steps, rate, 0))
        step_on(model, descent, task.train.take(order(step)))
        if keep is not None:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.mul_(keep[name])
    model.eval()


def stored_genome(model: nn.Module) -> Genome:
    """A genome that keeps every tensor of `model` as it is."""
    genes = []
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        genes.append(Gene(name, shape, Stored(parameter.numel(), 1, start=parameter)))
    return Genome(genes)


def quantised(model: nn.Module, bits: int) -> tuple[nn.Module, int]:
    """As `rounded`, with the buffers of `model`: BatchNorm keeps its statistics, uncounted."""
    made = copy.deepcopy(model)
    kept: dict[str, Tensor] = dict(made.named_parameters())
    with torch.no_grad():
        for name, value in fake_quantise(kept, bits).items() if bits < 32 else []:
            kept[name].copy_(value)
    return made, stored_genome(made).byte_count(bits)


def rounded(model: nn.Module, bits: int) -> tuple[nn.Module, int]:
    """A copy with values as a file of `bits` bits holds them, and the bytes of that file."""
    genome = stored_genome(model)
    values: dict[str, Tensor] = dict(genome.named_parameters())
    with torch.no_grad():
        for name, value in fake_quantise(values, bits).items() if bits < 32 else []:
            values[name].copy_(value)
    return genome.birth(model).eval(), genome.byte_count(bits)

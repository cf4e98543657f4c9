"""What else the same number of bytes buys: the rivals that every report prints.

A rival is trained on the task's training examples, its rate and its size are chosen on the
validation examples, and its bytes are counted as those of a genome are: numbers at `bits` each,
coded, with the file around them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.decoders.decoder import Stored
from precocial.genome.examples import Task, accuracy
from precocial.genome.genome import Gene, Genome
from precocial.genome.lifetime import Order, set_rate, step_on
from precocial.genome.loops.parts import cosine_rate
from precocial.genome.quantise import fake_quantise
from precocial.genome.tiny_dense import pooled_linear
from precocial.runs import stream_seed

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


def rounded(model: nn.Module, bits: int) -> tuple[nn.Module, int]:
    """A copy with values as a file of `bits` bits holds them, and the bytes of that file."""
    genome = stored_genome(model)
    values: dict[str, Tensor] = dict(genome.named_parameters())
    with torch.no_grad():
        for name, value in fake_quantise(values, bits).items() if bits < 32 else []:
            values[name].copy_(value)
    return genome.birth(model).eval(), genome.byte_count(bits)


def pooled(task: Task, parameters: int, *, steps: int, bits: int, seed: int) -> Rival:
    """A linear model on pictures averaged over blocks, the finest that the parameters allow.

    On other inputs a linear model on all of them.

    Raises:
        ConfigError: too few parameters.
    """

    def make() -> nn.Module:
        if len(task.train.inputs.shape) == 4:
            return pooled_linear(task, parameters, seed)
        return _linear(task, parameters, seed)

    return _rival(trained(make, task, steps=steps, seed=seed), bits)


def _linear(task: Task, parameters: int, seed: int) -> nn.Module:
    inputs = math.prod(task.train.inputs.shape[1:])
    least = (inputs + 1) * task.classes
    if parameters < least:
        raise ConfigError(f"a linear model needs {least} parameters; got {parameters}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "linear"))
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, task.classes))


def tiny_dense(task: Task, parameters: int, *, steps: int, bits: int, seed: int) -> Rival:
    """A ReLU network of one hidden layer on averaged pictures.

    The blocks are the ones, among all that leave at least two hidden units, with which the
    validation examples are classified best. Inputs that are no pictures are taken as they are.

    Raises:
        ConfigError: too few parameters.
    """
    shape = tuple(task.train.inputs.shape[1:])
    best: nn.Module | None = None
    score, layouts = -1.0, list(_layouts(shape, task.classes, parameters))
    if not layouts:
        raise ConfigError(f"tiny_dense: {parameters} parameters are too few for a hidden layer")
    for side, hidden in layouts:
        model = trained(_mlp(shape, side, hidden, task.classes, seed), task, steps=steps, seed=seed)
        found = accuracy(model, task.valid)
        if found > score:
            best, score = model, found
    assert best is not None
    return _rival(best, bits)


def _mlp(
    shape: tuple[int, ...], side: int | None, hidden: int, classes: int, seed: int
) -> Callable[[], nn.Module]:
    inputs = math.prod(shape) if side is None else shape[0] * side * side
    averaged = [] if side is None else [nn.AdaptiveAvgPool2d(side)]

    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(seed, "genome", "tiny dense"))
            return nn.Sequential(
                *averaged,
                nn.Flatten(),
                nn.Linear(inputs, hidden),
                nn.ReLU(),
                nn.Linear(hidden, classes),
            )

    return make


def _layouts(
    shape: tuple[int, ...], classes: int, parameters: int
) -> Iterator[tuple[int | None, int]]:
    """(side of the averaged picture, hidden units), the most units that the parameters allow.

    None stands for inputs as they are, where they are no pictures.
    """
    if len(shape) != 3:
        hidden = (parameters - classes) // (math.prod(shape) + 1 + classes)
        if hidden >= 2:
            yield None, hidden
        return
    for side in (4, 5, 7, 9, 14):
        inputs = shape[0] * side * side
        hidden = (parameters - classes) // (inputs + 1 + classes)
        if hidden >= 2 and side <= min(shape[1:]):
            yield side, hidden


def _rival(model: nn.Module, bits: int) -> Rival:
    model, size = rounded(model, bits)
    return Rival(model=model, parameters=sum(p.numel() for p in model.parameters()), bytes=size)


def pruned(model: nn.Module, task: Task, nbytes: int, *, steps: int, bits: int, seed: int) -> Rival:
    """The trained `model` with its smallest weights set to 0, trained on, and rounded to `bits`.

    An entry that stays costs its value (`bits`) and its place: log2 of the number of ways to choose
    the places, which no code beats on average. Biases count as entries. What remains is trained for
    `steps` after each of four cuts. Source: magnitude pruning with retraining (Han et al. 2015).

    Raises:
        ConfigError: bytes for less than one entry.
    """
    model = copy.deepcopy(model)
    total = sum(parameter.numel() for parameter in model.parameters())
    tensors = len(list(model.parameters()))
    kept = most_entries(total, nbytes - tensors, bits)  # one byte a tensor for its step
    start = min(total, 64 * kept)
    for cut in range(1, 5):
        entries = round(start * (kept / start) ** (cut / 4))
        fit(model, task, steps=steps, rate=1e-3, seed=seed, keep=_largest_entries(model, entries))
    values = {name: p.detach() for name, p in model.named_parameters()}
    keep = {name: (value != 0).float() for name, value in values.items()}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(fake_quantise({name: parameter.detach()}, bits)[name] * keep[name])
    used = sum(int((p != 0).sum()) for p in model.parameters())
    size = math.ceil((used * bits + places_bits(total, used)) / 8) + tensors
    return Rival(model=model, parameters=used, bytes=size, note=f"{used} of {total} entries stay")


def places_bits(total: int, kept: int) -> float:
    """log2 of the ways to choose `kept` places among `total`, in bits."""
    choose = math.lgamma(total + 1) - math.lgamma(kept + 1) - math.lgamma(total - kept + 1)
    return choose / math.log(2)


def most_entries(total: int, nbytes: int, bits: int) -> int:
    """The most entries, values and places, that fit into so many bytes."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        fits = middle * bits + places_bits(total, middle) <= 8 * nbytes
        low, high = (middle, high) if fits else (low, middle - 1)
    if low < 1:
        raise ConfigError(f"pruned: {nbytes} bytes hold no entry at {bits} bits")
    return low


def _largest_entries(model: nn.Module, entries: int) -> dict[str, Tensor]:
    """A mask of the `entries` largest, each tensor's by its own mean size."""
    sizes = {
        name: parameter.detach().abs() / parameter.detach().abs().mean().clamp_min(1e-12)
        for name, parameter in model.named_parameters()
    }
    every = torch.cat([size.flatten() for size in sizes.values()])
    least = every.topk(min(entries, every.numel())).values[-1]
    return {name: (size >= least).float() for name, size in sizes.items()}

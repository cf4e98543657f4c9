"""Magnitude pruning: the largest weights of a trained model, and their places."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.rivals.training import Rival, fit


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

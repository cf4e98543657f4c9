"""Pruning: the few weights of a trained model that matter most, their places, and few bits."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from precocial.errors import ConfigError
from precocial.genome.data.examples import Task
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.lifetime.learning import Order, set_rate, step_on
from precocial.genome.loops.parts import cosine_rate, put
from precocial.genome.rivals.training import Rival

RATE = 3e-3
"""Of Adam. Ours, tried on validation images of Fashion-MNIST at one seed."""
_CUTS = 24
_START = 200
"""The first cut leaves this many times the entries of the last, later ones fewer by one factor."""
_DECAY = 0.98
"""Of the running mean of saliencies, a step."""

Masks = dict[str, Tensor]


def pruned(model: nn.Module, task: Task, nbytes: int, *, steps: int, bits: int, seed: int) -> Rival:
    """The trained `model` with all but its most salient weights set to 0, rounded to `bits`.

    Over three quarters of the steps entries are cut, little by little, those first whose removal
    would change the loss least: |w dL/dw|, a running mean (Molchanov et al. 2017). Magnitude, the
    older rule, keeps weights of units that nothing reads any more. What stays is then trained on
    the values that `bits` bits hold. An entry costs `bits` and its place, see `sparse_bits`; the
    last cut keeps as many as fit into `nbytes`. Biases count as entries. No file is
    written: a header, which a genome pays for, is not counted.

    Args:
        model: trained; not changed.
        task: of which the training examples are used.
        nbytes: of the file, at most.
        steps: of Adam in all.
        bits: of a value.
        seed: of the order of examples.

    Raises:
        ConfigError: bytes for less than one entry.
    """
    model = copy.deepcopy(model)
    order = Order(len(task.train), 256, seed, "rival", task.name)
    masks = _cut(model, task, order, nbytes, steps=max(1, 3 * steps // 4), bits=bits)
    _refine(model, masks, task, order, start=3 * steps // 4, steps=steps, bits=bits)
    total = sum(mask.numel() for mask in masks.values())
    used = sum(int(mask.sum()) for mask in masks.values())
    size = math.ceil(sparse_bits(masks, bits) / 8)
    return Rival(
        model=model.eval(), parameters=used, bytes=size, note=f"{used} of {total} entries stay"
    )


def sparse_bits(masks: Mapping[str, Tensor], bits: int) -> float:
    """Bits of the entries that masks keep: their values and their places.

    A tensor, as a matrix [out, in], tells how many entries it keeps and where: log2 of the number
    of ways to choose them among all, or among the rows and columns that keep any, which are told
    likewise; the shorter of the two, and a bit for which. For places no code is shorter on average,
    if all are as likely; values are not coded. One byte a tensor is for the step of its values.
    """
    total = 0.0
    for mask in masks.values():
        kept = mask.reshape(len(mask), -1) if mask.ndim else mask.reshape(1, 1)
        entries = int(kept.sum())
        rows, columns = int(kept.any(1).sum()), int(kept.any(0).sum())
        counts = sum(math.log2(n + 1) for n in (kept.numel(), *kept.shape)) + 1
        anywhere = places_bits(kept.numel(), entries)
        crossing = places_bits(len(kept), rows) + places_bits(kept.shape[1], columns)
        crossing += places_bits(rows * columns, entries)
        total += 8 + counts + entries * bits + min(anywhere, crossing)
    return total


def places_bits(total: int, kept: int) -> float:
    """log2 of the ways to choose `kept` places among `total`, in bits."""
    choose = math.lgamma(total + 1) - math.lgamma(kept + 1) - math.lgamma(total - kept + 1)
    return choose / math.log(2)


def largest_masks(scores: Mapping[str, Tensor], nbytes: int, bits: int) -> Masks:
    """Masks of the highest scores, as many as fit into so many bytes.

    Raises:
        ConfigError: not even one.
    """
    low, high = 0, sum(int((score > 0).sum()) for score in scores.values())
    high = min(high, 8 * nbytes // bits)
    while low < high:
        middle = (low + high + 1) // 2
        fits = sparse_bits(highest(scores, middle), bits) <= 8 * nbytes
        low, high = (middle, high) if fits else (low, middle - 1)
    if low < 1:
        raise ConfigError(f"pruned: {nbytes} bytes hold no entry at {bits} bits")
    return highest(scores, low)


def highest(scores: Mapping[str, Tensor], entries: int) -> Masks:
    """Masks of the `entries` highest scores above 0, over all tensors; ties may add some."""
    every = torch.cat([score.flatten() for score in scores.values()])
    least = every.topk(min(entries, every.numel())).values[-1]
    return {name: (score >= least) & (score > 0) for name, score in scores.items()}


def _cut(
    model: nn.Module, task: Task, order: Order, nbytes: int, *, steps: int, bits: int
) -> Masks:
    """Train, and cut on the way; the masks of the last cut."""
    parameters = dict(model.named_parameters())
    _refuse_below(parameters, nbytes, bits)
    masks = {name: torch.ones_like(p, dtype=torch.bool) for name, p in parameters.items()}
    end = max(1, 8 * nbytes // (bits + 8))  # about: what a place costs is known when they are few
    start = min(_START * end, sum(p.numel() for p in parameters.values()))
    cuts = max(1, min(_CUTS, steps // 10))
    descent = torch.optim.Adam(model.parameters(), lr=RATE)
    model.train()
    for cut in range(1, cuts + 1):
        salient = {name: torch.zeros_like(p) for name, p in parameters.items()}
        for step in range((cut - 1) * steps // cuts, cut * steps // cuts):
            step_on(model, descent, task.train.take(order(step)))
            with torch.no_grad():
                for name, p in parameters.items():
                    if p.grad is not None:
                        salient[name].mul_(_DECAY).add_((p * p.grad).abs())
                    p.mul_(masks[name])
        scores = _scores(parameters, salient, masks)
        left = round(start * (end / start) ** (cut / cuts))
        masks = highest(scores, left)
        if cut == cuts or sparse_bits(masks, bits) <= 8 * nbytes:  # never fewer than there is room
            masks = largest_masks(scores, nbytes, bits)
        with torch.no_grad():
            for name, p in parameters.items():
                p.mul_(masks[name])
    return masks


def _refuse_below(parameters: Mapping[str, Tensor], nbytes: int, bits: int) -> None:
    """Before anything is trained: whether one entry of any tensor fits."""
    none = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in parameters.items()}
    least = math.inf
    for name, p in parameters.items():
        one = torch.zeros(p.numel(), dtype=torch.bool)
        one[0] = True
        least = min(least, sparse_bits(none | {name: one.reshape(p.shape)}, bits))
    if least > 8 * nbytes:
        raise ConfigError(f"pruned: {nbytes} bytes hold no entry at {bits} bits")


def _scores(
    parameters: Mapping[str, Tensor], salient: Mapping[str, Tensor], masks: Masks
) -> dict[str, Tensor]:
    """Saliencies of what is left; what has none is ranked by its size, below everything else."""
    most = max(float(one.max()) for one in salient.values()) or 1.0
    sizes = {name: p.detach().abs() for name, p in parameters.items()}
    largest = max(float(one.max()) for one in sizes.values()) or 1.0
    return {
        name: (salient[name] / most + 1e-9 * sizes[name] / largest) * masks[name]
        for name in parameters
    }


def _refine(
    model: nn.Module, masks: Masks, task: Task, order: Order, *, start: int, steps: int, bits: int
) -> None:
    """Train the entries that stay, on the values that `bits` bits hold, and leave those."""
    parameters = dict(model.named_parameters())
    places = {name: mask.flatten().nonzero()[:, 0] for name, mask in masks.items() if mask.any()}
    values = {
        name: nn.Parameter(parameters[name].detach().flatten()[at]) for name, at in places.items()
    }

    def weights() -> dict[str, Tensor]:
        # The user's names must not be taken for those of a genome's running statistics.
        named: dict[str, Tensor] = {f"entries.{name}": one for name, one in values.items()}
        kept = fake_quantise(named, bits) if bits < 32 else named
        empty = {name: torch.zeros(p.numel()) for name, p in parameters.items()}
        filled = {
            name: empty[name].index_put((at,), kept[f"entries.{name}"])
            for name, at in places.items()
        }
        return {name: (empty | filled)[name].reshape(p.shape) for name, p in parameters.items()}

    descent = torch.optim.Adam(values.values(), lr=RATE)
    for step in range(start, steps):
        set_rate(descent, cosine_rate(step - start, steps - start, RATE, 0))
        examples = task.train.take(order(step))
        scores = functional_call(model, weights(), (examples.inputs,))
        loss = nn.functional.cross_entropy(scores, examples.targets)
        descent.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        descent.step()
    with torch.no_grad():
        put(parameters, weights())

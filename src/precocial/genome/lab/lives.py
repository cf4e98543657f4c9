"""Many short lives at once: perceptrons of one hidden layer, stacked along a first axis.

A stack of lives is one batched product a layer, so twenty lives cost little more than one. Each
life is what it would be alone: losses are summed, and SGD acts on each number by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.data.examples import Examples, Task
from precocial.genome.lifetime.learning import SGD_MOMENTUM
from precocial.runs import stream

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""W1[m, hidden, in], b1[m, hidden], W2[m, classes, hidden], b2[m, classes] of m lives."""
Chooser = Callable[[int, NDArray[np.float64]], Tensor]
"""(step, uniforms[m, batch]) to the places [m, batch] of the examples that each life looks at."""


def stacked(networks: Sequence[nn.Module]) -> Weights:
    """The weights of perceptrons of one hidden layer, copied, stacked along a first axis.

    Raises:
        ConfigError: networks of another architecture.
    """
    rows = [[value.detach() for value in network.parameters()] for network in networks]
    if not rows or any([v.ndim for v in row] != [2, 1, 2, 1] for row in rows):
        raise ConfigError("lives are of perceptrons of one hidden layer with biases, at least one")
    first, first_bias, second, second_bias = (torch.stack(list(c)) for c in zip(*rows, strict=True))
    return first, first_bias, second, second_bias


def scores_of(weights: Weights, inputs: Tensor) -> Tensor:
    """Scores [m, n, classes] for inputs [m, n, in], or [n, in] that all lives see."""
    first, first_bias, second, second_bias = weights
    if inputs.ndim == 2:
        inputs = inputs.expand(len(first), *inputs.shape)
    hidden = torch.relu(torch.baddbmm(first_bias[:, None], inputs, first.transpose(1, 2)))
    return torch.baddbmm(second_bias[:, None], hidden, second.transpose(1, 2))


@dataclass(frozen=True, kw_only=True)
class Places:
    """The worlds of m lives, stacked: life k learns from train[k] and is scored on test[k]."""

    train_inputs: Tensor
    """[m, n, in]"""
    train_targets: Tensor
    """[m, n]"""
    test_inputs: Tensor
    test_targets: Tensor

    @classmethod
    def of(cls, worlds: Sequence[Task]) -> Places:
        """The worlds of lives, one each, with equally many examples."""
        return cls(
            train_inputs=_inputs([world.train for world in worlds]),
            train_targets=torch.stack([world.train.targets for world in worlds]),
            test_inputs=_inputs([world.test for world in worlds]),
            test_targets=torch.stack([world.test.targets for world in worlds]),
        )

    def __len__(self) -> int:
        return len(self.train_targets)


def _inputs(parts: Sequence[Examples]) -> Tensor:
    return torch.stack([part.inputs.flatten(1) for part in parts])


@torch.no_grad()
def correct_rates(weights: Weights, inputs: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """Accuracy of each life, [m], on inputs [m, n, in] and classes [m, n]."""
    right = scores_of(weights, inputs).argmax(2) == targets
    return right.to(torch.float64).mean(1).numpy()


@torch.no_grad()
def mean_losses(weights: Weights, inputs: Tensor, targets: Tensor) -> NDArray[np.float64]:
    """Mean cross-entropy of each life, [m], in nats."""
    scores = scores_of(weights, inputs)
    losses = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.reshape(targets.shape).to(torch.float64).mean(1).numpy()


def live(
    weights: Weights,
    places: Places,
    *,
    steps: int,
    rates: float | Tensor,
    batch: int,
    seed: int,
    marks: Sequence[int],
    choose: Chooser | None = None,
) -> tuple[NDArray[np.float64], Weights]:
    """Learn by SGD with momentum 0.9; test accuracy [m, marks], and the weights at the end.

    Args:
        weights: at birth; not changed.
        places: as many worlds as lives.
        steps: T.
        rates: one for all, or [m, 4]: of W1, b1, W2, b2 of each life.
        batch: examples in a step, drawn with replacement.
        seed: of the draws, which all lives share (common random numbers).
        marks: steps, rising, at which to score.
        choose: which examples a life looks at; default: any, evenly.
    """
    members, count = places.train_targets.shape
    rate = torch.as_tensor(rates, dtype=torch.float32).expand(members, 4)
    own = [value.clone().requires_grad_() for value in weights]
    speed = [torch.zeros_like(value) for value in own]
    random = stream(seed, "genome", "lab", "life")
    rows, found, wanted = torch.arange(members)[:, None], [], set(marks)
    for step in range(steps + 1):
        if step in wanted:
            now = _frozen(own)
            found.append(correct_rates(now, places.test_inputs, places.test_targets))
        if step == steps:
            break
        uniforms = np.broadcast_to(random.random((1, batch)), (members, batch))
        at = evenly(count, uniforms) if choose is None else choose(step, uniforms)
        scores = scores_of(_weights(own), places.train_inputs[rows, at])
        targets = places.train_targets[rows, at]
        # Summed over lives, a mean over the batch of each: every life gets its own gradient.
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())
        slopes = torch.autograd.grad(loss * members, own)
        with torch.no_grad():
            for number, (value, slope) in enumerate(zip(own, slopes, strict=True)):
                speed[number].mul_(SGD_MOMENTUM).add_(slope)
                shape = (members, *[1] * (value.ndim - 1))
                value -= rate[:, number].reshape(shape) * speed[number]
    curves = np.stack(found, axis=1) if found else np.empty((members, 0))
    return curves, _frozen(own)


def evenly(count: int, uniforms: NDArray[np.float64]) -> Tensor:
    """Places from 0 to count - 1, all alike."""
    return torch.from_numpy((uniforms * count).astype(np.int64))


def _weights(own: Sequence[Tensor]) -> Weights:
    first, first_bias, second, second_bias = own
    return first, first_bias, second, second_bias


def _frozen(own: Sequence[Tensor]) -> Weights:
    return _weights([value.detach() for value in own])

"""What the first layer looks for, where the inputs are pictures."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from precocial.genome.data.examples import Task

SHOWN = 16
"""Filters that a page draws (ours)."""


def first_filters(model: nn.Module, task: Task, *, count: int = SHOWN) -> NDArray[np.float32]:
    """The weights of the first layer as pictures [count, height, width], the largest first.

    Of a linear layer whose inputs are the pixels, or of a convolution wider than one pixel; a mean
    over channels. Size is the Euclidean norm of a filter. Empty, [0, 0, 0], for other layers.
    """
    shape = tuple(task.train.inputs.shape[1:])
    layers = (m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d))
    layer = next(layers, None)
    none = np.zeros((0, 0, 0), np.float32)
    if layer is None or len(shape) != 3:
        return none
    weight = layer.weight.detach()
    if isinstance(layer, nn.Linear):
        if layer.in_features != shape[0] * shape[1] * shape[2]:
            return none
        weight = weight.reshape(-1, *shape)
    if min(weight.shape[2:]) < 2:
        return none
    largest = torch.argsort(weight.flatten(1).norm(dim=1), descending=True, stable=True)
    found: NDArray[np.float32] = weight[largest[:count]].mean(1).cpu().numpy().astype(np.float32)
    return found

"""Small tasks and networks for the tests of the genome's loops."""

from __future__ import annotations

import functools

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from precocial.genome import Examples, Task, split_task


@functools.cache
def digits() -> Task:
    """scikit-learn's digits, 8 x 8, inputs in [0, 1]."""
    found = load_digits()
    inputs = torch.tensor(found.data, dtype=torch.float32) / 16
    return split_task("digits", Examples(inputs=inputs, targets=torch.tensor(found.target)))


def blobs(seed: int = 0, *, classes: int = 3, wide: int = 16, count: int = 240) -> Task:
    """Gaussian clouds that hardly overlap."""
    random = np.random.default_rng([seed, 7])
    centres = random.standard_normal((classes, wide)) * 1.5
    targets = np.arange(count) % classes
    inputs = centres[targets] + random.standard_normal((count, wide))
    examples = Examples(
        inputs=torch.tensor(inputs, dtype=torch.float32), targets=torch.tensor(targets)
    )
    return split_task(f"blobs-{seed}", examples, valid=0.25, test=0.25)


def network(wide: int = 16, hidden: int = 12, classes: int = 3, seed: int = 0) -> nn.Sequential:
    """wide-hidden-classes with one ReLU layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, classes))

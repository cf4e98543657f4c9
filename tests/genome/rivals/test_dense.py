"""The model that a genome must beat."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import Examples, Task
from precocial.genome.rivals.dense import pooled_linear
from tests.genome.tiny_tasks import blobs


def test_a_tiny_dense_model_is_as_fine_as_its_parameters_allow() -> None:
    pictures = torch.randn(4, 1, 28, 28)
    part = Examples(inputs=pictures, targets=torch.tensor([0, 1, 2, 9]))
    task = Task(name="p", train=part, valid=part, test=part, classes=10)
    for budget, count in ((1973, 1970), (500, 500), (20, 20), (10**6, 7850)):
        made = pooled_linear(task, budget)
        assert sum(p.numel() for p in made.parameters()) == count
    made = pooled_linear(task, 1970)
    assert isinstance(made[2], nn.Linear)
    averaged = nn.functional.avg_pool2d(pictures, 2).flatten(1)
    torch.testing.assert_close(made(pictures), made[2](averaged))
    with pytest.raises(ConfigError, match="at least 20 parameters; got 19"):
        pooled_linear(task, 19)
    with pytest.raises(ConfigError, match="channels"):
        pooled_linear(blobs(), 100)
    assert not torch.equal(
        pooled_linear(task, 500, 1)[2].get_parameter("weight"),
        pooled_linear(task, 500, 2)[2].get_parameter("weight"),
    )

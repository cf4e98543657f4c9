"""Models and data by name: seeds, checkpoints, digests and filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from precocial.errors import ConfigError, DataError
from precocial.genome import digits
from precocial.genome.data.sources import (
    check_fits,
    data_digest,
    fresh_model,
    load_model,
    load_task,
    model_digest,
)
from precocial.genome.phenotype.filters import first_filters
from tests.genome.tiny_tasks import blobs, network

MODELS = """
import torch
from torch import nn

def plain():
    return nn.Sequential(nn.Linear(16, 3))

class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(16, 3))

    def forward(self, x):
        return x @ self.w

def checkpoint():
    torch.manual_seed(7)
    return plain()

def noisy():
    model = plain()
    model.register_buffer("noise", torch.randn(3), persistent=False)
    return model

def own_checkpoint():
    torch.manual_seed(7)
    return Own()
"""


@pytest.fixture
def models(tmp_path: Path) -> str:
    (tmp_path / "models.py").write_text(MODELS)
    return str(tmp_path / "models.py")


def weights(model: nn.Module) -> torch.Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize("name", ["plain", "Own"])
def test_a_seed_draws_the_weights(models: str, name: str) -> None:
    one, same, other = (
        weights(fresh_model(f"{models}:{name}", blobs(), seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_checkpoint_is_drawn_anew(models: str) -> None:
    fixed = weights(load_model(f"{models}:checkpoint"))
    drawn = [weights(fresh_model(f"{models}:checkpoint", blobs(), seed)) for seed in (0, 1)]
    assert not torch.equal(drawn[0], fixed)
    assert not torch.equal(drawn[0], drawn[1])
    with pytest.raises(ConfigError, match="has no reset_parameters"):
        fresh_model(f"{models}:own_checkpoint", blobs(), 0)
    with pytest.raises(ConfigError, match="noise is a buffer that differs each time"):
        fresh_model(f"{models}:noisy", blobs(), 0)


def test_to_check_a_model_changes_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 3)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    check_fits(model, blobs())
    assert torch.equal(state, torch.random.get_rng_state())
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    with pytest.raises(ConfigError, match="the model scores only 2"):
        check_fits(network(classes=2), blobs())


def test_digests_change_with_the_files(models: str, tmp_path: Path) -> None:
    first = model_digest(f"{models}:plain")
    Path(models).write_text(MODELS + "\n")
    assert model_digest(f"{models}:plain") != first
    assert data_digest("digits") == ""
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("1")
    found = {data_digest(str(data))}
    (data / "b").write_text("2")
    found.add(data_digest(str(data)))
    (data / "b").rename(data / "c")  # training and test files are told apart by name
    found.add(data_digest(str(data)))
    assert len(found) == 3


def test_a_table_becomes_a_task(tmp_path: Path) -> None:
    lines = [f"{k},{k % 2},{k % 3}" for k in range(60)]
    (tmp_path / "t.csv").write_text("a,target,b\n" + "\n".join(lines) + "\n")
    task = load_task(str(tmp_path / "t.csv"))
    assert task.classes == 2
    assert tuple(task.train.inputs.shape[1:]) == (2,)
    assert float(task.train.inputs.mean()) == pytest.approx(0, abs=1e-5)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="must have a column 'target'"):
        load_task(str(tmp_path / "t.csv"))


def test_a_column_of_a_table_has_a_scale_of_its_own(tmp_path: Path) -> None:
    lines = [f"{1e9 + 1e6 * k},{0.01 * (k % 2)},7,{k % 2}" for k in range(80)]
    (tmp_path / "t.csv").write_text("a,b,c,target\n" + "\n".join(lines) + "\n")
    task = load_task(str(tmp_path / "t.csv"))
    train = task.train.inputs
    assert train.dtype == torch.float32
    assert train.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(train.std(0, unbiased=False), torch.tensor([1.0, 1.0, 0.0]))
    # the second column is the class itself
    assert torch.equal(task.test.inputs[:, 1] > 0, task.test.targets == 1)
    (tmp_path / "t.csv").write_text("a,target\n" + "1e39,0\n1,1\n" * 20)
    with pytest.raises(DataError, match=r"inputs must lie within 3\.4e\+38"):
        load_task(str(tmp_path / "t.csv"))


def test_the_largest_filters_are_pictures() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 10))
    weight = torch.zeros(5, 64)
    weight[3, 8 * 2 + 1], weight[1, 0] = 2.0, 1.0  # row 2, column 1 is the largest
    model[1].weight.data.copy_(weight)
    found = first_filters(model, digits(), count=2)
    assert found.shape == (2, 8, 8)
    assert found[0][2, 1] == 2.0
    assert found[1][0, 0] == 1.0
    assert np.count_nonzero(found) == 2
    kernel = first_filters(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten()), digits())
    assert kernel.shape == (4, 3, 3)
    for other in (nn.Conv2d(1, 4, 1), nn.Linear(8, 4), nn.ReLU()):
        assert first_filters(other, digits()).size == 0
    assert first_filters(network(), blobs()).size == 0

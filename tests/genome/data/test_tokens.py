"""Integers are tokens: an embedding looks them up, and nothing calculates with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from precocial.errors import ConfigError
from precocial.genome import (
    CompressConfig,
    Innate,
    Life,
    Task,
    compress,
    compressing,
    load_task,
    perceptron_for,
    pooled,
    task_from_arrays,
    task_from_dataset,
    tiny_dense,
)
from precocial.runs import run

QUICK = Innate(steps=2, batch=16, evaluate_every=1, warmup_steps=0)
MODEL = """
from torch import nn

def bag():
    return nn.Sequential(nn.EmbeddingBag(20, 8), nn.Linear(8, 2))
"""


def tokens(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Sentences of 5 words of 20; the class is whether the first is among the later half."""
    words = np.random.default_rng(0).integers(0, 20, (count, 5))
    return words, (words[:, 0] >= 10).astype(np.int64)


def test_tokens_stay_what_they_are_from_everywhere(tmp_path: Path) -> None:
    words, classes = tokens()
    save_file({"inputs": words, "targets": classes}, tmp_path / "words.safetensors")
    items = [(torch.tensor(one), int(two)) for one, two in zip(words, classes, strict=True)]
    for task in (
        task_from_arrays(words.astype(np.int32), classes),
        task_from_dataset(items),
        load_task(str(tmp_path / "words.safetensors")),
    ):
        parts = [part.inputs for part in (task.train, task.valid, task.test)]
        assert all(part.dtype == torch.int64 for part in parts)
        found = torch.cat(parts).numpy()
        assert sorted(map(tuple, found)) == sorted(map(tuple, words))


def test_pixels_are_numbers() -> None:
    random = np.random.default_rng(0)
    classes = np.arange(40) % 2
    for pixels in (
        random.integers(0, 256, (40, 16), np.uint8),
        np.arange(640).reshape(40, 1, 4, 4),
    ):
        train = task_from_arrays(pixels, classes).train.inputs
        assert float(train.mean()) == pytest.approx(0, abs=1e-5)


def token_task() -> Task:
    return task_from_arrays(*tokens(), name="words")


def test_what_calculates_refuses_tokens() -> None:
    task = token_task()
    for make in (pooled, tiny_dense):
        with pytest.raises(ConfigError, match="those of words are integers"):
            make(task, 900, steps=1, bits=6, seed=0)
    with pytest.raises(ConfigError, match="a perceptron needs inputs that are numbers"):
        perceptron_for(task, (4,), 0)
    with pytest.raises(ConfigError, match=r"whose inputs are integers \[2, 5\]"):
        compress(nn.Linear(5, 2), task, bytes=500, loop=QUICK)


def test_a_model_of_tokens_is_compressed_beside_the_rivals_that_can_be(tmp_path: Path) -> None:
    words, classes = tokens()
    save_file({"inputs": words, "targets": classes}, tmp_path / "words.safetensors")
    (tmp_path / "model.py").write_text(MODEL)
    config = CompressConfig(
        data=str(tmp_path / "words.safetensors"), model=f"{tmp_path / 'model.py'}:bag",
        budgets=(400,), loop=QUICK, rivals=("pooled linear", "tiny dense", "pruned"), life_steps=1,
        dense_steps=2, seeds=1, worth_sizes=(0, 20),
        worth_life=Life(steps=2, rates=(1e-3,), batch=16, warmup_steps=0, looks=1),
    )  # fmt: skip
    rows = run(compressing, config, tmp_path / "runs").rows
    points = {row["method"]: row for row in rows if row["kind"] == "point"}
    assert points["genome"]["bytes"] <= 400
    assert points["pruned"]["test"] is not None
    assert "which are tokens" in points["pooled linear"]["note"]
    assert "which are tokens" in points["tiny dense"]["note"]
    assert {row["arm"] for row in rows if row["kind"] == "saving"} == {"genome", "random"}

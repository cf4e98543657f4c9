"""A run: its files, its rules, and what it says when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from precocial.runs import Run, run, stream, sweep


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 0
    steps: int = 4


def training(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    weights, first = np.zeros(3), 0
    if state := live.resume_from():
        weights, first = state[0]["weights"], state[1]["step"]
    for step in range(first, config.steps):
        weights = weights + stream(config.seed, "noise", step).normal(size=3)
        yield {"step": step, "loss": float(weights @ weights)}
        if step % 2:
            live.checkpoint({"weights": weights}, {"step": step + 1})
    live.save("model", {"weights": weights})


def test_a_complete_run_is_read_not_run_again(tmp_path: Path) -> None:
    record = run(training, Config(), tmp_path)
    assert record.complete
    assert len(record.rows) == 4
    again = run(training, Config(), tmp_path)
    assert again == record


def test_sweep(tmp_path: Path) -> None:
    configs = [Config(seed=seed) for seed in range(4)]
    one = sweep(training, configs, tmp_path / "a", backend="serial")
    two = sweep(training, configs, tmp_path / "b", workers=2)
    assert [r.rows for r in one] == [r.rows for r in two]

"""Many runs: the same bytes on every backend, nothing run twice."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from precocial.errors import ConfigError, DataError, MissingExtraError, RunError
from precocial.runs import Run, RunRecord, run_id, stream, sweep


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 0
    steps: int = 3
    trouble: str = ""
    mark: Path | None = None


def experiment(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    if config.mark:
        with (config.mark / f"{config.seed}").open("a") as file:
            file.write("ran\n")
    if config.trouble == "data":
        raise DataError("no such corpus", path="corpus.txt", line=3)
    if config.trouble == "memory":
        os._exit(1)  # what the system's out-of-memory killer looks like from outside
    draw = stream(config.seed, "matrix").normal(size=(200, 200))
    for step in range(config.steps):
        draw = np.tanh(draw @ draw.T / 20)
        yield {"step": step, "sum": float(draw.sum())}
    live.save("matrix", {"matrix": draw})


def remains(records: list[RunRecord]) -> list[dict[str, bytes]]:
    return [
        {
            path.name: path.read_bytes()
            for path in sorted(record.path.iterdir())
            if path.suffix != ".json"
        }
        for record in records
    ]


CONFIGS = [Config(seed=seed, steps=3 + seed) for seed in (2, 0, 3, 1)]


def test_processes_and_serial_give_the_same_bytes_in_the_order_asked(tmp_path: Path) -> None:
    serial = sweep(experiment, CONFIGS, tmp_path / "serial", backend="serial", workers=5)
    processes = sweep(experiment, CONFIGS, tmp_path / "processes", workers=2)
    assert [record.config["seed"] for record in serial] == [2, 0, 3, 1]
    assert [record.id for record in serial] == [record.id for record in processes]
    assert remains(serial) == remains(processes)
    assert all(set(files) == {"rows.jsonl", "matrix.safetensors"} for files in remains(serial))


def test_complete_runs_and_equal_configs_are_run_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.mkdir()
    configs = [Config(seed=seed, mark=mark) for seed in (0, 1, 0)]
    first = sweep(experiment, configs[:1], tmp_path / "root")
    records = sweep(experiment, configs, tmp_path / "root", backend="serial")
    assert records[0] == records[2] == first[0]
    assert {path.name: path.read_text() for path in mark.iterdir()} == {"0": "ran\n", "1": "ran\n"}


def test_no_configs_no_runs(tmp_path: Path) -> None:
    assert sweep(experiment, [], tmp_path, workers=2) == []


def test_the_dearest_run_comes_first_and_time_left_goes_by_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(
        "precocial.runs.sweeps.time", SimpleNamespace(perf_counter=lambda: float(next(clock)))
    )
    sweep(experiment, CONFIGS[:1], tmp_path, backend="serial")
    seen: list[tuple[int, int, int, float | None]] = []
    sweep(
        experiment,
        CONFIGS,
        tmp_path,
        backend="serial",
        cost=lambda config: 2.0**config.seed,
        on_done=lambda record, done, total, left: seen.append(
            (record.config["seed"], done, total, left)
        ),
    )
    # Seed 2 was there. 10 s for cost 8 of 11; 20 s for 10 of 11.
    assert seen == [(2, 1, 4, None), (3, 2, 4, 3.75), (1, 3, 4, 2.0), (0, 4, 4, 0.0)]


def test_when_all_is_complete_no_time_is_left(tmp_path: Path) -> None:
    sweep(experiment, CONFIGS, tmp_path, backend="serial")
    left: list[float | None] = []
    sweep(experiment, CONFIGS, tmp_path, on_done=lambda record, done, total, s: left.append(s))
    assert left == [0.0] * 4


@pytest.mark.parametrize("backend", ["processes", "serial"])
def test_the_first_failure_stops_and_what_is_complete_stays(tmp_path: Path, backend: str) -> None:
    configs = [Config(), Config(seed=1, trouble="data")]
    with pytest.raises(DataError, match=r"corpus\.txt, line 3: no such corpus"):
        sweep(experiment, configs, tmp_path, workers=2, backend=backend)
    if backend == "serial":
        assert (tmp_path / run_id(experiment, configs[0]) / "result.json").exists()
    records = sweep(experiment, configs[:1], tmp_path, workers=2, backend=backend)
    assert records[0].complete


def test_a_worker_that_is_killed_is_a_clear_error(tmp_path: Path) -> None:
    configs = [Config(seed=1, trouble="memory"), Config(seed=2, trouble="memory")]
    with pytest.raises(RunError, match=r"worker process was killed.*fewer workers"):
        sweep(experiment, configs, tmp_path, workers=2)
    assert sweep(experiment, CONFIGS, tmp_path, workers=2)[0].complete


def test_an_error_in_on_done_stops_the_workers(tmp_path: Path) -> None:
    def stop(record: RunRecord, done: int, total: int, left: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(experiment, CONFIGS, tmp_path, workers=2, on_done=stop)
    deadline = time.monotonic() + 30
    records: list[RunRecord] = []
    while not records and time.monotonic() < deadline:
        # A worker may still hold a folder for the moment that it takes to end.
        with contextlib.suppress(RunError):
            records = sweep(experiment, CONFIGS, tmp_path)
    assert all(record.complete for record in records)
    assert len(records) == 4


@pytest.mark.wrong_types
@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_counted_from_one(tmp_path: Path, workers: Any) -> None:
    with pytest.raises(ConfigError, match="workers must be an integer, at least 1"):
        sweep(experiment, CONFIGS, tmp_path, workers=workers)


def test_the_backends_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'processes', 'serial', 'ray'; got 'threads'"):
        sweep(experiment, CONFIGS, tmp_path, backend="threads")


@pytest.mark.parametrize("cost", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cost_is_positive(tmp_path: Path, cost: float) -> None:
    with pytest.raises(ConfigError, match="cost must be a finite number above 0"):
        sweep(experiment, CONFIGS, tmp_path, cost=lambda config: cost)


# ---------------------------------------------------------------- ray, without ray


def test_without_ray_the_pip_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'precocial\[ray\]'"):
        sweep(experiment, CONFIGS, tmp_path, backend="ray")


class FakeRay(ModuleType):
    """As much of Ray's core API as the sweep uses, in this process."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.started, self.most, self.now = False, 0, 0

    def is_initialized(self) -> bool:
        return self.started

    def init(self, **options: Any) -> None:
        self.started = True

    def remote(self, **options: Any) -> Any:
        assert options["num_cpus"] == 1

        def task(function: Any) -> Any:
            def submit(*args: Any, **named: Any) -> Any:
                self.now += 1
                self.most = max(self.most, self.now)
                return lambda: function(*args, **named)

            return SimpleNamespace(remote=submit)

        return task

    def wait(self, waiting: list[Any], *, num_returns: int) -> tuple[list[Any], list[Any]]:
        return waiting[-num_returns:], waiting[:-num_returns]

    def get(self, reference: Any) -> Any:
        self.now -= 1
        return reference()


def test_on_ray_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    records = sweep(experiment, CONFIGS, tmp_path / "ray", workers=2, backend="ray")
    assert remains(records) == remains(sweep(experiment, CONFIGS, tmp_path / "here"))
    assert ray.started
    assert ray.most == 2


def test_sources_that_change_meanwhile_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = iter(["0+before", "0+after"])
    version = "precocial.runs.configs.code_version"
    monkeypatch.setattr(version, lambda experiment: next(versions))
    monkeypatch.setattr("precocial.runs.folder.code_version", lambda experiment: next(versions))
    with pytest.raises(RunError, match="source files changed while the sweep ran"):
        sweep(experiment, CONFIGS[:1], tmp_path, backend="serial")

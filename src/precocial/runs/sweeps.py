"""Many runs: serially, on processes, or on a Ray cluster."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from precocial import io
from precocial.errors import ConfigError, RunError, need, one_of
from precocial.io import PathLike
from precocial.runs.configs import run_id
from precocial.runs.folder import Experiment, run, this_command
from precocial.runs.records import RESULT, RUN, RunRecord, read_run

ConfigT = TypeVar("ConfigT")
OnDone = Callable[[RunRecord, int, int, float | None], None]
"""(record, done, total, seconds_left) -> None; seconds_left is None while nothing was timed."""
BACKENDS = ("processes", "serial", "ray")


def sweep(
    experiment: Experiment[ConfigT],
    configs: Sequence[ConfigT],
    root: PathLike,
    *,
    workers: int = 1,
    backend: str = "processes",
    cost: Callable[[ConfigT], float] | None = None,
    on_done: OnDone | None = None,
    command: str | None = None,
) -> list[RunRecord]:
    """Run every config, each in its own folder under `root`; the records, in the order of configs.

    Complete runs are read, not run again; those that were cut short resume. Equal configs are run
    once. Each run uses one thread. The first failure stops the sweep: what is complete stays, and
    the same call goes on from there. All backends give the same bytes.

    Args:
        workers: how many runs at a time.
        backend: "processes" (joblib), "serial" (this process), or "ray" (a cluster that shares
            `root`; needs the extra [ray]).
        cost: what a config costs to run, in any unit. The dearest are run first, which keeps the
            workers busy to the end, and the time left is then told by cost, not by count.
        on_done: called here, in the parent, after each run that is found or becomes complete.

    Raises:
        ConfigError: no such backend, or less than one worker.
        PrecocialError: whatever a run raises.
    """
    one_of("backend", backend, BACKENDS)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers must be an integer, at least 1; got {workers!r}")
    command = this_command() if command is None else command
    ids = [run_id(experiment, config) for config in configs]
    unique = {name: ids.index(name) for name in dict.fromkeys(ids)}
    prices = {name: _price(cost, configs[at]) for name, at in unique.items()}
    found = {name: (io.safe_join(root, name) / RESULT).exists() for name in unique}
    todo = sorted((name for name in unique if not found[name]), key=lambda name: -prices[name])

    records: dict[str, RunRecord] = {}
    began, spent, left = time.perf_counter(), 0.0, sum(prices[name] for name in todo)

    def done(name: str, record: RunRecord, seconds_left: float | None) -> None:
        if name not in unique:
            raise RunError(
                f"{experiment.__name__}: its source files changed while the sweep ran. What is "
                "complete stays, under the old sources' names; run again for the new ones"
            )
        records[name] = record
        if on_done:
            on_done(record, len(records), len(unique), seconds_left)

    for name in unique:
        if found[name]:
            done(name, run(experiment, configs[unique[name]], root), None if todo else 0.0)
    jobs = [configs[unique[name]] for name in todo]
    with contextlib.closing(
        _finished(experiment, jobs, root, workers, backend, command)
    ) as finished:
        for record in finished:
            price = prices.get(record.id, 0.0)
            spent, left = spent + price, left - price
            elapsed = time.perf_counter() - began
            done(record.id, record, elapsed * left / spent if spent else None)
    return [records[name] for name in ids]


def _price(cost: Callable[[ConfigT], float] | None, config: ConfigT) -> float:
    price = float(cost(config)) if cost else 1.0
    if not (math.isfinite(price) and price > 0):
        raise ConfigError(f"sweep: a cost must be a finite number above 0; got {price} ({config})")
    return price


def _finished(
    experiment: Experiment[ConfigT],
    configs: list[ConfigT],
    root: PathLike,
    workers: int,
    backend: str,
    command: str,
) -> Generator[RunRecord, None, None]:
    """The records as the runs end, in whatever order that is."""
    workers = min(workers, len(configs))
    if backend == "ray" and configs:
        yield from _on_ray(experiment, configs, root, workers, command)
    elif workers <= 1 or backend == "serial":
        for config in configs:
            yield run(experiment, config, root, command=command)
    else:
        yield from _on_processes(experiment, configs, root, workers, command)


def _on_processes(
    experiment: Experiment[ConfigT],
    configs: list[ConfigT],
    root: PathLike,
    workers: int,
    command: str,
) -> Generator[RunRecord, None, None]:
    import joblib  # type: ignore[import-untyped]  # here, because it is slow to import

    _forget_caches()
    job = joblib.delayed(run)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(
            n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="all"
        )
        records = pool(job(experiment, config, root, command=command) for config in configs)
        try:
            # Not `yield from`, which would close the pool outside the filter below.
            for record in records:  # noqa: UP028
                yield record
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process was killed, perhaps because memory ran out. What is complete "
                "stays: run again, with fewer workers, and it goes on from there"
            ) from error
        finally:
            with warnings.catch_warnings():
                # joblib warns when the caller stops early; the caller knows.
                warnings.simplefilter("ignore", UserWarning)
                records.close()


def _forget_caches() -> None:
    """Let the classes of a script travel to the workers.

    Classes of `__main__` are pickled by value, and msgspec has left on those it has seen a cache
    that cannot be pickled (and that it makes anew when it needs it).
    """
    for kind in vars(sys.modules["__main__"]).values():
        if isinstance(kind, type) and "__msgspec_cache__" in vars(kind):
            delattr(kind, "__msgspec_cache__")


def _on_ray(
    experiment: Experiment[ConfigT],
    configs: list[ConfigT],
    root: PathLike,
    workers: int,
    command: str,
) -> Generator[RunRecord, None, None]:
    ray = need("ray", "ray")
    _forget_caches()
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1)(run)  # begun again if its node dies, and so resumed
    waiting: list[Any] = []
    queue = list(configs)
    while queue or waiting:
        while queue and len(waiting) < workers:
            waiting.append(remote.remote(experiment, queue.pop(0), root, command=command))
        ended, waiting = ray.wait(waiting, num_returns=1)
        yield ray.get(ended[0])


def read_runs(root: PathLike) -> list[RunRecord]:
    """Every run folder directly under `root`, complete or not, in the order of their names.

    Raises:
        RunError: no such folder, or one of the runs is damaged.
    """
    if not Path(root).is_dir():
        raise RunError(f"{root} is not a folder of runs: there is no such folder")
    return [read_run(path.parent) for path in sorted(Path(root).glob(f"*/{RUN}"))]

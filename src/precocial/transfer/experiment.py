"""The sweep: tune, pre-train, then every cell of both arms, and one run table.

Stages, each a list of independent runs:

1. rates in pre-training, and from scratch for each amount of data, tried at one width;
2. pre-training at every width, and the ladder from scratch;
3. rates in fine-tuning, tried at one width for each amount of data;
4. the ladder of fine-tuning at every width. Zero-shot rows (D_F = 0) are the pre-trained models
   as they are.

Both arms share batch, context, schedule, decay and the held-out texts, and their rates are picked
in one way: on the tuning text, for every amount of data. Figures are taken on the test text at the
checkpoint that was best on the tuning text. Needs the extra [torch].
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precocial import io
from precocial.io import Row
from precocial.lm.trials import RUNS, Trial, result_of, trial
from precocial.runs import OnDone, RunRecord, config_dict, run_id, sweep
from precocial.transfer.cells import Cells, cost
from precocial.transfer.ladder import TABLE, SweepConfig, SweepResult
from precocial.transfer.table import PRETRAINED, SCRATCH
from precocial.transfer.texts import Sources, Texts, prepare

REPORT = "sweep.json"
FORMAT = 1
FLAT = 0.005
"""A rate at the edge of its grid is no cause for worry if its neighbour loses less than this share
(ours: the tuning text cannot tell smaller differences apart)."""
PRETRAINING = "pre-training"
Train = Callable[[Sequence[Trial]], list[RunRecord]]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A rate that was tried, and the loss on the tuning text in nats per byte."""

    arm: str
    data_bytes: int
    multiple: float
    learning_rate: float
    tune_loss: float
    chosen: bool


def run_sweep(
    config: SweepConfig,
    *,
    source: Sources = None,
    target: Sources = None,
    root: io.PathLike,
    workers: int = 2,
    on_done: OnDone | None = None,
    command: str | None = None,
) -> SweepResult:
    """Train both arms on a ladder of sizes and amounts of data; write the run table.

    `source` and `target` are a folder, a file or a list of them; None takes the built-in corpora
    (English of Python's documentation, code of its standard library). Everything is kept under
    `root`: texts/, runs/ (one folder a model), table.csv and sweep.json. Called again with the
    same arguments, it goes on from what is complete.

    Args:
        workers: runs at a time, one process and one thread each.
        on_done: called after each run as in `runs.sweep`, counting all stages.
        command: what remakes the sweep, kept in the output; default: this process's command line.

    Raises:
        ConfigError: a sweep that cannot be run.
        DataError: texts that cannot be read or are too small.
        RunError: a run failed.
    """
    began = time.perf_counter()
    folder = Path(root)
    texts = prepare(config, source=source, target=target, root=folder)
    cells = Cells(config, texts)
    count = _Count(cells, folder / RUNS, on_done)

    def train(trials: Sequence[Trial]) -> list[RunRecord]:
        count.look(trials)
        return sweep(
            trial,
            list(trials),
            folder / RUNS,
            workers=workers,
            cost=cost,
            on_done=count,
            command=command,
        )

    runs, tried = _train_all(cells, train)
    rows = _rows(runs, texts)
    notes = _notes(config, rows, runs, tried)
    io.write_csv(folder / TABLE, rows)
    seconds = time.perf_counter() - began
    io.write_json(folder / REPORT, _report(config, texts, runs, tried, notes, seconds))
    return SweepResult(path=folder, rows=tuple(rows), notes=tuple(notes), seconds=seconds)


# ---------------------------------------------------------------- the stages


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Records by (width, rung, seed) or (width, seed)."""

    scratch: dict[tuple[int, int, int], RunRecord]
    pretrained: dict[tuple[int, int], RunRecord]
    fine_tuned: dict[tuple[int, int, int], RunRecord]


def _train_all(cells: Cells, train: Train) -> tuple[_Runs, list[Tried]]:
    config = cells.config
    width = config.tune_width
    pretrain_grid = [cells.pretrain(width, 0, multiple) for multiple in config.pretrain_rates]
    scratch_grids = [
        [cells.scratch(width, rung, 0, multiple) for multiple in config.scratch_rates]
        for rung in range(len(config.scratch))
    ]
    found = train([*pretrain_grid, *(item for grid in scratch_grids for item in grid)])
    cut = len(pretrain_grid)
    of_pretraining = _tried(PRETRAINING, pretrain_grid, config.pretrain_rates, found[:cut])
    of_scratch = _tried_each(SCRATCH, scratch_grids, config.scratch_rates, found[cut:])

    rate = _chosen(of_pretraining)
    before = {key: cells.pretrain(*key, rate) for key in cells.pretrain_keys()}
    rates = [_chosen(tried) for tried in of_scratch]
    scratch = {
        (width, rung, seed): cells.scratch(width, rung, seed, rates[rung])
        for width, rung, seed in cells.scratch_keys()
    }
    records = train([*before.values(), *scratch.values()])
    pretrained = dict(zip(before, records[: len(before)], strict=True))

    start = pretrained[width, 0].id
    grids = [
        [cells.fine_tune(width, rung, 0, rate, start) for rate in config.fine_tune_rates]
        for rung in range(len(config.fine_tune))
    ]
    found = train([item for grid in grids for item in grid])
    of_fine_tuning = _tried_each(PRETRAINED, grids, config.fine_tune_rates, found)

    rates = [_chosen(tried) for tried in of_fine_tuning]
    after = {}
    for width, rung, seed in cells.fine_tune_keys():
        start = pretrained[width, seed % config.pretrain_seeds].id
        after[width, rung, seed] = cells.fine_tune(width, rung, seed, rates[rung], start)
    runs = _Runs(
        scratch=dict(zip(scratch, records[len(before) :], strict=True)),
        pretrained=pretrained,
        fine_tuned=dict(zip(after, train(list(after.values())), strict=True)),
    )
    tried = [*of_pretraining, *(row for grid in (*of_scratch, *of_fine_tuning) for row in grid)]
    return runs, tried


def _tried_each(
    arm: str,
    grids: Sequence[Sequence[Trial]],
    multiples: Sequence[float],
    records: Sequence[RunRecord],
) -> list[list[Tried]]:
    step = len(multiples)
    return [
        _tried(arm, grid, multiples, records[at * step : (at + 1) * step])
        for at, grid in enumerate(grids)
    ]


def _tried(
    arm: str, grid: Sequence[Trial], multiples: Sequence[float], records: Sequence[RunRecord]
) -> list[Tried]:
    losses = [float(result_of(record.rows)["tune_loss"]) for record in records]
    return [
        Tried(
            arm=arm,
            data_bytes=item.data_bytes,
            multiple=multiple,
            learning_rate=item.train.learning_rate,
            tune_loss=loss,
            chosen=loss == min(losses),
        )
        for item, multiple, loss in zip(grid, multiples, losses, strict=True)
    ]


def _chosen(tried: Sequence[Tried]) -> float:
    return next(row.multiple for row in tried if row.chosen)


class _Count:
    """Counts runs and time over all stages, and tells the caller in the form of `runs.sweep`."""

    def __init__(self, cells: Cells, runs: Path, on_done: OnDone | None) -> None:
        self.runs, self.on_done = runs, on_done
        self.total, self.cost_left = cells.count(), cells.cost()
        self.ids: dict[str, float] = {}
        self.before: set[str] = set()
        self.done: set[str] = set()
        self.spent, self.began = 0.0, time.perf_counter()

    def look(self, trials: Sequence[Trial]) -> None:
        """Note what these runs cost, and which are there already."""
        for item in trials:
            name = run_id(trial, item)
            if name not in self.ids:
                self.ids[name] = cost(item)
                if (self.runs / name / "result.json").exists():
                    self.before.add(name)

    def __call__(
        self, record: RunRecord, done: int, total: int, seconds_left: float | None
    ) -> None:
        if record.id in self.done or self.on_done is None:
            return
        self.done.add(record.id)
        price = self.ids[record.id]
        self.cost_left = max(self.cost_left - price, 0.0)
        if record.id not in self.before:
            self.spent += price
        elapsed = time.perf_counter() - self.began
        left = elapsed * self.cost_left / self.spent if self.spent else None
        self.on_done(record, len(self.done), self.total, left)


# ---------------------------------------------------------------- the output


def _rows(runs: _Runs, texts: Texts) -> list[Row]:
    """The run table. `tokens_seen` and `flops` of a fine-tuned row leave pre-training out."""
    rows = [
        _row(record, SCRATCH, seed=seed, data=record.config["data_bytes"])
        for (_, _, seed), record in runs.scratch.items()
    ]
    for (_, seed), record in runs.pretrained.items():
        row = _row(record, PRETRAINED, seed=seed, data=0, texts=texts)
        nothing = {"run_id": f"{record.id}-zero-shot", "best_step": 0, "tokens_seen": 0}
        rows.append(row | nothing | {"flops": 0.0, "lr": 0.0})
    rows += [
        _row(record, PRETRAINED, seed=seed, data=record.config["data_bytes"], texts=texts)
        for (_, _, seed), record in runs.fine_tuned.items()
    ]
    return rows


def _row(record: RunRecord, arm: str, *, seed: int, data: int, texts: Texts | None = None) -> Row:
    result = result_of(record.rows)
    return {
        "run_id": record.id,
        "arm": arm,
        "source": texts.source_name if texts else "",
        "N": result["N"],
        "N_total": result["N_total"],
        "D_pre": texts.source_bytes if texts else 0,
        "D_F": data,
        "unit": "bytes",
        "loss_unit": "nats/byte",
        "seed": seed,
        "loss": result["loss"],
        "loss_se": result["loss_se"],
        "best_step": result["best_step"],
        "tokens_seen": result["tokens_seen"],
        "flops": result["flops"],
        "lr": record.config["train"]["learning_rate"],
    }


def _notes(
    config: SweepConfig, rows: Sequence[Row], runs: _Runs, tried: Sequence[Tried]
) -> list[str]:
    notes = []
    if config.recipe == "smoke":
        notes.append(
            "the smoke recipe trains for a few steps, to show that all parts work: its figures "
            "mean nothing. Use demo or laptop"
        )
    for arm, data in dict.fromkeys((row.arm, row.data_bytes) for row in tried):
        grid = [row for row in tried if (row.arm, row.data_bytes) == (arm, data)]
        grid.sort(key=lambda row: row.multiple)
        best = [row.chosen for row in grid].index(True)
        if len(grid) > 1 and best in (0, len(grid) - 1):
            beside = grid[1 if best == 0 else best - 1].tune_loss
            if beside > (1 + FLAT) * grid[best].tune_loss:
                multiples = ", ".join(f"{row.multiple:g}" for row in grid)
                notes.append(
                    f"the best rate of {arm} at {data} bytes is the edge of those tried "
                    f"(x{grid[best].multiple:g} of {multiples}): widen the grid"
                )
    for n in sorted({row["N"] for row in rows}):
        mine = [row for row in rows if row["N"] == n]
        floor = min(row["loss"] for row in mine if row["arm"] == SCRATCH)
        beyond = sorted(
            {row["D_F"] for row in mine if row["arm"] == PRETRAINED and row["loss"] < floor}
        )
        if beyond:
            notes.append(
                f"N = {n}: fine-tuned on {', '.join(map(str, beyond))} bytes, the model is better "
                "than every model from scratch; its effective data is only bounded from below. "
                "Add rungs to the scratch ladder"
            )
    last = {
        arm: [bool(result_of(record.rows)["best_is_last"]) for record in found.values()]
        for arm, found in ((SCRATCH, runs.scratch), ("fine-tuned", runs.fine_tuned))
    }
    told = ", ".join(f"{sum(flags)} of {len(flags)} {arm}" for arm, flags in last.items())
    notes.append(
        f"runs whose best checkpoint is the last step: {told}. The rate decays to zero over each "
        "run, so that is usual where text is not scarce; whether more steps would help is seen by "
        f"precocial transfer sweep --steps-scale {2 * config.steps_scale:g}"
    )
    return notes


def _report(
    config: SweepConfig,
    texts: Texts,
    runs: _Runs,
    tried: Sequence[Tried],
    notes: Sequence[str],
    seconds: float,
) -> dict[str, Any]:
    records = [*runs.pretrained.values(), *runs.scratch.values(), *runs.fine_tuned.values()]
    first = records[0]
    return {
        "format": FORMAT,
        "recipe": config.recipe,
        "config": config_dict(config),
        "texts": {"name": texts.name, **texts.info},
        "tuning": [dataclasses.asdict(row) for row in tried],
        "notes": list(notes),
        "runs": len(records),
        "pretraining": [
            {"run_id": record.id, "width": width, "seed": seed, **result_of(record.rows)}
            for (width, seed), record in runs.pretrained.items()
        ],
        "versions": first.versions,
        "machine": first.machine,
        "command": first.command,
        "seconds": round(seconds, 1),
        "train_seconds": round(sum(record.seconds for record in records), 1),
    }

"""`precocial transfer sweep`: train both arms of a transfer experiment on any text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from precocial.cli.output import COMMON, Common, note, show, table
from precocial.cli.words import Paths, flat
from precocial.transfer.ladder import SweepConfig, SweepResult
from precocial.transfer.ladder import recipe as named


def sweep(
    *,
    source: Paths = (),
    target: Paths = (),
    recipe: Literal["smoke", "demo", "laptop", "paper"] = "demo",
    out: Path = Path("sweep"),
    workers: int = 2,
    tokens: Literal["bytes", "bpe"] = "bytes",
    steps_scale: float = 1.0,
    common: Common = COMMON,
) -> None:
    """Train a ladder of small models on a target, from scratch and from models of a source.

    Writes OUT/table.csv, a run table that `precocial transfer fit` reads, and OUT/sweep.json.
    Killed and called again, it goes on where it was.

    Args:
        source: folder or files of UTF-8 text for pre-training; none: English of Python's manual
        target: folder or files to learn, at least 3 files or sub-folders; none: Python's library
        recipe: smoke (seconds), demo (minutes), laptop (an hour), paper (hours)
        out: folder for texts, runs, table.csv and sweep.json
        workers: processes, one thread each
        tokens: bytes, or bpe (needs the extra [hf])
        steps_scale: factor on all steps; 2 shows how far from converged the figures are
    """
    config = replace(named(recipe, seed=common.seed), tokens=tokens, steps_scale=steps_scale)
    result = train(
        config, out=out, workers=workers, common=common, source=flat(source), target=flat(target)
    )
    rows = [
        [row["arm"], row["N"], row["D_F"], row["seed"], row["loss"], row["loss_se"]]
        for row in result.rows
    ]
    document = {
        "table": str(out / "table.csv"),
        "sweep": str(out / "sweep.json"),
        "rows": list(result.rows),
        "notes": list(result.notes),
        "seconds": result.seconds,
    }
    columns = ["arm", "N", "D_F (bytes)", "seed", "loss (nats per byte)", "error"]
    show(
        document,
        lambda: [
            table(columns, rows, title="Loss on the test text"),
            *(f"! {text}" for text in result.notes),
            f"{len(rows)} rows in {out / 'table.csv'}. Next: precocial transfer fit "
            f"{out / 'table.csv'}, or precocial report {out}",
        ],
        common,
    )


def train(
    config: SweepConfig,
    *,
    out: Path,
    workers: int,
    common: Common,
    source: tuple[Path, ...] = (),
    target: tuple[Path, ...] = (),
) -> SweepResult:
    """Run a sweep with its progress on stderr."""
    from precocial.runs import Progress
    from precocial.transfer.experiment import run_sweep  # here, because it imports torch

    note("reading and splitting the texts", common)
    with Progress(f"{config.recipe} sweep", quiet=common.quiet) as progress:
        return run_sweep(
            config,
            source=_named(source),
            target=_named(target),
            root=out,
            workers=workers,
            on_done=progress,
        )


def _named(paths: tuple[Path, ...]) -> Path | list[Path] | None:
    """One folder keeps its own sub-folders as units; several paths are read together."""
    if len(paths) == 1:
        return paths[0]
    return list(paths) or None

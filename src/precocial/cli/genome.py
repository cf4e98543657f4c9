"""`precocial genome compress|birth|evolve|transfer|tradeoff`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, note, show, table
from precocial.cli.pages import write_page
from precocial.cli.targets import keep_inputs

Decoder = Literal["two_tower", "pair", "low_rank", "gem", "sgem", "subspace", "cell_types",
                  "chunked", "retinotopic"]  # fmt: skip
Rival = Literal["pooled linear", "tiny dense", "pruned", "low_rank", "subspace", "chunked"]
Named = Literal["digits", "fashion-mnist", "mnist-5k"]
Recipe = Literal["smoke", "laptop"]


def compress(
    *,
    data: str = "digits",
    model: str | None = None,
    hidden: tuple[int, ...] | None = None,
    budgets: tuple[int, ...] | None = None,
    bits: int | None = None,
    decoder: Decoder | None = None,
    rivals: tuple[Rival, ...] | None = None,
    steps: int | None = None,
    dense_steps: int | None = None,
    life_steps: int | None = None,
    worth_sizes: tuple[int, ...] | None = None,
    seeds: int | None = None,
    recipe: Recipe = "laptop",
    out: Path = Path("genome"),
    common: Common = COMMON,
) -> None:
    """Genomes of a model at several sizes, their rivals of equal bytes, and a page.

    A flag that is not given is the recipe's. Killed and called again, it goes on with the seed that
    it was at. The genomes are in the run's folder. The file of a model is run: only code that you
    trust.

    Args:
        data: digits, fashion-mnist, mnist-5k; a folder of idx or CIFAR files; a .safetensors file
            with inputs and targets; or a table with the column target
        model: FILE.py:function that returns a torch.nn.Module; none: a perceptron
        hidden: units of the perceptron's hidden layers
        budgets: bytes of the .genome files, at most
        bits: of a parameter in the file, 2 to 16
        decoder: the rule that generates the weights; retinotopic is for pictures and one hidden
            layer
        rivals: what the genome is set beside, at equal bytes
        steps: of Adam for a genome
        dense_steps: of Adam for the whole model and for dense rivals
        life_steps: of Adam after birth, for the learning curves
        worth_sizes: numbers of training examples at which a life tells what the largest genome is
            worth in examples; 0 is the newborn
        seeds: how many, from --seed on
        recipe: smoke (seconds), laptop (minutes)
        out: folder of run folders
    """
    from dataclasses import replace

    from precocial.errors import ConfigError
    from precocial.genome.compress import check, compressing, laptop, row_count, smoke

    if model is not None and hidden is not None:
        raise ConfigError("--hidden is of the perceptron that stands in when there is no --model")
    base = smoke() if recipe == "smoke" else laptop()
    given: dict[str, Any] = {
        "hidden": hidden, "budgets": budgets, "bits": bits, "decoder": decoder, "seeds": seeds,
        "rivals": rivals, "dense_steps": dense_steps, "life_steps": life_steps,
        "worth_sizes": worth_sizes,
    }  # fmt: skip
    if steps is not None:
        warmup = min(base.loop.warmup_steps, steps // 10)
        given["loop"] = replace(
            base.loop, steps=steps, warmup_steps=warmup, evaluate_every=max(1, steps // 10)
        )
    config = replace(
        base, data=data, model=model or "", seed=common.seed,
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    with redirect_stdout(sys.stderr):
        config = check(config)
    record = _run(
        compressing, config, out, "compressing", common, total=row_count(config),
        counted=lambda row: row["kind"] in ("whole", "point"),
    )  # fmt: skip
    _show_compressed(record, common)


def _show_compressed(record: Any, common: Common) -> None:
    from precocial.report.genome_findings import GenomeFindings

    found, page, written = GenomeFindings.of(record), *write_page(record.path)
    genomes = [str(path) for path in sorted(record.path.glob("*.genome"))]
    points = [point.row() for point in found.points]
    show(
        {"run": record.path, "report": written, "headline": page.headline, "genomes": genomes,
         "points": points},
        lambda: [
            table(["method", "at most (bytes)", "bytes", "test accuracy", "low", "high", "seeds"],
                  [[p["method"], p["budget"], p["bytes"], p["test"], p["low"], p["high"],
                    p["seeds"]] for p in points], title="At birth, or trained rivals"),
            page.headline,
            *genomes,
            str(written),
        ],
        common,
    )  # fmt: skip


def birth(
    genome: Positional[Path],
    *,
    model: str | None = None,
    data: str | None = None,
    out: Path | None = None,
    common: Common = COMMON,
) -> None:
    """The newborn of a genome: its weights as a .safetensors file, and its score if there are data.

    Args:
        genome: FILE.genome
        model: FILE.py:function that returns the module which the genome was made for; none: the
            weights alone, or with --data a perceptron, if the genome is one's
        data: as for compress, split as there: --seed changes nothing. BatchNorm takes its
            statistics from the training inputs
        out: where to write; none: FILE.newborn.safetensors beside the genome
    """
    from precocial import io
    from precocial.genome.born import bear

    target = out or genome.with_suffix(".newborn.safetensors")
    keep_inputs("--out", target, genome=genome, data=data, model=model)
    with redirect_stdout(sys.stderr):
        # the split is that of training, whatever --seed: else the genome has seen the test examples
        born = bear(genome, model=model, data=data)
    io.write_arrays(target, born.arrays, meta={"genome": genome.name, "sha256": born.sha256})
    document = {"weights": target, **born.row()}
    counts = (
        f"{born.phenotype:,} weights from {born.parameters:,} parameters in {born.bytes:,} bytes: "
        f"{born.ratio:.4g} weights a parameter, {4 * born.phenotype / born.bytes:.4g} times fewer "
        "bytes than at single precision"
    )
    score = [] if born.test is None else [
        f"right at birth on {100 * born.test:.2f} % of the test examples, "
        f"{100 * (born.valid or 0):.2f} % of the validation examples"
    ]  # fmt: skip
    show(
        document,
        lambda: [counts, *score, *(f"! {text}" for text in born.notes), str(target)],
        common,
    )


def evolve(
    *,
    data: str = "digits",
    model: str | None = None,
    hidden: tuple[int, ...] = (200,),
    loop: Literal["innate", "lamarck", "baldwin", "es"] = "innate",
    bytes: int | None = None,
    parameters: int | None = None,
    ratio: float | None = None,
    preset: str | None = None,
    bits: int = 8,
    decoder: Decoder = "two_tower",
    generations: int | None = None,
    rate: float | None = None,
    batch: int | None = None,
    save: Path | None = None,
    out: Path = Path("genome"),
    common: Common = COMMON,
) -> None:
    """One genome by one of the four outer loops; the validation examples choose its generation.

    Without --bytes, --parameters, --ratio or --preset the genome has at most 2,000 bytes. Killed
    and called again, it goes on where it was.

    Args:
        data: as for compress
        model: FILE.py:function that returns a torch.nn.Module; none: a perceptron
        hidden: units of the perceptron's hidden layers
        loop: innate (gradient of the loss at birth), lamarck (the paper's), baldwin (score after a
            short life), es (no gradient)
        bytes: of the .genome file, at most
        parameters: of the genome, at most
        ratio: weights of the model by parameters of the genome, at least
        preset: the paper's, GN5 to GN50
        bits: of a parameter in the file, 2 to 16 or 32
        decoder: the rule that generates the weights; retinotopic is for pictures and one hidden
            layer
        generations: or steps of the genome; none: the loop's
        rate: of the loop's optimiser; none: the loop's
        batch: examples in a step; none: the loop's
        save: FILE.genome to copy the result to
        out: folder of run folders
    """
    from dataclasses import replace

    from precocial import io
    from precocial.errors import ConfigError
    from precocial.genome.evolving import (
        GENOME,
        EvolveConfig,
        evolve_digests,
        evolving,
        generation_count,
        unborn,
    )

    keep_inputs("--save", save, data=data, model=model)
    if model is not None and hidden != (200,):
        raise ConfigError("--hidden is of the perceptron that stands in when there is no --model")
    if not any(value is not None for value in (bytes, parameters, ratio, preset)):
        bytes = 2000
    base = EvolveConfig()
    settings = getattr(base, loop)
    count = "generations" if loop in ("lamarck", "es") else "steps"
    given: dict[str, Any] = {count: generations, "rate": rate, "batch": batch}
    if generations is not None:
        given["evaluate_every"] = max(1, min(settings.evaluate_every, generations // 10))
        if loop == "innate":
            given["warmup_steps"] = min(settings.warmup_steps, generations // 10)
    settings = replace(settings, **{k: v for k, v in given.items() if v is not None})
    config = replace(
        base, data=data, model=model or "", hidden=hidden, bytes=bytes, parameters=parameters,
        ratio=ratio, preset=preset, bits=bits, decoder=decoder, loop=loop, seed=common.seed,
        **{loop: settings},
    )  # fmt: skip
    with redirect_stdout(sys.stderr):
        unborn(config)
    config = evolve_digests(config)
    record = _run(evolving, config, out, f"evolving ({loop})", common,
                  total=generation_count(config), at=lambda row: row.get("generation"))  # fmt: skip
    path = record.path / GENOME
    if save is not None:
        io.write_bytes(save, io.read_bytes(path))
    _show_evolved(record, save or path, common)


def _show_evolved(record: Any, path: Path, common: Common) -> None:
    from precocial.report.genome_pages import chosen, evolution_notes

    *rows, result = record.rows
    notes = evolution_notes(record.rows)
    columns = [name for name in rows[-1] if name not in ("kind", "steps")]
    shown = rows if len(rows) <= 24 else [*rows[:: -(-len(rows) // 20)], rows[-1]]
    show(
        {"run": record.path, "genome": path, **{k: v for k, v in result.items() if k != "kind"},
         "rows": rows, "notes": notes},
        lambda: [
            table(columns, [[row.get(name) for name in columns] for row in shown],
                  title="Generations"),
            f"{chosen(record.rows)}; right at birth on {100 * result['test']:.2f} % of the test "
            f"examples, with {result['bytes']:,} bytes for {result['phenotype']:,} weights",
            *(f"! {text}" for text in notes),
            str(path),
        ],
        common,
    )  # fmt: skip


def transfer(
    *,
    data: Named | None = None,
    hidden: tuple[int, ...] | None = None,
    parameters: int | None = None,
    steps: int | None = None,
    seeds: int | None = None,
    recipe: Recipe = "laptop",
    out: Path = Path("genome"),
    common: Common = COMMON,
) -> None:
    """Which layers of a newborn help to learn other classes, and which hurt: a page.

    A genome is evolved on the first half of the classes; networks learn the second half with some
    layers from its newborn, or from a trained network, and the others random. A flag that is not
    given is the recipe's.

    Args:
        data: whose classes are halved
        hidden: units of the perceptron's hidden layers
        parameters: of the genome, at most
        steps: of a life
        seeds: how many, from --seed on
        recipe: smoke (digits, seconds), laptop (Fashion-MNIST, ten minutes)
        out: folder of run folders
    """
    from dataclasses import replace

    from precocial.genome.studies import negatives as room

    base = room.smoke() if recipe == "smoke" else room.laptop_layers()
    given: dict[str, Any] = {
        "data": data, "hidden": hidden, "parameters": parameters, "steps": steps, "seeds": seeds,
    }  # fmt: skip
    config = replace(
        base, seed=common.seed, **{name: v for name, v in given.items() if v is not None}
    )
    arms = 1 + 4 * len(config.hidden) + 2
    record = _run(
        room.layers, config, out, "layer by layer", common,
        total=config.seeds * arms * len(room.marks(config.steps)),
    )  # fmt: skip
    page, written = write_page(record.path)
    rows = [
        {"layers": gain.arm, **_cells("ahead", gain.accuracy), **_cells("log_time", gain.half_way)}
        for gain in room.gains(record.rows, _half_of_classes(config.data))
    ]
    show(
        {"run": record.path, "report": written, "headline": page.headline, "gains": rows},
        lambda: [
            table(list(rows[0]), [list(row.values()) for row in rows],
                  title="Against none: accuracy ahead; log of the time to half of the way"),
            page.headline,
            str(written),
        ],
        common,
    )  # fmt: skip


def tradeoff(
    *,
    data: Named | None = None,
    variabilities: tuple[float, ...] | None = None,
    lifetimes: tuple[int, ...] | None = None,
    bytes: tuple[int, ...] | None = None,
    outer: Literal["innate", "baldwin"] = "innate",
    seeds: int | None = None,
    recipe: Recipe = "laptop",
    out: Path = Path("genome"),
    common: Common = COMMON,
) -> None:
    """When instinct beats learning: a grid of variability, lifetime and genome bytes, and a page.

    A flag that is not given is the recipe's. Levels must rise.

    Args:
        data: pictures that the worlds are made of
        variabilities: shares of the class names that change from life to life
        lifetimes: steps of learning
        bytes: of the genome's file, at most
        outer: innate (the genome is selected on the score at birth), baldwin (after a life)
        seeds: how many, from --seed on
        recipe: smoke (seconds), laptop (minutes)
        out: folder of run folders
    """
    from dataclasses import replace

    from precocial.genome.lab import tradeoff as room

    base = {
        ("smoke", "innate"): room.smoke,
        ("laptop", "innate"): room.laptop,
        ("smoke", "baldwin"): lambda: replace(room.smoke(), outer="baldwin"),
        ("laptop", "baldwin"): room.laptop_baldwin,
    }[recipe, outer]()
    given: dict[str, Any] = {
        "data": data, "variabilities": variabilities, "lifetimes": lifetimes, "bytes": bytes,
        "seeds": seeds,
    }  # fmt: skip
    config = replace(
        base, seed=common.seed, **{name: v for name, v in given.items() if v is not None}
    )
    cells = len(config.variabilities) * len(config.lifetimes) * len(config.bytes)
    record = _run(
        room.tradeoff, config, out, "living", common, total=cells * config.seeds
    )  # fmt: skip
    page, written = write_page(record.path)
    found = room.cell_table(record.rows)
    columns = ["variability", "lifetime", "bytes", "birth", "learned", "share", "gap", "survival",
               "random_survival", "takeover"]  # fmt: skip
    show(
        {"run": record.path, "report": written, "headline": page.headline, "cells": found},
        lambda: [
            table(columns, [[row[name] for name in columns] for row in found],
                  title="Means over seeds, in held-out worlds"),
            page.headline,
            str(written),
        ],
        common,
    )  # fmt: skip


def _half_of_classes(data: str) -> int:
    from precocial.genome.experiment import named_task

    return named_task(data).classes // 2


def _cells(name: str, interval: Any) -> dict[str, float]:
    return {
        name: interval.mean,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
    }


# ---------------------------------------------------------------- what commands share


def _run(
    experiment: Any,
    config: Any,
    out: Path,
    label: str,
    common: Common,
    *,
    total: int,
    counted: Callable[[Any], bool] = lambda row: True,
    at: Callable[[Any], int | None] | None = None,
) -> Any:
    """Run an experiment with its rows told on stderr; what the user's code prints goes there too.

    `counted` says which rows count as a part, `at` which part of `total` a row is.
    """
    from precocial.runs import Progress, run

    with redirect_stdout(sys.stderr), Progress(label, quiet=common.quiet) as progress:
        done = 0

        def tell(row: Any) -> None:
            nonlocal done
            if counted(row):
                done = done + 1 if at is None else at(row) or done
                progress.count(done, total)

        record = run(experiment, config, out, on_row=tell)
    note(f"run folder: {record.path}", common)
    return record

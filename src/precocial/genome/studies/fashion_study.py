"""How able can 784-800-10 be at birth? A retinotopic genome at three budgets, the test set once.

headlines()   the settings, each with five seeds
run(fashion_study, config, folder), or a sweep over headlines()
births(rows)  the table
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from precocial.errors import ConfigError, DataError, one_of
from precocial.genome.data.examples import accuracy
from precocial.genome.decoders.layouts import Retinotopy
from precocial.genome.experiment import (
    CHECKPOINT_SECONDS,
    DATA,
    named_task,
    perceptron_for,
    without_cost,
)
from precocial.genome.file.quantise import ALL_BITS, fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.evolve import Training
from precocial.genome.retinotopy import retinotopic_genome
from precocial.io import Row
from precocial.runs import Run, stream_seed
from precocial.runs.intervals import Interval, over_seeds

GENOME_FILE = "born.genome"
"""In a run's folder: the genome that the figures are of."""


@dataclass(frozen=True, kw_only=True)
class FashionStudy:
    """One genome, trained on its score at birth, kept in a file, born from it and scored.

    The rate, the steps and the mean are ours, chosen on the 10,000 validation images of
    Fashion-MNIST at one seed; so is each layout. Nothing was chosen on test images.
    """

    setting: str
    """a name for tables"""
    layout: Retinotopy
    bits: int = 32
    """of a parameter, in training (from its first step) and in the file"""
    most_parameters: int | None = None
    """a budget that the genome must keep; None is no budget"""
    most_bytes: int | None = None
    """a budget that the file must keep; None is no budget"""
    data: str = "fashion-mnist"
    """one of `experiment.DATA`"""
    steps: int = 3000
    batch: int = 256
    rate: float = 3e-2
    ema: float = 0.998
    seed: int = 0
    """of the genome at its start and of the order of examples"""

    def __post_init__(self) -> None:
        one_of("FashionStudy: data", self.data, tuple(DATA))
        one_of("FashionStudy: bits", self.bits, ALL_BITS)


WIDE = Retinotopy(types=10, grid=(8, 10), stride=(3, 2), field=(7, 10), waves=(5, 6), maps=(3, 6))
"""1,880 parameters: ten types whose fields tile the image exactly, 26 cosines each, 16 maps."""
SMALL = Retinotopy(
    types=8, grid=(10, 10), stride=(2, 2), field=(10, 10), waves=(3, 4), maps=(3, 4), rank=12
)
"""494 parameters: eight types, 13 cosines each, 13 maps, a wiring of rank 12."""
SETTINGS = (
    FashionStudy(setting="1973 parameters", layout=WIDE, most_parameters=1973),
    FashionStudy(setting="2000 bytes", layout=WIDE, bits=7, most_bytes=2000),
    FashionStudy(setting="500 parameters", layout=SMALL, most_parameters=500),
)


def headlines(*, seeds: int = 5) -> list[FashionStudy]:
    """The three budgets with each seed: 4 CPU-minutes in all."""
    return [
        replace(setting, seed=seed) for setting, seed in itertools.product(SETTINGS, range(seeds))
    ]


def smoke() -> FashionStudy:
    """Digits, a second: shows that it runs, no more."""
    layout = Retinotopy(types=4, grid=(3, 3), stride=(2, 2), field=(4, 4), maps=(1, 2), rank=4)
    return FashionStudy(setting="smoke", layout=layout, bits=8, data="digits", steps=160, batch=128)


def fashion_study(config: FashionStudy, run: Run) -> Iterator[Row]:
    """Rows of kind "generation" as `evolve` yields them, then one of kind "result".

    The result has setting, seed, parameters, phenotype (counts), bits, bytes (of the file
    `GENOME_FILE` in the run's folder), generation (the best by validation), valid and test: the
    accuracies at birth of the network that is born from that file. The test examples are looked at
    here only.

    Raises:
        ConfigError: a budget that the genome does not keep.
    """
    task = named_task(config.data)
    hidden = config.layout.types * math.prod(config.layout.grid)
    model = perceptron_for(task, (hidden,), config.seed)
    shape = tuple(task.train.inputs.shape[1:])
    seed = stream_seed(config.seed, "genome", "fashion_study", "genome")
    genome = retinotopic_genome(model, config.layout, input_shape=shape, seed=seed)
    _keep("parameters", genome.parameter_count, config.most_parameters)
    training = Training(
        genome, model, task, _loop(config), seed=config.seed, quantise=fake_quantise
    )
    state = run.resume_from()
    if state is not None:
        training.restore(*state)
    best = {"generation": 0} if state is None else {"generation": state[1]["best_generation"]}
    saved = time.monotonic()
    for row in training.rows():
        best = row if row["best"] else best
        yield {"kind": "generation", **without_cost(row)}
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            meta = training.meta() | {"best_generation": best["generation"]}
            run.checkpoint(training.arrays(), meta)
            saved = time.monotonic()
    path = run.path / GENOME_FILE
    size = genome.save(path, bits=config.bits)
    _keep("bytes", size, config.most_bytes)
    born = Genome.load(path).birth(model)
    yield {
        "kind": "result",
        "setting": config.setting,
        "seed": config.seed,
        "parameters": genome.parameter_count,
        "phenotype": genome.phenotype_count,
        "bits": config.bits,
        "bytes": size,
        "generation": best["generation"],
        "valid": accuracy(born, task.valid),
        "test": accuracy(born, task.test),
    }


def _loop(config: FashionStudy) -> Innate:
    return Innate(
        steps=config.steps,
        batch=config.batch,
        rate=config.rate,
        ema=config.ema,
        clip=10.0,
        bits=None if config.bits == 32 else config.bits,
        evaluate_every=max(1, config.steps // 4),
    )


def _keep(what: str, size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise ConfigError(
            f"this genome has {size} {what}, its budget is {most}: take fewer types, waves or "
            "maps, a lower rank, or fewer bits"
        )


@dataclass(frozen=True, kw_only=True)
class Birth:
    """What one setting's genomes can do at birth."""

    setting: str
    parameters: int
    most_bytes: int
    """the largest file of all seeds"""
    valid: Interval
    test: Interval
    """accuracy; mean over seeds with Student's 95 % interval"""


def births(rows: Iterable[Row]) -> list[Birth]:
    """Settings in the order of their first row, each over its seeds.

    Args:
        rows: of any number of runs; only those of kind "result" count.

    Raises:
        DataError: no results, or a setting's runs with different genomes.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "result":
            found.setdefault(row["setting"], []).append(row)
    if not found:
        raise DataError("births: the runs have no row of kind 'result': none of them is complete")
    return [_birth(setting, results) for setting, results in found.items()]


def _birth(setting: str, results: list[Row]) -> Birth:
    counts = {int(row["parameters"]) for row in results}
    if len(counts) > 1:
        raise DataError(f"births: {setting!r} has genomes of {sorted(counts)} parameters")
    return Birth(
        setting=setting,
        parameters=counts.pop(),
        most_bytes=max(int(row["bytes"]) for row in results),
        valid=over_seeds(row["valid"] for row in results),
        test=over_seeds(row["test"] for row in results),
    )

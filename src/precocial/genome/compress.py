"""Compression as a run: genomes of several sizes, their rivals, and how the newborn learns."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from precocial.errors import ConfigError, PrecocialError, one_of
from precocial.genome.data.examples import Task, accuracy
from precocial.genome.data.sources import (
    check_fits,
    data_digest,
    fresh_model,
    load_task,
    model_digest,
)
from precocial.genome.decoders.layouts import RETINOTOPIC, layout_image
from precocial.genome.decoders.rules import RULES
from precocial.genome.experiment import perceptron_for, seed_after_seed
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.lifetime.examples_saved import Life, choosing, lives
from precocial.genome.lifetime.learning import learn, shuffled
from precocial.genome.loops.configs import Innate
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.worlds import newborn, settle
from precocial.genome.phenotype.filters import first_filters
from precocial.genome.rivals.dense import TINY, linear_within, pooled, tiny_dense
from precocial.genome.rivals.pruned import pruned
from precocial.genome.rivals.training import RATES, fit, quantised
from precocial.io import Row
from precocial.runs import Run

RIVALS = ("pooled linear", "tiny dense", "pruned", "low_rank", "subspace", "chunked")
"""The last three are genomes of another rule, trained as the genome is."""


@dataclass(frozen=True, kw_only=True)
class CompressConfig:
    """A model, a task, and the sizes that its genome is to have."""

    data: str = "digits"
    """what `load_task` reads"""
    model: str = ""
    """FILE.py:function; none: a ReLU perceptron with `hidden` units"""
    hidden: tuple[int, ...] = (200,)
    budgets: tuple[int, ...] = (500, 1000, 2000)
    """bytes of a `.genome` file, at most"""
    bits: int = 6
    """of a parameter in the file, and in training"""
    decoder: str = "two_tower"
    """one of RULES, or "retinotopic" """
    loop: Innate = field(default_factory=lambda: Innate(steps=1500, ema=0.99))
    rivals: tuple[str, ...] = RIVALS
    life_steps: int = 200
    """of Adam after birth, for the learning curves of the largest genome"""
    life_rate: float = 1e-3
    worth_sizes: tuple[int, ...] = (0, 30, 100, 300, 1000)
    """training examples of the lives that tell what the largest genome is worth; none: not told"""
    worth_life: Life = field(default_factory=Life)
    dense_steps: int = 1500
    """of Adam, for the dense rivals and for the whole model"""
    seeds: int = 3
    seed: int = 0
    """the first of them"""
    model_sha256: str = ""
    """of the model's file; `check` fills it in"""
    data_sha256: str = ""
    """of the data's files, likewise"""

    def __post_init__(self) -> None:
        one_of("CompressConfig: decoder", self.decoder, (*RULES, RETINOTOPIC))
        for rival in self.rivals:
            one_of("CompressConfig: rivals", rival, RIVALS)
        for name, least in (("seeds", 1), ("dense_steps", 1), ("life_steps", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"CompressConfig: {name} is at least {least}; got {getattr(self, name)}"
                )
        if not self.budgets or min(self.budgets) < 1:
            raise ConfigError(
                "CompressConfig: budgets are one or more sizes in bytes, each at least 1; got "
                f"{self.budgets or 'none'}"
            )
        if min(self.hidden, default=1) < 1:
            raise ConfigError(
                f"CompressConfig: hidden layers have at least 1 unit; got {self.hidden}"
            )
        if len(set(self.budgets)) < len(self.budgets):
            raise ConfigError(f"CompressConfig: budgets must differ; got {self.budgets}")
        if not 2 <= self.bits <= 16:
            raise ConfigError(f"CompressConfig: bits lie between 2 and 16; got {self.bits}")
        if len(self.worth_sizes) == 1 or any(size < 0 for size in self.worth_sizes):
            raise ConfigError(
                "CompressConfig: worth_sizes are two or more numbers of examples, 0 for the "
                f"newborn itself, or none at all; got {self.worth_sizes}"
            )


def laptop() -> CompressConfig:
    """Digits, a perceptron of 200 hidden units, three sizes, 3 seeds: minutes."""
    return CompressConfig()


def smoke() -> CompressConfig:
    """One size, two seeds, few steps: seconds. Shows that it runs, no more."""
    return CompressConfig(
        hidden=(30,),
        budgets=(900,),
        loop=Innate(steps=100, batch=100, rate=0.02, warmup_steps=5, evaluate_every=50),
        rivals=("pooled linear", "pruned"),
        life_steps=10,
        worth_sizes=(),
        dense_steps=60,
        seeds=2,
    )


def check(config: CompressConfig) -> CompressConfig:
    """The config with the digests of its files, for another model or other data are another run;
    what cannot be compressed as asked is refused before anything is trained.

    Raises:
        ConfigError: as `check_fits`; a budget that no genome of this kind fits.
        DataError: malformed data.
    """
    task = load_task(config.data)
    model = _model_of(config, task, config.seed)
    asked = config.worth_sizes
    if asked and asked != CompressConfig.worth_sizes and len(_lived(config, task)) < 2:
        raise ConfigError(
            f"worth_sizes: {task.name} has {len(task.train):,} training examples, so two or more "
            f"of the sizes must be at most that; got {asked}"
        )
    for budget in config.budgets:
        Genome.for_model(
            model, bytes=budget, bits=config.bits, decoder=config.decoder,
            input_shape=layout_image(config.decoder, task),
        )  # fmt: skip
    digest = model_digest(config.model) if config.model else ""
    return replace(config, model_sha256=digest, data_sha256=data_digest(config.data))


def row_count(config: CompressConfig) -> int:
    """Rows "whole" and "point" that `compressing` yields."""
    return config.seeds * (1 + len(config.budgets) * (2 + len(_rivals(config))))


def compressing(config: CompressConfig, run: Run) -> Iterator[Row]:
    """Rows of one seed after the other; the test examples are used for the figures only.

    "point": method, budget, bytes, parameters, valid, test (accuracy at birth, or of the trained
    rival), note; "whole": the model trained as it is, and (quantised_bytes, quantised_test) rounded
    to as few bits as the genome; "life": arm, step and test accuracy of the
    largest genome's newborn, of its shuffled copy, and of a random network; "saving": what `lives`
    yields of that newborn, of a random network and of a tiny dense model of as many parameters, at
    those of `worth_sizes` that there are examples for. The genomes are kept in
    the run's folder as seedN-BYTES.genome, filters of the first layer (largest genome, first seed)
    as the artefact "filters": "genome" and "trained", [n, height, width].
    """
    task = load_task(config.data)
    yield from seed_after_seed(
        config.seeds, run, lambda seed: _rows_of(config, task, run, seed), start=config.seed
    )


def compress(
    model: nn.Module,
    task: Task,
    *,
    bytes: int | None = None,
    bits: int = 6,
    loop: Innate | None = None,
    seed: int = 0,
    **choices: Any,
) -> Genome:
    """The genome of `model` that works best at birth on `task`, with values as saved at `bits`.

    `compress(model, task, bytes=2000).save("x.genome")` is the whole of it.

    Args:
        model: the phenotype; not changed.
        task: whose validation examples choose the generation.
        bytes: of the file at most; or give parameters, ratio or preset in `choices`.
        bits: of a parameter, in training and in the file.
        loop: of training; default `Innate()`.
        seed: of initial values and the order of examples.
        choices: other arguments of `Genome.for_model`.

    Raises:
        ConfigError: as `Genome.for_model` and `evolve` do.
    """
    if not isinstance(task, Task) or not isinstance(loop, Innate | None):
        got = f"{type(task).__name__} and {type(loop).__name__}"
        raise ConfigError(
            f"compress: task is a Task and loop an Innate; got {got}. Other loops: make a genome "
            "with Genome.for_model and give it to evolve"
        )
    check_fits(model, task)
    image = layout_image(choices.get("decoder"), task)
    genome = Genome.for_model(
        model, bytes=bytes, bits=bits, seed=seed, **{"input_shape": image} | choices
    )
    trained = replace(loop or Innate(), bits=bits if bits < 32 else None)
    for _ in evolve(genome, model, task, trained, seed=seed, quantise=fake_quantise):
        pass
    settle(genome, model, task, bits)
    return genome.eval()


def _model_of(config: CompressConfig, task: Task, seed: int) -> nn.Module:
    if not config.model:
        return perceptron_for(task, config.hidden, seed)
    return fresh_model(config.model, task, seed)


def _rivals(config: CompressConfig) -> tuple[str, ...]:
    """A rival of the genome's own rule would be the genome again."""
    return tuple(rival for rival in config.rivals if rival != config.decoder)


def _rows_of(config: CompressConfig, task: Task, run: Run, seed: int) -> Iterator[Row]:
    model = _model_of(config, task, seed)
    whole = max(
        (_trained(model, task, config, rate, seed) for rate in RATES),
        key=lambda found: accuracy(found, task.valid),
    )
    size = sum(parameter.numel() for parameter in model.parameters())
    coarse, coarse_bytes = quantised(whole, config.bits)
    yield {
        "kind": "whole", "seed": seed, "parameters": size, "bytes": 4 * size,
        **_accuracies(whole, task), "quantised_bytes": coarse_bytes,
        "quantised_test": accuracy(coarse, task.test),
    }  # fmt: skip
    born: nn.Module | None = None
    parameters = 0
    for budget in sorted(config.budgets):
        made = _genome_point(config, model, task, budget, config.decoder, seed)
        if isinstance(made, str):
            yield _empty("genome", budget, seed, made)
            continue
        genome, row = made
        genome.save(run.path / f"seed{seed}-{budget}.genome", bits=config.bits)
        born, parameters = newborn(genome, model, task), genome.parameter_count
        yield {**row, "method": "genome"}
        mixed = shuffled(born, seed)
        yield {**row, "method": "shuffled", **_accuracies(mixed, task)}
        for rival in _rivals(config):
            yield _rival_row(rival, config, model, whole, task, budget, seed)
    if born is not None and seed == config.seed:
        found = {"genome": first_filters(born, task), "trained": first_filters(whole, task)}
        if len(found["genome"]):
            run.save("filters", found)
    if born is not None and config.life_steps:
        yield from _lives(config, born, model, task, seed)
    if born is not None and len(_lived(config, task)) > 1:
        yield from _savings(config, born, model, task, parameters, seed)


def _trained(
    model: nn.Module, task: Task, config: CompressConfig, rate: float, seed: int
) -> nn.Module:
    made = copy.deepcopy(model)
    fit(made, task, steps=config.dense_steps, rate=rate, seed=seed)
    return made


def _accuracies(model: nn.Module, task: Task) -> Row:
    return {"valid": accuracy(model, task.valid), "test": accuracy(model, task.test)}


def _empty(method: str, budget: int, seed: int, note: str) -> Row:
    return {"kind": "point", "method": method, "seed": seed, "budget": budget, "bytes": None,
            "parameters": None, "valid": None, "test": None, "note": note}  # fmt: skip


def _genome_point(
    config: CompressConfig, model: nn.Module, task: Task, budget: int, decoder: str, seed: int
) -> tuple[Genome, Row] | str:
    """A trained genome of one rule and its row; or why there is none."""
    try:
        genome = compress(model, task, bytes=budget, bits=config.bits, loop=config.loop,
                          seed=seed, decoder=decoder)  # fmt: skip
    except ConfigError as error:
        return str(error)
    return genome, {
        "kind": "point", "method": decoder, "seed": seed, "budget": budget,
        "bytes": genome.byte_count(config.bits), "parameters": genome.parameter_count,
        **_accuracies(newborn(genome, model, task), task), "note": "",
    }  # fmt: skip


def _rival_row(
    rival: str, config: CompressConfig, model: nn.Module, whole: nn.Module, task: Task,
    budget: int, seed: int,
) -> Row:  # fmt: skip
    if rival in RULES:
        made = _genome_point(config, model, task, budget, rival, seed)
        return _empty(rival, budget, seed, made) if isinstance(made, str) else made[1]
    steps, bits = config.dense_steps, config.bits
    room = math.floor(8 * (budget - _FRAME_BYTES) / bits)
    makers: dict[str, Callable[[], Any]] = {
        "pooled linear": lambda: pooled(task, room, steps=steps, bits=bits, seed=seed),
        "tiny dense": lambda: tiny_dense(task, room, steps=steps, bits=bits, seed=seed),
        "pruned": lambda: pruned(whole, task, budget, steps=steps, bits=bits, seed=seed),
    }
    try:
        found = makers[rival]()
    except PrecocialError as error:
        return _empty(rival, budget, seed, str(error))
    return {
        "kind": "point", "method": rival, "seed": seed, "budget": budget, "bytes": found.bytes,
        "parameters": found.parameters, **_accuracies(found.model, task), "note": found.note,
    }  # fmt: skip


_FRAME_BYTES = 200
"""Of a file that stores a small dense model, before its numbers. A rival may end a little below its
budget for it, never above: its own file is what is counted."""


def _lives(
    config: CompressConfig, born: nn.Module, model: nn.Module, task: Task, seed: int
) -> Iterator[Row]:
    arms = {
        "genome": born,
        "shuffled": shuffled(born, seed),
        "random": copy.deepcopy(model),
    }
    steps, rate = config.life_steps, config.life_rate
    for arm, start in arms.items():
        for row in learn(start, task, steps=steps, rate=rate, seed=seed, on="test"):
            yield {"kind": "life", "arm": arm, "seed": seed, **row}


_CHOOSING = 2000
"""Validation examples that choose the step and the rate of a life: as in `AfterBirthConfig`."""


def _lived(config: CompressConfig, task: Task) -> list[int]:
    """The sizes that there are training examples for."""
    return [size for size in config.worth_sizes if size <= len(task.train)]


def _savings(
    config: CompressConfig, born: nn.Module, model: nn.Module, task: Task, parameters: int,
    seed: int,
) -> Iterator[Row]:  # fmt: skip
    newborns: dict[str, Callable[[int], nn.Module]] = {
        "genome": lambda seed: born,
        "random": lambda seed: model,
    }
    with contextlib.suppress(ConfigError):  # so few parameters that there is no such model
        dense = linear_within(task, parameters, seed)
        newborns[TINY] = lambda seed: dense
    sizes = _lived(config, task)
    few = choosing(task, _CHOOSING)
    for row in lives(newborns, few, sizes=sizes, seeds=[seed], life=config.worth_life):
        yield {"kind": "saving", **row}

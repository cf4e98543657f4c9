"""A user's model and data, named by text: on a command line, in a config."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.genome.data.examples import Task
from precocial.genome.data.readers import cifar_folder, idx_task, task_from_arrays
from precocial.genome.experiment import DATA, named_task
from precocial.genome.lifetime.learning import randomised
from precocial.genome.phenotype.parts import check_single, check_trainable, parts_of
from precocial.runs import stream_seed

_MOST_BYTES = 1 << 30


def load_model(name: str) -> nn.Module:
    """The module that "FILE.py:function" returns. The file is run; what it prints goes to stderr.

    Raises:
        ConfigError: not of that form; no such function; it fails, or returns no module.
    """
    path, _, function = name.rpartition(":")
    if not path.endswith(".py") or not function.isidentifier():
        raise ConfigError(f"a model is FILE.py:function, a function that returns it; got {name!r}")
    io.read_text(path)  # missing, a folder, not text: said plainly
    label = "precocial_model_" + hashlib.sha256(str(Path(path).resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(label, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
            if not callable(found := getattr(module, function, None)):
                raise ConfigError(f"{path} has no function {function!r}")
            made = found()
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise ConfigError(f"{name} fails: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise ConfigError(f"{name} must return a torch.nn.Module; got {type(made).__name__}")
    return made


def fresh_model(name: str, task: Task, seed: int) -> nn.Module:
    """The module that "FILE.py:function" returns, checked, with initial weights of the seed.

    The function is called under the seed. If it returns the same weights under another one (a
    checkpoint, or a seed of its own), the modules draw theirs anew, see `randomised`.

    Raises:
        ConfigError: as `load_model` and `check_fits`; the same weights for every seed, from
            modules that cannot draw them; or buffers that are not the same for every seed.
    """
    found = []
    for number in (seed, seed + 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(number, "genome", "model"))
            found.append(load_model(name))
        check_fits(found[-1], task)
    for (name, one), (_, two) in zip(
        found[0].named_buffers(), found[1].named_buffers(), strict=True
    ):
        if not torch.equal(one, two):
            raise ConfigError(
                f"{name} is a buffer that differs each time the model is made: a newborn would "
                "have another one. Compute it without chance, or make it a parameter"
            )
    made, other = (list(model.parameters()) for model in found)
    same = len(made) == len(other) and all(map(torch.equal, made, other))
    return randomised(found[0], seed) if same else found[0]


def check_fits(model: nn.Module, task: Task) -> None:
    """Refuse a model that no genome is for, or that does not score the classes of the task.

    Raises:
        ConfigError: as `parts_of` and `check_single`; frozen parameters; a model that fails on two
            of the training inputs, or whose answer is not finite scores [n, classes or more].
    """
    parts_of(model)
    check_single(model)
    check_trainable(model)
    inputs = task.train.inputs[:2]
    shape = [len(inputs), *inputs.shape[1:]]
    try:
        tried = copy.deepcopy(model)  # in training, BatchNorm would remember these two
        with (
            torch.no_grad(),
            torch.random.fork_rng(devices=[]),
            contextlib.redirect_stdout(sys.stderr),
        ):
            tried.train()(inputs)
            scores = tried.eval()(inputs)
    except Exception as error:  # whatever a user's model raises
        kind = "" if inputs.is_floating_point() else " integers"
        raise ConfigError(
            f"the model fails on {task.name}, whose inputs are{kind} {shape} (n first): "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(inputs):
        got = list(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ConfigError(
            f"the model must answer inputs {shape} with scores [{len(inputs)}, classes]; got {got}"
        )
    if scores.shape[1] < task.classes:
        raise ConfigError(
            f"{task.name} has classes 0 to {task.classes - 1}, the model scores only "
            f"{scores.shape[1]}: give its last layer {task.classes} outputs"
        )
    if not bool(torch.isfinite(scores).all()):
        raise ConfigError(f"the model's scores of {task.name} are NaN or infinite: mend it first")


def model_digest(name: str) -> str:
    """The SHA-256 of the file that defines a model: another text, another run."""
    return hashlib.sha256(io.read_text(name.rpartition(":")[0]).encode()).hexdigest()


def data_digest(name: str) -> str:
    """The SHA-256 of a file of data, or of those of a folder: other data, another run.

    Data that `load_task` knows by name have none.
    """
    if name in DATA:
        return ""
    place = Path(name)
    inside = place.iterdir() if place.is_dir() else [place]
    digest = hashlib.sha256()
    for path in sorted(path for path in inside if path.is_file()):
        digest.update(hashlib.sha256(path.name.encode()).digest())
        digest.update(hashlib.sha256(io.read_bytes(path, limit=_MOST_BYTES)).digest())
    return digest.hexdigest()


def load_task(name: str, *, seed: int = 0) -> Task:
    """A task by name or path.

    A name of DATA; a folder of idx files or of CIFAR's binary batches; a .safetensors file with
    arrays "inputs" [n, ...] (integers are tokens) and "targets" [n]; or a table (.csv, .tsv,
    .jsonl, .parquet) with a column "target" of classes, all other columns numbers.

    Raises:
        ConfigError: neither.
        DataError: a file that is malformed; one class alone, or classes that are not numbered from
            0 without large gaps.
    """
    if name in DATA:
        return named_task(name)
    try:
        task = _task_from(Path(name), name, seed)
    except DataError as error:
        if error.path is not None:
            raise
        raise DataError(str(error), path=name) from error
    examples = len(task.train) + len(task.valid) + len(task.test)
    if not 2 <= task.classes <= examples:
        raise DataError(
            f"has {examples} examples with classes 0 to {task.classes - 1}: there must be at "
            "least two classes, numbered from 0 without gaps",
            path=name,
        )
    return task


def _task_from(path: Path, name: str, seed: int) -> Task:
    if path.is_dir():
        if (path / "test_batch.bin").exists():
            return cifar_folder(path, seed=seed)
        return idx_task(path, seed=seed)
    if not path.exists():
        raise ConfigError(
            f"data is one of {', '.join(DATA)}, a folder of idx or CIFAR files, a .safetensors "
            f"file or a table; got {name!r}, which is none of them and no path"
        )
    if path.suffix == ".safetensors":
        arrays, _ = io.read_arrays(path)
        missing = {"inputs", "targets"} - set(arrays)
        if missing:
            raise DataError(
                f"must hold arrays 'inputs' and 'targets'; it has {', '.join(arrays) or 'none'}",
                path=path,
            )
        return task_from_arrays(arrays["inputs"], arrays["targets"], name=path.stem, seed=seed)
    return _task_from_table(path, seed)


def _task_from_table(path: Path, seed: int) -> Task:
    rows = io.read_table(path)
    if not rows or "target" not in rows[0] or len(rows[0]) < 2:
        raise DataError("must have a column 'target' and at least one other, and rows", path=path)
    names = [name for name in rows[0] if name != "target"]
    inputs = np.empty((len(rows), len(names)))
    targets = np.empty(len(rows))
    for line, row in enumerate(rows):
        for place, name in enumerate([*names, "target"]):
            value = io.parse_number(row[name], path=path, line=line + 2, column=name)
            if place < len(names):
                inputs[line, place] = value
            else:
                targets[line] = value
    if not np.isfinite(targets).all() or (targets % 1).any():
        raise DataError("classes must be whole numbers", path=path, column="target")
    return task_from_arrays(inputs, targets.astype(int), name=path.stem, seed=seed)

"""One trained model as an experiment of `runs`: texts on disk in, rows and weights out.

Layout, so that a finished folder can be moved as a whole:

    ROOT/texts/HASH.safetensors     the texts, as UTF-8 bytes, and the tokenizer
    ROOT/runs/ID/                   one folder a model

This module is apart from the room that uses it, because a run is named after the code that decides
its bits: a new fit in `transfer` must not make anybody train again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from precocial import io
from precocial.errors import ConfigError, DataError, RunError
from precocial.lm.gpt import GPT, GPTConfig, count_params, train_flops
from precocial.lm.tokens import Bytes, Tokenizer, tokenizer_from
from precocial.lm.train import Evaluation, TrainConfig, Training, evaluate, load_weights, weights_of
from precocial.runs import Run, read_run, stream_seed

RUNS, TEXTS = "runs", "texts"
CHECKPOINT_SECONDS = 15.0
"""A run that is killed loses at most this, and an evaluation. When checkpoints are taken does not
change what is trained."""
BEST = "best"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is trained on what. Text names are those given to `write_texts`."""

    texts: str
    """name of the texts file: the hash that `write_texts` returned"""
    train_on: str
    tune_on: str
    """its loss picks the checkpoint and ends the run"""
    test_on: str
    """its loss is reported and decides nothing"""
    data_bytes: int
    """the training text is cut to its first `data_bytes` bytes; the unit of D"""
    model: GPTConfig
    train: TrainConfig
    start: str = ""
    """id of the run whose best weights are the start; "" draws new ones"""
    keep_weights: bool = False
    """save the best weights as best.safetensors"""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.data_bytes < 1:
            raise ConfigError(f"Trial: data_bytes must be at least 1; got {self.data_bytes}")


def write_texts(root: io.PathLike, texts: Mapping[str, Bytes], tokenizer: Tokenizer) -> str:
    """Write the texts of a sweep and their tokenizer; returns the hash that names them.

    Raises:
        DataError: the folder cannot be written.
    """
    digest = hashlib.sha256(io.dumps(tokenizer.document()).encode())
    for name in sorted(texts):
        digest.update(f"{name}/{len(texts[name])}/".encode() + texts[name].tobytes())
    found = digest.hexdigest()[:16]
    path = _texts_path(Path(root), found)
    if not path.exists():
        io.write_arrays(path, texts, meta={"tokenizer": tokenizer.document()})
    return found


def read_texts(root: io.PathLike, name: str) -> tuple[dict[str, Bytes], Tokenizer]:
    """What `write_texts` wrote.

    Raises:
        DataError: not there, or damaged.
    """
    path = _texts_path(Path(root), name)
    arrays, meta = io.read_arrays(path)
    return arrays, tokenizer_from(meta.get("tokenizer"), path=path)


def _texts_path(root: Path, name: str) -> Path:
    return io.safe_join(root, TEXTS, f"{name}.safetensors")


def trial(config: Trial, run: Run) -> Iterator[dict[str, Any]]:
    """Train one model: a row an evaluation, and a last row of kind "result".

    Raises:
        ConfigError: a text that is not there or is shorter than `data_bytes`.
        RunError: the loss is no longer finite, or the start belongs to another model.
    """
    texts, tokenizer = read_texts(run.path.parent.parent, config.texts)
    data = tokenizer.encode(_named(texts, config.train_on)[: config.data_bytes])
    size = len(_named(texts, config.train_on))
    if size < config.data_bytes:
        raise ConfigError(
            f"the text {config.train_on!r} has {size} bytes; data_bytes is {config.data_bytes}"
        )
    training = Training(
        model=_model(config, run, tokenizer),
        data=data,
        tune=tokenizer.encode(_named(texts, config.tune_on)),
        config=config.train,
        seed=stream_seed(config.seed, "batches"),
    )
    state = run.resume_from()
    if state is not None:
        training.restore(*state)
    saved = time.monotonic()
    for evaluation in training.evaluations():
        yield _evaluation_row(evaluation)
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.checkpoint(training.arrays(), training.meta())
            saved = time.monotonic()
    row = _result_row(config, training, tokenizer.encode(_named(texts, config.test_on)))
    if config.keep_weights:
        run.save(BEST, weights_of(training.model), {"step": training.best_step})
    yield row


def _named(texts: Mapping[str, Bytes], name: str) -> Bytes:
    if name not in texts:
        raise ConfigError(f"there is no text {name!r}; there are {', '.join(sorted(texts))}")
    return np.asarray(texts[name], dtype=np.uint8)


def _model(config: Trial, run: Run, tokenizer: Tokenizer) -> GPT:
    if config.model.vocabulary != tokenizer.vocabulary:
        raise ConfigError(
            f"the model has a vocabulary of {config.model.vocabulary}, the tokenizer of the texts "
            f"{tokenizer.vocabulary}"
        )
    seed = stream_seed(config.seed, "weights", config.model.width)
    model = GPT(config.model, generator=torch.Generator().manual_seed(seed))
    if config.start:
        record = read_run(io.safe_join(run.path.parent, config.start))
        if BEST not in record.artefacts:
            raise RunError(f"{record.path} kept no weights, so nothing can start from it")
        load_weights(model, record.load(BEST)[0])
    return model


def _evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "kind": "evaluation",
        "step": evaluation.step,
        "tune_loss": evaluation.tune_loss,
        "train_loss": evaluation.train_loss,
    }


def _result_row(config: Trial, training: Training, test: Any) -> dict[str, Any]:
    """The figures of the best checkpoint; loss in nats per byte."""
    loss = evaluate(training.best_model(), test)
    n, total = count_params(training.model)
    tokens = training.step * config.train.batch * config.model.context
    return {
        "kind": "result",
        "N": n,
        "N_total": total,
        "loss": loss.nats_per_byte,
        "loss_se": loss.standard_error,
        "tune_loss": training.best_loss,
        "best_step": training.best_step,
        "steps_run": training.step,
        "best_is_last": training.best_step == config.train.steps,
        "epochs": tokens / len(training.data),
        "tokens_seen": tokens,
        "flops": train_flops(training.model, tokens),
    }


def result_of(rows: Any) -> dict[str, Any]:
    """The row of kind "result" of a complete trial.

    Raises:
        DataError: there is none.
    """
    for row in rows:
        if row.get("kind") == "result":
            return dict(row)
    raise DataError("the run has no result row; it did not end")

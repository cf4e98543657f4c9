"""Training: one schedule, one loop, the checkpoint with the best validation loss.

Shape letters: B batch, T tokens of context, n tokens of a text, W windows.

Everything that decides the next step is in the weights, the optimiser's state and the step number:
batches are drawn by (seed, epoch) and need no generator that has to be saved. So a resumed run ends
with the bits of one that was never stopped (one thread, one machine).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from precocial.errors import ConfigError, DataError, RunError, one_of
from precocial.lm.gpt import GPT
from precocial.lm.tokens import TokenText
from precocial.runs import stream

Arrays = dict[str, NDArray[Any]]
EVALUATION_BATCH = 64
SCHEDULES = ("linear", "cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained. Defaults are ours, chosen on widths 16 to 64 and seed 0."""

    steps: int = 1000
    """updates; the schedule decays to zero over exactly these"""
    learning_rate: float = 1e-2
    """peak rate of AdamW"""
    batch: int = 16
    """windows B a step"""
    warmup: float = 0.05
    """share of the steps in which the rate rises from 0; never a fixed number of steps, which
    over-long warm-ups of short runs would be (Porian et al. 2024)"""
    schedule: str = "linear"
    """"linear" or "cosine" decay to zero, or "constant\""""
    weight_decay: float = 0.1
    """AdamW, matrices only"""
    beta1: float = 0.9
    beta2: float = 0.99
    clip: float = 1.0
    """largest norm of the gradient"""
    evaluations: int = 12
    """times the validation loss is taken; they crowd at the start, where small sets overfit"""
    patience: int = 5
    """stop after this many evaluations after the warm-up without a new best; 0 never stops early"""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "evaluations"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"TrainConfig: {name} must be at least 1; got {getattr(self, name)}"
                )
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(
                f"TrainConfig: learning_rate must be above 0; got {self.learning_rate}"
            )
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"TrainConfig: warmup is a share in [0, 1); got {self.warmup}")
        if self.patience < 0 or self.clip <= 0 or self.weight_decay < 0:
            raise ConfigError("TrainConfig: patience and weight_decay must be >= 0, clip above 0")
        one_of("TrainConfig: schedule", self.schedule, SCHEDULES)

    @property
    def evaluation_steps(self) -> tuple[int, ...]:
        """steps·(k / K)², k = 1 ... K, rounded up, without repeats."""
        marks = range(1, self.evaluations + 1)
        return tuple(sorted({math.ceil(self.steps * (k / self.evaluations) ** 2) for k in marks}))

    def rate(self, step: int) -> float:
        """Learning rate of update `step` = 1 ... steps."""
        rising = min(1.0, step / max(self.warmup * self.steps, 1.0))
        done = max(0.0, step / self.steps - self.warmup) / (1 - self.warmup)
        falling = {
            "linear": 1 - done,
            "cosine": 0.5 * (1 + math.cos(math.pi * done)),
            "constant": 1.0,
        }[self.schedule]
        return self.learning_rate * rising * falling


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Cross-entropy in nats per byte of text, and its standard error over windows."""

    nats_per_byte: float
    standard_error: float


def evaluate(model: GPT, text: TokenText) -> Loss:
    """Mean loss of `model` on a text: sum of nats / sum of bytes over all tokens but the first.

    The text is read in windows of T tokens; a token sees what stands before it in its window. The
    standard error is that of a ratio over windows; windows of one module are alike, so it is a
    lower bound.

    Raises:
        DataError: a text shorter than one window.
    """
    T = model.config.context
    windows = (len(text) - 1) // T
    if windows < 1:
        raise DataError(f"a text of {len(text)} tokens is shorter than the context of {T}")
    tokens = torch.from_numpy(text.tokens[: windows * T + 1].astype(np.int64))
    inputs, targets = tokens[:-1].view(windows, T), tokens[1:].view(windows, T)
    sizes = text.sizes[1 : windows * T + 1].reshape(windows, T).sum(1).astype(np.float64)
    nats = np.empty(windows)
    training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, windows, EVALUATION_BATCH):
            part = slice(start, start + EVALUATION_BATCH)
            logits = model(inputs[part])
            losses = functional.cross_entropy(
                logits.transpose(1, 2), targets[part], reduction="none"
            )
            nats[part] = losses.sum(1).double().numpy()
    model.train(training)
    mean = float(nats.sum() / sizes.sum())
    spread = float(((nats - mean * sizes) ** 2).sum()) * windows / max(windows - 1, 1)
    return Loss(nats_per_byte=mean, standard_error=math.sqrt(spread) / float(sizes.sum()))


def batches(
    text: TokenText, *, context: int, batch: int, seed: int, first: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets (B, T) of update `first`, `first` + 1, ... without end.

    An epoch reads the text once, in windows that begin at a random offset, in random order; epochs
    follow one another within a batch. Update i depends on (seed, i) alone.

    Raises:
        DataError: a text shorter than one window.
    """
    if len(text) <= context:
        raise DataError(
            f"{len(text)} tokens of training text are shorter than the context of {context}; "
            "name more text, or lower the context"
        )
    tokens = text.tokens.astype(np.int64)
    queue = np.empty(0, dtype=np.int64)
    steps = np.arange(context + 1)
    epoch, update = 0, 1
    while True:
        while len(queue) < batch:
            random = stream(seed, "epoch", epoch)
            offset = int(random.integers(min(context, len(tokens) - context)))
            starts = np.arange(offset, len(tokens) - context, context)
            queue = np.concatenate([queue, random.permutation(starts)])
            epoch += 1
        starts, queue = queue[:batch], queue[batch:]
        if update >= first:
            windows = torch.from_numpy(tokens[starts[:, None] + steps])
            yield windows[:, :-1], windows[:, 1:]
        update += 1


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One look at the validation text."""

    step: int
    tune_loss: float
    """nats per byte"""
    train_loss: float | None
    """nats per token, mean over the updates since the last look; None at step 0"""
    best: bool


@dataclass(eq=False)
class Training:
    """A model on its way: iterate `evaluations()`, save `arrays()` and `meta()` between them.

    Step 0 is looked at too: fine-tuning on very little text may never beat its start. `best_step`,
    `best_loss` and `best` (weights) are those of the smallest validation loss so far.
    """

    model: GPT
    data: TokenText
    tune: TokenText
    config: TrainConfig
    seed: int
    step: int = 0
    best_step: int = 0
    best_loss: float = math.inf
    since_best: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = list(self.model.parameters())
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in weights if weight.ndim > 1]},
            {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
        ]
        betas = (self.config.beta1, self.config.beta2)
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=self.config.learning_rate,
            betas=betas,
            weight_decay=self.config.weight_decay,
            fused=True,
        )

    @property
    def finished(self) -> bool:
        """All steps are done, or patience has run out."""
        stop = 0 < self.config.patience <= self.since_best
        return self.step >= self.config.steps or stop

    def evaluations(self) -> Iterator[Evaluation]:
        """Train to the end, yielding each time the validation loss was taken.

        Raises:
            RunError: the loss is no longer finite.
        """
        if self.step == 0 and not self.best:
            yield self._look(None)
        stream_of_batches = batches(
            self.data,
            context=self.model.config.context,
            batch=self.config.batch,
            seed=self.seed,
            first=self.step + 1,
        )
        marks = set(self.config.evaluation_steps)
        total, count = 0.0, 0
        while not self.finished:
            self.step += 1
            total += self._update(*next(stream_of_batches))
            count += 1
            if self.step in marks:
                yield self._look(total / count)
                total, count = 0.0, 0

    def _update(self, inputs: Tensor, targets: Tensor) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate(self.step)
        logits = self.model(inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        value = loss.item()
        if not math.isfinite(value):
            raise RunError(
                f"the training loss became {value} at step {self.step} of {self.config.steps} with "
                f"learning rate {self.config.learning_rate:g}; lower the learning rate"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        return value

    def _look(self, train_loss: float | None) -> Evaluation:
        loss = evaluate(self.model, self.tune).nats_per_byte
        if not math.isfinite(loss):
            raise RunError(
                f"the validation loss became {loss} at step {self.step} with learning rate "
                f"{self.config.learning_rate:g}; lower the learning rate"
            )
        better = loss < self.best_loss
        if better:
            self.best_loss, self.best_step, self.since_best = loss, self.step, 0
            self.best = {
                name: weight.detach().clone() for name, weight in self.model.named_parameters()
            }
        elif self.step > self.config.warmup * self.config.steps:
            self.since_best += 1  # a start that rises first and falls later is given its time
        return Evaluation(step=self.step, tune_loss=loss, train_loss=train_loss, best=better)

    def best_model(self) -> GPT:
        """The model itself, set to its best weights."""
        load_weights(self.model, {name: weight.numpy() for name, weight in self.best.items()})
        return self.model

    def arrays(self) -> Arrays:
        """Weights, best weights and the optimiser's two moments, by name."""
        found: Arrays = {}
        for name, weight in self.model.named_parameters():
            found[f"weight.{name}"] = weight.detach().numpy()
            if self.best:
                found[f"best.{name}"] = self.best[name].numpy()
            for key, value in self.optimiser.state[weight].items():
                found[f"{key}.{name}"] = value.numpy()
        return found

    def meta(self) -> dict[str, Any]:
        """Step and best step; with `arrays()` all that `restore` needs."""
        return {
            "step": self.step,
            "best_step": self.best_step,
            "best_loss": self.best_loss,
            "since_best": self.since_best,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Go on from what `arrays()` and `meta()` said.

        Raises:
            RunError: they belong to another model.
        """
        load_weights(self.model, _part(arrays, "weight."))
        self.best = {name: torch.tensor(array) for name, array in _part(arrays, "best.").items()}
        for name, weight in self.model.named_parameters():
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if f"{key}.{name}" in arrays:  # not before the first step
                    value = torch.tensor(arrays[f"{key}.{name}"])
                    # a file keeps a single number as an array of one
                    shape = () if key == "step" else weight.shape
                    self.optimiser.state[weight][key] = value.reshape(shape)
        for key in ("step", "best_step", "best_loss", "since_best"):
            setattr(self, key, meta[key])


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def weights_of(model: nn.Module) -> Arrays:
    """Parameters by name (a tied matrix once)."""
    return {name: weight.detach().numpy() for name, weight in model.named_parameters()}


def load_weights(model: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy arrays into the parameters of the same names.

    Raises:
        RunError: other names or shapes: the arrays belong to another model.
    """
    own = dict(model.named_parameters())
    if set(own) != set(arrays):
        odd = ", ".join(sorted(set(own) ^ set(arrays))[:3])
        raise RunError(f"the saved weights belong to another model: they differ in {odd}")
    with torch.no_grad():
        for name, weight in own.items():
            if tuple(weight.shape) != arrays[name].shape:
                raise RunError(
                    f"the saved weights belong to another model: {name} has shape "
                    f"{arrays[name].shape}, here {tuple(weight.shape)}"
                )
            weight.copy_(torch.tensor(arrays[name]))

"""Learning after birth: how fast a newborn, a random or a shuffled network gets better."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError, one_of
from precocial.genome.data.examples import Examples, Model, Task
from precocial.io import Row
from precocial.runs import stream, stream_seed

Optimiser = Literal["adam", "sgd"]
Split = Literal["valid", "test"]
SGD_MOMENTUM = 0.9
"""The paper's for CIFAR-10."""


class Order:
    """Batches in an order that the seed and the number of the step decide, epoch by epoch."""

    def __init__(self, count: int, batch: int, seed: int, *names: str | int) -> None:
        self.count, self.batch = count, min(batch, count)
        self._seed, self._names = seed, names
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, step: int) -> Tensor:
        """Indices of the batch of step 0, 1, ...; what is left of an epoch is dropped."""
        epoch, place = divmod(step, self.count // self.batch)
        if epoch != self._epoch:
            random = stream(self._seed, "genome", "order", *self._names, epoch)
            self._epoch, self._order = epoch, torch.from_numpy(random.permutation(self.count))
        return self._order[place * self.batch : (place + 1) * self.batch]


@torch.no_grad()
def score(model: Model, examples: Examples, *, batch: int = 1024) -> tuple[float, float]:
    """Accuracy and mean cross-entropy in nats. A module is left in its own mode."""
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    right, loss = 0, 0.0
    for inputs, targets in zip(
        torch.split(examples.inputs, batch), torch.split(examples.targets, batch), strict=True
    ):
        scores = model(inputs)
        right += int((scores.argmax(1) == targets).sum())
        loss += float(nn.functional.cross_entropy(scores, targets, reduction="sum"))
    if isinstance(model, nn.Module):
        model.train(training)
    return right / len(examples), loss / len(examples)


def make_optimiser(
    kind: Optimiser, parameters: Iterable[Tensor], rate: float
) -> torch.optim.Optimizer:
    """Adam with its defaults, or SGD with momentum 0.9."""
    one_of("optimiser", kind, get_args(Optimiser))
    parameters = list(parameters)
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    return torch.optim.SGD(parameters, lr=rate, momentum=SGD_MOMENTUM)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set one rate for all parameters."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def step_on(model: nn.Module, optimiser: torch.optim.Optimizer, examples: Examples) -> float:
    """One step down the cross-entropy of `examples`; the loss before it."""
    loss = nn.functional.cross_entropy(model(examples.inputs), examples.targets)
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
    return loss.item()


def learn(
    model: nn.Module,
    task: Task,
    *,
    steps: int,
    rate: float = 1e-3,
    optimiser: Optimiser = "adam",
    warmup_steps: int = 0,
    still_steps: int = 0,
    batch: int = 256,
    seed: int = 0,
    marks: Iterable[int] | None = None,
    on: Split = "valid",
) -> Iterator[Row]:
    """Train `model` in place on `task.train` and score it on the way, before any step first.

    Args:
        model: a newborn (`Genome.birth`), a random or a `shuffled` network.
        steps: of the optimiser.
        rate: of the optimiser, after the warm-up.
        optimiser: "adam", or "sgd" with momentum 0.9.
        warmup_steps: over which the rate rises in a line from rate / (warmup_steps + 1).
        still_steps: first steps at rate 0: they fill the moments of the optimiser and leave the
            weights as they are. They count as steps.
        batch: examples in a step.
        seed: of the order of examples.
        marks: steps at which to score; default 0, 1, 2, 5, 10, 20, 50, ... and the last.
        on: the examples that are scored; "test" is for final figures.

    Yields:
        step, examples (presented so far), accuracy, loss (nats).

    Raises:
        ConfigError: numbers that are not allowed.
    """
    one_of("learn: on", on, get_args(Split))
    if min(steps, warmup_steps, still_steps) < 0 or not rate > 0 or batch < 1:
        raise ConfigError(
            "learn: steps, warmup_steps and still_steps are at least 0, rate above 0, batch at "
            f"least 1; got {steps}, {warmup_steps}, {still_steps}, {rate}, {batch}"
        )
    wanted = set(usual_marks(steps) if marks is None else marks)
    if not all(0 <= mark <= steps for mark in wanted):
        raise ConfigError(f"learn: marks are steps from 0 to {steps}; got {sorted(wanted)}")
    descent = make_optimiser(optimiser, model.parameters(), rate)
    order = Order(len(task.train), batch, seed, task.name)
    scored = task.valid if on == "valid" else task.test
    model.train()
    for step in range(steps + 1):
        if step in wanted:
            accuracy, loss = score(model, scored)
            seen = step * order.batch
            yield {"step": step, "examples": seen, "accuracy": accuracy, "loss": loss}
        if step == steps:
            break
        rise = min(1.0, (step - still_steps + 1) / (warmup_steps + 1))
        set_rate(descent, 0.0 if step < still_steps else rate * rise)
        step_on(model, descent, task.train.take(order(step)))


def usual_marks(steps: int) -> list[int]:
    """0, 1, 2, 5, 10, 20, 50, ... below `steps`, and `steps`."""
    found, decade = [0], 1
    while decade < steps:
        found += [decade * digit for digit in (1, 2, 5) if decade * digit < steps]
        decade *= 10
    return [*found, steps] if steps else found


def shuffled(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy whose weights are permuted within each tensor: same values, other places.

    Source: the paper's control for what a newborn owes to the arrangement of its weights.
    """
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in copied.named_parameters():
            order = stream(seed, "genome", "shuffled", name).permutation(parameter.numel())
            parameter.copy_(parameter.flatten()[torch.from_numpy(order)].reshape(parameter.shape))
    return copied


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with the initial weights that its modules draw for themselves.

    Raises:
        ConfigError: a module that has parameters of its own and no `reset_parameters`.
    """
    copied = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "genome", "randomised"))
        for name, module in copied.named_modules():
            reset = getattr(module, "reset_parameters", None) or getattr(
                module, "_reset_parameters", None
            )
            if callable(reset):
                reset()
            elif next(module.parameters(recurse=False), None) is not None:
                raise ConfigError(
                    f"randomised: {name or 'the model'} ({type(module).__name__}) has no "
                    "reset_parameters; give it one that draws its weights"
                )
    return copied

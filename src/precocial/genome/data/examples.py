"""Labelled examples, and the three parts of a task that never mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError, DataError
from precocial.runs import stream

Model = Callable[[Tensor], Tensor]
"""Inputs [n, ...] to scores [n, classes]: a module, or `functional_call` with weights bound."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Inputs and their classes."""

    inputs: Tensor
    """[n, ...], float; int64 are tokens"""
    targets: Tensor
    """[n], int64 classes from 0"""

    def __post_init__(self) -> None:
        n = len(self.inputs) if self.inputs.ndim else -1
        if n == 0:
            raise DataError(f"there are no examples: inputs have shape {tuple(self.inputs.shape)}")
        if self.targets.shape != (n,):
            raise DataError(
                f"examples need one class for each input, inputs [n, ...]; got inputs "
                f"{tuple(self.inputs.shape)} and classes {tuple(self.targets.shape)}"
            )
        if self.targets.is_floating_point() or int(self.targets.min()) < 0:
            raise DataError(
                f"classes are integers from 0; got {self.targets.dtype}, least "
                f"{self.targets.min().item()}"
            )
        if not bool(torch.isfinite(self.inputs).all()):
            raise DataError("inputs have NaN or infinite values: remove or mend those examples")

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, index: Tensor) -> Examples:
        """The examples at `index`."""
        return Examples(inputs=self.inputs[index], targets=self.targets[index])


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned from, what chooses, and what is reported: three disjoint sets."""

    name: str
    train: Examples
    valid: Examples
    """chooses generations, rates and sizes"""
    test: Examples
    """looked at once, for the figures"""
    classes: int

    @property
    def image(self) -> tuple[int, ...] | None:
        """(channels, height, width) of the inputs; None if they are no pictures."""
        shape = tuple(self.train.inputs.shape[1:])
        return shape if len(shape) == 3 else None

    def need_numbers(self, who: str) -> None:
        """Refuse tokens where something calculates with the inputs.

        Raises:
            ConfigError: inputs that are integers.
        """
        if not self.train.inputs.is_floating_point():
            raise ConfigError(
                f"{who} needs inputs that are numbers; those of {self.name} are integers, which "
                "are tokens for an embedding. If they are numbers, give them as floats"
            )


def split_task(
    name: str,
    examples: Examples,
    *,
    valid: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    draw: str | None = None,
) -> Task:
    """A task from one set of examples, split at random, class by class.

    Args:
        name: of the task.
        examples: to be split.
        valid: share that chooses.
        test: share that is reported.
        seed: of the split.
        draw: names the split, with the seed; none: the task's name. `task_from_arrays` names it by
            the examples' content, so that no renaming lets test examples into training.

    Raises:
        ConfigError: shares that are not above 0 with a sum below 1.
        DataError: too few examples for one in each part.
    """
    shares = all(isinstance(share, int | float) for share in (valid, test))
    if not (shares and valid > 0 and test > 0 and valid + test < 1):
        raise ConfigError(
            f"split_task: valid and test are shares above 0 with a sum below 1; got {valid!r}, "
            f"{test!r}"
        )
    random = stream(seed, "genome", "split", name if draw is None else draw)
    places: dict[str, list[Tensor]] = {"train": [], "valid": [], "test": []}
    for label in torch.unique(examples.targets):
        found = torch.nonzero(examples.targets == label).flatten().numpy()
        members = torch.from_numpy(random.permutation(found))
        cuts = round(len(members) * valid), round(len(members) * (valid + test))
        places["valid"].append(members[: cuts[0]])
        places["test"].append(members[cuts[0] : cuts[1]])
        places["train"].append(members[cuts[1] :])
    for part, index in places.items():
        if not any(map(len, index)):
            raise DataError(
                f"{name}: {len(examples)} examples of {len(index)} classes leave none for {part}, "
                f"with shares of {valid:g} to choose and {test:g} to test: give more examples of "
                "each class"
            )
    parts = {part: examples.take(torch.cat(index).sort().values) for part, index in places.items()}
    return Task(name=name, classes=int(examples.targets.max()) + 1, **parts)


@torch.no_grad()
def accuracy(model: Model, examples: Examples, *, batch: int = 1024) -> float:
    """Share of examples whose highest score is their class. A module is left in its own mode."""
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    right = 0
    for inputs, targets in zip(
        torch.split(examples.inputs, batch), torch.split(examples.targets, batch), strict=True
    ):
        right += int((model(inputs).argmax(1) == targets).sum())
    if isinstance(model, nn.Module):
        model.train(training)
    return right / len(examples)

"""What every decoder is: a module with few parameters that yields one matrix of weights."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from precocial.errors import ConfigError
from precocial.genome.labels.codes import Labels


class Decoder(nn.Module):
    """A rule that yields a matrix W[out, in] from few parameters.

    Tensors of other ranks are seen as matrices: a convolution's weight as [out, in * height *
    width], a bias as [out, 1].
    """

    kind: ClassVar[str]
    rows: int
    """outputs of the matrix"""
    columns: int
    """inputs of the matrix"""
    scale: float = 1.0
    """a constant factor of W, set so that a newborn network has weights of the usual size"""

    def weight(self) -> Tensor:
        """W[out, in], with a gradient to the parameters."""
        raise TypeError(f"{type(self).__name__} says no weights")  # pragma: no cover

    def product(self, x: Tensor) -> Tensor:
        """x W^T for x[..., in], [..., out]; without building W where the rule allows it."""
        return x @ self.weight().T

    def share(self, other: Decoder) -> None:
        """Use the parameters of `other`, a decoder of the same kind for another tensor.

        Raises:
            ConfigError: this kind has nothing that tensors could share.
        """
        raise ConfigError(
            f"decoder {self.kind!r} keeps values for single neurons, which tensors cannot share: "
            "use share='layer', or the decoders pair, two_tower or subspace"
        )

    def spec(self) -> dict[str, Any]:
        """What remakes this decoder, its parameters apart, as JSON."""
        raise TypeError(f"{type(self).__name__} has no spec")  # pragma: no cover

    def extra_repr(self) -> str:
        return f"{self.rows} x {self.columns}"


def table_of(labels: Labels) -> Tensor:
    """The codes of `labels` as a float32 tensor, [N, width]."""
    return torch.from_numpy(labels.table()).to(torch.float32)


def perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """A ReLU network of linear layers; the last layer is linear."""
    if len(widths) < 2 or any(width < 1 for width in widths):
        raise ConfigError(f"a network needs widths of at least 1; got {widths}")
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Stored(Decoder):
    """The matrix itself: nothing is generated, everything is counted."""

    kind = "stored"

    def __init__(self, rows: int, columns: int, *, start: Tensor | None = None) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        values = torch.zeros(rows, columns) if start is None else start.detach().clone()
        self.values = nn.Parameter(values.reshape(rows, columns))

    def weight(self) -> Tensor:
        return self.values

    def spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "rows": self.rows, "columns": self.columns}

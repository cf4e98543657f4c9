"""What a user's model is made of: its tensors as matrices, and what their rows and columns mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from precocial.errors import ConfigError

Role = Literal["grid", "units", "classes"]
"""Places with an order (pixels, kernel positions), neurons without one, and answers."""


@dataclass(frozen=True)
class Axis:
    """One axis of the numbering of neurons: what it is and how many places it has."""

    role: Role
    size: int


Axes = tuple[Axis, ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One tensor of a model, seen as a matrix [out, in]; a vector is [out, 1]."""

    name: str
    """as in `model.named_parameters()`; a tied tensor appears once"""
    shape: tuple[int, ...]
    rows: Axes
    """numbering of the outputs"""
    columns: Axes
    """numbering of the inputs; () for a vector"""
    kept: bool = False
    """not worth a rule (scale and shift of a normalisation): stored and counted"""
    fan_in: int = 1
    """inputs of one output neuron: sets the size of newborn weights, 1/sqrt(fan_in)"""

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def out(self) -> int:
        """Rows of the matrix."""
        return math.prod(axis.size for axis in self.rows)

    @property
    def into(self) -> int:
        """Columns of the matrix."""
        return math.prod(axis.size for axis in self.columns)


_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
_Conv = nn.modules.conv._ConvNd


def parts_of(model: nn.Module, input_shape: tuple[int, ...] | None = None) -> list[Part]:
    """The tensors of `model`, in the order of `named_parameters()`.

    Args:
        model: any module whose parameters are real floating-point tensors.
        input_shape: how the inputs of the first linear layer lie on a grid, for instance (28, 28)
            or (3, 32, 32). Default: a square number of inputs is taken for a square image.

    Raises:
        ConfigError: a parameter that no rule can generate (lazy, complex, quantised, sparse, not
            finite, parametrized), named; or no parameters at all.
    """
    owners = _owners(model)
    first = next((name for name, module in model.named_modules() if _is_weighted(module)), None)
    last = [name for name, module in model.named_modules() if _is_weighted(module)][-1:]
    parts = []
    for name, parameter in model.named_parameters():
        module_name, module, leaf = owners[name]
        _check(name, parameter, module)
        part = _part(
            name,
            leaf,
            parameter,
            module,
            first=module_name == first,
            last=[module_name] == last,
            input_shape=input_shape,
        )
        parts.append(part)
    if not parts:
        raise ConfigError(f"{type(model).__name__} has no parameters: there is nothing to generate")
    return parts


def _owners(model: nn.Module) -> dict[str, tuple[str, nn.Module, str]]:
    """For each parameter: the name of the module that owns it, that module, the name in it."""
    found = {}
    for module_name, module in model.named_modules():
        for leaf, _ in module.named_parameters(recurse=False):
            found[f"{module_name}.{leaf}".lstrip(".")] = (module_name, module, leaf)
    return found


def _is_weighted(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.Embedding | _Conv)


def _check(name: str, parameter: Tensor, module: nn.Module) -> None:
    owner = type(module).__name__
    if isinstance(parameter, nn.parameter.UninitializedParameter):
        raise ConfigError(f"{name} ({owner}) has no shape yet: pass one batch through the model")
    if is_parametrized(module) or "parametrizations." in name:
        raise ConfigError(
            f"{name} ({owner}) is parametrized, so something else generates it already: call "
            "torch.nn.utils.parametrize.remove_parametrizations first"
        )
    made = [k for k, v in vars(module).items() if isinstance(v, Tensor) and v.grad_fn is not None]
    if made:
        raise ConfigError(
            f"{name} ({owner}) makes {made[0]!r} before each pass, as the older weight_norm and "
            "pruning do: call remove_weight_norm, or prune.remove, of torch.nn.utils first"
        )
    if not parameter.is_floating_point() or parameter.is_sparse or parameter.is_quantized:
        raise ConfigError(
            f"{name} ({owner}) must be a dense floating-point tensor; got {parameter.dtype}"
        )
    if parameter.numel() == 0:
        raise ConfigError(f"{name} ({owner}) is empty: remove it from the model")
    if not bool(torch.isfinite(parameter.detach()).all()):
        raise ConfigError(f"{name} ({owner}) has NaN or infinite values: mend the model first")


def _part(
    name: str,
    leaf: str,
    parameter: Tensor,
    module: nn.Module,
    *,
    first: bool,
    last: bool,
    input_shape: tuple[int, ...] | None,
) -> Part:
    shape = tuple(parameter.shape)
    if isinstance(module, _NORMS) or parameter.ndim == 0:
        return Part(
            name=name, shape=shape, rows=(Axis("units", math.prod(shape)),), columns=(), kept=True
        )
    out = (Axis("classes" if last and not isinstance(module, nn.Embedding) else "units", shape[0]),)
    if parameter.ndim == 1:
        return Part(
            name=name,
            shape=shape,
            rows=_blocks(module, leaf, out),
            columns=(),
            fan_in=_fan_in(module),
        )
    columns: tuple[Axis, ...] = tuple(Axis("units", size) for size in shape[1:])
    if isinstance(module, _Conv):
        columns = (columns[0], *(Axis("grid", size) for size in shape[2:]))
    elif first and isinstance(module, nn.Linear):
        columns = _retina(shape[1], input_shape)
    fan_in = module.embedding_dim if isinstance(module, nn.Embedding) else math.prod(shape[1:])
    return Part(
        name=name, shape=shape, rows=_blocks(module, leaf, out), columns=columns, fan_in=int(fan_in)
    )


def _fan_in(module: nn.Module) -> int:
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.ndim > 1:
        return math.prod(weight.shape[1:])
    return 1


def _blocks(module: nn.Module, leaf: str, out: Axes) -> Axes:
    """Query, key and value packed in one matrix are three blocks of neurons."""
    size = out[0].size
    packed = isinstance(module, nn.MultiheadAttention) and leaf.startswith("in_proj")
    fused = isinstance(module, nn.Linear) and module.out_features == 3 * module.in_features
    if (packed or fused) and size % 3 == 0 and out[0].role == "units":
        return (Axis("classes", 3), Axis("units", size // 3))
    return out


def _retina(inputs: int, input_shape: tuple[int, ...] | None) -> Axes:
    if input_shape is not None:
        if math.prod(input_shape) != inputs:
            raise ConfigError(
                f"input_shape {input_shape} has {math.prod(input_shape)} places; the first linear "
                f"layer has {inputs} inputs"
            )
        return tuple(Axis("grid", size) for size in input_shape)
    side = math.isqrt(inputs)
    if side * side == inputs and side > 1:
        return (Axis("grid", side), Axis("grid", side))
    return (Axis("units", inputs),)


def batch_norms(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """The modules that keep running statistics."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            yield name, module

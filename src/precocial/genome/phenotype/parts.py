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
        model: any module whose parameters are real floating-point tensors, and whose further
            state is statistics of normalisations.
        input_shape: how the inputs of the first linear layer lie on a grid, for instance (28, 28)
            or (3, 32, 32). Default: a square number of inputs is taken for a square image.

    Raises:
        ConfigError: a parameter that no rule can generate (lazy, complex, quantised, sparse, not
            finite, parametrized), named; values that the file would not hold, neither parameters
            nor statistics of a normalisation; or no parameters at all.
    """
    check_module(model)
    if input_shape is not None and not _is_shape(input_shape):
        raise ConfigError(f"input_shape is sides of a grid, as in (28, 28); got {input_shape!r}")
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
    check_state(model)
    if not parts:
        raise ConfigError(f"{type(model).__name__} has no parameters: there is nothing to generate")
    return parts


def check_module(model: nn.Module) -> None:
    """Refuse what is no plain module with values in memory.

    Raises:
        ConfigError: no module, a compiled or a parallel one, or tensors on the device "meta".
    """
    if not isinstance(model, nn.Module):
        got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise ConfigError(f"the model must be a torch.nn.Module; got {got}")
    for name, module in model.named_modules():
        what = f"{name or 'the model'} ({type(module).__name__})"
        if isinstance(module, torch.jit.ScriptModule):
            raise ConfigError(f"{what} is compiled by torch.jit: give the module it was made from")
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            raise ConfigError(f"{what} runs another module in parallel: give its .module")
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_meta:
            raise ConfigError(f"{name} is on the device 'meta', without values: make it on a CPU")


def _is_shape(sides: Any) -> bool:
    return isinstance(sides, tuple | list) and all(type(n) is int and n > 0 for n in sides)


def check_trainable(model: nn.Module) -> None:
    """Refuse a model with frozen parameters.

    Raises:
        ConfigError: a parameter without a gradient, named.
    """
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            raise ConfigError(
                f"{name} is frozen, but a genome generates every parameter: call "
                "requires_grad_(True)"
            )


def check_state(model: nn.Module) -> None:
    """Refuse a model with values that are neither generated nor counted.

    A buffer with persistent=False is allowed: by torch's word it is not part of what is saved, so
    whoever makes the model makes it again (a positional table, a mask).

    Raises:
        ConfigError: packed weights of quantised layers, extra state, persistent buffers other than
            statistics of normalisations, weights that a hook computes.
    """
    for name, module in model.named_modules():
        for hook in module._forward_pre_hooks.values():
            if type(hook).__module__.startswith("torch.nn.utils."):
                raise ConfigError(
                    f"{name or 'the model'} ({type(module).__name__}) has weights that "
                    f"{type(hook).__name__} computes: make them plain parameters first "
                    "(torch.nn.utils.remove_spectral_norm, or the like)"
                )
    known = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    buffers = {name for name, _ in model.named_buffers(remove_duplicate=False)}
    kept = {
        f"{name}.{leaf}".lstrip(".")
        for name, norm in batch_norms(model)
        for leaf, _ in norm.named_buffers(recurse=False)
    }
    for name in model.state_dict(keep_vars=True):
        if name in buffers - kept:
            raise ConfigError(
                f"{name} is a buffer that the genome's file would not hold: register it with "
                "persistent=False if the model's own code makes it again, the same every time, or "
                "as a parameter, to have it generated"
            )
        if name not in known | buffers:
            raise ConfigError(
                f"{name} is part of the model's state, but no parameter: a genome generates "
                "parameters only. Give the model before it was quantised or packed"
            )


def check_single(model: nn.Module) -> None:
    """Refuse a model that a genome cannot be trained in.

    Raises:
        ConfigError: parameters of another type than float32, as the generated weights are.
    """
    for name, parameter in model.named_parameters():
        if parameter.dtype != torch.float32:
            raise ConfigError(
                f"{name} is of {parameter.dtype}, but generated weights are float32: train the "
                "genome in model.float(); it can be born into a model of another type"
            )


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

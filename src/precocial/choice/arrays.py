"""Scores and base distributions of NumPy or torch, brought to one form: the options last.

torch is never imported here: array-api-compat finds the library of an array that is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from precocial.errors import ConfigError

Array = Any
"""An array of NumPy or a tensor of torch; the name stands for `typing.Any`."""
SMALL = 1e-290
"""A base that sums to less is as good as one that overflows: q times its sum loses its digits."""
NOTHING = (
    "{name}: each row needs an option that exists (a score above -inf) and whose base is above 0"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Options:
    """What there is to choose from, checked.

    Attributes:
        xp: the library of the arrays.
        scores: (..., A); -inf where an option does not exist.
        ranked: (..., A) the same, and -inf where the base is 0 too: no boundary lies there.
        base: (..., A) in the widest float of the device; 0 where an option does not exist; its
            gradient, where torch has one, is kept.
        dtype: of the scores as given, and of what comes out.
        axis: where the options were, among the given axes.
        unit: (..., 1) what the base was divided by, or None, as nearly always: see `in_reach`.
    """

    xp: Any
    scores: Array
    ranked: Array
    base: Array
    dtype: Any
    axis: int
    unit: Array | None = None


def library_of(name: str, values: Any) -> tuple[Any, Array]:
    """The library of an array and the array in float32 or float64; whole numbers and lists become
    float64, lists an array of NumPy.

    Raises:
        ConfigError: no numbers, or floats of another width.
    """
    if is_torch_array(values):
        xp = array_namespace(values)
        if values.is_nested or values.is_meta or str(values.layout) != "torch.strided":
            kind = "meta" if values.is_meta else "nested or sparse"
            raise ConfigError(
                f"{name} must be a dense tensor that holds its numbers; got a {kind} one. For a "
                "sparse one, call to_dense()"
            )
        if xp.isdtype(values.dtype, ("bool", "integral")):
            return xp, xp.astype(values, xp.float64)
        if values.dtype not in (xp.float32, xp.float64):
            raise ConfigError(f"{name} must be float32 or float64; got {values.dtype}")
        return xp, values
    try:
        found = np.asarray(values)
        if found.dtype.kind in "biuO" and values is not None:
            found = found.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ConfigError(f"{name} must be an array of numbers; got {type(values).__name__}: "
                          f"{error}") from error  # fmt: skip
    if found.dtype not in (np.float32, np.float64):
        raise ConfigError(
            f"{name} must be an array of whole numbers, float32 or float64; got "
            f"{type(values).__name__} of {found.dtype}"
        )
    return array_namespace(found), found


def on_last(name: str, scores: Any, axis: int) -> tuple[Any, Array, int]:
    """The scores with their options moved to the last axis.

    Raises:
        ConfigError: no such axis, or no option on it.
    """
    xp, S = library_of(f"{name}: scores", scores)
    if isinstance(axis, bool) or not -S.ndim <= axis < S.ndim:
        raise ConfigError(
            f"{name}: axis must be one of the scores' {S.ndim} axes; got {axis!r} for shape "
            f"{tuple(S.shape)}"
        )
    if S.shape[axis] == 0:
        raise ConfigError(
            f"{name}: scores need one option at least on axis {axis}; got shape {tuple(S.shape)}"
        )
    last = axis in (-1, S.ndim - 1)
    return xp, S if last else xp.moveaxis(S, axis, -1), axis


def base_like(name: str, base: Any, xp: Any, S: Array, axis: int) -> Array:
    """The base beside scores whose options are last; one row of A numbers serves every row.

    Raises:
        ConfigError: a base of another library or device, or that does not fit.
    """
    if is_torch_array(base) != is_torch_array(S):
        if is_torch_array(base):
            raise ConfigError(
                f"{name}: base is a torch tensor and the scores are not; give both as one kind"
            )
        base = xp.asarray(library_of(f"{name}: base", base)[1], device=S.device)
    B = library_of(f"{name}: base", base)[1]
    if B.device != S.device:
        raise ConfigError(f"{name}: base is on {B.device}, the scores on {S.device}; move one")
    if B.ndim > 1 and axis not in (-1, S.ndim - 1):
        if B.ndim != S.ndim:
            raise ConfigError(
                f"{name}: base must be one row of {S.shape[-1]} numbers, or of the scores' shape; "
                f"got {tuple(B.shape)}"
            )
        B = xp.moveaxis(B, axis, -1)
    try:
        return xp.broadcast_to(B, tuple(S.shape))
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{name}: base must fit the scores, {tuple(S.shape)} with the options last; got "
            f"{tuple(B.shape)}"
        ) from error


def in_reach(xp: Any, base: Array) -> tuple[Array, Array | None]:
    """The base, and None; or, where the sum of a row overflows or is below `SMALL`, that row
    divided by its largest number, and (..., 1) those numbers. Other rows keep their bits."""
    B = fixed(base)
    with np.errstate(over="ignore"):
        whole = xp.sum(B, axis=-1, keepdims=True)
    fits = (whole < xp.inf) & (whole > SMALL)
    if bool(xp.all(fits)):
        return base, None
    unit = xp.max(B, axis=-1, keepdims=True)
    unit = xp.where(fits | (unit <= 0), xp.ones_like(unit), unit)
    return base / unit, unit


def options_of(name: str, scores: Any, base: Any, axis: int) -> Options:
    """Scores and base, checked and in one form; without a base all options weigh 1.

    Raises:
        ConfigError: NaN or inf among the scores, a base with NaN, inf or a negative number, or a
            row in which no option exists that has weight.
    """
    xp, given, axis = on_last(name, scores, axis)
    S = fixed(given)
    wide = wide_of(S)
    there = -xp.inf < S
    if bool(xp.any(xp.isnan(S))) or bool(xp.any(xp.inf == S)):
        raise ConfigError(f"{name}: scores must be numbers below infinity; got NaN or inf")
    ranked, unit = S, None
    if base is None:
        B = xp.astype(there, wide)
    else:
        B = base_like(name, base, xp, S, axis)
        if not bool(xp.all(xp.isfinite(fixed(B)))) or bool(xp.any(fixed(B) < 0)):
            raise ConfigError(f"{name}: base must be finite and not negative")
        B = xp.where(there, xp.astype(B, wide), xp.zeros((), dtype=wide, device=S.device))
        B, unit = in_reach(xp, B)
        ranked = xp.where(fixed(B) > 0, S, xp.asarray(-xp.inf, dtype=S.dtype, device=S.device))
    if not bool(xp.all(xp.any(ranked > -xp.inf, axis=-1))):
        raise ConfigError(NOTHING.format(name=name))
    return Options(xp=xp, scores=S, ranked=ranked, base=B, dtype=given.dtype, axis=axis, unit=unit)


def wide_of(values: Array) -> Any:
    """The widest float that the device of an array has."""
    xp = array_namespace(values)
    return xp.float32 if "mps" in str(values.device) else xp.float64


def fixed(values: Array) -> Array:
    """The values without their history of gradients."""
    return values.detach() if is_torch_array(values) else values


def shares_of(name: str, q: Any, S: Array) -> Array:
    """q as (..., 1) beside scores (..., A), in the widest float of the device.

    Raises:
        ConfigError: outside (0, 1], or of a shape that does not fit the rows.
    """
    xp = array_namespace(S)
    if isinstance(q, float) and 0 < q <= 1:  # as nearly always; the rest costs a short row dearly
        return xp.full((*S.shape[:-1], 1), q, dtype=wide_of(S), device=S.device)
    told = fixed(library_of(f"{name}: q", q)[1])
    shares = xp.astype(xp.asarray(told, device=S.device), wide_of(S))
    if not bool(xp.all((shares > 0) & (shares <= 1))):
        got = float(shares) if shares.ndim == 0 else "numbers outside"
        raise ConfigError(
            f"{name}: q must lie in (0, 1]; got {got!r}. q = 1 is imitation of the base, q near 0 "
            "is argmax"
        )
    try:
        return xp.broadcast_to(shares, tuple(S.shape[:-1]))[..., None]
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{name}: q must be one number or one for each row, {tuple(S.shape[:-1])}; got shape "
            f"{tuple(shares.shape)}"
        ) from error

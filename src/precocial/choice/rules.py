"""How a score becomes a choice: scores (..., A) in, probabilities (..., A) out.

Scores of torch give probabilities of their dtype, on their device; all else becomes float64 of
NumPy. Options that tie share, in proportion to their base where there is one. Scores of -inf and a
base of 0 are options that do not exist; one at least must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked, indices_of, like
from precocial.choice.arrays import NOTHING, Array, base_like, in_reach, library_of
from precocial.errors import ConfigError

if TYPE_CHECKING:
    # what most callers have; a tensor in gives a tensor out, which annotations here do not tell
    Chosen = NDArray[np.float64]
else:
    Chosen = Any
TIE = 1e-9
"""Scores that differ by less than this share of their range count as equal (ours: rounding in
double precision is far below it, and a planner solved to 1e-6 says so itself)."""


@checked
def greedy(scores: Any, *, base: Any = None, tie: float = TIE) -> Chosen:
    """The best option; those within `tie` of it, as a share of the range, share.

    Raises:
        ConfigError: a base that is negative, not finite, or 0 wherever there is an option; a tie
            outside [0, 1], here and below.
    """
    _share("greedy: tie", tie)
    _, S, weight = _options("greedy", scores, base)
    return _shared(_near_best(S, 1, tie), weight)


@checked
def boltzmann(scores: Any, beta: float, *, base: Any = None) -> Chosen:
    """Proportional to base * exp(beta * score); base is uniform by default. beta = 0 is the base,
    a negative beta prefers what scores low.

    Raises:
        ConfigError: beta not finite, or a base that is negative.
    """
    if not np.isfinite(beta):
        raise ConfigError(f"boltzmann: beta must be finite; got {beta!r}. greedy() is its limit")
    xp, S, base_of = _options("boltzmann", scores, base)
    there = xp.isfinite(S)
    with np.errstate(divide="ignore", over="ignore"):
        weight = xp.log(base_of) if base is not None else xp.zeros_like(S)
        scaled = beta * xp.where(there, S, 0.0)
        if not bool(xp.all(xp.isfinite(scaled))):
            scaled = _below_best(xp, S, there, beta)
        logit = xp.where(there, scaled, -xp.inf) + weight
        grown = xp.exp(logit - xp.max(logit, axis=-1, keepdims=True))
    chosen: Chosen = grown / xp.sum(grown, axis=-1, keepdims=True)
    return chosen


def _below_best(xp: Any, S: Array, there: Array, beta: float) -> Array:
    """beta * (S - the score that beta likes best): 0 for that one, -inf where it overflows."""
    half = xp.where(there, S / 2, 0.0)  # halves, for a difference may overflow as well
    if beta > 0:
        best = xp.max(xp.where(there, half, -xp.inf), axis=-1, keepdims=True)
    else:
        best = xp.min(xp.where(there, half, xp.inf), axis=-1, keepdims=True)
    return 2 * (beta * (half - best))


@checked
def epsilon_greedy(scores: Any, epsilon: float, *, base: Any = None, tie: float = TIE) -> Chosen:
    """The best option with probability 1 - epsilon; with probability epsilon a draw from the base,
    uniform by default.

    Raises:
        ConfigError: epsilon outside [0, 1], or a base as of `greedy`.
    """
    _share("epsilon_greedy: epsilon", epsilon)
    _share("epsilon_greedy: tie", tie)
    xp, S, weight = _options("epsilon_greedy", scores, base)
    best = _shared(_near_best(S, 1, tie), weight)
    return (1 - epsilon) * best + epsilon * _shared(xp.isfinite(S), weight)


@checked
def satisfice(scores: Any, aspiration: float, *, base: Any = None, tie: float = TIE) -> Chosen:
    """Any option that scores at least worst + aspiration * (best - worst), as the base has them,
    all alike by default.

    aspiration = 1 is greedy, 0 takes anything.

    Raises:
        ConfigError: aspiration outside [0, 1], or a base as of `greedy`.
    """
    _share("satisfice: aspiration", aspiration)
    _share("satisfice: tie", tie)
    _, S, weight = _options("satisfice", scores, base)
    S, low, high = _ranged(S)
    return _shared(low + aspiration * (high - low) - tie * (high - low) <= S, weight)


@checked
def nth_best(scores: Any, n: int, *, tie: float = TIE) -> Chosen:
    """The option that is n-th in the order of falling scores; n = 1 is greedy, n = A the worst.

    Options that tie hold their places together: with two best options, n = 1 and n = 2 both
    give the two.

    Raises:
        ConfigError: n outside 1 to the number of options.
    """
    _share("nth_best: tie", tie)
    _, S, weight = _options("nth_best", scores, None)
    if not 1 <= n <= S.shape[-1]:
        raise ConfigError(f"nth_best: n must lie in 1 to {S.shape[-1]}; got {n!r}")
    return _shared(_near_best(S, n, tie), weight)


@checked
def stick(scores: Any, default: ArrayLike, margin: float, *, tie: float = TIE) -> Chosen:
    """The default option, unless the best beats it by more than margin * (best - worst).

    Args:
        default: index of the default option, one or (...).

    Raises:
        ConfigError: margin outside [0, 1], or a default that is no option.
    """
    _share("stick: margin", margin)
    _share("stick: tie", tie)
    xp, S, _ = _options("stick", scores, None)
    known = indices_of("stick: default", np.ravel(default), S.shape[-1])
    place = like("stick: default", known.reshape(np.shape(default)), tuple(S.shape[:-1]))
    kept = xp.asarray(place.copy(), device=S.device)[..., None]
    S, low, high = _ranged(S)
    gain = high - xp.take_along_axis(S, kept, axis=-1)
    stays = gain <= margin * (high - low) + tie * (high - low)
    own = xp.astype(kept == xp.arange(S.shape[-1], device=S.device), S.dtype)
    chosen: Chosen = xp.where(stays, own, greedy(S, tie=tie))
    return chosen


def _options(name: str, scores: Any, base: Any) -> tuple[Any, Array, Array]:
    """The library; scores, -inf where there is no option; weights, 0 there and 1 by default."""
    try:
        if is_torch_array(scores):
            S = library_of("scores", scores)[1]
        else:
            given = np.asarray(scores)
            if given.dtype.kind not in "biufO":
                raise TypeError(f"{given.dtype}")
            S = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"scores must be an array of numbers; got {scores!r:.60}") from error
    xp = array_namespace(S)
    if S.ndim == 0 or S.shape[-1] == 0:
        raise ConfigError(
            f"scores must be (..., A) with at least one option; got shape {tuple(S.shape)}"
        )
    if bool(xp.any(xp.isnan(S))) or bool(xp.any(xp.inf == S)):
        raise ConfigError("scores must be numbers below infinity; got NaN or inf")
    if base is None:
        weight = xp.astype(xp.isfinite(S), S.dtype)
    else:
        weight = xp.astype(base_like(name, base, xp, S, -1), S.dtype)
        if not bool(xp.all(xp.isfinite(weight))) or bool(xp.any(weight < 0)):
            raise ConfigError(f"{name}: base must be finite and not negative")
        weight = in_reach(xp, xp.where(xp.isfinite(S), weight, 0.0))[0]
        S = xp.where(weight > 0, S, -xp.inf)
    if not bool(xp.all(xp.any(xp.isfinite(S), axis=-1))):
        raise ConfigError(NOTHING.format(name=name))
    return xp, S, weight


def _near_best(scores: Array, n: int, tie: float) -> Array:
    """Whether each option is that of the n-th score from the best down, or within `tie` of it."""
    xp, there = array_namespace(scores), array_namespace(scores).isfinite(scores)
    scores, low, high = _ranged(scores)
    last = xp.clip(xp.sum(there, axis=-1, keepdims=True, dtype=xp.int64), None, n) - 1
    held = xp.take_along_axis(-xp.sort(-scores, axis=-1), last, axis=-1)
    return there & (xp.abs(xp.where(there, scores, 0.0) - held) <= tie * (high - low))


def _ranged(scores: Array) -> tuple[Array, Array, Array]:
    """The scores, the least and the best of each row; halved where their difference overflows."""
    xp = array_namespace(scores)
    there = xp.where(xp.isfinite(scores), scores, xp.inf)
    low, high = xp.min(there, axis=-1, keepdims=True), xp.max(scores, axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        wide = xp.isfinite(high - low)
    if bool(xp.all(wide)):
        return scores, low, high
    part = xp.where(wide, xp.ones_like(low), xp.full_like(low, 0.5))
    return scores * part, low * part, high * part


def _shared(chosen: Array, weight: Array) -> Chosen:
    xp = array_namespace(weight)
    held = xp.where(chosen, weight, 0.0)
    shares: Chosen = held / xp.sum(held, axis=-1, keepdims=True)
    return shares


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must lie in [0, 1]; got {value!r}")

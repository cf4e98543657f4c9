"""How a score becomes a choice: scores (..., A) in, probabilities (..., A) out.

Options that tie share. Scores of -inf are options that do not exist; one at least must be finite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import checked, indices_of, like
from precocial.errors import ConfigError

Floats = NDArray[np.float64]
TIE = 1e-9
"""Scores that differ by less than this share of their range count as equal (ours: rounding in
double precision is far below it, and a planner solved to 1e-6 says so itself)."""


@checked
def greedy(scores: ArrayLike, *, tie: float = TIE) -> Floats:
    """The best option; those within `tie` of it, as a share of the range, share."""
    return nth_best(scores, 1, tie=tie)


@checked
def boltzmann(scores: ArrayLike, beta: float, *, base: ArrayLike | None = None) -> Floats:
    """Proportional to base * exp(beta * score); base is uniform by default. beta = 0 is the base,
    a negative beta prefers what scores low.

    Raises:
        ConfigError: beta not finite, or a base that is negative.
    """
    S = _scores(scores)
    if not np.isfinite(beta):
        raise ConfigError(f"boltzmann: beta must be finite; got {beta!r}. greedy() is its limit")
    there = np.isfinite(S)
    with np.errstate(divide="ignore"):
        weight = np.log(_base(base, S)) if base is not None else np.zeros_like(S)
    logit = np.where(there, beta * np.where(there, S, 0.0), -np.inf) + weight
    top = logit.max(axis=-1, keepdims=True)
    if not np.isfinite(top).all():
        raise ConfigError("boltzmann: the base gives no weight to any option that exists")
    grown = np.exp(logit - top)
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


@checked
def epsilon_greedy(scores: ArrayLike, epsilon: float, *, tie: float = TIE) -> Floats:
    """The best option with probability 1 - epsilon, any option with probability epsilon.

    Raises:
        ConfigError: epsilon outside [0, 1].
    """
    _share("epsilon_greedy: epsilon", epsilon)
    S = _scores(scores)
    there = np.isfinite(S)
    anything = there / there.sum(axis=-1, keepdims=True)
    return np.asarray((1 - epsilon) * greedy(S, tie=tie) + epsilon * anything)


@checked
def satisfice(scores: ArrayLike, aspiration: float, *, tie: float = TIE) -> Floats:
    """Any option that scores at least worst + aspiration * (best - worst), all alike.

    aspiration = 1 is greedy, 0 takes anything.

    Raises:
        ConfigError: aspiration outside [0, 1].
    """
    _share("satisfice: aspiration", aspiration)
    S = _scores(scores)
    low, high = _range(S)
    return _shared(low + aspiration * (high - low) - tie * (high - low) <= S)


@checked
def nth_best(scores: ArrayLike, n: int, *, tie: float = TIE) -> Floats:
    """The option that is n-th in the order of falling scores; n = 1 is greedy, n = A the worst.

    Options that tie hold their places together: with two best options, n = 1 and n = 2 both
    give the two.

    Raises:
        ConfigError: n outside 1 to the number of options.
    """
    S = _scores(scores)
    if not 1 <= n <= S.shape[-1]:
        raise ConfigError(f"nth_best: n must lie in 1 to {S.shape[-1]}; got {n!r}")
    there = np.isfinite(S)
    low, high = _range(S)
    last = np.minimum(n, there.sum(axis=-1, keepdims=True)) - 1
    held = np.take_along_axis(-np.sort(-S, axis=-1), last, axis=-1)
    return _shared(there & (np.abs(np.where(there, S, 0.0) - held) <= tie * (high - low)))


@checked
def stick(scores: ArrayLike, default: ArrayLike, margin: float, *, tie: float = TIE) -> Floats:
    """The default option, unless the best beats it by more than margin * (best - worst).

    Args:
        default: index of the default option, one or (...).

    Raises:
        ConfigError: margin outside [0, 1], or a default that is no option.
    """
    _share("stick: margin", margin)
    S = _scores(scores)
    known = indices_of("stick: default", np.ravel(default), S.shape[-1])
    kept = like("stick: default", known.reshape(np.shape(default)), S.shape[:-1])[..., None]
    low, high = _range(S)
    gain = high - np.take_along_axis(S, kept, axis=-1)
    stays = gain <= margin * (high - low) + tie * (high - low)
    own = np.zeros_like(S)
    np.put_along_axis(own, kept, 1.0, axis=-1)
    return np.where(stays, own, greedy(S, tie=tie))


def _scores(scores: ArrayLike) -> Floats:
    S = np.asarray(scores, dtype=np.float64)
    if S.ndim == 0 or S.shape[-1] == 0:
        raise ConfigError(f"scores must be (..., A) with at least one option; got shape {S.shape}")
    if np.isnan(S).any() or np.isposinf(S).any():
        raise ConfigError("scores must be numbers below infinity; got NaN or inf")
    if not np.isfinite(S).any(axis=-1).all():
        raise ConfigError("each choice needs an option whose score is finite")
    return S


def _base(base: ArrayLike, scores: Floats) -> Floats:
    weights = like("boltzmann: base", np.asarray(base, dtype=np.float64), scores.shape)
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ConfigError("boltzmann: base must be finite and not negative")
    return weights


def _range(scores: Floats) -> tuple[Floats, Floats]:
    low = np.where(np.isfinite(scores), scores, np.inf).min(axis=-1, keepdims=True)
    return low, scores.max(axis=-1, keepdims=True)


def _shared(chosen: NDArray[np.bool_]) -> Floats:
    return np.asarray(chosen / chosen.sum(axis=-1, keepdims=True))


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must lie in [0, 1]; got {value!r}")

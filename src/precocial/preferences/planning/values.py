"""What an action is worth to a planner: one recursion, bent in many ways.

    Q[h, s, d, a] = R[h, s, a] * weight(d) + gamma * tilt(V[h, ., d+1])(s, a)
    V[h, s, d]    = max_a Q,  or log-sum-exp,  or the mean under exp(beta Q)

An optimal planner has d = 0 only, weight 1, and the plain expectation. Families bend one part:

    soft        V = (1/beta) log mean_a exp(beta Q)         maximum-entropy (soft-optimal)
    softmax     V = sum_a softmax(beta Q)_a Q_a             an agent that expects its own noise
    steps       the recursion is stopped after this many    myopic (no reward beyond), or bounded
                steps, from `leaf`                          look-ahead (leaves valued by a rule of
                                                            thumb: the uniform policy's value)
    optimism    tilt(V) = (1-|w|) E V + |w| max or min V    optimist, pessimist
    confidence  the likeliest successor counts c times      over- and under-confident
    hyperbolic  weight(d) = 1 / (1 + k d)                   naive: V = max_a Q(s, d, a);
                                                            sophisticated: V = Q(s, d, a*), a* the
                                                            action it will take, max_a Q(s, 0, a),
                                                            by induction from `steps` off

Shah et al. (2019) give the hyperbolic, myopic and miscalibrated agents; Evans et al. (2016) the
softmax one. Shape letters: H hypotheses, S states, A actions, K successors, D delays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError, one_of
from precocial.preferences.mdp import TabularMDP

Floats = NDArray[np.float64]
KINDS = ("max", "soft", "softmax")
LEAVES = ("nothing", "uniform")
TOLERANCE = 1e-8
MAX_SWEEPS = 1_000_000
ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""The least residual asked for, as a share of |R| / (1 - gamma), which bounds |V|: sums of a few
successors err by less (ours)."""
DENSE = 8
"""With more than S / 8 successors a dense product is faster than gathering them (measured)."""
UNDISCOUNTED = 1000.0
"""What stands for 1 / (1 - gamma) at a discount of 1 (ours)."""
TIE = 1e-9
"""Actions within this share of the largest value tie, for a planner that foresees what it will
do: it will take the first. Without it rounding would decide (ours)."""
Engine = Literal["auto", "numpy", "numba", "torch"]
ENGINES = ("auto", "numpy", "numba", "torch")
Sweeper = Callable[
    [TabularMDP, Floats, Floats, "Backup", Floats, int], tuple[Floats, Floats, NDArray[np.int64]]
]
TYPICAL_SWEEPS = 300
"""To a fixed point at a discount of 0.95 and 1e-6 (measured)."""
WORTH_COMPILING = 1e8
"""Products of probability and value: NumPy makes as many in the third of a second that numba
takes to load (ours, measured)."""
SWEEP = 3e4
"""What one of NumPy's sweeps costs beside its products, counted in products (ours: a tenth of a
millisecond)."""
_WHOLE: ContextVar[float] = ContextVar("whole", default=0.0)
"""Work that the calls are a part of, see `planned`."""


@checked
@dataclass(frozen=True, kw_only=True)
class Backup:
    """How a planner values the future; the default is the optimal planner's way."""

    kind: Literal["max", "soft", "softmax"] = "max"
    """how a state's value is made from its actions'"""
    beta: float = 1.0
    """inverse temperature of soft and softmax"""
    steps: int | None = None
    """actions looked ahead; None for all"""
    leaf: Literal["nothing", "uniform"] = "nothing"
    """what lies beyond `steps` is worth"""
    optimism: float = 0.0
    """w in [-1, 1]: weight of the best (w > 0) or worst successor's value"""
    confidence: float = 1.0
    """factor on the likeliest successor's probability, renormalised"""
    hyperbolic: float = 0.0
    """k of 1 / (1 + k d)"""
    sophisticated: bool = False
    """whether a hyperbolic planner foresees its own future choices"""
    delays: int = 0
    """D: later delays count like this one; 0 unless hyperbolic"""

    def __post_init__(self) -> None:
        one_of("Backup: kind", self.kind, KINDS)
        one_of("Backup: leaf", self.leaf, LEAVES)
        if self.kind != "max" and not (np.isfinite(self.beta) and self.beta > 0):
            raise ConfigError(f"Backup: beta must be finite and above 0; got {self.beta!r}")
        if self.steps is not None and self.steps < 1:
            raise ConfigError(f"Backup: steps must be at least 1 or None; got {self.steps!r}")
        if not -1 <= self.optimism <= 1:
            raise ConfigError(f"Backup: optimism must lie in [-1, 1]; got {self.optimism!r}")
        if not (np.isfinite(self.confidence) and self.confidence > 0):
            raise ConfigError(f"Backup: confidence must be above 0; got {self.confidence!r}")
        if not (np.isfinite(self.hyperbolic) and self.hyperbolic >= 0):
            raise ConfigError(f"Backup: hyperbolic must be at least 0; got {self.hyperbolic!r}")
        if self.sophisticated and self.steps is None:
            raise ConfigError(
                "Backup: a sophisticated planner needs steps: over an endless future its choices "
                "may have no fixed point; 50 is Shah et al.'s number"
            )
        if (self.hyperbolic > 0) != (self.delays > 0):
            raise ConfigError(
                "Backup: a hyperbolic planner needs delays, and only it; got "
                f"hyperbolic={self.hyperbolic!r}, delays={self.delays!r}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """What `solve` found.

    Attributes:
        Q: Q[h, s, a], (H, S, A) at no delay; 0 in terminal states.
        residual: (H,) the largest change that one more sweep would make; for a recursion that is
            a contraction, V is within residual / (1 - gamma) of the fixed point.
        sweeps: (H,) sweeps made; numba sweeps a block of rewards until all have converged.
    """

    Q: Floats
    residual: Floats
    sweeps: NDArray[np.int64]


@checked
def solve(
    mdp: TabularMDP, rewards: ArrayLike, backup: Backup | None = None, *,
    tolerance: float = TOLERANCE, engine: Engine = "auto", device: str = "cpu",
) -> Values:  # fmt: skip
    """Q of every reward R[h, s, a], (H, S, A) or (S, A), swept until V hardly changes.

    What is guaranteed is the residual, and V is within residual / (1 - gamma), and rounding,
    of the fixed point of a contraction. Every engine stops at a residual of
    tolerance (1 - gamma), so V is then
    within `tolerance`, or at the rounding of values where that is more: `ROUNDING` of
    |R| / (1 - gamma), |R| the reward's largest magnitude, plus 1 / beta for soft backups. At a
    discount of 1 the residual asked for is that of 0.999.

    The engines agree within the tolerance: "numpy", the reference; "numba", compiled, a hundred
    times as fast on many rewards; "torch", on `device`. "auto" is numba where the work repays the
    third of a second that it takes to load (three, the first time): that of this call, or of all
    the calls of an `infer` or `audit` that it belongs to. For many small solves of your own, ask
    for numba.

    Raises:
        ConfigError: rewards of the wrong shape or not finite; an engine that does not exist.
        FitError: the residual was not reached in `MAX_SWEEPS`, or values beyond what numbers
            hold. numba leaps ahead and needs fewer sweeps than the others: near a discount of
            0.99999 it may succeed where they would not.
        MissingExtraError: "torch" is asked for and not installed.
    """
    how = backup or Backup()
    one_of("solve: engine", engine, ENGINES)
    R = np.asarray(rewards, dtype=np.float64)
    R = R[None] if R.ndim == 2 else R
    if R.shape[1:] != (mdp.n_states, mdp.n_actions) or not np.isfinite(R).all():
        raise ConfigError(
            f"solve: rewards must be finite, (H, {mdp.n_states}, {mdp.n_actions}); got {R.shape}"
        )
    R = np.where(mdp.terminal[:, None], 0.0, R)
    believed = believed_transitions(mdp, how.confidence)
    leaf = np.zeros(R.shape[:2])
    if how.leaf == "uniform" and how.steps is not None:
        leaf = believed.policy_values(mdp.uniform_policy(), R)
    enough = _enough(R, how, mdp.discount, tolerance)
    Q, residual, sweeps = _sweeper(engine, believed, R, how, device)(
        believed, R, leaf, how, enough, MAX_SWEEPS
    )
    if how.steps is None and not (residual <= enough).all():
        raise FitError(
            f"{(residual > enough).sum()} of {len(R)} rewards reached no fixed point in "
            f"{MAX_SWEEPS} sweeps; the discount is {mdp.discount}, take one further from 1"
        )
    if not np.isfinite(Q).all():
        raise FitError("the values are beyond what numbers hold; make the rewards smaller")
    return Values(Q=Q, residual=residual, sweeps=sweeps)


def _enough(R: Floats, how: Backup, discount: float, tolerance: float) -> Floats:
    """(H,) the residual at which to stop."""
    reach = 1 / (1 - discount) if discount < 1 else UNDISCOUNTED
    floor = ROUNDING * reach * np.abs(R).max(axis=(1, 2))
    floor += ROUNDING / how.beta if how.kind == "soft" else 0.0
    return np.asarray(np.maximum(tolerance / reach, floor))


def _sweeper(engine: Engine, mdp: TabularMDP, R: Floats, how: Backup, device: str) -> Sweeper:
    """Who makes the sweeps."""
    if engine == "torch":
        from precocial.preferences.planning.gathers import sweeper_on

        return sweeper_on(device)
    work = max(solve_work(mdp, len(R), how), _WHOLE.get())
    if engine == "numba" or (engine == "auto" and work > WORTH_COMPILING):
        from precocial.preferences.planning.blocks import solve_blocks

        return solve_blocks
    return solve_reference


def solve_work(mdp: TabularMDP, count: int, how: Backup) -> float:
    """What solving for so many rewards takes NumPy, in products of probability and value."""
    products = count * mdp.successors.size * (how.delays + 1 if how.steps is not None else 1)
    return (how.steps or TYPICAL_SWEEPS) * (products + SWEEP)


@contextmanager
def planned(work: float) -> Iterator[None]:
    """Within, "auto" takes each call for a part of so much work, as `solve_work` counts it."""
    before = _WHOLE.set(max(work, _WHOLE.get()))
    try:
        yield
    finally:
        _WHOLE.reset(before)


def solve_reference(
    mdp: TabularMDP, R: Floats, leaf: Floats, how: Backup, enough: Floats, limit: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Q[h, s, a], residual[h] and sweeps[h] of R[h, s, a] in plain NumPy; `mdp` is the world as
    believed, leaf[h, s] what lies beyond `steps`, enough[h] the residual to stop
    at. The other engines are held against this one."""
    V = np.repeat(leaf[..., None], how.delays + 1, axis=2)
    sweeps, residual = np.zeros(len(R), dtype=np.int64), np.full(len(R), np.inf)
    active = np.arange(len(R))
    Q = np.zeros((*R.shape[:2], how.delays + 1, R.shape[2]))
    for _ in range(how.steps or limit):
        some = slice(None) if len(active) == len(R) else active  # views while all go on
        Q[some] = backed_up(mdp, R[some], V[some], how)
        after = state_values(Q[some], how)
        after[:, mdp.terminal] = 0.0
        residual[some] = np.abs(after - V[some]).max(axis=(1, 2))
        sweeps[some] += 1
        V[some] = after
        if how.steps is None:
            active = active[residual[active] > enough[active]]
            if not len(active):
                break
    return Q[:, :, 0], residual, sweeps


def believed_transitions(mdp: TabularMDP, confidence: float) -> TabularMDP:
    """The world as a miscalibrated agent takes it to be: the likeliest successor's probability
    times `confidence`, renormalised; the first of several likeliest."""
    if confidence == 1:
        return mdp
    weight = mdp.probability.copy()
    likeliest = weight.argmax(axis=2)[..., None]
    np.put_along_axis(
        weight, likeliest, confidence * np.take_along_axis(weight, likeliest, axis=2), axis=2
    )
    return mdp.with_transitions(weight / weight.sum(axis=2, keepdims=True))


def backed_up(mdp: TabularMDP, R: Floats, V: Floats, how: Backup) -> Floats:
    """Q[h, s, d, a] from V[h, s, d]."""
    later = np.concatenate([V[:, :, 1:], V[:, :, -1:]], axis=2)  # (H, S, D) at the next delay
    later = later.transpose(0, 2, 1)  # (H, D, S)
    S, A, K = mdp.successors.shape
    if how.optimism or K * DENSE < S:
        after = later[:, :, mdp.successors]  # (H, D, S, A, K)
        mean = (after * mdp.probability).sum(axis=-1)
    else:
        mean = (later @ mdp.dense.reshape(S * A, S).T).reshape(*later.shape[:2], S, A)
    if how.optimism:
        off = np.inf if how.optimism < 0 else -np.inf
        open_ = np.where(mdp.probability > 0, after, off)
        extreme = open_.min(axis=-1) if how.optimism < 0 else open_.max(axis=-1)
        mean = (1 - abs(how.optimism)) * mean + abs(how.optimism) * extreme
    delay = np.arange(how.delays + 1)
    paid = R[:, None] / (1 + how.hyperbolic * delay)[:, None, None]
    Q = paid + mdp.discount * mean
    Q[:, :, mdp.terminal] = 0.0
    return np.asarray(Q.transpose(0, 2, 1, 3))


def state_values(Q: Floats, how: Backup) -> Floats:
    """V[h, s, d] from Q[h, s, d, a]."""
    if how.kind == "soft":
        total = logsumexp(how.beta * Q, axis=-1) - np.log(Q.shape[-1])
        return np.asarray(total / how.beta)
    if how.kind == "softmax":
        top = Q.max(axis=-1, keepdims=True)
        weight = np.exp(how.beta * (Q - top))
        if how.sophisticated:
            weight = np.broadcast_to(weight[:, :, :1], Q.shape)
        return np.asarray((weight * Q).sum(axis=-1) / weight.sum(axis=-1))
    if how.sophisticated:
        now = Q[:, :, :1]
        size = np.abs(now).max(axis=-1, keepdims=True)
        own = (now >= now.max(axis=-1, keepdims=True) - TIE * size).argmax(axis=-1, keepdims=True)
        return np.asarray(
            np.take_along_axis(Q, np.broadcast_to(own, (*Q.shape[:3], 1)), -1)[..., 0]
        )
    # a few actions: action by action is several times as fast as along the last axis
    return np.asarray(reduce(np.maximum, np.moveaxis(Q, -1, 0)).copy())

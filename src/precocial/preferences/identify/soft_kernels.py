"""Compiled sweeps of the maximum causal entropy planner: LANES problems side by side.

Problems are the innermost index, so one vector instruction works on LANES of them and a gather of
successors becomes a load of neighbours. Index orders: R[a, s, l], V[s, l], pi[t, a, s, l], l the
lane. Only the soft planner calls these; it loads this module, and numba with it, when first needed.

exp and log are ours: numba's call into libm one number at a time. Both are accurate to about
1e-14 relative (tested), which the finite-difference tests of the gradient need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, no_type_check

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

ir: Any = cgutils.ir  # type: ignore[attr-defined]  # llvmlite's, of numba's version
LANES = 16
"""Problems side by side in a batch (ours: of 8, 16, 32 and 64 the fastest on a
16x16 grid over 64 steps)."""
_MAGIC = 6755399441055744.0
"""1.5 * 2**52: added to a double, its last bits become the nearest whole number."""
_MAGIC_BITS = 0x4338000000000000
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
"""ln 2 in two parts (Cody and Waite), so that the reduction of exp loses nothing."""
_LEAST = -700.0
"""exp of less is taken to be exp(-700), 1e-304: no policy shows the difference."""


def _compiled(function: Callable[..., Any]) -> Any:
    """No re-association, which would undo the magic number; and no check for division by zero,
    which would keep loops scalar. `no_type_check`: a run-time checker must not wrap what numba has
    made."""
    settings: dict[str, Any] = {
        "fastmath": {"nnan", "ninf", "nsz", "contract"},
        "error_model": "numpy",
    }
    try:
        return no_type_check(njit(cache=True, nogil=True, **settings)(function))
    except RuntimeError:  # no folder to keep the machine code in
        return no_type_check(njit(nogil=True, **settings)(function))


def _to_bits(typing: Any, x: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


def _to_double(typing: Any, bits: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build


_bits: Any = intrinsic(_to_bits)
"""The 64 bits of a double as a whole number."""
_double: Any = intrinsic(_to_double)
"""The double that has these bits."""


@_compiled
def exp_below_zero(x):  # type: ignore[no-untyped-def]
    """exp(x) for x <= 0."""
    x = max(x, _LEAST)
    shifted = x * _LOG2E + _MAGIC
    n = shifted - _MAGIC
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1 / 39916800.0
    p = p * r + 1 / 3628800.0
    p = p * r + 1 / 362880.0
    p = p * r + 1 / 40320.0
    p = p * r + 1 / 5040.0
    p = p * r + 1 / 720.0
    p = p * r + 1 / 120.0
    p = p * r + 1 / 24.0
    p = p * r + 1 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _double((_bits(shifted) + 1023) << 52)


@_compiled
def log_above_one(x):  # type: ignore[no-untyped-def]
    """log(x) for x >= 1."""
    bits = _bits(x)
    exponent = (bits - _ROOT_HALF_BITS) >> 52
    m = _double(bits - (exponent << 52))  # in [sqrt(1/2), sqrt(2))
    e = _double(exponent + _MAGIC_BITS) - _MAGIC
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 1 / 19.0
    p = p * z + 1 / 17.0
    p = p * z + 1 / 15.0
    p = p * z + 1 / 13.0
    p = p * z + 1 / 11.0
    p = p * z + 1 / 9.0
    p = p * z + 1 / 7.0
    p = p * z + 1 / 5.0
    p = p * z + 1 / 3.0
    p = p * z + 1.0
    return e * _LN2_HIGH + (2.0 * s * p + e * _LN2_LOW)


@_compiled
def _gather(successors, weight, R, V, q):  # type: ignore[no-untyped-def]
    """q[a, s, l] = R[a, s, l] + gamma * E V[s', l]; weight is gamma * P."""
    S, A, K = weight.shape
    lanes = V.shape[1]
    for a in range(A):
        for s in range(S):
            if lanes == 1:  # a loop of one costs more than what it does
                one = R[a, s, 0]
                for k in range(K):
                    one += weight[s, a, k] * V[successors[s, a, k], 0]
                q[a, s, 0] = one
                continue
            row, paid = q[a, s], R[a, s]
            p, after = weight[s, a, 0], V[successors[s, a, 0]]
            for lane in range(lanes):
                row[lane] = paid[lane] + p * after[lane]
            for k in range(1, K):
                p, after = weight[s, a, k], V[successors[s, a, k]]
                for lane in range(lanes):
                    row[lane] += p * after[lane]


@_compiled
def _choose(q, beta, top, total):  # type: ignore[no-untyped-def]
    """Turn Q[a, n] into the policy, in place, and top[n] into the soft value.

    Long plain loops over states and lanes together: LLVM makes vector code of these, and leaves
    loops of constant short length scalar (eight times slower, measured).
    """
    A, n = q.shape
    for i in range(n):
        top[i] = q[0, i]
    for a in range(1, A):
        for i in range(n):
            top[i] = max(top[i], q[a, i])
    for i in range(n):
        total[i] = 0.0
    for a in range(A):
        for i in range(n):
            grown = exp_below_zero(beta * (q[a, i] - top[i]))
            total[i] += grown
            q[a, i] = grown
    for i in range(n):
        top[i] += (log_above_one(total[i]) - np.log(A)) / beta
        total[i] = 1.0 / total[i]
    for a in range(A):
        for i in range(n):
            q[a, i] *= total[i]


@_compiled
def _sweep(  # type: ignore[no-untyped-def]
    successors, weight, terminal, R, beta, V, after, policy, total
):
    """One soft backup of every state: V[s, l] into after[s, l], the policy into policy[a, s, l];
    total[n] is scratch."""
    _gather(successors, weight, R, V, policy)
    _choose(policy.reshape(len(policy), -1), beta, after.reshape(-1), total)
    for s in range(len(terminal)):
        if terminal[s]:
            after[s] = 0.0
            policy[:, s] = 0.0


@_compiled
def backward(successors, weight, terminal, R, beta, V, pi):  # type: ignore[no-untyped-def]
    """Fill V[t, s, l], t = 0..T, and pi[t, a, s, l] from the last step to the first."""
    T = len(pi)
    total = np.empty(V[0].size)
    V[T] = 0.0
    for t in range(T - 1, -1, -1):
        _sweep(successors, weight, terminal, R, beta, V[t + 1], V[t], pi[t], total)


@_compiled
def _spread(successors, weight, flow, later):  # type: ignore[no-untyped-def]
    """later[s', l] += gamma * sum P flow[a, s, l]."""
    S, A, K = weight.shape
    lanes = later.shape[1]
    for a in range(A):
        for s in range(S):
            if lanes == 1:
                one = flow[a, s, 0]
                for k in range(K):
                    later[successors[s, a, k], 0] += weight[s, a, k] * one
                continue
            row = flow[a, s]
            for k in range(K):
                p, after = weight[s, a, k], later[successors[s, a, k]]
                for lane in range(lanes):
                    after[lane] += p * row[lane]


@_compiled
def _flow(now, policy, flow):  # type: ignore[no-untyped-def]
    """flow[a, n] = now[n] * policy[a, n]."""
    A, n = policy.shape
    for a in range(A):
        for i in range(n):
            flow[a, i] = now[i] * policy[a, i]


@_compiled
def _add(total, more):  # type: ignore[no-untyped-def]
    for i in range(total.size):
        total[i] += more[i]


@_compiled
def forward(successors, weight, pi, extra, start, visits):  # type: ignore[no-untyped-def]
    """Add to visits[a, s, l] the discounted visits from start[s, l] under pi[t, a, s, l].

    extra[t, a, s, l], if it has any rows, joins the flow at its step; both it and start may be
    negative: this is the adjoint of `backward` as well. Policies are 0 in terminal states.
    """
    T, A = pi.shape[:2]
    now, later = start.copy(), np.empty_like(start)
    flow = np.empty_like(visits)
    for t in range(T):
        _flow(now.reshape(-1), pi[t].reshape(A, -1), flow.reshape(A, -1))
        if len(extra):
            _add(flow.reshape(-1), extra[t].reshape(-1))
        _add(visits.reshape(-1), flow.reshape(-1))
        later[:] = 0.0
        _spread(successors, weight, flow, later)
        now, later = later, now


@_compiled
def _moved(after, V):  # type: ignore[no-untyped-def]
    """The largest change, and V = after."""
    change = 0.0
    for i in range(V.size):
        change = max(change, abs(after[i] - V[i]))
        V[i] = after[i]
    return change


@_compiled
def _largest_mass(now):  # type: ignore[no-untyped-def]
    """max over lanes of sum_s |now[s, l]|."""
    most = 0.0
    for lane in range(now.shape[1]):
        mass = 0.0
        for s in range(len(now)):
            mass += abs(now[s, lane])
        most = max(most, mass)
    return most


@_compiled
def settle_values(  # type: ignore[no-untyped-def]
    successors, weight, terminal, R, beta, V, pi, enough, limit
):
    """Sweep V[s, l] until no lane moves by more than `enough`: sweeps and the last change."""
    after, total = np.empty_like(V), np.empty(V.size)
    change = np.inf
    for sweep in range(limit):
        _sweep(successors, weight, terminal, R, beta, V, after, pi, total)
        change = _moved(after.reshape(-1), V.reshape(-1))
        if change <= enough:
            return sweep + 1, change
    return limit, change


@_compiled
def settle_visits(successors, weight, pi, start, mass, enough, limit):  # type: ignore[no-untyped-def]
    """Fill mass[s, l], the discounted visits of states from start[s, l] under pi[a, s, l], until
    what still moves is at most `enough` in every lane: sweeps and what still moves."""
    A = len(pi)
    now, later = start.copy(), np.empty_like(start)
    mass[:] = 0.0
    flow, left = np.empty_like(pi), np.inf
    for sweep in range(limit):
        _add(mass.reshape(-1), now.reshape(-1))
        left = _largest_mass(now)
        if left <= enough:
            return sweep + 1, left
        _flow(now.reshape(-1), pi.reshape(A, -1), flow.reshape(A, -1))
        later[:] = 0.0
        _spread(successors, weight, flow, later)
        now, later = later, now
    return limit, left

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""The sweeps of `values` for machines: many rewards at once, one lane of a vector each.

V[d, s, h], Q[s, a, h], R[s, a, h] with the hypotheses h innermost, `LANES` of them in a block, so
that every load is one long vector and every sum over successors is a chain of fused
multiply-adds. Successors are a list of K per state and action, the discount folded into their
probabilities. One source serves single and double precision and every kind of backup.

A user never calls this; `values.solve(engine="numba")` does, and only then is numba imported: a
third of a second, and three the first time, when the kernels are compiled.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numba
import numpy as np
from numba import extending
from numba.core import cgutils, types

# What numba makes of these functions has types of its own; ir is llvmlite's, of numba's version.
ir: Any = cgutils.ir  # type: ignore[attr-defined]
intrinsic: Any = extending.intrinsic
njit: Any = numba.njit
LANES = 64
"""Hypotheses in a block: 4 registers of AVX-512 in single precision (ours, measured)."""

# ---------------------------------------------------------------- vectors


class Lanes(types.Type):
    """A vector of LANES numbers held in registers."""

    def __init__(self, scalar):
        super().__init__(name=f"Lanes({scalar})")
        self.scalar = scalar


@extending.register_model(Lanes)
class LanesModel(extending.models.PrimitiveModel):
    """An LLVM vector; the compiler splits it into what the machine has."""

    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, vector_of(fe_type.scalar))


def vector_of(scalar):
    """<LANES x float> or <LANES x double>."""
    return ir.VectorType(ir.FloatType() if scalar is types.float32 else ir.DoubleType(), LANES)


def constant(vector, value):
    """The vector whose lanes are all `value`."""
    return ir.Constant(vector, [ir.Constant(vector.element, value)] * LANES)


def broadcast(builder, number, vector):
    """A number of the right type in every lane."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [ir.IntType(32)(0)] * LANES)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), lanes)


def called(builder, name, *vectors):
    """An LLVM intrinsic on vectors of one type."""
    vector = vectors[0].type
    size = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    kind = ir.FunctionType(vector, [vector] * len(vectors))
    function = builder.module.globals.get(f"llvm.{name}.v{LANES}{size}") or ir.Function(
        builder.module, kind, f"llvm.{name}.v{LANES}{size}"
    )
    return builder.call(function, vectors)


def place(context, builder, array_type, array, index):
    """Where the vector that starts at `index` of a flat array lies."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector_of(array_type.dtype).as_pointer())


@intrinsic
def load(typing_context, array, index):
    """The vector that starts at `index` of a flat array."""

    def code(context, builder, signature, values):
        where = place(context, builder, signature.args[0], values[0], values[1])
        return builder.load(where, align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, types.int64), code


@intrinsic
def store(typing_context, array, index, lanes):
    """Write a vector to a flat array from `index` on."""

    def code(context, builder, signature, values):
        where = place(context, builder, signature.args[0], values[0], values[1])
        builder.store(values[2], where, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), code


@intrinsic
def fill(typing_context, array, number):
    """A number in every lane, of the type of `array`."""

    def code(context, builder, signature, values):
        return broadcast(builder, values[1], vector_of(array.dtype))

    return Lanes(array.dtype)(array, array.dtype), code


@intrinsic
def fused(typing_context, number, lanes, added):
    """number * lanes + added."""

    def code(context, builder, signature, values):
        spread = broadcast(builder, values[0], vector_of(lanes.scalar))
        return called(builder, "fmuladd", spread, values[1], values[2])

    return lanes(lanes.scalar, lanes, lanes), code


@intrinsic
def where_larger(typing_context, a, b, yes, no):
    """`yes` in the lanes where a > b, `no` elsewhere."""

    def code(context, builder, signature, values):
        test = builder.fcmp_ordered(">", values[0], values[1])
        return builder.select(test, values[2], values[3])

    return yes(a, a, yes, yes), code


@intrinsic
def magnitude(typing_context, lanes):
    """|x|."""

    def code(context, builder, signature, values):
        return called(builder, "fabs", values[0])

    return lanes(lanes), code


def _arithmetic(function, emit):
    @intrinsic
    def emitted(typing_context, a, b):
        def code(context, builder, signature, values):
            return getattr(builder, emit)(*values)

        return a(a, a), code

    @extending.overload(function)
    def chosen(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: emitted(a, b)  # noqa: PLW0108 (numba reads its source)
        return None


for _function, _emit in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_function, _emit)


def format_of(vector):
    """Bits of the mantissa, the integer of that size, terms of the power's and logarithm's series
    (each the first to leave an error below the rounding), and the smallest exponent."""
    if isinstance(vector.element, ir.FloatType):
        return 23, ir.VectorType(ir.IntType(32), LANES), 6, 5, -126.0
    return 52, ir.VectorType(ir.IntType(64), LANES), 12, 10, -1022.0


@intrinsic
def power_of_two(typing_context, lanes):
    """2^x for x <= 0: 2^n times the Taylor series on |f| <= 1/2, f = x - n. What lies below the
    smallest normal number is taken to be that."""

    def code(context, builder, signature, values):
        vector = vector_of(lanes.scalar)
        mantissa, integer, terms, _, lowest = format_of(vector)
        inside = builder.fcmp_ordered(">", values[0], constant(vector, lowest))
        x = builder.select(inside, values[0], constant(vector, lowest))
        # a number so large that its last bit is 1: adding it rounds x, and leaves n in the bits
        large = constant(vector, 1.5 * 2.0**mantissa)
        rounded = builder.fadd(x, large)
        f = builder.fsub(x, builder.fsub(rounded, large))
        total = constant(vector, math.log(2) ** terms / math.factorial(terms))
        for k in range(terms - 1, -1, -1):
            term = constant(vector, math.log(2) ** k / math.factorial(k))
            total = called(builder, "fmuladd", total, f, term)
        exponent = builder.shl(builder.bitcast(rounded, integer), constant(integer, mantissa))
        return builder.bitcast(builder.add(builder.bitcast(total, integer), exponent), vector)

    return lanes(lanes), code


@intrinsic
def logarithm_of_two(typing_context, lanes):
    """log2(x) of normal x > 0: n + (2 / log 2) artanh(z), z = (f-1)/(f+1), x = 2^n f with f in
    [0.7, 1.4]."""

    def code(context, builder, signature, values):
        vector = vector_of(lanes.scalar)
        mantissa, integer, _, terms, _ = format_of(vector)
        real, whole = (np.float32, np.int32) if mantissa == 23 else (np.float64, np.int64)
        start = constant(integer, int(real(math.sqrt(0.5)).view(whole)))
        bits, shift = builder.bitcast(values[0], integer), constant(integer, mantissa)
        n = builder.ashr(builder.sub(bits, start), shift)
        f = builder.bitcast(builder.sub(bits, builder.shl(n, shift)), vector)
        one = constant(vector, 1.0)
        z = builder.fdiv(builder.fsub(f, one), builder.fadd(f, one))
        square = builder.fmul(z, z)
        total = constant(vector, 2 / math.log(2) / (2 * terms - 1))
        for odd in range(2 * terms - 3, 0, -2):
            term = constant(vector, 2 / math.log(2) / odd)
            total = called(builder, "fmuladd", total, square, term)
        return called(builder, "fmuladd", total, z, builder.sitofp(n, vector))

    return lanes(lanes), code


# ---------------------------------------------------------------- sweeps

MAX, SOFT, SOFTMAX = range(3)
CYCLE = 4
"""Sweeps between two looks at what has converged, even (ours, measured: 3 to 6 do)."""


def compiled(function):
    """The machine code of `function`, kept beside the source where that can be written.

    What is kept is found by the time and size of this file, so all that it uses stands here.
    References to arrays are not counted (`_nrt`): the kernels keep none, and counting would cost
    more than the arithmetic.
    """
    settings = {"nogil": True, "error_model": "numpy", "_nrt": False}
    try:
        return njit(cache=True, **settings)(function)
    except RuntimeError:  # no folder to keep it in
        return njit(**settings)(function)


def inlined(function):
    """Part of its callers' source; a call would pass vectors through memory."""
    return njit(inline="always", error_model="numpy", _nrt=False)(function)


@inlined
def action_value(s, a, later, paid, before, R, successors, P, tilt, side):
    """paid R + sum_k P V, and tilt times the best (side 1) or worst (side -1) successor's V."""
    q = fill(R, paid) * load(R, (s * P.shape[1] + a) * LANES)
    for k in range(P.shape[2]):
        q = fused(P[s, a, k], load(before, (later + successors[s, a, k]) * LANES), q)
    if tilt > 0:
        extreme = fill(R, R.dtype.type(-np.inf))
        for k in range(P.shape[2]):
            v = fill(R, side) * load(before, (later + successors[s, a, k]) * LANES)
            extreme = where_larger(v, extreme, v, extreme)
        q = fused(tilt * side, extreme, q)
    return q


@inlined
def log_mean_exp(Q, first, actions, top, beta):
    """log2 of the mean of 2^(beta Q), over beta."""
    total = fill(Q, Q.dtype.type(0))
    for a in range(actions):
        total = total + power_of_two(fill(Q, beta) * (load(Q, first + a * LANES) - top))
    mean = fill(Q, Q.dtype.type(1) / Q.dtype.type(actions)) * total
    return fused(Q.dtype.type(1) / beta, logarithm_of_two(mean), top)


@inlined
def choose(Q, first, actions, top, kind, beta, tie, chosen):
    """What will be done, unnormalised: 2^(beta Q), or the first action that ties with the best,
    into chosen[a]."""
    none, free = fill(Q, Q.dtype.type(0)), fill(Q, Q.dtype.type(1))
    size = none
    for a in range(actions):
        q = magnitude(load(Q, first + a * LANES))
        size = where_larger(q, size, q, size)
    least = top - fill(Q, tie) * size
    for a in range(actions):
        q = load(Q, first + a * LANES)
        if kind == MAX:
            picked = where_larger(least, q, none, free)
            free = free - picked
        else:
            picked = power_of_two(fill(Q, beta) * (q - top))
        store(chosen, a * LANES, picked)


@inlined
def mean_chosen(Q, first, actions, chosen):
    """sum_a chosen Q / sum_a chosen."""
    total = weight = fill(Q, Q.dtype.type(0))
    for a in range(actions):
        picked = load(chosen, a * LANES)
        total = total + picked * load(Q, first + a * LANES)
        weight = weight + picked
    return total / weight


@compiled
def sweep(before, after, R, Q, every, successors, P, live, paid, bend, kind, foresees, chosen,
          change):  # fmt: skip
    """after[d, s] = the backup of before; into Q[s, a] at no delay if `every`, else Q is scratch.

    `after` may be `before`: then states later in the order see the new values of earlier ones.
    change[h] becomes the largest |after - before|.
    """
    S, A, _ = P.shape
    D = paid.size
    beta, tilt, side, tie = bend
    most = fill(R, R.dtype.type(0))
    for s in range(S):
        if not live[s]:
            continue
        for d in range(D):
            later = min(d + 1, D - 1) * S
            first = s * A * LANES if every and d == 0 else 0
            if every and d > 0:
                first = S * A * LANES
            top = fill(R, R.dtype.type(-np.inf))
            for a in range(A):
                q = action_value(s, a, later, paid[d], before, R, successors, P, tilt, side)
                if every or kind != MAX or foresees:
                    store(Q, first + a * LANES, q)
                top = where_larger(q, top, q, top)
            value = top
            if kind == SOFT:
                value = log_mean_exp(Q, first, A, top, beta)
            elif kind == SOFTMAX or foresees:
                if d == 0 or not foresees:
                    choose(Q, first, A, top, kind, beta, tie, chosen)
                value = mean_chosen(Q, first, A, chosen)
            here = (d * S + s) * LANES
            moved = magnitude(value - load(before, here))
            most = where_larger(moved, most, moved, most)
            store(after, here, value)
    store(change, 0, most)


@compiled
def settle(V, spare, third, trust, last, in_place, level, noise, cap, limit, world):
    """Sweeps until no lane h changes by more than level[h], or by more than the rounding of its
    values (`noise` of the largest); the number made.

    In place, each hypothesis leaps after every `CYCLE` sweeps to where its last two changes point.
    """
    R, Q, successors, P, live, paid, bend, kind, chosen, change = world
    trust[:], last[:] = 1, np.inf
    made = 0
    while made < limit:
        for step in range(CYCLE):
            before, after = (spare, V) if step % 2 else (V, spare)
            if in_place:
                before = after = V
                if step == CYCLE - 2:
                    remember(V, spare)
                elif step == CYCLE - 1:
                    remember(V, third)
            sweep(
                before, after, R, Q, False, successors, P, live, paid, bend, kind, False, chosen,
                change,
            )  # fmt: skip
        made += CYCLE
        if within(change, level, noise, V):
            break
        if in_place:
            leap(V, third, spare, trust, last, change, cap, chosen)
    return made


@compiled
def within(change, level, noise, V):
    """Whether every lane's change is below its level or below `noise` of its largest value."""
    for h in range(LANES):
        if change[h] > level[h]:
            largest = V[h] * 0
            for s in range(V.size // LANES):
                largest = max(largest, abs(V[s * LANES + h]))
            if change[h] > noise * largest:
                return False
    return True


@compiled
def remember(V, copy):
    """copy = V."""
    for i in range(0, V.size, LANES):
        store(copy, i, load(V, i))


@compiled
def leap(V, second, first, trust, last, change, cap, scratch):
    """V + r/(1-r) d: where V goes if its change d falls by the same factor r for ever.

    r = <d, d'> / <d', d'> over the states, at most `cap`, d' the change before: one factor a
    hypothesis, Aitken's extrapolation of a vector. A lane whose change has grown since the last
    leap is trusted half as far from then on, so the sweeps, a contraction, win in the end.
    """
    both = square = fill(V, V.dtype.type(0))
    for i in range(0, V.size, LANES):
        middle = load(second, i)
        d, e = load(V, i) - middle, middle - load(first, i)
        both, square = both + d * e, square + e * e
    store(scratch, 0, both)
    store(first, 0, square)
    for h in range(LANES):
        if change[h] > last[h]:
            trust[h] *= 0.5
        last[h] = change[h]
        top, bottom = scratch[h], first[h]
        r = top / bottom if 0 < top < cap * bottom else cap if top > 0 else top * 0
        scratch[h] = trust[h] * r / (1 - r)
    factor = load(scratch, 0)
    for i in range(0, V.size, LANES):
        v = load(V, i)
        store(V, i, v + factor * (v - load(second, i)))

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
"""The sweeps of `values` for machines: many rewards at once, one lane of a vector each.

V[d, s, h], Q[s, a, h], R[s, a, h] with the hypotheses h innermost, `LANES` of them in a block, so
that every load is one long vector and every sum over successors is a chain of fused
multiply-adds. Successors are a list of K per state and action, the discount folded into their
probabilities. One source serves single and double precision and every kind of backup.

A user never calls this; `values.solve(engine="numba")` does. Only that imports it: numba takes a
second to import, and a second per precision to compile where its cache cannot be written.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba  # type: ignore[import-untyped]
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types  # type: ignore[import-untyped]
from numba.extending import (  # type: ignore[import-untyped]
    intrinsic,
    models,
    overload,
    register_model,
)
from numpy.typing import NDArray

from precocial.preferences.mdp import TabularMDP
from precocial.preferences.values import KINDS, TIE, Backup

Floats = NDArray[np.float64]
LANES = 64
"""Hypotheses in a block: 4 registers of AVX-512 in single precision (ours, measured)."""

# ---------------------------------------------------------------- vectors


class Lanes(types.Type):  # type: ignore[misc]
    """A vector of LANES numbers held in registers."""

    def __init__(self, scalar):
        super().__init__(name=f"Lanes({scalar})")
        self.scalar = scalar


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
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


def _arithmetic(function: Callable[..., Any], emit: str) -> None:
    @intrinsic
    def emitted(typing_context, a, b):
        def code(context, builder, signature, values):
            return getattr(builder, emit)(*values)

        return a(a, a), code

    @overload(function)
    def chosen(a, b):
        if isinstance(a, Lanes) and isinstance(b, Lanes):
            return lambda a, b: emitted(a, b)
        return None


for _function, _emit in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):  # fmt: skip
    _arithmetic(_function, _emit)


def floats(vector):
    """Terms of the exponential's series, of the logarithm's, bits of the mantissa, its integer."""
    if isinstance(vector.element, ir.FloatType):
        return 6, 5, 23, ir.VectorType(ir.IntType(32), LANES)
    return 12, 10, 52, ir.VectorType(ir.IntType(64), LANES)


@intrinsic
def exponential(typing_context, lanes):
    """exp(x): 2^n times the Taylor series on |f| <= log(2)/2, f = x - n log 2. Numbers below
    the smallest normal one are taken to be it."""

    def code(context, builder, signature, values):
        vector = vector_of(lanes.scalar)
        terms, _, mantissa, integer = floats(vector)
        lowest = -87.0 if mantissa == 23 else -708.0
        highest = -lowest

        def value(x):
            return constant(vector, x)

        x = values[0]
        for bound, sign in ((lowest, ">"), (highest, "<")):
            inside = builder.fcmp_ordered(sign, x, value(bound))
            x = builder.select(inside, x, value(bound))
        n = called(builder, "rint", builder.fmul(x, value(1 / math.log(2))))
        # log 2 in two parts, the first short enough for n times it to be exact
        high = math.ldexp(round(math.ldexp(math.log(2), 15 if mantissa == 23 else 40)),
                          -15 if mantissa == 23 else -40)  # fmt: skip
        f = called(builder, "fmuladd", n, value(-high), x)
        f = called(builder, "fmuladd", n, value(high - math.log(2)), f)
        total = value(1 / math.factorial(terms))
        for power in range(terms - 1, -1, -1):
            total = called(builder, "fmuladd", total, f, value(1 / math.factorial(power)))
        shift = constant(integer, mantissa)
        raised = builder.shl(builder.fptosi(n, integer), shift)
        bits = builder.add(builder.bitcast(total, integer), raised)
        return builder.bitcast(bits, vector)

    return lanes(lanes), code


@intrinsic
def logarithm(typing_context, lanes):
    """log(x) of normal x > 0: n log 2 + 2 artanh(z), z = (f-1)/(f+1), x = 2^n f, f in [.7, 1.4]."""

    def code(context, builder, signature, values):
        vector = vector_of(lanes.scalar)
        _, terms, mantissa, integer = floats(vector)
        view = np.float32(math.sqrt(0.5)).view(np.int32) if mantissa == 23 else None
        start = int(np.float64(math.sqrt(0.5)).view(np.int64) if view is None else view)
        bits = builder.bitcast(values[0], integer)
        shift = constant(integer, mantissa)
        n = builder.ashr(builder.sub(bits, constant(integer, start)), shift)
        f = builder.bitcast(builder.sub(bits, builder.shl(n, shift)), vector)
        one = constant(vector, 1.0)
        z = builder.fdiv(builder.fsub(f, one), builder.fadd(f, one))
        square = builder.fmul(z, z)
        total = constant(vector, 2 / (2 * terms - 1))
        for odd in range(2 * terms - 3, 0, -2):
            total = called(builder, "fmuladd", total, square, constant(vector, 2 / odd))
        power = builder.sitofp(n, vector)
        scaled = builder.fmul(power, constant(vector, math.log(2)))
        return called(builder, "fmuladd", total, z, scaled)

    return lanes(lanes), code


# ---------------------------------------------------------------- sweeps

MAX, SOFT, SOFTMAX = range(len(KINDS))
CHECKED = 4
"""Sweeps between two looks at what has converged, even (ours)."""
NOISE = 8
"""Changes of fewer units in the last place are taken to be rounding (ours; a sum of a few
successors errs by two or three)."""
RANGE = 1e30
"""Rewards beyond this are solved in double precision alone."""


def compiled(function, **settings):
    """The machine code of `function`, kept beside the source where that can be written.

    What is kept is found by the time and size of this file, so all that it calls stands here.
    References to arrays are not counted (`_nrt`): the kernels keep none, and counting would cost
    more than the arithmetic.
    """
    settings = {"nogil": True, "error_model": "numpy", "_nrt": False, **settings}
    try:
        return numba.njit(cache=True, **settings)(function)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(**settings)(function)


def inlined(function):
    """Part of its callers' source; a call would pass vectors through memory."""
    return numba.njit(inline="always", error_model="numpy", _nrt=False)(function)


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
    """(1/beta) log mean_a exp(beta Q)."""
    total = fill(Q, Q.dtype.type(0))
    for a in range(actions):
        total = total + exponential(fill(Q, beta) * (load(Q, first + a * LANES) - top))
    mean = fill(Q, Q.dtype.type(1) / Q.dtype.type(actions)) * total
    return fused(Q.dtype.type(1) / beta, logarithm(mean), top)


@inlined
def choose(Q, first, actions, top, kind, beta, chosen):
    """What will be done, unnormalised: exp(beta Q), or the first action that ties with the best,
    into chosen[a]."""
    none, free = fill(Q, Q.dtype.type(0)), fill(Q, Q.dtype.type(1))
    size = none
    for a in range(actions):
        q = magnitude(load(Q, first + a * LANES))
        size = where_larger(q, size, q, size)
    least = top - fill(Q, Q.dtype.type(TIE)) * size
    for a in range(actions):
        q = load(Q, first + a * LANES)
        if kind == MAX:
            picked = where_larger(least, q, none, free)
            free = free - picked
        else:
            picked = exponential(fill(Q, beta) * (q - top))
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
    beta, tilt, side = bend
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
                    choose(Q, first, A, top, kind, beta, chosen)
                value = mean_chosen(Q, first, A, chosen)
            here = (d * S + s) * LANES
            moved = magnitude(value - load(before, here))
            most = where_larger(moved, most, moved, most)
            store(after, here, value)
    store(change, 0, most)


@compiled
def settle(V, spare, in_place, level, noise, limit, world):
    """Sweeps until no lane changes by more than `level`, or by more than the rounding of its
    values (`noise` of the largest); the number made."""
    R, Q, successors, P, live, paid, bend, kind, chosen, change = world
    made = 0
    while made < limit:
        after = V if in_place else spare
        for _ in range(CHECKED // 2):
            sweep(
                V, after, R, Q, False, successors, P, live, paid, bend, kind, False, chosen, change
            )
            sweep(
                after, V, R, Q, False, successors, P, live, paid, bend, kind, False, chosen, change
            )
        made += CHECKED
        if within(change, level, noise, V):
            break
    return made


@compiled
def within(change, level, noise, V):
    """Whether every lane's change is below `level` or below `noise` of its largest value."""
    for h in range(LANES):
        if change[h] > level:
            largest = V[h] * 0
            for s in range(V.size // LANES):
                largest = max(largest, abs(V[s * LANES + h]))
            if change[h] > noise * largest:
                return False
    return True


# ---------------------------------------------------------------- a block of hypotheses


class Block:
    """The arrays of LANES hypotheses in one precision."""

    def __init__(self, mdp: TabularMDP, how: Backup, dtype: type[np.floating[Any]]) -> None:
        S, A, _ = mdp.successors.shape
        lean = abs(how.optimism)
        used = mdp.probability > 0
        # an unused place repeats a used successor, so that the best and the worst need no test
        first = np.take_along_axis(mdp.successors, used.argmax(axis=2)[..., None], axis=2)
        self.successors = np.where(used, mdp.successors, first).astype(np.int32)
        self.P = (mdp.discount * (1 - lean) * mdp.probability).astype(dtype)
        self.live = ~mdp.terminal
        self.kind = KINDS.index(how.kind)
        self.foresees = how.sophisticated
        side = 1 if how.optimism >= 0 else -1
        self.bend = (dtype(how.beta), dtype(mdp.discount * lean), dtype(side))
        self.paid = (1 / (1 + how.hyperbolic * np.arange(how.delays + 1))).astype(dtype)
        delays = how.delays + 1 if how.steps is not None else 1
        self.V, self.spare = np.zeros((2, delays * S * LANES), dtype)
        self.Q = np.zeros((S + 1) * A * LANES, dtype)
        self.chosen, self.change = np.zeros(A * LANES, dtype), np.zeros(LANES, dtype)
        self.R = np.zeros(S * A * LANES, dtype)
        self.dtype = dtype

    def settle(self, level: float, limit: int, *, in_place: bool) -> int:
        """Sweeps at the last delay, which is the only one whose future is itself."""
        noise = NOISE * np.finfo(np.float32).eps if self.dtype is np.float32 else 0.0
        world = (
            self.R, self.Q, self.successors, self.P, self.live, self.paid[-1:], self.bend,
            self.kind, self.chosen, self.change,
        )  # fmt: skip
        made = settle(
            self.V, self.spare, in_place, self.dtype(level), self.dtype(noise), limit, world
        )
        return int(made)

    def sweep(self, paid: NDArray[np.floating[Any]]) -> None:
        """One sweep of all delays in `paid`, at once and not in place; Q is kept."""
        sweep(
            self.V, self.spare, self.R, self.Q, True, self.successors, self.P, self.live, paid,
            self.bend, self.kind, self.foresees, self.chosen, self.change,
        )  # fmt: skip
        self.V, self.spare = self.spare, self.V


@dataclass(frozen=True, kw_only=True, eq=False)
class Solver:
    """Solves blocks of hypotheses of one world; `values.solve` says what for."""

    narrow: Block
    wide: Block
    how: Backup
    enough: float
    limit: int

    def block(self, R: Floats, leaf: Floats) -> int:
        """Q of R[h, s, a] (LANES, S, A) into `wide.Q`, the residual into `wide.change`; sweeps.

        The values beyond `steps` are leaf[h, s].
        """
        wide = self.wide
        wide.R[:] = R.reshape(LANES, -1).T.ravel()
        if self.how.steps is not None:
            delays = wide.paid.size
            wide.V[:] = np.broadcast_to(leaf.T.ravel(), (delays, leaf.size)).ravel()
            for _ in range(self.how.steps):
                wide.sweep(wide.paid)
            return self.how.steps
        made = self.fixed_point()
        residual = wide.change.copy()
        for d in range(self.how.delays - 1, -1, -1):
            wide.sweep(wide.paid[d : d + 1])
        wide.change[:] = residual
        return made

    def fixed_point(self) -> int:
        """Single precision as far as it goes, then double, then a sweep that certifies.

        Softmax backups may have several fixed points: they are swept in double precision and
        never in place, so that every engine arrives at the same one.
        """
        narrow, wide = self.narrow, self.wide
        made, in_place = 0, self.how.kind != "softmax"
        wide.V[:] = 0
        if in_place and np.abs(wide.R).max() < RANGE:
            narrow.R[:] = wide.R
            narrow.V[:] = 0
            made = narrow.settle(self.enough, self.limit, in_place=True)
            wide.V[:] = narrow.V
        while True:
            made += wide.settle(self.enough, self.limit - made, in_place=in_place)
            wide.sweep(wide.paid[-1:])
            made += 1
            if (wide.change <= self.enough).all() or made >= self.limit:
                return made


def solve_lanes(
    mdp: TabularMDP, R: Floats, leaf: Floats, how: Backup, enough: float, limit: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Q[h, s, a], residual[h] and sweeps[h] of R[h, s, a]; `mdp` is the world as believed."""
    solver = Solver(
        narrow=Block(mdp, how, np.float32), wide=Block(mdp, how, np.float64), how=how,
        enough=enough, limit=limit,
    )  # fmt: skip
    H, S, A = R.shape
    Q, residual = np.empty_like(R), np.empty(H)
    sweeps = np.empty(H, dtype=np.int64)
    for begin in range(0, H, LANES):
        rows = np.minimum(np.arange(begin, begin + LANES), H - 1)
        here = slice(begin, begin + LANES)
        sweeps[here] = solver.block(R[rows], leaf[rows])
        count = min(LANES, H - begin)
        found = solver.wide.Q[: S * A * LANES].reshape(S * A, LANES)
        Q[here] = found.T[:count].reshape(count, S, A)
        residual[here] = solver.wide.change[:count]
    return Q, residual, sweeps

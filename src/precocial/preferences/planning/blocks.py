"""Blocks of hypotheses through the kernels, in single and then in double precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planning.kernels import LANES, MAX, SOFT, SOFTMAX, settle, sweep
from precocial.preferences.planning.values import TIE, Backup

Floats = NDArray[np.float64]
NOISE = 16 * float(np.finfo(np.float32).eps)
"""Changes below this share of the values are taken to be the rounding of single precision (ours:
a sum of a few successors errs by two or three units in the last place; 8 to 64 do)."""
MOST = 0.999
"""A leap assumes no slower decay (ours)."""
RANGE = 1e15
"""Rewards beyond this are solved in double precision alone."""
CACHE_LINE = 64
"""Bytes; a vector that straddles two lines is read at half the speed."""


def aligned(count: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Zeros that begin with a cache line."""
    room = np.zeros(count + CACHE_LINE // np.dtype(dtype).itemsize, dtype)
    begin = -room.ctypes.data % CACHE_LINE // room.itemsize
    return room[begin : begin + count]


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
        self.kind = {"max": MAX, "soft": SOFT, "softmax": SOFTMAX}[how.kind]
        self.foresees = how.sophisticated
        side = 1 if how.optimism >= 0 else -1
        self.bend = tuple(
            dtype(one) for one in (how.beta / math.log(2), mdp.discount * lean, side, TIE)
        )
        self.paid = (1 / (1 + how.hyperbolic * np.arange(how.delays + 1))).astype(dtype)
        delays = how.delays + 1 if how.steps is not None else 1
        self.V, self.spare, self.third = (aligned(delays * S * LANES, dtype) for _ in range(3))
        self.trust, self.last = np.zeros((2, LANES), dtype)
        self.cap = dtype(min(mdp.discount, MOST))
        self.Q = aligned((S + 1) * A * LANES, dtype)
        self.chosen, self.change = aligned(A * LANES, dtype), aligned(LANES, dtype)
        self.R = aligned(S * A * LANES, dtype)
        self.dtype = dtype

    def settle(self, level: Floats, noise: float, limit: int, *, in_place: bool) -> int:
        """Sweeps at the last delay, which is the only one whose future is itself."""
        world = (
            self.R, self.Q, self.successors, self.P, self.live, self.paid[-1:], self.bend,
            self.kind, self.chosen, self.change,
        )  # fmt: skip
        stop = level.astype(self.dtype), self.dtype(noise), self.cap
        room = self.V, self.spare, self.third, self.trust, self.last
        return int(settle(*room, in_place, *stop, limit, world))

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
    discount: float
    limit: int

    def block(self, R: Floats, leaf: Floats, enough: Floats) -> int:
        """Q of R[h, s, a] (LANES, S, A) into `wide.Q`, the residual into `wide.change`; sweeps.

        The values beyond `steps` are leaf[h, s].
        """
        wide = self.wide
        np.copyto(wide.R.reshape(-1, LANES), R.reshape(LANES, -1).T)
        if self.how.steps is not None:
            delays = wide.paid.size
            wide.V[:] = np.broadcast_to(leaf.T.ravel(), (delays, leaf.size)).ravel()
            for _ in range(self.how.steps):
                wide.sweep(wide.paid)
            return self.how.steps
        made = self.fixed_point(enough)
        residual = wide.change.copy()
        for d in range(self.how.delays - 1, -1, -1):
            wide.sweep(wide.paid[d : d + 1])
        wide.change[:] = residual
        return made

    def fixed_point(self, enough: Floats) -> int:
        """Single precision as far as it goes, then double, then a sweep that certifies.

        Softmax backups may have several fixed points: they are swept in double precision and
        never in place, so that every engine arrives at the same one.
        """
        narrow, wide = self.narrow, self.wide
        made, in_place = 0, self.how.kind != "softmax"
        wide.V[:] = 0
        if in_place and max(wide.R.max(), -wide.R.min()) < RANGE:
            narrow.R[:] = wide.R
            narrow.V[:] = 0
            level = np.maximum(enough, NOISE / self.how.beta if self.how.kind == "soft" else 0.0)
            made = narrow.settle(level, NOISE, self.useful(), in_place=True)
            wide.V[:] = narrow.V
        while True:
            made += wide.settle(enough, 0.0, self.limit - made, in_place=in_place)
            wide.sweep(wide.paid[-1:])
            made += 1
            if (wide.change <= enough).all() or made >= self.limit:
                return made

    def useful(self) -> int:
        """Sweeps after which single precision has nothing left to gain: gamma^n is its rounding."""
        states, gamma = self.narrow.live.size, self.discount
        return min(self.limit, states if gamma == 1 else math.ceil(-math.log(NOISE) / (1 - gamma)))


def solve_blocks(
    mdp: TabularMDP, R: Floats, leaf: Floats, how: Backup, enough: Floats, limit: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Q[h, s, a], residual[h] and sweeps[h] of R[h, s, a]; `mdp` is the world as believed."""
    solver = Solver(
        narrow=Block(mdp, how, np.float32), wide=Block(mdp, how, np.float64), how=how,
        discount=mdp.discount, limit=limit,
    )  # fmt: skip
    H, S, A = R.shape
    Q, residual = np.empty_like(R), np.empty(H)
    sweeps = np.empty(H, dtype=np.int64)
    for begin in range(0, H, LANES):
        here, count = slice(begin, begin + LANES), min(LANES, H - begin)
        rows = here if count == LANES else np.minimum(np.arange(begin, begin + LANES), H - 1)
        sweeps[here] = solver.block(R[rows], leaf[rows], enough[rows])
        found = solver.wide.Q[: S * A * LANES].reshape(S * A, LANES)
        Q[here] = found.T[:count].reshape(count, S, A)
        residual[here] = solver.wide.change[:count]
    return Q, residual, sweeps

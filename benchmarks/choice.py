"""Quantilizers of long rows: select beside sorting, and beside what reading the numbers costs.

`python benchmarks/choice.py [--sizes 10000 100000 1000000] [--q 0.1] [--json]`. Ours is the whole
of `quantilize`: checks, boundary, and the probabilities written out. Each peer does less: the sort
is argsort and cumsum up to the score of the boundary; two sum passes are one sum of the scores and
one of the base (without a base, of the scores twice). All are the least wall time of several goes
in one process, on one thread; scores are normal, the base exponential. The boundary of both is
compared bit for bit on the way.
"""

from __future__ import annotations

import argparse

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, best_times, row, show
from precocial.choice import cut, quantilize

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MANY = 1_000_000
"""Sorts of more than this are timed once: they take seconds."""
Work = Callable[[], Any]


def sort_numpy(scores: Any, base: Any, q: float) -> Any:
    """The boundary's score, by argsort and cumsum."""
    order = np.argsort(-scores)
    if base is None:
        return scores[order[int(np.ceil(q * len(scores))) - 1]]
    reached = np.cumsum(base[order])
    return scores[order[np.searchsorted(reached, q * reached[-1])]]


def sort_torch(scores: Any, base: Any, q: float) -> Any:
    """The same in torch."""
    order = torch.argsort(scores, descending=True)
    if base is None:
        return scores[order[int(np.ceil(q * len(scores))) - 1]]
    reached = torch.cumsum(base[order], dim=0)
    return scores[order[torch.searchsorted(reached, q * reached[-1])]]


def kth_torch(scores: Any, q: float) -> Any:
    """torch's own select, which knows no base."""
    return torch.kthvalue(scores, len(scores) - int(np.ceil(q * len(scores))) + 1).values


def two_sums(scores: Any, base: Any) -> Any:
    """What it costs to read both once."""
    return scores.sum(), base.sum()


def rows(sizes: list[int], q: float, goes: int) -> Iterator[Row]:
    """Libraries, precisions, weighted or not, at each size."""
    for size in sizes:
        r = np.random.default_rng(size)
        s, p = r.normal(size=size), r.exponential(size=size)
        yield from _rows("NumPy float64", s, p, q, goes, sort_numpy)
        yield from _rows("NumPy float32", s.astype("f4"), p.astype("f4"), q, goes, sort_numpy)
        T = torch.tensor
        yield from _rows("torch float64", T(s), T(p), q, goes, sort_torch)
        yield from _rows("torch float32", T(s).float(), T(p).float(), q, goes, sort_torch)


def _rows(kind: str, s: Any, p: Any, q: float, goes: int, by_sort: Any) -> Iterator[Row]:
    for base, said in ((p, "weighted"), (None, "unweighted")):
        name = f"{kind}, {said}, {len(s):.0e} options: quantilize"
        by_select, sort = (cut(s, q, base=base, method=m).boundary for m in ("select", "sort"))
        if by_select.tolist() != sort.tolist():
            raise SystemExit(f"{name}: the boundary is not that of the sort")
        ours = _time(partial(quantilize, s, q, base=base, method="select"), goes)
        few = 1 if len(s) > MANY else min(goes, 3)
        slow = _time(partial(by_sort, s, base, q), few)
        yield row(name, ours, slow, "argsort + cumsum", "ms")
        sums = _time(partial(two_sums, s, s if base is None else base), goes)
        yield row(name, ours, sums, "two sum passes", "ms")
        if base is None and isinstance(s, torch.Tensor):
            yield row(name, ours, _time(partial(kth_torch, s, q), few), "torch.kthvalue", "ms")


def _time(work: Work, goes: int) -> float:
    if goes > 1:
        work()
    return best_times(work, goes)[1] * 1e3


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--q", type=float, default=0.1)
    parser.add_argument("--goes", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    show(list(rows(given.sizes, given.q, given.goes)), as_json=given.json)

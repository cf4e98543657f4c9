"""Small hierarchies that the tests of this room share."""

from __future__ import annotations

from typing import Any

import numpy as np

from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level


def random_tower(
    seed: int, *, m: int = 12, q: float = 0.75, floor: float = 0.0, share: bool = True,
    tasks: int = 0, middle: int = 0, ties: bool = False, **given: Any,
) -> Hierarchy:  # fmt: skip
    """Labels (4), perhaps a middle level, and m processes; normal scores, Dirichlet initials."""
    rng = np.random.default_rng(seed)
    shape = (tasks, 4) if tasks else (4,)
    bottom = rng.dirichlet(np.full(4, 2.0), size=shape[:-1])
    names = [f"task {t}" for t in range(tasks)] or None
    levels = [Level("labels", ["a", "b", "c", "d"], bottom, tasks=names)]
    scores = []
    if middle:
        rules = [f"rule {i}" for i in range(middle)]
        levels.append(Level("rules", rules, rng.dirichlet(np.full(middle, 2.0))))
        scores.append(rng.normal(size=(middle, *shape)))
    judged = (middle,) if middle else shape
    scores.append(rng.normal(size=(m, *judged)))
    top = rng.normal(size=(m, m))
    scores.append(np.round(top) if ties else top)
    levels.append(
        Level("processes", [f"process {i}" for i in range(m)], rng.dirichlet(np.full(m, 2.0)))
    )
    return Hierarchy(levels, scores, share=share, q=q, floor=floor, **given)


def crowd(
    accuracy: list[float], truth: list[int], *, seed: int = 0, share: bool = True,
    floor: float = 0.02, q: float = 0.5, top_q: float = 0.6, noise: float = 0.0,
) -> Hierarchy:  # fmt: skip
    """Processes that label tasks (3 classes) with the given accuracies and judge one another by
    how often they agree."""
    rng = np.random.default_rng(seed)
    m, T = len(accuracy), len(truth)
    answers = np.array(
        [
            [k if rng.random() < sure else (k + 1 + rng.integers(2)) % 3 for k in truth]
            for sure in accuracy
        ]
    )
    agree = (answers[:, None] == answers[None]).mean(axis=2) + noise * rng.normal(size=(m, m))
    tasks = [f"task {t}" for t in range(T)]
    levels = [
        Level("labels", ["a", "b", "c"], tasks=tasks, q=q),
        Level("processes", [f"process {h}" for h in range(m)]),
    ]
    votes = (answers[..., None] == np.arange(3)).astype(float)
    return Hierarchy(levels, [votes, agree], q=top_q, floor=floor, share=share)

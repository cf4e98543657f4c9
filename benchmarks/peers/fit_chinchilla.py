"""Run by `benchmarks/transfer.py` in an environment of its own that holds `chinchilla`.

`python fit_chinchilla.py FOLDER GOAL`: FOLDER holds df.csv (C, N, D, loss). The package is asked
for the Huber terms of the log loss in three ways, and prints a JSON line for each that has ended:

    fewest starts     the sum of the terms, a start grid that grows from its middle until the
                      objective is at most GOAL
    documented grid   the sum, from the grid of the package's README (3,125 starts)
    documented loss   the same grid and the package's own log_huber, which it averages

In its favour: the sum is also given times 1000, because its optimiser's stop is absolute; its
picture after the fit is left out; only the fit is timed, the best of three for small grids, not
the imports and not the tries that came before; and it may use every core.
"""

import json
import sys
import time
from functools import partial

import numpy as np
from chinchilla import Chinchilla
from chinchilla._metrics import log_huber

DELTA = 1e-3
RANGES = {"E": (1, 2), "a": (1, 10), "b": (1, 10), "alpha": (0.1, 0.7), "beta": (0.1, 0.7)}
"""The grid of the package's own README; a and b are logarithms."""


def summed(y_true: np.ndarray, y_pred: np.ndarray, *, factor: float) -> np.ndarray:
    """The package averages what its loss function returns: times rows makes it the sum."""
    return factor * len(y_true) * log_huber(y_true, y_pred, DELTA)


LOSSES = {
    "sum": partial(summed, factor=1.0),
    "sum times 1000": partial(summed, factor=1000.0),
    "mean": partial(log_huber, delta=DELTA),
}


def attempt(folder: str, kind: str, points: int, given: str, goal: float) -> bool:
    """One fit from a grid of `points` values an axis (the middle for 1); was the goal reached?"""
    grid = {
        name: np.linspace(low, high, points) if points > 1 else np.array([(low + high) / 2])
        for name, (low, high) in RANGES.items()
    }
    seconds = []
    for _ in range(3 if points < 3 else 1):
        package = Chinchilla(folder, param_grid=grid, loss_fn=LOSSES[given], log_level=60)
        package.visualizer.optim = lambda *_, **__: None
        begin = time.perf_counter()
        package.fit(parallel=True)
        seconds.append(time.perf_counter() - begin)
    runs = package.database.df
    predicted = package.predict_loss(runs.N.values, runs.D.values)
    objective = float(np.sum(log_huber(runs.loss.values, predicted, DELTA)))
    reached = objective <= goal
    if reached or kind != "fewest starts":
        said = {
            "kind": kind, "starts": points**5, "objective_given": given, "objective": objective,
            "seconds": min(seconds), "reached": reached,
            "parameters": {name: float(value) for name, value in package.params.items()},
        }  # fmt: skip
        print(json.dumps(said), flush=True)
    return reached


def fewest(folder: str, goal: float) -> None:
    """Grow the grid until the goal is reached."""
    for points in (1, 2, 3, 4):
        for given in ("sum", "sum times 1000"):
            if attempt(folder, "fewest starts", points, given, goal):
                return


if __name__ == "__main__":
    where, wanted = sys.argv[1], float(sys.argv[2])
    fewest(where, wanted)
    attempt(where, "documented grid", 5, "sum", wanted)
    attempt(where, "documented loss", 5, "mean", wanted)

"""Run by `benchmarks/transfer.py` in an environment of its own that holds `chinchilla`.

`python fit_chinchilla.py FOLDER GOAL CAP_S`: FOLDER holds df.csv (C, N, D, loss). The package is
asked for the sum of Huber terms of the log loss, by its documented settings, with a start grid
that grows until the objective is at most GOAL or CAP_S is spent. Prints JSON: for each try its
settings, objective and seconds.

What is done in its favour: the objective is also given times 1000, because its optimiser's stop is
absolute; its picture after the fit is left out; only the fit is timed, not the imports; the time
that counts is that of the first try that reaches the goal, without the tries before it; and it
may use every core.
"""

import json
import sys
import time

import numpy as np
from chinchilla import Chinchilla
from chinchilla._metrics import log_huber

DELTA = 1e-3
RANGES = {"E": (1, 2), "a": (1, 10), "b": (1, 10), "alpha": (0.1, 0.7), "beta": (0.1, 0.7)}
"""The grid of the package's own README; a and b are logarithms."""


class SummedHuber:
    """The package averages what its loss function returns: times rows makes it the sum."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return self.factor * len(y_true) * log_huber(y_true, y_pred, DELTA)


def attempt(folder: str, points: int, factor: float) -> dict[str, object]:
    """One fit from a grid of `points` values an axis (the middle for 1)."""
    grid = {
        name: np.linspace(low, high, points) if points > 1 else np.array([(low + high) / 2])
        for name, (low, high) in RANGES.items()
    }
    package = Chinchilla(folder, param_grid=grid, loss_fn=SummedHuber(factor), log_level=60)
    package.visualizer.optim = lambda *_, **__: None
    begin = time.perf_counter()
    package.fit(parallel=True)
    seconds = time.perf_counter() - begin
    runs = package.database.df
    predicted = package.predict_loss(runs.N.values, runs.D.values)
    objective = float(np.sum(log_huber(runs.loss.values, predicted, DELTA)))
    return {
        "starts": points**5, "factor": factor, "objective": objective, "seconds": seconds,
        "parameters": {name: float(value) for name, value in package.params.items()},
    }  # fmt: skip


if __name__ == "__main__":
    folder, goal, cap = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    tries: list[dict[str, object]] = []
    began = time.perf_counter()
    for points in (1, 2, 3, 4, 5):
        for factor in (1.0, 1000.0):
            each = 0.0
            if tries:
                same = [t for t in tries if t["factor"] == factor] or tries
                each = same[-1]["seconds"] / same[-1]["starts"] * points**5
            if time.perf_counter() - began + each > cap:
                continue
            tries.append(attempt(folder, points, factor))
            print(f"chinchilla: {tries[-1]}", file=sys.stderr)
            if tries[-1]["objective"] <= goal:
                print(json.dumps(tries))
                sys.exit(0)
    print(json.dumps(tries))

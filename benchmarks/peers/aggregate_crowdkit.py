"""Run by `benchmarks/normativity.py` in an environment of its own that holds crowd-kit.

`python aggregate_crowdkit.py FOLDER MODEL STEPS`: FOLDER holds votes.npy (V, 3) of task, worker,
label, each numbered in the order in which it is first met: the package's MACE keeps some tables in
that order and some in sorted order, and mixes up teachers where the two differ. MODEL is ds, glad
or mace, with the package's defaults but at most STEPS EM iterations. Writes the parameters to
FOLDER/MODEL.npz, in the order of the numbers, and prints a JSON line: cpu and wall seconds of `fit`
alone, not of imports or of building the data frame.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from crowdkit.aggregation import GLAD, MACE, DawidSkene

warnings.simplefilter("ignore")
folder, model, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
table = np.load(f"{folder}/votes.npy")
frame = pd.DataFrame(table, columns=["task", "worker", "label"])
tasks, workers, classes = (int(n) + 1 for n in table.max(axis=0))
fitted = {"ds": DawidSkene, "glad": GLAD, "mace": MACE}[model](n_iter=steps)
begun, began = time.process_time(), time.perf_counter()
fitted.fit(frame)
cpu, wall = time.process_time() - begun, time.perf_counter() - began
if model == "ds":
    rows = pd.MultiIndex.from_product([range(workers), range(classes)])
    errors = fitted.errors_.reindex(index=rows, columns=range(classes)).fillna(0.0)
    found = {
        "confusion": errors.to_numpy().reshape(workers, classes, classes),  # worker, said, true
        "prior": fitted.priors_.reindex(range(classes)).to_numpy(),
    }
elif model == "glad":
    found = {
        "ability": fitted.alphas_.reindex(range(workers)).to_numpy(),
        "ease": fitted.betas_.reindex(range(tasks)).to_numpy(),
    }
else:
    found = {
        "knows": fitted.spamming_[:, 1] / fitted.spamming_.sum(axis=1),
        "guess": fitted.thetas_ / fitted.thetas_.sum(axis=1, keepdims=True),
    }
np.savez(f"{folder}/{model}.npz", **found)
print(json.dumps({"cpu": cpu, "wall": wall}))

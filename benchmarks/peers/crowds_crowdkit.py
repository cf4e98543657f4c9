"""Run by `benchmarks/real_crowds.py` in an environment of its own that holds crowd-kit.

`python crowds_crowdkit.py VOTES.csv OUT.npz MODEL`: MODEL is majority, wawa, ds, onecoin, glad or
mace, with the package's defaults, run in full. Writes the probabilities (T, K) with the names of
tasks and classes. Its Wawa fails with scikit-learn 1.9 and is left out then.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene, Wawa

warnings.simplefilter("ignore")
source, out, model = sys.argv[1:]
frame = pd.read_csv(source, dtype=str)
kinds = {
    "majority": MajorityVote, "wawa": Wawa, "ds": DawidSkene, "onecoin": OneCoinDawidSkene,
    "glad": GLAD, "mace": MACE,
}  # fmt: skip
found = kinds[model]().fit_predict_proba(frame).fillna(0.0)
np.savez(
    out, proba=found.to_numpy(), tasks=found.index.to_numpy().astype(str),
    classes=found.columns.to_numpy().astype(str),
)  # fmt: skip

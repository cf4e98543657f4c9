"""Our aggregators beside crowd-kit's: times and likelihoods at 1e5 labels, and memory at 1e6.

`python benchmarks/normativity.py [--json] [--no-peer] [--labels 100000] [--glad-steps 5]`.
Planted votes: 500 teachers, right in 0.4 to 0.9 of cases, else guessing; 5 votes a task, 4 classes.
Both likelihoods come from the one function here, from the parameters of each; a benchmark stops if
ours is the lower one. crowd-kit 1.4.2 lives in an environment of its own that this script makes
(.venv-bench-crowdkit), without the transformers that its text aggregators import. Defaults
everywhere, but its GLAD is stopped after --glad-steps EM iterations of its 100, in its favour as to
time. Our times are the least of three, once compiled; one thread.
"""

from __future__ import annotations

import os

# before NumPy is loaded: one thread for ours as for the peer
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import ROOT, best_times, environment, row, show
from precocial.feedback.votes import Votes, as_votes
from precocial.normativity.aggregators import Aggregated, DawidSkene, Glad, Mace
from precocial.runs import stream

Floats = NDArray[np.float64]
PEER = "crowd-kit==1.4.2"
WITH = ("numpy", "pandas", "scikit-learn", "scipy", "attrs", "tqdm", "nltk")
TEACHERS, CLASSES, EACH = 500, 4, 5
LESS = 1e-6
"""A likelihood is as good as another if it is at most this share of it lower: where both stop."""
OURS = {"ds": DawidSkene(), "glad": Glad(), "mace": Mace(tolerance=0)}


def planted(labels: int) -> NDArray[np.int64]:
    """(V, 3) task, worker, label, numbered as first met."""
    rng = stream(0, "benchmarks", "votes")
    truth = rng.integers(CLASSES, size=labels // EACH)
    task = np.repeat(np.arange(len(truth)), EACH)
    worker = rng.integers(TEACHERS, size=len(task))
    right = rng.random(len(task)) < rng.uniform(0.4, 0.9, TEACHERS)[worker]
    label = np.where(right, truth[task], rng.integers(CLASSES, size=len(task)))
    return np.stack([task, _as_met(worker), _as_met(label)], axis=1)


def _as_met(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, codes = np.unique(numbers, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


def likelihood(model: str, table: NDArray[np.int64], found: dict[str, Floats]) -> float:
    """Log likelihood of the votes; for GLAD with its priors, which it maximises with."""
    task, worker, label = table.T
    K, prior = CLASSES, np.zeros(CLASSES) - np.log(CLASSES)
    same = label[:, None] == np.arange(K)
    more = 0.0
    if model == "ds":
        each = np.log(np.maximum(found["confusion"][worker, label], 1e-10))
        prior = np.log(np.maximum(found["prior"], 1e-10))
    elif model == "mace":
        knows = found["knows"][worker, None]
        each = np.log(knows * same + (1 - knows) * found["guess"][worker, label][:, None])
    else:
        x = found["ability"][worker] * np.exp(found["ease"][task])
        wrong = -np.logaddexp(0, x) - np.log(K - 1)
        each = np.where(same, -np.logaddexp(0, -x)[:, None], wrong[:, None])
        more = -0.5 * sum(float(((found[name] - 1) ** 2).sum()) for name in ("ability", "ease"))
    scores = np.tile(prior, (task.max() + 1, 1))
    np.add.at(scores, task, each)
    return float(np.logaddexp.reduce(scores, axis=1).sum()) + more


def parameters(model: str, fit: Aggregated) -> dict[str, Floats]:
    """Ours, as the peer's."""
    if model == "ds":
        return {"confusion": fit.confusion.transpose(0, 2, 1), "prior": fit.class_prior}
    return dict(fit.parameters)


def ask_peer(python: Path, table: NDArray[np.int64], glad_steps: int) -> dict[str, Any]:
    """Times and parameters of each model."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/votes.npy", table)
        script = str(ROOT / "benchmarks" / "peers" / "aggregate_crowdkit.py")
        for model, steps in (("ds", 100), ("glad", glad_steps), ("mace", 50)):
            said = subprocess.run(
                [str(python), "-W", "ignore", script, folder, model, str(steps)],
                stdout=subprocess.PIPE, text=True, check=True, timeout=3600,
            ).stdout  # fmt: skip
            found[model] = json.loads(said.strip().splitlines()[-1])
            found[model] |= {"parameters": dict(np.load(f"{folder}/{model}.npz"))}
    return found


def peers_python() -> Path:
    """The peer's environment, in which transformers are not asked for."""
    python = environment("crowdkit", *WITH)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps"]
    done = subprocess.run([*pip, PEER], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pip install {PEER} failed: {done.stderr[-200:]}")
    return python


def rows(labels: int, glad_steps: int, with_peer: bool) -> list[dict[str, Any]]:
    """Everything, the peer in the same run."""
    table = planted(labels)
    given = as_votes(*table.T)
    peer: dict[str, Any] = {}
    name = f"{PEER}, left out"
    if with_peer:
        try:
            peer, name = ask_peer(peers_python(), table, glad_steps), PEER
        except RuntimeError as error:
            print(error, file=sys.stderr)
            name = str(error)
    found = []
    for model, ours in OURS.items():
        theirs = peer.get(model, {"cpu": None, "wall": None})
        fit = ours.fit(given)  # compiles, too
        for clock, seconds in zip(("cpu", "wall"), best_times(partial(ours.fit, given), 3)):
            what = f"{ours.name}, {labels:g} labels, {clock}"
            found.append(row(what, seconds, theirs[clock], name, "s"))
        mine = likelihood(model, table, parameters(model, fit))
        other = likelihood(model, table, theirs["parameters"]) if peer else None
        found.append(row(f"{ours.name}, log likelihood", mine, other, name, "nats", "more"))
        found[-1]["ratio"] = None  # a ratio of logarithms says nothing
        if other is not None and mine < other - LESS * abs(other):
            raise SystemExit(f"{ours.name}: {mine} is below the peer's {other}: times mean nothing")
    return found


def million(count: int) -> dict[str, Any]:
    """Peak memory and seconds of one process that makes votes of text and fits each."""
    child = subprocess.run(
        [sys.executable, __file__, "--child", str(count)], stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(child.stdout)
    return said


def read(columns: list[list[str]], made: list[Votes]) -> None:
    """Votes, kept."""
    made.append(as_votes(*columns))


def be_the_child(count: int) -> None:
    """What `million` measures."""
    table = planted(count)
    columns = [np.char.add(kind, table[:, i].astype(str)).tolist() for i, kind in enumerate("twc")]
    del table
    took = {}
    made: list[Votes] = []
    took["votes of text"] = best_times(partial(read, columns, made), 1)[1]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    del columns
    for ours in OURS.values():
        took[ours.name] = best_times(partial(ours.fit, made[0]), 1)[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak": peak, "before": before, "took": took}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peer", action="store_true", help="leave crowd-kit out")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--glad-steps", type=int, default=5)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        be_the_child(asked.child)
        sys.exit()
    measured = rows(asked.labels, asked.glad_steps, not asked.no_peer)
    large = million(10 * asked.labels)
    what = f"{10 * asked.labels:g} labels of text"
    measured.append(row(f"{what}, three models, peak", large["peak"], None, "none", "MB"))
    measured += [
        row(f"{what}: {name}", seconds, None, "none", "s")
        for name, seconds in large["took"].items()
    ]
    show(measured, as_json=asked.json)

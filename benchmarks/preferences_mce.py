"""Our maximum causal entropy gradient beside imitation's: singly, and a batch, for each problem.

`python benchmarks/preferences_mce.py [--json] [--no-peer] [--batch 256] [--repeats 30]`. A 16x16
slippery grid (256 states, 4 actions), discount 0.95, horizon 64, rewards of states. Both plan and
visit with the discount, and must give the same visits before anything is timed. imitation 1.0.1
lives in an environment of its own that this script makes (.venv-bench-imitation; torch is
installed first, by exact version, because an unpinned one brings gigabytes of CUDA). Times are the
least of the repeats, of this process alone (cpu) and by the clock on the wall; one thread each.
"""

from __future__ import annotations

import os

# before NumPy is loaded: one thread for ours as for the peer
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import ROOT, TORCH, best_times, environment, row, show
from precocial.preferences import TabularMDP
from precocial.preferences.identify.maxent import mce_gradient
from precocial.runs import stream

Floats = NDArray[np.float64]
PEER = "imitation==1.0.1"
SIDE, SLIP, DISCOUNT, HORIZON = 16, 0.2, 0.95, 64
AGREE = 1e-8
"""Visits of the two must agree to this."""


def slippery_grid() -> TabularMDP:
    """Up, down, left, right; with probability SLIP a step to either side instead; walls around."""
    S, moves = SIDE * SIDE, ((-1, 0), (1, 0), (0, -1), (0, 1))
    P = np.zeros((S, 4, S))
    for s in range(S):
        for a in range(4):
            aside = (2, 3) if a < 2 else (0, 1)
            for taken, share in ((a, 1 - SLIP), *((b, SLIP / 2) for b in aside)):
                r, c = s // SIDE + moves[taken][0], s % SIDE + moves[taken][1]
                inside = 0 <= r < SIDE and 0 <= c < SIDE
                P[s, a, r * SIDE + c if inside else s] += share
    return TabularMDP.from_arrays(P, discount=DISCOUNT)


def ask_peer(python: Path, mdp: TabularMDP, rewards: Floats, repeats: int) -> dict[str, Any]:
    """The peer's times, its visits, and those that its training loop uses."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for table, values in (("P", mdp.dense), ("rewards", rewards), ("start", mdp.start)):
            np.save(folder / f"{table}.npy", values)
        settings = {"horizon": HORIZON, "discount": DISCOUNT}
        (folder / "world.json").write_text(json.dumps(settings))
        script = str(ROOT / "benchmarks" / "peers" / "mce_imitation.py")
        said = subprocess.run(
            [str(python), "-W", "ignore", script, name, str(repeats)],
            stdout=subprocess.PIPE, text=True, check=True, timeout=600,
        ).stdout  # fmt: skip
        found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return found | {
            "visits": np.load(folder / "visits.npy"), "defect": np.load(folder / "defect.npy")
        }  # fmt: skip


def rows(batch: int, repeats: int, with_peer: bool) -> list[dict[str, Any]]:
    """Everything, the peer in the same run."""
    mdp = slippery_grid()
    states = stream(0, "benchmarks", "mce").normal(size=(batch, mdp.n_states))
    R = np.repeat(states[:, :, None], mdp.n_actions, axis=2)
    d_E = np.zeros(R.shape[1:])

    def gradient(tables: Floats) -> Any:
        return mce_gradient(mdp, tables, d_E, horizon=HORIZON)

    visits = gradient(R).occupancy.sum(axis=2)  # compiles, too
    gradient(R[0])
    single = best_times(lambda: gradient(R[0]), repeats)
    each = tuple(t / batch for t in best_times(lambda: gradient(R), max(3, repeats // 5)))
    peer: dict[str, Any] = {"cpu": None, "wall": None}
    name = f"{PEER}, left out"
    if with_peer:
        try:
            python = environment("imitation", TORCH, PEER)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            name = str(error)
        else:
            name = PEER
            peer = ask_peer(python, mdp, states[:4], repeats)
            apart = float(np.abs(peer["visits"] - visits[:4]).max())
            if not apart <= AGREE:
                raise SystemExit(f"the two disagree by {apart:.3g}: times would mean nothing")
    found = []
    for clock, alone, shared in zip(("cpu", "wall"), single, each, strict=True):
        found += [
            row(f"one gradient, {clock}", alone, peer[clock], name, "s"),
            row(f"one gradient of {batch} at once, {clock}", shared, peer[clock], name, "s"),
        ]
    if "visits" in peer:
        right = peer["visits"][0]
        wrong = float(np.abs(peer["defect"] - right).sum() / right.sum())
        ours = float(np.abs(visits[0] - right).sum() / right.sum())
        defect = row("visits used while training, relative L1 error", ours, wrong, name, "")
        found.append(defect | {"ratio": None})  # rounding in the denominator says nothing
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-peer", action="store_true", help="leave imitation out")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=30)
    asked = parser.parse_args()
    measured = rows(asked.batch, asked.repeats, not asked.no_peer)
    show(measured, as_json=asked.json)

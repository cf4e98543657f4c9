"""The preferences room beside its peers: planning for many rewards at once.

`python benchmarks/preferences.py [--json] [--no-peer] [--hypotheses 1024]`. The world is a 16x16
grid, four actions that slip (0.7 as meant, 0.1 each other way), discount 0.95, a reward R[s, a]
drawn uniformly from [-1, 1] for each hypothesis, no state that ends. Every solver must come within
1e-6 of the exact values in every state, which is checked in the run; the exact ones are from policy
iteration with linear solves. The peers are quantecon 0.11.4 and pymdptoolbox 4.0b3, in an
environment of their own that this script makes (.venv-bench-mdp).

Times are processor time of one thread, because machines are shared; wall times stand beside them.
Backups a second are held against what this core can read from its L2 cache, measured in the same
run, in two ways: at 16 bytes a Q-backup, as if each of four successors' values came from there
(single precision); and at the 6 bytes that must: the reward, and a quarter of a value read and
written, since neighbouring states' values are still in L1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.lib.measure import ROOT, best_times, environment, row, show
from precocial.preferences import Backup, TabularMDP, solve
from precocial.preferences.planning.blocks import Block, aligned
from precocial.preferences.planning.kernels import LANES, compiled, fill, load, store
from precocial.runs import stream

Floats = NDArray[np.float64]
PEERS = ("quantecon==0.11.4", "pymdptoolbox==4.0b3")
SIDE, DISCOUNT, ERROR = 16, 0.95, 1e-6
SLIP = (0.7, 0.1, 0.1, 0.1)
PEER_REWARDS = 8
"""Peers solve the first eight rewards; all rewards are alike."""
CAP_S = 20
"""Seconds for a method of a peer; one too slow for all rewards is timed on one."""
GOES = 7
L2_BYTES = (128 * 1024, 256 * 1024, 512 * 1024)
"""More than twice an L1 cache, less than an L2; the fastest counts."""
MODELS = {"16 bytes a backup": 16, "6 bytes a backup": 6}
BETA = 5.0
NEVER = -1.0
"""A level that no change is below."""


def grid() -> TabularMDP:
    """The world; at a wall one stays."""
    states, moves = SIDE * SIDE, ((0, 1), (1, 0), (0, -1), (-1, 0))
    row_, column = np.divmod(np.arange(states), SIDE)
    P = np.zeros((states, len(moves), states))
    for action in range(len(moves)):
        for turn, probability in enumerate(SLIP):
            down, right = moves[(action + turn) % len(moves)]
            there = np.clip(row_ + down, 0, SIDE - 1) * SIDE + np.clip(column + right, 0, SIDE - 1)
            np.add.at(P, (np.arange(states), action, there), probability)
    return TabularMDP.from_arrays(P, discount=DISCOUNT)


def exact_values(mdp: TabularMDP, R: Floats) -> Floats:
    """V[h, s] by policy iteration with linear solves, to rounding."""
    eye = np.eye(mdp.n_actions)
    action, V = R.argmax(axis=2), np.zeros(R.shape[:2])
    while True:
        V = mdp.policy_values(eye[action], R)
        Q = R + DISCOUNT * mdp.expected(V)
        now = np.take_along_axis(Q, action[..., None], axis=2)[..., 0]
        better = np.where(Q.max(axis=2) > now + 1e-12, Q.argmax(axis=2), action)
        if (better == action).all():
            return V
        action = better


# ---------------------------------------------------------------- peers


def peer_times(mdp: TabularMDP, R: Floats, exact: Floats) -> list[dict[str, Any]]:
    """What `peers/solve_mdp.py` says of each method."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/transitions.npy", mdp.dense.transpose(1, 0, 2))
        np.save(f"{folder}/rewards.npy", R)
        np.save(f"{folder}/exact.npy", exact)
        goal = {"discount": DISCOUNT, "error": ERROR, "seconds": CAP_S}
        Path(folder, "goal.json").write_text(json.dumps(goal))
        script = str(ROOT / "benchmarks" / "peers" / "solve_mdp.py")
        said = subprocess.run(
            [str(environment("mdp", *PEERS)), script, folder],
            check=True, text=True, stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


def against_peers(
    mdp: TabularMDP, R: Floats, ours: tuple[float, float], exact: Floats
) -> list[dict[str, Any]]:
    """Time a solve, the best method of each package first, then all."""
    tries = peer_times(mdp, R[:PEER_REWARDS], exact)
    found = []
    for package in PEERS:
        own = [one for one in tries if package.startswith(one["package"])]
        fastest = min((one for one in own if one["reached"]), key=lambda one: one["cpu"])
        for clock, time_ in zip(("wall", "cpu"), ours):
            name = f"{clock} time a solve at {len(R):,} hypotheses"
            peer = f"{package}, best: {fastest['method']}"
            found.append(row(name, time_, fastest[clock], peer, "s"))
    for one in tries:
        name = "cpu time a solve" + ("" if one["reached"] else ", the peer's error above 1e-6")
        peer = f"{one['package']} {one['method']}, epsilon {one['epsilon']:g}"
        found.append(row(name, ours[1], one["cpu"], peer, "s"))
    return found


# ---------------------------------------------------------------- bounds


@compiled
def read(numbers, times, total):  # type: ignore[no-untyped-def]
    """Reads the array `times` over and adds it up, so that nothing is left out."""
    a = b = fill(numbers, numbers.dtype.type(0))
    for _ in range(times):
        for i in range(0, numbers.size, 2 * LANES):
            a = a + load(numbers, i)
            b = b + load(numbers, i + LANES)
    store(total, 0, a + b)


def l2_bandwidth() -> float:
    """Bytes a second that one core reads from its L2 cache."""
    total, fastest = aligned(LANES, np.float32), 0.0
    for size in L2_BYTES:
        numbers = aligned(size // 4, np.float32)
        times = 2**29 // size
        read(numbers, 1, total)
        cpu, _ = best_times(lambda: read(numbers, times, total), GOES)  # noqa: B023
        fastest = max(fastest, times * size / cpu)
    return fastest


def backups(mdp: TabularMDP, how: Backup, R: Floats) -> float:
    """Q-backups a second of one block's sweeps in single precision."""
    block = Block(mdp, how, np.float32)
    np.copyto(block.R.reshape(-1, LANES), R[:LANES].reshape(LANES, -1).T)
    sweeps, never = 400, np.full(LANES, NEVER)

    def work() -> None:
        made = block.settle(never, NEVER, sweeps, in_place=False)
        if made != sweeps:
            raise SystemExit(f"{made} sweeps were made, not {sweeps}")

    work()
    return sweeps * block.R.size / best_times(work, GOES)[0]


def against_bound(mdp: TabularMDP, R: Floats) -> list[dict[str, Any]]:
    """Max and soft backups a second as shares of the L2 bound."""
    bandwidth = l2_bandwidth()
    kinds = {"max": Backup(), "soft": Backup(kind="soft", beta=BETA)}
    rates = {kind: backups(mdp, how, R) for kind, how in kinds.items()}
    bandwidth = max(bandwidth, l2_bandwidth())
    return [
        row(f"{kind}-backups a second a core", rate, bandwidth / size,
            f"L2 read bandwidth, {bandwidth / 1e9:.0f} GB/s measured, {model}", "1/s", "more")
        for model, size in MODELS.items()
        for kind, rate in rates.items()
    ]  # fmt: skip


# ---------------------------------------------------------------- rows


def rows(hypotheses: int, peer: bool) -> list[dict[str, Any]]:
    """Everything, the peers in the same run."""
    mdp = grid()
    draw = stream(0, "benchmarks", "preferences", "rewards")
    R = draw.uniform(-1, 1, (hypotheses, mdp.n_states, mdp.n_actions))
    exact = exact_values(mdp, R[:PEER_REWARDS])
    found = [row("load of the machine (1 minute)", os.getloadavg()[0], None, "", "")]
    for kind, how in (("max", Backup()), ("soft", Backup(kind="soft", beta=BETA))):
        values = solve(mdp, R, how, tolerance=ERROR, engine="numba")
        goes = lambda: solve(mdp, R, how, tolerance=ERROR, engine="numba")  # noqa: B023, E731
        cpu, wall = best_times(goes, GOES)
        each = (wall / hypotheses, cpu / hypotheses)
        bound = float(values.residual.max()) / (1 - DISCOUNT)
        found.append(row(f"largest certified error, {kind}", bound, ERROR, "asked for", ""))
        sure = solve(mdp, R[:PEER_REWARDS], how, tolerance=1e-11, engine="numpy")
        few = values.Q[:PEER_REWARDS]
        error = float(np.abs(few - sure.Q).max())
        if kind == "max":
            error = float(np.abs(few.max(axis=2) - exact).max())
            found += against_peers(mdp, R, each, exact) if peer else []
        else:
            found.append(row("cpu time a solve, soft", each[1], None, "none", "s"))
        found.append(row(f"largest true error, {kind}", error, ERROR, "asked for", ""))
        if error > ERROR or bound > ERROR:
            raise SystemExit(f"our own {kind} solver missed {ERROR:g}: {error:g}, {bound:g}")
        rate = float(values.sweeps.mean()) * mdp.n_states * mdp.n_actions / each[1]
        found.append(row(f"{kind}-backups a second, whole solves", rate, None, "none", "1/s"))
    return found + against_bound(mdp, R)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hypotheses", type=int, default=1024)
    parser.add_argument("--no-peer", action="store_true", help="leave the packages out")
    asked = parser.parse_args()
    measured = rows(asked.hypotheses, not asked.no_peer)
    show(measured, as_json=asked.json)

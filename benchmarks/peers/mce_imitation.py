"""Times imitation's maximum causal entropy gradient; run by `benchmarks/preferences_mce.py` inside
the peer's own environment.

`mce_imitation.py FOLDER REPEATS` reads P.npy (S, A, S), rewards.npy (B, S), start.npy (S,) and
world.json from FOLDER, writes visits.npy (B, S) and defect.npy (S,) there and prints one line of
JSON. A gradient is what imitation's training loop computes for it: the soft backups
(`mce_partition_fh`) and the visits (`mce_occupancy_measures`); its reward network is left out.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from imitation.algorithms.mce_irl import mce_occupancy_measures, mce_partition_fh
from seals.base_envs import TabularModelMDP


def main(folder: Path, repeats: int) -> None:
    P, rewards, start = (np.load(folder / f"{name}.npy") for name in ("P", "rewards", "start"))
    world = json.loads((folder / "world.json").read_text())
    horizon, discount = world["horizon"], world["discount"]
    env = TabularModelMDP(
        transition_matrix=P, reward_matrix=rewards[0], horizon=horizon, initial_state_dist=start
    )
    weight = discount ** np.arange(horizon)

    def gradient(reward: np.ndarray) -> np.ndarray:
        _, _, pi = mce_partition_fh(env, reward=reward, discount=discount)
        visits, _ = mce_occupancy_measures(env, reward=reward, pi=pi, discount=discount)
        return visits

    np.save(folder / "visits.npy", np.array([weight @ gradient(r)[:horizon] for r in rewards]))
    as_trained, _ = mce_occupancy_measures(env, reward=rewards[0], discount=discount)
    np.save(folder / "defect.npy", weight @ as_trained[:horizon])
    cpu, wall = [], []
    for turn in range(repeats):
        reward = rewards[turn % len(rewards)]
        begun, began = time.process_time(), time.perf_counter()
        gradient(reward)
        cpu.append(time.process_time() - begun)
        wall.append(time.perf_counter() - began)
    print(json.dumps({"cpu": min(cpu), "wall": min(wall), "version": version("imitation")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""What a genome of a policy is worth: at birth by size, and in another gravity.

`python benchmarks/genome_control.py cartpole [--seeds 3] [--root FOLDER] [--json]` runs a recipe of
`precocial.genome.control.study`, or goes on with it, and prints its figures. Needs gymnasium and
stable-baselines3, and mujoco for `cheetah`.
"""

from __future__ import annotations

import argparse

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, row, show
from precocial.genome.control import figures, study
from precocial.genome.studies.intervals import Interval
from precocial.runs import run

RECIPES = {
    "smoke": study.smoke,
    "cartpole": study.cartpole,
    "cartpole_small": study.cartpole_small,
    "cheetah": study.cheetah,
}


def rows(told: list[dict[str, Any]]) -> Iterator[Row]:
    """A figure a line; the yardstick is the trained policy, and direct transfer."""
    born = figures.births(told)
    trained = next(b.returns.mean for b in born if b.arm == figures.DIRECT)
    for one in born:
        name = f"{one.arm}, {one.parameters} parameters: return at birth"
        yield _line(name, one.returns, trained)
    lives = figures.recoveries(told)
    direct = next((r.first.mean for r in lives if r.arm == figures.DIRECT), None)
    for life in lives:
        yield _line(f"{life.arm}: mean return of the first episodes, other gravity",
                    life.first, direct)  # fmt: skip
        yield _line(f"{life.arm}: that, ahead of direct transfer", life.ahead, None)
        name = f"{life.arm}: seeds that reach the level"
        yield row(name, life.reached, None, f"median of {life.steps:g} steps", "seeds", "more")


def _line(name: str, measured: Interval, yardstick: float | None) -> Row:
    interval = f"95 % interval {measured.low:.1f} to {measured.high:.1f}, {measured.seeds} seeds"
    return row(name, measured.mean, yardstick, interval, "return", "more")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=tuple(RECIPES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of training; default: the recipe's")
    parser.add_argument("--life-steps", type=int, help="of a life; default: the recipe's")
    parser.add_argument("--root", default="control-runs", help="folder of the runs")
    asked = parser.parse_args()
    recipe = RECIPES[asked.recipe]()
    recipe = replace(
        recipe,
        steps=asked.steps or recipe.steps,
        life_steps=recipe.life_steps if asked.life_steps is None else asked.life_steps,
    )
    records = [
        run(study.control, config, asked.root) for config in study.every(recipe, seeds=asked.seeds)
    ]
    found = [told for record in records for told in record.rows]
    show(list(rows(found)), as_json=asked.json)

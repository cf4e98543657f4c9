"""What a genome of a policy is worth: at birth by size, and in another gravity.

`python benchmarks/genome_control.py [--json]` prints the figures that ship. `--remake` makes them
again and writes control_NAME.jsonl and control_NAME.json in `src/precocial/genome/results/`;
`--only NAME` makes a part. Runs go to `--root` and resume there. Making them needs gymnasium and
stable-baselines3, and mujoco for `cheetah`: the extra `control`.
"""

from __future__ import annotations

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, row
from benchmarks.lib.remaking import tell_or_remake
from precocial.genome.control import figures, study
from precocial.genome.studies.shipped import is_shipped, shipped, write_shipped
from precocial.runs import provenance, run
from precocial.runs.intervals import Interval

COMMAND = "python benchmarks/genome_control.py --remake"
PARTS: dict[str, tuple[Callable[[], study.ControlConfig], int]] = {
    "cheetah": (study.cheetah, 3),
    "cartpole": (study.cartpole, 5),
    "cartpole_small": (study.cartpole_small, 5),
}
"""Recipes with their seeds."""
KEPT_KINDS = ("birth", "life")
"""Rows that ship; the training of the genomes is in the run folders."""


def remake(name: str, root: str) -> None:
    """Run one part and ship its rows with their provenance."""
    recipe, seeds = PARTS[name]
    records = [
        run(study.control, config, root, command=f"{COMMAND} --only {name}")
        for config in study.every(recipe(), seeds=seeds)
    ]
    kept = (one for record in records for one in record.rows if one["kind"] in KEPT_KINDS)
    write_shipped(f"control_{name}", kept, provenance(records))


def rows() -> list[Row]:
    """What is shipped, a figure a line."""
    names = [name for name in PARTS if is_shipped(f"control_{name}")]
    return [
        {**one, "name": f"{name}: {one['name']}"}
        for name in names
        for one in _rows(shipped(f"control_{name}"))
    ]


def _rows(told: list[dict[str, Any]]) -> Iterator[Row]:
    """The yardstick is the trained policy, and direct transfer."""
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
    tell_or_remake(__doc__, PARTS, remake, rows)

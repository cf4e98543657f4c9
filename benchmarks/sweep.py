"""The sweep whose run table precocial ships, and on which `precocial claims transfer` judges.

`python benchmarks/sweep.py` says what is shipped. `--remake` trains it again (the laptop recipe,
about an hour on two cores; killed, it goes on from ROOT) and writes
`src/precocial/transfer/results/sweep.csv` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import sys

from precocial import io
from precocial.runs import RunRecord
from precocial.transfer.evidence import SHIPPED, shipped
from precocial.transfer.experiment import run_sweep
from precocial.transfer.ladder import recipe

COMMAND = "python benchmarks/sweep.py --remake"


def remake(workers: int, root: str) -> None:
    """Run the laptop recipe on the built-in texts and write its table with what made it."""

    def told(record: RunRecord, done: int, total: int, left: float | None) -> None:
        print(f"{done} of {total}, {left or 0:.0f} s left", file=sys.stderr)

    result = run_sweep(recipe("laptop"), root=root, workers=workers, on_done=told, command=COMMAND)
    io.write_bytes(SHIPPED, io.read_bytes(result.path / "table.csv"))
    io.write_bytes(SHIPPED.with_suffix(".json"), io.read_bytes(result.path / "sweep.json"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="train it again and ship the result")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--root", default="laptop-sweep", help="folder of the runs")
    asked = parser.parse_args()
    if asked.remake:
        remake(asked.workers, asked.root)
    table = shipped()
    if asked.json:
        print(json.dumps([]))
    else:
        print(f"{len(table)} runs, N {table.N.min():.0f} to {table.N.max():.0f}, made by {COMMAND}")

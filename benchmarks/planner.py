"""Does the planner choose well? Simulated worlds with a known best purchase; the shipped figures.

`python benchmarks/planner.py [--json]` prints them. `--remake` makes them again (200 worlds, about
a minute on one core) and writes `src/precocial/transfer/results/planner.csv` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile

from precocial import io
from precocial.runs import provenance, run
from precocial.transfer import plan_study as room
from precocial.transfer.calibration import RESULTS

COMMAND = "python benchmarks/planner.py --remake"


def remake() -> list[io.Row]:
    """Run the laptop recipe and write its worlds with their provenance."""
    with tempfile.TemporaryDirectory() as root:
        record = run(room.plan_study, room.laptop(), root, command=COMMAND)
    io.write_csv(RESULTS / "planner.csv", record.rows)
    io.write_json(RESULTS / "planner.json", provenance([record]))
    return list(record.rows)


def rows(worlds: list[io.Row]) -> list[dict[str, object]]:
    """Shares of worlds, see `plan_study.summary`."""
    found = room.summary(worlds)
    names = ("within_5_percent", "right_choice", "cost_foretold", "reached", "right_choice_of_all")
    return [
        {"name": f"planner {name}, {found['recommended']} of {found['worlds']} worlds decided",
         "ours": found[name], "peer": 1.0, "peer_name": "oracle", "ratio": found[name],
         "unit": "share", "better": "more"}
        for name in names
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    asked = parser.parse_args()
    measured = rows(remake() if asked.remake else room.shipped())
    print(json.dumps(measured) if asked.json else "\n".join(map(str, measured)))

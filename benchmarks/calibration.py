"""Do the intervals hold, and is the joint fit tighter than the read-off? The shipped figures.

`python benchmarks/calibration.py [--json]` prints them. `--remake` makes them again (both
published rows, three kinds of noise, 200 tables each: about 6 minutes on one core) and writes
`src/precocial/transfer/results/calibration.csv` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile

from precocial import io
from precocial.runs import RunRecord, sweep
from precocial.transfer import calibration as room

COMMAND = "python benchmarks/calibration.py --remake"


def remake(recipe: room.CalibrationConfig, workers: int) -> list[io.Row]:
    """Run the recipe for every combination and write the summary with its provenance."""
    configs = room.every(recipe)

    def told(record: RunRecord, done: int, total: int, _: float | None) -> None:
        print(f"{done}/{total} {record.seconds:.0f} s", file=sys.stderr)

    with tempfile.TemporaryDirectory() as root:
        records = sweep(
            room.calibration, configs, root, workers=workers, on_done=told, command=COMMAND
        )
        found = [
            row
            for config, record in zip(configs, records, strict=True)
            for row in room.summary(config, record.rows)
        ]
    io.write_csv(room.RESULTS / "calibration.csv", found)
    same = ("experiment", "code", "versions", "machine", "command")
    first = records[0]
    io.write_json(
        room.RESULTS / "calibration.json",
        {name: getattr(first, name) for name in same}
        | {"runs": [{"id": r.id, "config": r.config, "seconds": r.seconds} for r in records]},
    )
    return found


def rows(table: list[io.Row]) -> list[dict[str, object]]:
    """The spread of each exponent, joint fit against read-off; and coverages against 95 %."""
    found: list[dict[str, object]] = []
    by = {(r["published"], r["noise"], r["method"], r["quantity"]): r for r in table}
    for (published, noise, method, quantity), row in by.items():
        where = f"{published}, {noise} noise"
        if method == "joint" and quantity in ("alpha", "beta"):
            ours, peer = row["spread"], by[published, noise, "readoff", quantity]["spread"]
            found.append({
                "name": f"spread of {quantity} ({where})", "ours": ours, "peer": peer,
                "peer_name": "read-off", "ratio": round(ours / peer, 3), "unit": "",
                "better": "less",
            })  # fmt: skip
        if row["covered"] is not None:
            found.append({
                "name": f"{method} {quantity} covered ({where})", "ours": row["covered"],
                "peer": 0.95, "peer_name": "nominal", "ratio": round(row["covered"] / 0.95, 3),
                "unit": "share", "better": "nearer 1",
            })  # fmt: skip
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    measured = rows(remake(room.laptop(), asked.workers) if asked.remake else room.shipped())
    if asked.json:
        print(json.dumps(measured))
    else:
        for row in measured:
            print("{name:52} {ours:8.4f}   {peer_name} {peer:.4f}".format(**row))

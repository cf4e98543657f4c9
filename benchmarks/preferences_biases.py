"""Does the right idea of the planner pay? Shah et al.'s agents, and the restaurants; the figures.

`python benchmarks/preferences_biases.py [--json]` prints them. `--remake` makes them again (about
10 minutes on one core) and writes `biases`, `restaurant`, `temptations` and `information`, .csv and
.json, in `src/precocial/preferences/results/`; `--only` makes a part of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile

from precocial import io
from precocial.preferences import experiment as room
from precocial.preferences import information
from precocial.preferences import restaurant_study as study
from precocial.runs import RunRecord, provenance, run, sweep

COMMAND = "python benchmarks/preferences_biases.py --remake"


def remake_biases(workers: int) -> None:
    """Run every case of the laptop recipe and write the summaries with their provenance."""
    configs = room.every(room.laptop())

    def told(record: RunRecord, done: int, total: int, _: float | None) -> None:
        print(f"{done}/{total} {record.seconds:.0f} s", file=sys.stderr)

    with tempfile.TemporaryDirectory() as root:
        records = sweep(room.biases, configs, root, workers=workers, on_done=told, command=COMMAND)
    found = [
        row
        for config, record in zip(configs, records, strict=True)
        for row in room.summary(config, record.rows)
    ]
    io.write_csv(room.RESULTS / "biases.csv", found)
    io.write_json(room.RESULTS / "biases.json", provenance(records))


def remake_restaurants() -> None:
    """The chapter's inferences, exact; and people drawn from its priors."""
    with tempfile.TemporaryDirectory() as root:
        record = run(study.restaurants_read, study.ReadingConfig(), root, command=COMMAND)
        configs = study.every(study.laptop())
        records = sweep(study.temptations, configs, root, command=COMMAND)
    io.write_csv(room.RESULTS / "restaurant.csv", record.rows)
    io.write_json(room.RESULTS / "restaurant.json", provenance([record]))
    found = [
        row
        for config, one in zip(configs, records, strict=True)
        for row in study.summary(config, one.rows)
    ]
    io.write_csv(room.RESULTS / "temptations.csv", found)
    io.write_json(room.RESULTS / "temptations.json", provenance(records))


def remake_information() -> None:
    """Bits that a demonstration tells to who knows the planner and to who does not."""
    with tempfile.TemporaryDirectory() as root:
        config = information.InformationConfig()
        record = run(information.informations, config, root, command=COMMAND)
    io.write_csv(room.RESULTS / "information.csv", information.summary(record.rows))
    io.write_json(room.RESULTS / "information.json", provenance([record]))


def rows() -> list[dict[str, object]]:
    """Mean shares of the best return against MaxEnt IRL; what the walks say against the prior."""
    return [*_shah_rows(), *_people_rows(), *_information_rows(), *_reading_rows()]


def _shah_rows() -> list[dict[str, object]]:
    table = room.shipped()
    keys = ("noisy", "data", "episodes", "agent", "walls", "reader")
    by = {tuple(row[key] for key in keys): row for row in table}
    found = []
    for (noisy, data, episodes, agent, walls, reader), row in by.items():
        if reader in ("right", "wrong"):
            seen = "whole policy" if data == "policy" else f"{episodes:g} episodes"
            kind = "noisy" if noisy else "exact"
            name = f"{kind} {agent}, {seen}, {walls} walls: {reader} family"
            peer = by[noisy, data, episodes, agent, walls, "maxent"]
            found.append(_against_maxent(name, row, peer))
    return found


def _people_rows() -> list[dict[str, object]]:
    keys = ("case", "walks", "people", "reader")
    by = {tuple(row[key] for key in keys): row for row in study.shipped_temptations()}
    return [
        _against_maxent(
            f"restaurants, {case} prior, {walks:g} walk(s), {people}: {reader} family",
            row, by[case, walks, people, "maxent"],
        )
        for (case, walks, people, reader), row in by.items()
        if reader in ("right", "wrong")
    ]  # fmt: skip


def _information_rows() -> list[dict[str, object]]:
    return [
        {
            "name": f"bits of a known {row['agent']} agent's episode", "ours": row["right"],
            "peer": row["rational"], "peer_name": "taken for rational", "ratio": None,
            "unit": "bits", "better": "more",
        }
        for row in information.shipped()
    ]  # fmt: skip


def _against_maxent(name: str, row: io.Row, peer: io.Row) -> dict[str, object]:
    return {
        "name": name, "ours": row["mean"], "peer": peer["mean"], "peer_name": "MaxEnt IRL",
        "ratio": round(row["mean"] / peer["mean"], 4), "unit": "share of the best return, mean",
        "better": "more",
    }  # fmt: skip


def _reading_rows() -> list[dict[str, object]]:
    return [
        {
            "name": f"restaurants, {row['case']}, {row['path']} x {row['times']:g}: "
                    f"P({row['quantity']})",
            "ours": row["after"], "peer": row["before"], "peer_name": "prior", "ratio": None,
            "unit": "probability", "better": "as in agentmodels.org, ch. 5e",
        }
        for row in study.shipped_readings()
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    parser.add_argument("--only", choices=("biases", "restaurant", "information"))
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    if asked.remake and asked.only in (None, "biases"):
        remake_biases(asked.workers)
    if asked.remake and asked.only in (None, "restaurant"):
        remake_restaurants()
    if asked.remake and asked.only in (None, "information"):
        remake_information()
    measured = rows()
    if asked.json:
        print(json.dumps(measured))
    else:
        for one in measured:
            print("{name:72} {ours:8.4f}   {peer_name} {peer:.4f}".format(**one))

"""The trade-off lab of `genome`: instinct against learning; the figures.

`python benchmarks/genome_lab.py [--json]` prints them. `--remake` makes them again (a few minutes
on one core) and writes NAME.jsonl and NAME.json in `src/precocial/genome/results/`; `--only NAME`
makes a part of them. Runs go to `--root` and resume there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from typing import Any

from precocial.genome.lab import results
from precocial.genome.lab.attention import heuristic, laptop_heuristic
from precocial.genome.lab.hinton_nowlan import hinton_nowlan
from precocial.genome.lab.hinton_nowlan import laptop as hinton_nowlan_laptop
from precocial.genome.lab.price import laptop_price, price
from precocial.genome.lab.regularise import laptop_regularise, regularise
from precocial.genome.lab.tradeoff import laptop, laptop_baldwin, tradeoff
from precocial.genome.studies.shipped import write_shipped
from precocial.runs import provenance, run

COMMAND = "python benchmarks/genome_lab.py --remake"
PARTS: dict[str, tuple[Callable[..., Any], Callable[[], Any]]] = {
    "tradeoff": (tradeoff, laptop),
    "tradeoff_baldwin": (tradeoff, laptop_baldwin),
    "regularise": (regularise, laptop_regularise),
    "price": (price, laptop_price),
    "heuristic": (heuristic, laptop_heuristic),
    "hinton_nowlan": (hinton_nowlan, hinton_nowlan_laptop),
}
DEFAULT = tuple(name for name in PARTS if name != "tradeoff_baldwin")
"""What `--remake` makes when `--only` names nothing: the Baldwinian grid takes longest."""


def remake(name: str, root: str) -> None:
    """Run one part and ship its rows with their provenance."""
    experiment, recipe = PARTS[name]
    record = run(experiment, recipe(), root, command=f"{COMMAND} --only {name}")
    write_shipped(name, record.rows, provenance([record]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    parser.add_argument("--only", choices=tuple(PARTS))
    parser.add_argument("--root", help="folder of the runs; default: a temporary one")
    asked = parser.parse_args()
    if asked.remake:
        with tempfile.TemporaryDirectory() as temporary:
            for part in [asked.only] if asked.only else DEFAULT:
                remake(part, asked.root or temporary)
    measured = results.rows()
    if asked.json:
        print(json.dumps(measured))
    else:
        for one in measured:
            print("{name:88} {ours:9.4f}   {peer_name} {peer}".format(**one))

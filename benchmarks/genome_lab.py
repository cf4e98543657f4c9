"""The trade-off lab of `genome`: instinct against learning; the figures.

`python benchmarks/genome_lab.py [--json]` prints them. `--remake` makes them again (a few minutes
on one core) and writes NAME.jsonl and NAME.json in `src/precocial/genome/results/`; `--only NAME`
makes a part of them. Runs go to `--root` and resume there.
"""

from __future__ import annotations

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.remaking import tell_or_remake
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
BY_NAME = ("tradeoff_baldwin",)
"""What `--remake` makes only when `--only` names it: the Baldwinian grid takes longest."""


def remake(name: str, root: str) -> None:
    """Run one part and ship its rows with their provenance."""
    experiment, recipe = PARTS[name]
    record = run(experiment, recipe(), root, command=f"{COMMAND} --only {name}")
    write_shipped(name, record.rows, provenance([record]))


if __name__ == "__main__":
    tell_or_remake(__doc__, PARTS, remake, results.rows, left_out=BY_NAME)

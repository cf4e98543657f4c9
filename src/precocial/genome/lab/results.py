"""The rows of the laptop recipes that are shipped, and what they say."""

from __future__ import annotations

from precocial.genome.lab.attention import laptop_heuristic
from precocial.genome.lab.hinton_nowlan import guidance
from precocial.genome.lab.questions import (
    Answer,
    bottleneck_answers,
    heuristic_answers,
    price_answers,
)
from precocial.genome.lab.tradeoff import predictions
from precocial.genome.studies.shipped import is_shipped, shipped
from precocial.io import Row
from precocial.runs.intervals import Interval

SHIPPED = ("tradeoff", "tradeoff_baldwin", "regularise", "price", "heuristic", "hinton_nowlan")


def answers() -> list[Answer]:
    """All that is answered by shipped rows."""
    found: list[Answer] = []
    if is_shipped("regularise"):
        found += bottleneck_answers(shipped("regularise"))
    if is_shipped("price"):
        found += price_answers(shipped("price"))
    if is_shipped("heuristic"):
        found += heuristic_answers(shipped("heuristic"), laptop_heuristic().lifetime)
    return found


def rows() -> list[Row]:
    """What is shipped, as rows of `benchmarks/genome_lab.py`."""
    found = [
        _row(f"{name}: {one.statement} ({one.verdict})", one.change, one.figure)
        for name in ("tradeoff", "tradeoff_baldwin")
        if is_shipped(name)
        for one in predictions(shipped(name))
    ]
    found += [_row(f"{one.figure} ({one.reading})", one.measured, "") for one in answers()]
    if is_shipped("hinton_nowlan"):
        said = guidance(shipped("hinton_nowlan"))
        found += [
            _row("Hinton and Nowlan: right alleles, with learning", said.right, "share"),
            _row("Hinton and Nowlan: right alleles, without", said.right_without, "share"),
            _row("Hinton and Nowlan: undecided alleles left", said.undecided, "share"),
            _row("Hinton and Nowlan: fitness that learning adds", said.fitness_gain, "fitness"),
        ]
    return found


def _row(name: str, measured: Interval, unit: str) -> Row:
    return {
        "name": name,
        "ours": round(measured.mean, 4),
        "peer": None,
        "peer_name": f"95 % interval {measured.low:.4f} to {measured.high:.4f}",
        "ratio": None,
        "unit": unit,
        "better": "",
    }

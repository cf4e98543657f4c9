"""Sentences of many writers: the panel's word error rate beside every process of it.

`python benchmarks/real_texts.py [--json] [--remake]`. Reads WSA_J1.tsv and WSA_J1_gold.tsv
(CrowdWSA2019, Li and Fukumoto 2019, CC BY 4.0) from ../shared/data/crowd, or from the folder that
PRECOCIAL_CROWDS names; nothing of theirs is kept. `--remake` ships the figures. No setting was
chosen on gold. The published rates, lower is better: ROVER .612, RASA .659, HRRASA .676.
"""

from __future__ import annotations

import argparse

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, row, show
from benchmarks.real_crowds import crowd_folder, provenance_of
from precocial.io import read_text
from precocial.normativity.shipped import shipped, write_shipped
from precocial.normativity.texts import aggregate_texts, word_error_rate

PUBLISHED = 0.612
SET = "WSA_J1"
COMMAND = "python benchmarks/real_texts.py --remake"


def aggregated(folder: Path) -> tuple[list[str], dict[str, Sequence[str]]]:
    """The gold text of each task, and the texts of the panel and of each of its processes."""
    writer, task, text = zip(*_lines(folder / f"{SET}.tsv"), strict=True)
    gold = dict(_lines(folder / f"{SET}_gold.tsv"))
    found = aggregate_texts(task, writer, text)
    panel = found.panel
    assert panel is not None
    texts = {"panel": found.texts} | dict(zip(panel.processes, panel.texts, strict=True))
    return [gold[one] for one in found.tasks], texts


def measured(folder: Path) -> list[dict[str, Any]]:
    """A row for the panel, and one for each of its processes."""
    want, texts = aggregated(folder)
    rows = []
    for name, said in texts.items():
        errors = word_error_rate(want, said)
        rows.append({
            "set": SET, "given": name, "mean": errors.mean, "corpus": errors.corpus,
            "low": errors.interval[0], "high": errors.interval[1],
        })  # fmt: skip
    return rows


def _lines(path: Path) -> list[list[str]]:
    """Cells of all lines but the first; quotes are part of what people wrote."""
    return [line.split("\t") for line in read_text(path).splitlines()[1:]]


def rows() -> list[Row]:
    """What is shipped, a figure a line."""
    return [
        row(f"{one['set']}, {one['given']}: word error rate", one["mean"], PUBLISHED,
            f"published ROVER; 95 % {one['low']:.3f} to {one['high']:.3f}", "rate")
        for one in shipped("texts")
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    asked = parser.parse_args()
    if asked.remake:
        data = crowd_folder(f"{SET}.tsv")
        files = [data / f"{SET}.tsv", data / f"{SET}_gold.tsv"]
        write_shipped("texts", measured(data), provenance_of(COMMAND, files))
    show(rows(), as_json=asked.json)

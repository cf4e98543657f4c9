"""The rows of long runs that ship with this room."""

from __future__ import annotations

from pathlib import Path

from precocial.runs.shelf import Shelf

SHELF = Shelf(
    folder=Path(__file__).parent.parent / "results",
    remade_by="benchmarks/genome_study.py, genome_lab.py or genome_control.py",
)
shipped, is_shipped, write_shipped = SHELF.rows, SHELF.has, SHELF.put

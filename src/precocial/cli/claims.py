"""`precocial claims [ROOM]`: every statement of the papers, with both figures and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, number, show, table
from precocial.errors import one_of

ROOMS = ("transfer",)


def claims(
    room: Positional[str] = "transfer",
    *,
    runs: Path | None = None,
    mixed: Path | None = None,
    common: Common = COMMON,
) -> None:
    """Check the statements of a paper and print both figures.

    Args:
        room: whose claims
        runs: run table of trained models to judge on; none means the one that precocial ships
        mixed: the same, pre-trained on text mixed with other code
    """
    from precocial.runs import judge
    from precocial.transfer import CLAIMS, Evidence, RunTable, shipped

    one_of("room", room, ROOMS)
    evidence = Evidence(
        table=shipped() if runs is None else RunTable.read(runs),
        mixed=None if mixed is None else RunTable.read(mixed),
        seed=common.seed,
    )
    rows = judge(CLAIMS, evidence)
    columns = ["source", "statement", "figure", "ours", "tolerance", "verdict"]
    show(rows, lambda: [table(columns, [_row(row, columns) for row in rows])], common)


def _row(row: dict[str, Any], columns: list[str]) -> list[Any]:
    cells = {**row, "source": row["source"].removeprefix("Hernandez et al. 2021, ")}
    if row.get("interval") and row["ours"] is not None:
        low, high = row["interval"]
        cells["ours"] = f"{number(row['ours'])} ({number(low)} to {number(high)})"
    return [cells[name] for name in columns]

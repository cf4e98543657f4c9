"""`precocial claims [ROOM]`: every statement of the papers, with both figures and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, note, number, show, table
from precocial.errors import ConfigError, one_of

ROOMS = ("transfer", "genome", "normativity", "preferences")


def claims(
    room: Positional[str] = "",
    *,
    runs: Path | None = None,
    mixed: Path | None = None,
    common: Common = COMMON,
) -> None:
    """Check the statements of a paper and print both figures.

    Args:
        room: whose claims; none means all
        runs: transfer: run table of trained models to judge on; none means the shipped one
        mixed: transfer: the same, pre-trained on text mixed with other code
    """
    if room:
        one_of("room", room, ROOMS)
    if (runs or mixed) and room != "transfer":
        raise ConfigError(
            "--runs and --mixed belong to the room transfer: precocial claims transfer"
        )
    rows = []
    if room in ("", "transfer"):
        rows += _transfer(runs, mixed, common)
    if room in ("", "genome"):
        rows += _genome()
    if room in ("", "normativity"):
        rows += _normativity(common)
    if room in ("", "preferences"):
        rows += _preferences(common)
    columns = ["source", "statement", "figure", "ours", "tolerance", "verdict"]
    show(rows, lambda: [table(columns, [_row(row, columns) for row in rows])], common)


def _transfer(runs: Path | None, mixed: Path | None, common: Common) -> list[dict[str, Any]]:
    from precocial.runs import judge
    from precocial.transfer import CLAIMS, Evidence, RunTable, shipped

    evidence = Evidence(
        table=shipped() if runs is None else RunTable.read(runs),
        mixed=None if mixed is None else RunTable.read(mixed),
        seed=common.seed,
    )
    return judge(CLAIMS, evidence)


def _genome() -> list[dict[str, Any]]:
    from precocial.genome import CLAIMS, Evidence
    from precocial.runs import judge

    return judge(CLAIMS, Evidence())


def _normativity(common: Common) -> list[dict[str, Any]]:
    from precocial.normativity.claims import CLAIMS, Evidence
    from precocial.runs import judge

    return judge(CLAIMS, Evidence(seed=common.seed))


def _preferences(common: Common) -> list[dict[str, Any]]:
    from precocial.preferences import CLAIMS, Evidence
    from precocial.runs import judge

    note("enumerating the theorems (about half a minute)", common)
    return judge(CLAIMS, Evidence(seed=common.seed))


def _row(row: dict[str, Any], columns: list[str]) -> list[Any]:
    cells = {**row, "source": row["source"].removeprefix("Hernandez et al. 2021, ")}
    if row.get("interval") and row["ours"] is not None:
        low, high = row["interval"]
        cells["ours"] = f"{number(row['ours'])} ({number(low)} to {number(high)})"
    return [cells[name] for name in columns]

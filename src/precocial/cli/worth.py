"""`precocial worth`: two learning curves in, the data that the prior saves out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rich.console import RenderableType
from tyro.conf import Positional

from precocial import io
from precocial.cli.output import COMMON, Common, note, number, show, table
from precocial.cli.words import Numbers, flat
from precocial.worth import Curve, Worth, WorthRow
from precocial.worth import worth as measure

PICTURE = Path("worth.svg")


def worth(
    base: Positional[Path],
    treated: Positional[Path],
    *,
    at: Numbers = (),
    method: Literal["cubic", "pchip", "power", "rectified"] = "cubic",
    bootstrap: int = 2000,
    level: float = 0.95,
    base_arm: str = "",
    treated_arm: str = "",
    data_unit: str = "units",
    loss_unit: str = "loss",
    svg: Path = PICTURE,
    arrow_at: float | None = None,
    common: Common = COMMON,
) -> None:
    """How much data a prior saves: D with loss_base(d + D) = loss_treated(d).

    Both files are tables (.csv, .tsv, .jsonl, .parquet) with the columns data and loss, and, if
    there are several runs of a size or several arms, seed and arm. The table is printed; the
    picture of both curves, with the arrow of D, is written.

    Args:
        base: runs without the prior.
        treated: runs with it.
        at: data sizes to read at; by default every size of the treated runs.
        method: how the base curve is read: a monotone cubic, or a fitted law.
        bootstrap: draws behind the intervals; 0 for none.
        level: probability of the intervals.
        base_arm: which arm of the base file, if it holds several.
        treated_arm: which arm of the treated file, if it holds several.
        data_unit: what data counts, for the picture and the table.
        loss_unit: what the loss is, for the picture.
        svg: where to write the picture.
        arrow_at: the data size of the arrow; by default the longest.
    """
    # matplotlib is slow to import: not for --help
    from precocial.report.worth_picture import picture

    units = {"data_unit": data_unit, "loss_unit": loss_unit}
    found = measure(
        Curve.read(base, arm=base_arm or None, **units),
        Curve.read(treated, arm=treated_arm or None, **units),
        at=list(flat(at)) or None,
        method=method,
        bootstrap=bootstrap,
        level=level,
        seed=common.seed,
    )
    io.write_text(svg, picture(found, at=arrow_at))
    show(document(found, svg), lambda: view(found, svg), common)
    for text in found.notes:
        note(f"note: {text}", common)


def document(found: Worth, svg: Path) -> io.Row:
    """What `--json` prints."""
    return {
        "base": found.base.arm,
        "treated": found.treated.arm,
        "data_unit": found.base.data_unit,
        "method": found.method,
        "level": found.level,
        "seed": found.seed,
        "rows": found.records(),
        "notes": list(found.notes),
        "picture": svg,
    }


def view(found: Worth, svg: Path) -> Iterator[RenderableType]:
    """What a person sees: the table, what each row advises, where the picture is."""
    unit = found.base.data_unit
    yield table(
        [f"d ({unit})", "loss", "D", f"{100 * found.level:g} % interval", "(d + D)/d", "status"],
        [
            (row.data, row.loss, worth_text(row), interval_text(row), row.multiplier, row.status)
            for row in found.rows
        ],
        title=f"Worth of {found.treated.arm} over {found.base.arm}, in {unit}",
    )
    for row in found.rows:
        if row.advice:
            yield f"at {number(row.data)}: {row.advice}."
    yield f"picture: {svg}"


def worth_text(row: WorthRow) -> str:
    """D, or the bound that stands for it."""
    guess = "" if row.extrapolated is None else f" (law: {number(row.extrapolated)})"
    if row.worth is not None:
        return number(row.worth)
    if row.lower_bound is not None:
        return f"at least {number(row.lower_bound)}{guess}"
    if row.upper_bound is not None:
        return f"at most {number(row.upper_bound)}{guess}"
    return "-"


def interval_text(row: WorthRow) -> str:
    """Both ends; an open end in words, with the share of draws beyond it."""
    if row.low is None or row.high is None:
        return "-"
    low, high = number(row.low), number(row.high)
    if row.low <= -row.data:
        low = f"{low} (open)"
    if math.isinf(row.high):
        high = "open"
    return f"{low} to {high}"

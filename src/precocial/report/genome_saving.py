"""What a genome is worth in training examples, as a section of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from precocial.errors import MissingExtraError, PrecocialError
from precocial.report.page import Part, Picture, Section, Table, Text, quantity
from precocial.report.worth_picture import caption, picture
from precocial.worth import Status, Worth, WorthRow

KEY, TITLE = "worth", "Worth in training examples"


def saving_section(rows: Sequence[Mapping[str, Any]]) -> Section:
    """The worth of the arm "genome" beside every other arm, by `examples_saved`.

    Args:
        rows: what `precocial.genome.lives` yielded.
    """
    others = [arm for arm in dict.fromkeys(str(row["arm"]) for row in rows) if arm != "genome"]
    parts: list[Part] = []
    try:
        for base in others:
            parts += _against(rows, base)
    except MissingExtraError:
        raise
    except PrecocialError as error:
        return Section.refused(KEY, TITLE, f"No worth from these lives: {error}")
    if not parts:
        return Section.refused(KEY, TITLE, "No network lived on few examples yet.")
    text = (
        "Every network learned from so many training examples, with the rate and the step that its "
        "validation loss chose. Examples saved below 0 are lost. The genome has seen all training "
        "examples, through its ancestors."
    )
    return Section(key=KEY, title=TITLE, parts=(*parts, Text(text=text)))


def _against(rows: Sequence[Mapping[str, Any]], base: str) -> list[Part]:
    from precocial.genome.lifetime.examples_saved import examples_saved

    found = examples_saved(rows, base=base)
    what = caption(found)
    table = Table.of([_row(row) for row in found.rows], title=f"Against {base}")
    return [
        Text(text=sentence(found, base), tone="lead"),
        Picture(svg=picture(found), caption=what, table=table),
    ]


def _row(row: WorthRow) -> dict[str, Any]:
    return {
        "its examples": row.data, "loss (nats)": row.loss, "examples saved": row.worth,
        "low": row.low, "high": row.high, "at least": row.lower_bound, "at most": row.upper_bound,
        "status": row.status.value.replace("_", " "),
    }  # fmt: skip


def sentence(found: Worth, base: str) -> str:
    """The worth at birth, or at the fewest examples that there are, in a sentence."""
    row = found.rows[0]
    who = "At birth the genome" if row.data == 0 else f"With {quantity(row.data)} examples it"
    beside = f"beside {base} weights" if base == "random" else f"beside a {base} model"
    if row.status is Status.measured and row.worth is not None:
        between = ""
        if row.low is not None and row.high is not None:
            between = f" (95 % {quantity(row.low)} to {quantity(row.high)})"
        return f"{who} is worth {quantity(row.worth)} training examples{between} {beside}."
    if row.lower_bound is not None:
        return f"{who} is worth at least {quantity(row.lower_bound)} training examples {beside}."
    if row.upper_bound is not None and row.upper_bound < 0:
        lost = quantity(-row.upper_bound)
        return f"{who} loses {beside}: it is {lost} training examples behind, or more."
    if row.upper_bound is not None:
        return f"{who} is worth at most {quantity(row.upper_bound)} training examples {beside}."
    return f"What the genome is worth {beside} is undefined here: {row.advice or row.status.value}."

"""Pages of the genome's studies: how a newborn learns, its dip, what it saves, three questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from precocial import io
from precocial.errors import DataError, FitError
from precocial.report import genome_figures as pictures
from precocial.report.figures import svg
from precocial.report.genome_findings import SHARE, Curve
from precocial.report.genome_report import percent
from precocial.report.genome_saving import saving_section
from precocial.report.page import Page, Part, Picture, Section, State, Table, Text, quantity
from precocial.report.run_sections import making_section
from precocial.report.seeds import spread
from precocial.runs import RunRecord, read_run


def told_rows(record: RunRecord, *names: str) -> list[io.Row]:
    """The rows of a run.

    Raises:
        DataError: none yet, or one without these names.
    """
    rows = [dict(row) for row in record.rows]
    if not rows or any(name not in row for row in rows for name in names):
        raise DataError(
            f"has no rows with {', '.join(names)}: let the run go on (the same command)",
            path=record.path,
        )
    return rows


def _page(record: RunRecord, title: str, headline: str, *sections: Section) -> Page:
    return Page(
        title=f"{title} {record.config['data']}", headline=headline, figures=(),
        sections=(*sections, making_section(record)),
    )  # fmt: skip


def _drawn(curves: Sequence[Curve], what: str, rows: list[dict[str, Any]]) -> Picture:
    drawn = svg(lambda figure: pictures.learning_curves(figure, curves), what, width=7, height=4)
    return Picture(svg=drawn, caption=what, table=Table.of(rows, title="The curves"))


def _curves(points: Iterable[tuple[str, int, float]]) -> tuple[list[Curve], list[dict[str, Any]]]:
    """Curves of (arm, step, accuracy), over whatever else the points differ in, and their table."""
    cells: dict[str, dict[int, list[float]]] = {}
    for arm, step, accuracy in points:
        cells.setdefault(arm, {}).setdefault(step, []).append(accuracy)
    curves, rows = [], []
    for arm, by_step in cells.items():
        steps = tuple(sorted(by_step))
        means = tuple(spread(by_step[step], within=SHARE) for step in steps)
        curves.append(Curve(arm=arm, steps=steps, examples=(), accuracy=means))
        rows += [
            {"arm": arm, "step": step, "test accuracy": one.mean, "low": one.low, "high": one.high}
            for step, one in zip(steps, means, strict=True)
        ]
    return curves, rows


# ---------------------------------------------------------------- learning curves


def curves_page(path: io.PathLike) -> Page:
    """Whether a newborn's learning curve is steeper than a random network's, or only moved.

    Raises:
        DataError: a run without rows; MissingExtraError: torch is missing.
    """
    from precocial.genome.studies.negatives import AT_BIRTH, shift

    record = read_run(path)
    rows = told_rows(record, "arm", "seed", "step", "accuracy")
    living = [row for row in rows if row["arm"] != AT_BIRTH]
    curves, table = _curves((row["arm"], row["step"], row["accuracy"]) for row in living)
    picture = _drawn(curves, "Test accuracy along a life. Bands are 95 % intervals.", table)
    try:
        found = shift(living)
    except (FitError, ValueError) as error:
        why = Section(key="shift", title="Steeper, or moved?", state=State.refused,
                      parts=(Text(text=str(error), tone="refusal"),))  # fmt: skip
        return _page(record, "Moved or steeper?", "These curves cannot be compared yet.", why,
                     Section(key="curves", title="Learning curves", parts=(picture,)))  # fmt: skip
    word = "is steeper" if found.steeper else "is less steep" if found.log_ratio.low > 0 else (
        "is not told from that of a random network in steepness"
    )  # fmt: skip
    headline = (
        f"The newborn is right on {percent(found.birth.mean)} at birth, which a random network "
        f"reaches after {quantity(found.head_start_steps.mean)} steps; from there on its curve "
        f"{word}."
    )
    summary = Table.of([
        {"figure": name, "mean": one.mean, "low": one.low, "high": one.high, "seeds": one.seeds}
        for name, one in (
            ("accuracy at birth", found.birth),
            ("accuracy of random weights", found.random_birth),
            ("head start (steps)", found.head_start_steps),
            ("log of (steps of the newborn / of the random network)", found.log_ratio),
        )
    ])  # fmt: skip
    text = "A log below 0 is a steeper curve; intervals are 95 %, over seeds."
    return _page(
        record, "Moved or steeper?", headline,
        Section(key="shift", title="Steeper, or moved?", parts=(Text(text=text), summary)),
        Section(key="curves", title="Learning curves", parts=(picture,)),
    )  # fmt: skip


# ---------------------------------------------------------------- the dip


def dip_page(path: io.PathLike) -> Page:
    """What the first steps of Adam take from a newborn, and which remedy helps.

    Raises:
        DataError: a run without rows; MissingExtraError: torch is missing.
    """
    from precocial.genome.studies.dip import dips

    record = read_run(path)
    rows = told_rows(record, "remedy", "seed", "dip", "end", "curve")
    found = dips(rows)
    first, best = found[0], min(found, key=lambda one: one.dip.mean)
    headline = (
        f"{first.remedy} takes {100 * first.dip.mean:.1f} points from the newborn before it gets "
        f"better; least is taken by “{best.remedy}”, {100 * best.dip.mean:.1f} points."
    )
    summary = Table.of([
        {"remedy": one.remedy, "dip (points)": 100 * one.dip.mean, "low": 100 * one.dip.low,
         "high": 100 * one.dip.high, "accuracy at the end": one.end.mean, "its low": one.end.low,
         "its high": one.end.high, "seeds": one.dip.seeds}
        for one in found
    ])  # fmt: skip
    shown = dict.fromkeys((first.remedy, best.remedy))
    curves, table = _curves(
        (str(row["remedy"]), int(step), float(accuracy))
        for row in rows if row["remedy"] in shown for step, accuracy in row["curve"]
    )  # fmt: skip
    what = f"Test accuracy after birth: {' and '.join(shown)}. Bands are 95 % intervals over seeds."
    return _page(
        record, "The first steps hurt:", headline,
        Section(key="dip", title="The dip, remedy by remedy", parts=(
            Text(text="The dip is what is lost at the lowest point. Intervals are 95 %, over "
                 "seeds."), summary,
        )),
        Section(key="curves", title="After birth", parts=(_drawn(curves, what, table),)),
    )  # fmt: skip


# ---------------------------------------------------------------- examples saved


def saving_page(path: io.PathLike) -> Page:
    """What a genome is worth in training examples.

    Raises:
        DataError: a run without rows; MissingExtraError: torch is missing.
    """
    record = read_run(path)
    section = saving_section(told_rows(record, "arm", "data", "seed", "loss"))
    said = next((part.text for part in section.parts if isinstance(part, Text)), "")
    return _page(record, "Worth in training examples:", said, section)


# ---------------------------------------------------------------- questions


def regularise_page(path: io.PathLike) -> Page:
    """Whether the bottleneck regularises."""
    from precocial.genome.lab.questions import bottleneck_answers

    return _answers(path, "Does the bottleneck regularise?", bottleneck_answers)


def price_page(path: io.PathLike) -> Page:
    """Whether a price per byte changes what evolves."""
    from precocial.genome.lab.questions import price_answers

    return _answers(path, "Does a price per byte change what evolves?", price_answers)


def heuristic_page(path: io.PathLike) -> Page:
    """Whether a genome can carry what to attend to."""
    from precocial.genome.lab.questions import heuristic_answers

    lifetime = int(read_run(path).config["lifetime"])
    return _answers(
        path, "Can a genome carry what to attend to?",
        lambda rows: heuristic_answers(rows, lifetime),
    )  # fmt: skip


def _answers(path: io.PathLike, title: str, of: Callable[[list[io.Row]], list[Any]]) -> Page:
    record = read_run(path)
    rows = told_rows(record, "seed")
    try:
        found = of(rows)
    except (FitError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"its rows answer nothing yet ({error}): let the run go on (the same command)",
            path=record.path,
        ) from error
    words = [str(one.reading) for one in found]
    counts = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    table = Table.of([
        {"figure": one.figure, "reading": one.reading, "mean": one.measured.mean,
         "low": one.measured.low, "high": one.measured.high, "seeds": one.measured.seeds}
        for one in found
    ])  # fmt: skip
    parts: tuple[Part, ...] = (
        Text(text="A figure answers if its 95 % interval over seeds excludes 0."), table,
    )  # fmt: skip
    headline = f"Of {len(found)} figures that would answer: {counts}."
    return _page(record, title, headline, Section(key="answers", title="Answers", parts=parts))

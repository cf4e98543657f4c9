"""Short pages of the genome's other runs: layers handed on, one genome evolved, the trade-off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from precocial import io
from precocial.errors import DataError, FitError
from precocial.report import genome_figures as pictures
from precocial.report.figures import svg
from precocial.report.genome_findings import Curve
from precocial.report.genome_report import percent
from precocial.report.genome_studies import told_rows
from precocial.report.page import Listing, Page, Part, Picture, Section, Table, Text, quantity
from precocial.report.run_sections import making_section
from precocial.report.seeds import spread
from precocial.runs import RunRecord, read_run

LATE, EARLY = "last 1", "first 1"
MAPPED = {"birth": "c(0)", "learned": "c(T)", "gap": "gap", "survival": "survival"}
"""Columns of a grid that are drawn as maps, and what they are called there."""


# ---------------------------------------------------------------- layer by layer


def layers_page(path: io.PathLike) -> Page:
    """What layers of a newborn, and of a trained network, are worth on other classes.

    Raises:
        DataError: a run without rows; MissingExtraError: torch is missing.
    """
    from precocial.genome.studies.negatives import gains

    record = read_run(path)
    rows = told_rows(record, "arm", "seed", "step", "accuracy")
    arms = {row["arm"] for row in rows}
    if "none" not in arms or len(arms) < 2:
        raise DataError("has no arms to compare yet: let the run go on", path=record.path)
    classes = _classes(record)
    found = gains(_whole_seeds(rows), classes)
    shown = [
        (gain.arm, gain.accuracy.mean, gain.accuracy.low, gain.accuracy.high)
        for gain in found if gain.arm != "none"
    ]  # fmt: skip
    what = (
        "Accuracy on the other classes, mean over a life, minus that of the same network with "
        "random layers. Bars are 95 % intervals over seeds."
    )
    drawn = svg(
        lambda figure: pictures.gains(figure, shown), what,
        width=7, height=1.2 + 0.28 * len(shown),
    )  # fmt: skip
    table = Table.of([
        {"layers": gain.arm, "ahead (points)": 100 * gain.accuracy.mean,
         "low": 100 * gain.accuracy.low, "high": 100 * gain.accuracy.high,
         "log of time to half": gain.half_way.mean, "its low": gain.half_way.low,
         "its high": gain.half_way.high}
        for gain in found
    ])  # fmt: skip
    text = (
        "A genome was evolved, and a network trained, on the first half of the classes. Networks "
        "then learned the second half, with some layers handed on and the others random. Below 0 "
        "a layer hurts. “Time to half” is that to half of the way from chance to the end of the "
        "random network's curve; a log below 0 is faster."
    )
    section = Section(key="layers", title="Layer by layer", parts=(
        Text(text=text), Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip
    return Page(
        title=f"Which layers carry over? {record.config['data']}",
        headline=_layers_headline(shown),
        figures=(),
        sections=(section, making_section(record)),
    )


def _whole_seeds(rows: list[io.Row]) -> list[io.Row]:
    """The seeds all of whose arms are there to the end."""
    steps = max(row["step"] for row in rows)
    ended: dict[Any, set[str]] = {}
    for row in rows:
        if row["step"] == steps:
            ended.setdefault(row["seed"], set()).add(row["arm"])
    most = max(map(len, ended.values()), default=0)
    return [row for row in rows if len(ended.get(row["seed"], ())) == most]


def _classes(record: RunRecord) -> int:
    from precocial.genome.experiment import named_task

    return named_task(str(record.config["data"])).classes // 2


def _layers_headline(shown: list[tuple[str, float, float, float]]) -> str:
    by_arm = {row[0]: row for row in shown}
    said = []
    for arm, who in ((EARLY, "The newborn's first layer"), (LATE, "its last layer")):
        if arm not in by_arm:
            continue
        _, mean, low, high = by_arm[arm]
        neither = "neither helps nor hurts beyond the seeds"
        word = "helps" if low > 0 else "hurts" if high < 0 else neither
        said.append(f"{who} {word} ({_signed(mean)} points)")
    hurt = [f"“{row[0]}”" for row in shown if row[3] < 0 and row[0] not in (EARLY, LATE)]
    if hurt:
        said.append(f"{' and '.join(hurt)} {'hurt' if len(hurt) > 1 else 'hurts'} too")
    sure = [row for row in shown if row[2] > 0]
    if not sure:
        said.append("no layers gain beyond the seeds")
        return "; ".join(said) + "."
    best = max(sure, key=lambda row: row[1])
    said.append(f"most is gained with “{best[0]}” ({_signed(best[1])} points)")
    return "; ".join(said) + "."


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


# ---------------------------------------------------------------- one genome


def evolution_page(path: io.PathLike) -> Page:
    """How one genome was evolved."""
    record = read_run(path)
    rows = told_rows(record, "kind")
    generations = [row for row in rows if row["kind"] == "generation"]
    result = next((row for row in rows if row["kind"] == "result"), None)
    notes = () if result is None else (Listing(items=tuple(
        ("Note", text) for text in evolution_notes(rows)
    )),)  # fmt: skip
    loop = str(record.config["loop"])
    curve = Curve(
        arm="genome",
        steps=tuple(int(row["generation"]) for row in generations),
        examples=tuple(int(row["examples"]) for row in generations),
        accuracy=tuple(spread([float(row["valid"])]) for row in generations),
    )
    what = "Accuracy at birth on the validation examples."
    drawn = svg(
        lambda figure: pictures.learning_curves(
            figure, [curve], along="generations", of="validation"
        ),
        what, width=7, height=4,
    )  # fmt: skip
    parts: tuple[Part, ...] = (
        Picture(svg=drawn, caption=what, table=Table.of(generations, title="Every row")),
        *(note for note in notes if note.items),
    )
    headline = "The run has not ended: no figure on the test examples yet."
    if result is not None:
        headline = (
            f"Evolved by {loop}, {result['bytes']:,} bytes give birth to {result['phenotype']:,} "
            f"weights that are right on {percent(result['test'])} of the test examples before any "
            f"training. {chosen(rows)}. Nothing here says whether another use of these bytes is "
            "better: precocial genome compress does."
        )
    return Page(
        title=f"One genome: {record.config['data']}",
        headline=headline,
        figures=(),
        sections=(
            Section(key="generations", title="Generation by generation", parts=parts),
            making_section(record),
        ),
    )


def chosen(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which generation was chosen, and by what, from the rows of `evolving`."""
    *generations, result = rows
    best = next((row for row in generations if row["generation"] == result["generation"]), {})
    said = f"Generation {result['generation']} is the best by validation"
    if best.get("learned") is None:
        return said
    return f"{said} after a life: right on {percent(best['learned'])} of those examples then"


def evolution_notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What may be wrong with a genome, from the rows of `evolving`."""
    *generations, result = rows
    found = []
    if len(generations) > 1 and result["generation"] == generations[0]["generation"]:
        found.append(
            "no generation is better than the genome before any evolution: the rate is too high, "
            "or the generations are too few"
        )
    if result["parameters"] >= result["phenotype"]:
        found.append(
            f"the genome has {result['parameters']:,} numbers, no fewer than the network's "
            f"{result['phenotype']:,}: it compresses nothing"
        )
    return found


# ---------------------------------------------------------------- the trade-off


def tradeoff_page(path: io.PathLike) -> Page:
    """Maps of instinct and learning over variability, lifetime and bytes, and the predicted signs.

    Raises:
        DataError: a run without rows; MissingExtraError: torch is missing.
    """
    from precocial.genome.lab.ledger import ledger
    from precocial.genome.lab.tradeoff import cell_table, half_line, predictions

    record = read_run(path)
    rows = told_rows(record, "variability", "lifetime", "bytes", "seed", "birth", "learned")
    cells = cell_table(rows)
    what = (
        "Means over seeds, a column for each size of the genome: accuracy at birth c(0) and after "
        "learning c(T) in held-out worlds, the share of instinct (none, –, where next to nothing "
        "is learned; below 0, the newborn is worse than chance), the gap between ancestral and "
        "held-out worlds, survival by Eq. 2."
    )
    drawn = svg(
        lambda figure: pictures.maps(
            figure, cells, {**MAPPED, "share": "instinct"}, ("variability", "lifetime", "bytes")
        ),
        what, width=8.2, height=11,
    )  # fmt: skip
    signs, headline = _signs(rows, predictions)
    halves = [
        {"lifetime": one.lifetime, "bytes": one.bytes, "variability": one.variability,
         "status": one.status.replace("_", " ")}
        for one in half_line(rows)
    ]  # fmt: skip
    return Page(
        title=f"Instinct or learning? {record.config['data']}",
        headline=headline,
        figures=(),
        sections=(
            Section(key="signs", title="What was predicted", parts=signs),
            Section(key="maps", title="Maps", parts=(
                Picture(svg=drawn, caption=what, table=Table.of(cells, title="Every cell")),
            )),
            Section(key="half", title="Where instinct is half", parts=(
                Text(text="The variability at which (c(0) − chance) / (c(T) − chance) is a half. "
                     "Above range: even the most variable world leaves more to instinct. Below "
                     "range: even the least variable one leaves less. Undefined: too little is "
                     "learned for a share."),
                Table.of(halves),
            )),
            Section(key="ledger", title="The bits of real species", parts=(
                Text(text="What a genome holds against what a connectome would take: why there is "
                     "a bottleneck at all. A ratio above 1 does not fit."),
                Table.of(list(ledger())),
            )),
            making_section(record),
        ),
    )  # fmt: skip


def _same_genomes(rows: list[io.Row]) -> list[str]:
    """Neighbouring sizes whose genomes are one: more bytes cannot change anything there."""
    sizes: dict[float, dict[Any, Any]] = {}
    for row in rows:
        cell = (row["variability"], row["lifetime"], row["seed"])
        sizes.setdefault(row["bytes"], {})[cell] = (row["parameters"], row["birth"])
    levels = sorted(sizes)
    return [
        f"The genomes of at most {low:,} and of at most {high:,} bytes are the same: between them "
        "no step is tested"
        for low, high in itertools.pairwise(levels) if sizes[low] == sizes[high]
    ]  # fmt: skip


def _signs(rows: list[io.Row], predictions: Any) -> tuple[tuple[Part, ...], str]:
    try:
        found = predictions(rows)
    except FitError as error:
        return (Text(text=str(error), tone="refusal"),), "The grid is too small to judge a sign."
    counts = {word: sum(one.verdict == word for one in found) for word in
              ("holds", "fails", "not decided")}  # fmt: skip
    headline = (
        f"Of {len(found)} predicted signs {counts['holds']} hold, {counts['fails']} fail, "
        f"{counts['not decided']} are not decided."
    )
    failed = [one.statement for one in found if one.verdict == "fails"]
    if failed:
        headline += f" What fails: {'; '.join(failed)}."
    table = Table.of([
        {"predicted": one.statement, "verdict": one.verdict,
         "from": f"{quantity(one.low_level)} to {quantity(one.high_level)}",
         "change": one.change.mean, "low": one.change.low, "high": one.change.high}
        for one in found
    ])  # fmt: skip
    text = (
        "Changes from the low to the high level, mean over the other axes, paired over seeds; a "
        "sign holds if its 95 % interval lies on that side of 0."
    )
    parts: list[Part] = [Text(text=text), table]
    if not any(one.figure == "share" for one in found):
        parts.append(Text(text="The share of instinct is not judged: at an end of each axis next "
                          "to nothing is learned beyond chance."))  # fmt: skip
    parts += [Text(text=f"{one}.") for one in _same_genomes(rows)]
    return tuple(parts), headline

"""A compressed model as one page: `genome_page(folder)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import RunError
from precocial.report import genome_figures as pictures
from precocial.report.figures import svg
from precocial.report.genome_findings import NAMES, Against, GenomeFindings, Point
from precocial.report.genome_saving import KEY, TITLE, saving_section
from precocial.report.page import Listing, Page, Part, Picture, Section, Table, Text, quantity
from precocial.report.run_sections import making_section
from precocial.report.seeds import Spread
from precocial.runs import read_run


def genome_page(path: io.PathLike) -> Page:
    """What a run of `precocial genome compress` found, as sections.

    Args:
        path: the run folder.

    Raises:
        DataError: a run of another kind, or one without a genome.
        RunError: a damaged folder.
    """
    return page_of_findings(GenomeFindings.of(read_run(path)))


def page_of_findings(found: GenomeFindings) -> Page:
    """The sections of a run that has been read."""
    return Page(
        title=f"Born able? {model_name(found)}, {data_name(found)}",
        headline=headline(found),
        figures=_figures(found),
        sections=tuple(make(found) for make in SECTIONS),
    )


def model_name(found: GenomeFindings) -> str:
    """The model as the command named it."""
    config = found.record.config
    if config["model"]:
        return str(config["model"])
    return f"perceptron with {'-'.join(str(units) for units in config['hidden'])} hidden units"


def data_name(found: GenomeFindings) -> str:
    """The data as the command named them."""
    return str(found.record.config["data"])


def percent(value: float) -> str:
    """A share with one digit behind the point."""
    return f"{100 * value:.1f} %"


def headline(found: GenomeFindings) -> str:
    """Accuracy at birth at both ends of the budgets, and whether a rival of equal bytes wins."""
    genomes = found.genomes()
    small, large = genomes[0], genomes[-1]
    said = (
        f"Before any training, a network that is born from {small.bytes:,.0f} bytes is right on "
        f"{percent(small.test.mean)} of the test examples"
    )
    if large is not small:
        said += f", one from {large.bytes:,.0f} bytes on {percent(large.test.mean)}"
    said += f"; the trained whole of {found.whole_bytes:,} bytes on {percent(found.whole.mean)}."
    ends = [small] if large is small else [small, large]
    verdicts = _verdicts([_verdict(found, point) for point in ends])
    return " ".join([said, *_not_smaller(found), *verdicts])


def _not_smaller(found: GenomeFindings) -> list[str]:
    """Where a genome has as many numbers as its network, nothing is generated."""
    sizes = [p.budget for p in found.genomes() if p.parameters >= found.whole_parameters]
    if not sizes:
        return []
    said = (
        f"At {_listed(sizes)} bytes the genome has no fewer numbers than the network's "
        f"{found.whole_parameters:,}: there is nothing that it generates"
    )
    if found.quantised is not None:
        size, test = found.quantised
        said += f"; the trained whole at as few bits has {size:,.0f} bytes and {percent(test.mean)}"
    return [f"{said}."]


def _verdicts(said: list[tuple[bool, str]]) -> list[str]:
    """What wins first; a loss is not to be overlooked."""
    return [text for _, text in sorted(said, key=lambda one: not one[0])]


def _verdict(found: GenomeFindings, point: Point) -> tuple[bool, str]:
    """Whether a rival wins at a budget, in a sentence."""
    rivals = found.rivals(point.budget)
    if not rivals:
        return False, f"No rival was tried at {point.budget:,} bytes."
    best, size = rivals[0], f"{point.budget:,} bytes"
    name = NAMES.get(best.rival.method, best.rival.method)
    figure = f"{percent(best.rival.test.mean)} ({ahead(best.ahead)})"
    if best.ties:
        fewer = f", in {best.rival.bytes:,.0f} bytes against {point.bytes:,.0f}" * best.cheaper
        return best.cheaper, f"At {size} a rival is as good: {name}, {figure}{fewer}."
    if best.ahead.low is None:
        word = "A rival is ahead" if best.wins else "No rival is ahead"
        nearest = "" if best.wins else "the nearest, "
        return best.wins, f"{word} at {size}, on one seed: {nearest}{name}, {figure}."
    if not best.ahead.sign:
        return best.wins, (
            f"At {size} the seeds do not tell the genome and the best rival, {name}, apart: "
            f"{figure}."
        )
    if best.wins:
        return True, f"A rival wins at {size}: {name}, {figure}."
    return False, f"At {size} no rival is better; the nearest, {name}, has {figure}."


def ahead(difference: Spread) -> str:
    """A difference in points with its interval."""
    points = f"{100 * difference.mean:+.1f} points".replace("-", "−")
    if difference.low is None or difference.high is None:
        return f"{points}, one seed: no interval"
    told = f"{points}, 95 % {100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
    return told.replace("-", "−")


def _figures(found: GenomeFindings) -> tuple[tuple[str, str, str], ...]:
    genomes = found.genomes()
    small, large = genomes[0], genomes[-1]
    ratio = found.whole_bytes / large.bytes
    rivals = found.rivals(large.budget)
    best = rivals[0].rival if rivals else None
    return (
        ("smallest genome", percent(small.test.mean), f"{small.bytes:,.0f} bytes"),
        ("largest genome", percent(large.test.mean),
         f"{large.bytes:,.0f} bytes, {quantity(ratio)} times fewer than the whole"),
        ("trained whole", percent(found.whole.mean),
         f"{found.whole_parameters:,} parameters, {found.whole_bytes:,} bytes"),
        ("best rival of the largest", percent(best.test.mean) if best else "none",
         NAMES.get(best.method, best.method) if best else ""),
    )  # fmt: skip


# ---------------------------------------------------------------- sections


def pareto(found: GenomeFindings) -> Section:
    """Accuracy against bytes."""
    what = (
        "Test accuracy against bytes on disk: the genome at birth, before any training, and what "
        "else so many bytes buy, trained. Bars are 95 % intervals over seeds."
    )
    drawn = svg(
        lambda figure: pictures.accuracy_by_bytes(
            figure, found.points, found.whole, found.whole_bytes
        ),
        what, width=8.2, height=4.4,
    )  # fmt: skip
    table = Table.of([point.row() for point in found.points], title="The points")
    return Section(key="bytes", title="Accuracy against bytes", parts=(
        Text(text="Sizes are of whole files: numbers, header and all. One is not: pruned and "
             "quantised is counted as the shortest code of its entries and their places, without "
             "a file, which the others pay some 170 bytes for; that flatters it. The trained whole "
             f"is counted at single precision{_at_few_bits(found)}. Low rank, subspace and chunked "
             "are genomes of another rule, made and trained as the genome is."),
        Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip


def _at_few_bits(found: GenomeFindings) -> str:
    if found.quantised is None:
        return ""
    size, test = found.quantised
    return (
        f"; at {found.record.config['bits']} bits a number it has {size:,.0f} bytes and is right "
        f"on {percent(test.mean)}"
    )


def rivals(found: GenomeFindings) -> Section:
    """Every rival against the genome, budget by budget."""
    every = [one for point in found.genomes() for one in found.rivals(point.budget)]
    if not every:
        text = Text(text="No rival was tried: nothing says that a genome is the way to spend these "
                    "bytes.", tone="lead")  # fmt: skip
        return Section(
            key="rivals", title="What else the bytes buy", parts=(text, *_missing(found))
        )
    table = Table.of([
        {"at most (bytes)": one.genome.budget,
         "rival": NAMES.get(one.rival.method, one.rival.method), "its bytes": one.rival.bytes,
         "rival (%)": 100 * one.rival.test.mean, "genome (%)": 100 * one.genome.test.mean,
         "rival ahead (points)": 100 * one.ahead.mean, "low": _points(one.ahead.low),
         "high": _points(one.ahead.high), "better": one.verdict}
        for one in every
    ])  # fmt: skip
    return Section(key="rivals", title="What else the bytes buy", parts=(
        Text(text=_rivals_lead(every), tone="lead"),
        Text(text="Differences are paired by seed; not told apart: the interval holds 0. The best "
             "rival is picked on the test examples, which flatters the rivals."),
        table, *_missing(found),
    ))  # fmt: skip


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _rivals_lead(every: list[Against]) -> str:
    """At which sizes a rival beats the genome, is ahead, or is as good in fewer bytes."""
    kinds = (
        ("a rival beats the genome", [one for one in every if one.wins and one.ahead.sign]),
        ("a rival is ahead, but not beyond the seeds",
         [one for one in every if one.wins and not one.ahead.sign]),
        ("a rival is as good in fewer bytes", [one for one in every if one.cheaper]),
    )  # fmt: skip
    said = [
        f"{what} at {_listed(sorted({one.genome.budget for one in found}))} bytes"
        for what, found in kinds if found
    ]  # fmt: skip
    if not said:
        return "At no size does a rival beat the genome."
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _listed(values: list[int]) -> str:
    words = [f"{value:,}" for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _missing(found: GenomeFindings) -> tuple[Part, ...]:
    if not found.missing:
        return ()
    rows = [
        {"method": NAMES.get(method, method), "at most (bytes)": budget, "why": why}
        for method, budget, why in found.missing
    ]
    return (Table.of(rows, title="Not there"),)


def learning(found: GenomeFindings) -> Section:
    """How the newborn learns."""
    title = "Learning from birth"
    if not found.curves:
        return Section.refused("learning", title, "No network lived in this run: life_steps is 0.")
    size = found.genomes()[-1].bytes
    what = (
        f"The newborn of the largest genome ({size:,.0f} bytes), the same weights shuffled within "
        "each tensor, and random weights, trained alike. Bands are 95 % intervals over seeds."
    )
    drawn = svg(
        lambda figure: pictures.learning_curves(figure, found.curves), what, width=7, height=4
    )
    rows = [
        {"arm": curve.arm, "step": step, "examples": seen, "test accuracy": one.mean,
         "low": one.low, "high": one.high}
        for curve in found.curves
        for step, seen, one in zip(curve.steps, curve.examples, curve.accuracy, strict=True)
    ]  # fmt: skip
    start = found.head_start
    worth = (
        "Within this life the random network does not reach what the newborn can do at birth (in "
        "at least one seed), so the head start is longer than the curves."
        if start is None
        else f"The random network is shown {quantity(start.mean)} examples"
        f"{_between(start)} before it is as good as the newborn was at birth, repeats counted."
    )
    return Section(key="learning", title=title, parts=(
        Text(text=worth, tone="lead"),
        Picture(svg=drawn, caption=what, table=Table.of(rows, title="The curves")),
    ))  # fmt: skip


def _between(one: Spread) -> str:
    if one.low is None or one.high is None:
        return ""
    return f" (95 % {quantity(max(0.0, one.low))} to {quantity(one.high)})"


def saved(found: GenomeFindings) -> Section:
    """What the largest genome is worth in training examples."""
    if not found.savings:
        why = (
            "No network lived on few examples in this run: worth_sizes are none, or not yet there."
        )
        return Section.refused(KEY, TITLE, why)
    section = saving_section(found.savings)
    lived = {int(row["data"]) for row in found.savings}
    absent = [size for size in found.record.config.get("worth_sizes", ()) if size not in lived]
    if not absent:
        return section
    why = f"Nothing lived on {_listed(absent)} examples: there are not so many to train on."
    return replace(section, parts=(*section.parts, Text(text=why)))


def filters(found: GenomeFindings) -> Section:
    """What the first layer looks for."""
    title = "Filters of the first layer"
    try:
        arrays = found.record.load("filters")[0]
    except RunError:
        why = "The first layer does not see a picture, or the run has not ended."
        return Section.refused("filters", title, why)
    groups = {"genome, at birth": arrays["genome"], "whole, trained": arrays["trained"]}
    what = (
        "The largest filters, each on a scale of its own: blue excites, red inhibits. Largest "
        f"genome, seed {found.seeds[0]}."
    )
    rows = sum(-(-len(found) // pictures.PER_ROW) for found in groups.values())
    drawn = svg(lambda figure: pictures.filters(figure, groups), what, width=7, height=0.95 * rows)
    table = Table.of([
        {"network": name, "filter": number, "norm": float(np.linalg.norm(one)),
         "correlation of neighbours": neighbours(one)}
        for name, found in groups.items() for number, one in enumerate(found, 1)
    ], title="Norms, and how alike neighbouring pixels are")  # fmt: skip
    smooth = {name: np.mean([neighbours(one) for one in found]) for name, found in groups.items()}
    text = "; ".join(f"{name}: {value:.2f}" for name, value in smooth.items())
    return Section(key="filters", title=title, parts=(
        Text(text=f"Mean correlation of neighbouring pixels within a filter: {text}. 1 is smooth, "
             "0 is noise."),
        Picture(svg=drawn, caption=what, table=table),
    ))  # fmt: skip


def neighbours(one: NDArray[np.floating]) -> float:
    """Correlation of pixels that touch, across and down; 0 for a filter that is all one value."""
    pairs = [(one[:, :-1], one[:, 1:]), (one[:-1], one[1:])]
    left, right = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def points(found: GenomeFindings) -> Section:
    """Every point of every seed."""
    columns = ("method", "seed", "budget", "bytes", "parameters", "valid", "test", "note")
    rows = [
        {name: row.get(name) for name in columns}
        for row in found.record.rows if row["kind"] == "point"
    ]  # fmt: skip
    return Section(key="points", title="Every point", parts=(
        Table.of(rows, title=f"{len(rows)} points, seed by seed", folded=True),
    ))  # fmt: skip


def doubts(found: GenomeFindings) -> Section:
    """What may mislead."""
    record = found.record
    items = [
        ("Which examples", "Rates, sizes and generations are chosen on the validation examples; "
         "the test examples are scored here only."),
    ]  # fmt: skip
    wanted = int(record.config["seeds"])
    if not record.complete:
        items.append(("Not finished", f"The run was cut short: {len(found.seeds)} of {wanted} "
                      "seeds, the last perhaps in part. The same command goes on."))  # fmt: skip
    if wanted == 1:
        items.append(("One seed", "There are no intervals: nothing tells an effect from chance. "
                      "Give --seeds 3 or more."))  # fmt: skip
    elif wanted < 5:
        items.append(("Few seeds", f"Intervals from {wanted} seeds are wide and lean on "
                      "normality."))  # fmt: skip
    if found.whole.mean < 0.5:
        items.append(("The whole is weak", "Even trained, the whole is right on only "
                      f"{percent(found.whole.mean)}: try more --dense-steps, or another "
                      "model."))  # fmt: skip
    weak = [p for p in found.genomes() if p.test.mean < 0.5 * found.whole.mean]
    if weak:
        items.append(("A weak genome", f"At {_listed([p.budget for p in weak])} bytes the newborn "
                      "has less than half of the whole's accuracy: more steps for the genome may "
                      "help, or another decoder."))  # fmt: skip
    return Section(key="doubts", title="What to doubt", parts=(Listing(items=tuple(items)),))


def making(found: GenomeFindings) -> Section:
    """Files, config, versions, command."""
    return making_section(found.record)


SECTIONS: tuple[Callable[[GenomeFindings], Section], ...] = (
    pareto, rivals, learning, saved, filters, points, doubts, making,
)  # fmt: skip

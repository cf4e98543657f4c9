"""People's choices as one page: `people_page(folder)`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from precocial import io
from precocial.preferences.people.comparison import Contrast, Margin, Score
from precocial.preferences.people.held_out import CHANCE, FREQUENT, RATE, REGRESSION
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report import figures as art
from precocial.report.page import Listing, Page, Part, Picture, Section, Table, Text, quantity
from precocial.report.people_figures import draw_differences, draw_gains, draw_intervals
from precocial.report.people_words import WORDS, Words

MAX_PEOPLE = 40
ENOUGH = 20
"""Choices of a person from which their own interval is shown (ours)."""
STRONG = 0.7
"""A posterior correlation beyond which two parameters are said to trade off (ours)."""


def people_page(path: io.PathLike) -> Page:
    """What people's choices told, as sections.

    Args:
        path: a folder with people.json, or that file.

    Raises:
        DataError: no record there, or a malformed one.
    """
    place = Path(path)
    record = ChoiceRecord.read(place / PEOPLE if place.is_dir() else place)
    words = WORDS[record.kind]
    sections = (_foretold(record, words), _rivals(record, words), _parameters(record, words),
                _open(record, words))  # fmt: skip
    return Page(
        title=f"What do these choices tell? {record.source}",
        headline=headline(record),
        figures=_figures(record),
        sections=tuple(section for section in sections if section.parts),
    )


# ---------------------------------------------------------------- in a sentence


def headline(record: ChoiceRecord) -> str:
    """The best model over the base rates and beside a regression, the group's first figure, and
    what stays open."""
    words, best, first = WORDS[record.kind], record.comparison.best, record.group[0]
    models = sum(not score.baseline for score in record.comparison.scores)
    of = f", the best of {models} models," if models > 1 else ""
    people = len(record.comparison.people)
    unit = f" {first.unit}" if first.unit else ""
    return (
        f"Held-out choices: {words.name(best.name)}{of} is right "
        f"{_points(best.gain_right)} than {words.name(FREQUENT)}, {_over(people)}"
        + (f", and {_gain(best.gain_nats)} than {words.name(RATE)}" if best.gain_nats else "")
        + f". {_beside_regression(record)} "
        f"{first.name[:1].upper()}{first.name[1:]}: {quantity(first.value)}{unit} "
        f"({quantity(first.low)} to {quantity(first.high)}). What it means is not in the choices: "
        f"{len(record.undecided)} other readings explain them as well."
        + (f" Doubt the {first.name}: {first.note}." if first.note else "")
    )


def _over(people: int) -> str:
    return f"over {people:,} people" if people > 1 else "one person, so without an interval"


def _range(margin: Margin, factor: float = 1.0) -> str:
    if margin.low is None or margin.high is None:
        return ""
    return f" ({quantity(factor * margin.low)} to {quantity(factor * margin.high)})"


def _points(margin: Margin) -> str:
    """A difference of shares, as a number of points more or less often."""
    way = "more often" if margin.value >= 0 else "less often"
    turned = margin if margin.value >= 0 else _negated(margin)
    return f"{quantity(100 * turned.value)} points{_range(turned, 100)} {way}"


def _gain(margin: Margin) -> str:
    way = "better" if margin.value >= 0 else "worse"
    turned = margin if margin.value >= 0 else _negated(margin)
    return f"{quantity(turned.value)} nats a choice{_range(turned)} {way}"


def _negated(margin: Margin) -> Margin:
    low, high = (None if end is None else -end for end in (margin.high, margin.low))
    return Margin(value=-margin.value, low=low, high=high)


def _beside_regression(record: ChoiceRecord) -> str:
    """Whether the best model beats a plain regression, or loses."""
    contrast = record.comparison.contrast(record.comparison.best.name, REGRESSION)
    if contrast is None:
        return ""
    margin = _times(contrast.total, 1 / record.n_choices)
    if margin.sign == 0:
        return (
            "Whether it is better than a plain logistic regression is not decided: "
            f"{quantity(margin.value)} nats a choice{_range(margin)}."
        )
    return f"It foretells {_gain(margin)} than a plain logistic regression."


def _times(margin: Margin, factor: float) -> Margin:
    low, high = (None if end is None else end * factor for end in (margin.low, margin.high))
    return Margin(value=margin.value * factor, low=low, high=high)


def _figures(record: ChoiceRecord) -> tuple[tuple[str, str, str], ...]:
    best = record.comparison.best
    people = len(record.comparison.people)
    often = record.comparison.score(FREQUENT)
    group = tuple(
        (f.name, quantity(f.value), f"{quantity(f.low)} to {quantity(f.high)} {f.unit}")
        for f in record.group[:2]
    )
    right = f"{100 * best.right:.1f} %"
    beside = f"{100 * often.right:.1f} % by the more frequent option"
    choices = ("choices", f"{record.n_choices:,}", f"{people:,} people")
    return (choices, ("held-out choices right", right, beside), *group)


# ---------------------------------------------------------------- held-out choices


def _foretold(record: ChoiceRecord, words: Words) -> Section:
    comparison = record.comparison
    rows = [_score_row(score, words) for score in comparison.scores]
    shown = [s for s in comparison.scores if s.gain_nats is not None and s.name != CHANCE]
    caption = (
        f"Mean log probability of a held-out choice, over {words.name(RATE)}: "
        f"{100 * record.level:g} % intervals over people."
    )
    drawn = art.svg(
        lambda figure: draw_gains(figure, shown, words), caption,
        width=8.2, height=0.9 + 0.34 * len(shown),
    )  # fmt: skip
    text = (
        f"{record.n_choices:,} choices {words.options}. {words.folds.format(folds=comparison.folds)}"
        " Models and baselines have the same parts. A nat is 1.44 bits; the probability is the "
        "geometric mean of those given to what was chosen."
    )
    best = next(
        c for c in (comparison.contrast(comparison.best.name, REGRESSION),) if c is not None
    )
    parts: list[Part] = [
        Text(text=text), Picture(svg=drawn, caption=caption, table=Table.of(rows)),
        Text(text=_beside_regression(record) + " " + _counted(best, words, record)),
    ]  # fmt: skip
    models = sum(not score.baseline for score in comparison.scores)
    if models > 1:
        parts.append(Text(
            text=f"The best of {models} models was picked on these same choices, which flatters "
                 "it a little; its parts share choices they were fitted to, so that intervals are "
                 "approximate."
        ))  # fmt: skip
    return Section(
        key="foretold", title="Does it foretell choices it has not seen?", parts=tuple(parts)
    )


def _score_row(score: Score, words: Words) -> dict[str, Any]:
    gain = score.gain_nats
    return {
        "by": words.name(score.name), "right, %": 100 * score.right,
        "points over the more frequent": 100 * score.gain_right.value,
        "points, from": _scaled(score.gain_right.low), "to": _scaled(score.gain_right.high),
        "nats a choice": score.nats,
        "probability": None if score.nats is None else math.exp(score.nats),
        "nats over a constant rate": None if gain is None else gain.value,
        "nats, from": None if gain is None else gain.low,
        "to ": None if gain is None else gain.high,
    }  # fmt: skip


def _scaled(end: float | None) -> float | None:
    return None if end is None else 100 * end


def _counted(contrast: Contrast, words: Words, record: ChoiceRecord) -> str:
    """For how many people each is ahead."""
    ahead, behind = contrast.ahead()
    people = len(contrast.by_person)
    text = (
        f"Of {people:,} people {words.name(contrast.first)} is ahead for {ahead:,} "
        f"({100 * ahead / people:.0f} %), {words.name(contrast.second)} for {behind:,} "
        f"({100 * behind / people:.0f} %)"
    )
    if _few(record):
        return text + "; one person's few choices decide nothing about that person."
    first, second = contrast.decided()
    return text + (
        f"; one person's own choices decide it for {first:,} and {second:,} of them, and leave it "
        f"open for {people - first - second:,}."
    )


def _few(record: ChoiceRecord) -> bool:
    return min(person.n_choices for person in record.comparison.people) < ENOUGH


# ---------------------------------------------------------------- model against model


def _rivals(record: ChoiceRecord, words: Words) -> Section:
    models = {score.name for score in record.comparison.scores if not score.baseline}
    pairs = [c for c in record.comparison.contrasts if {c.first, c.second} <= models]
    if not pairs:
        return Section(key="rivals", title="", parts=())
    titles = [words.contrast.get((c.first, c.second), f"{c.first} or {c.second}?") for c in pairs]
    parts: list[Part] = [
        Text(text=f"{title} {_verdict(pair)} {_counted(pair, words, record)}")
        for title, pair in zip(titles, pairs, strict=True)
    ]
    caption = (
        "Log likelihood of each person's held-out choices, one model less the other, in nats; "
        f"{100 * record.level:g} % intervals over that person's choices."
    )
    rows = [
        {
            "person": person.subject, "choices": person.n_choices,
            **{f"{words.name(name)}, nats": person.nats.get(name) for name in sorted(models)},
            **{
                f"{pair.first} less {pair.second}": _span(pair.by_person[i]) for pair in pairs
            },
        }
        for i, person in enumerate(record.comparison.people)
    ]  # fmt: skip
    drawn = art.svg(
        lambda figure: draw_differences(figure, pairs, MAX_PEOPLE), caption,
        width=8.2, height=1.5 + 0.16 * min(MAX_PEOPLE, len(rows)),
    )  # fmt: skip
    picture = Picture(
        svg=drawn, caption=caption, table=Table.of(rows, title="Everybody's held-out choices")
    )
    return Section(key="rivals", title=titles[0], parts=(*parts, picture))


def _span(margin: Margin) -> str:
    return f"{quantity(margin.value)}{_range(margin)}"


def _verdict(pair: Contrast) -> str:
    """In total, and only what the interval decides."""
    found = f"{pair.first} less {pair.second}: {quantity(pair.total.value)} nats in total"
    decided = {
        1: f"these people's choices are foretold better by {pair.first}",
        -1: f"these people's choices are foretold better by {pair.second}",
        0: "these choices do not decide between the two",
    }[pair.total.sign]
    return f"{found}{_range(pair.total)}, over people: {decided}."


# ---------------------------------------------------------------- parameters


def _parameters(record: ChoiceRecord, words: Words) -> Section:
    names = list(dict.fromkeys(person.parameter for person in record.people))
    shown = [
        [person for person in record.people if person.parameter == name][:MAX_PEOPLE]
        for name in names
    ]
    model = words.name(record.model)
    caption = f"{100 * record.level:g} % intervals of each parameter of {model}."
    rows = [
        {"person": p.subject, "parameter": p.parameter, "median": p.median, "low": p.low,
         "high": p.high, "unit": p.unit, "likelihood, low": _bounded(p.profile_low),
         "likelihood, high": _bounded(p.profile_high), "mass at the grid's end": p.at_edge}
        for p in record.people
    ]  # fmt: skip
    drawn = art.svg(
        lambda figure: draw_intervals(figure, shown), caption,
        width=8.2, height=1.5 + 0.16 * max(map(len, shown)),
    )  # fmt: skip
    group = [
        {"figure": f.name, "value": f.value, "low": f.low, "high": f.high, "unit": f.unit}
        for f in record.group
    ]
    doubts = [Text(text=f"Doubt the {f.name}: {f.note}.") for f in record.group if f.note]
    meanings = tuple((name, words.meanings[name]) for name in names if name in words.meanings)
    table = Table.of(rows, title="All parameters")
    return Section(key="people", title=words.each, parts=(
        Text(text=words.intervals), Picture(svg=drawn, caption=caption, table=table),
        Text(text=" ".join(_identified(record))), Listing(items=meanings),
        Table.of(group, title="The group"), *doubts,
    ))  # fmt: skip


def _bounded(end: float | None) -> str:
    return "not bounded" if end is None else quantity(end)


def _identified(record: ChoiceRecord) -> list[str]:
    """Which parameters the likelihood leaves open, and which trade off."""
    open_ended: dict[str, int] = {}
    for person in record.people:
        if person.profile_low is None or person.profile_high is None:
            open_ended[person.parameter] = open_ended.get(person.parameter, 0) + 1
    people = len(record.comparison.people)
    said = [
        f"{name} is not bounded on one side or both for {count} of {people:,} people."
        for name, count in open_ended.items()
    ] or ["Every parameter is bounded on both sides."]
    said += [
        f"{pair.first} and {pair.second} trade off (posterior correlation "
        f"{quantity(pair.correlation)} in the median person): what is known of both together is "
        "more than of either."
        for pair in record.trade_offs
        if abs(pair.correlation) > STRONG
    ]
    return said


# ---------------------------------------------------------------- what stays open


def _open(record: ChoiceRecord, words: Words) -> Section:
    items = tuple(
        (
            row.name[:1].upper() + row.name[1:],
            f"{row.statement[:1].upper()}{row.statement[1:]}. The two readings explain these "
            f"choices alike ({_gap(row.gap_nats)}) and recommend different options in "
            f"{100 * row.advice_differs:.0f} % of the problems.",
        )
        for row in record.undecided
    )
    cautions = tuple(("Not seen here", text) for text in record.cautions)
    return Section(key="open", title="What no choice of this kind can decide", parts=(
        Text(text=words.normative), Listing(items=(*items, *cautions)),
    ))  # fmt: skip


def _gap(nats: float) -> str:
    if nats == 0:
        return "the same log likelihood, to the last digit"
    return f"log likelihoods within {nats:.0e} nats"

"""People's choices as one page: `people_page(folder)`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from precocial import io
from precocial.preferences.people.comparison import Contrast, Margin, Score
from precocial.preferences.people.held_out import CHANCE, DEALS, FREQUENT, RATE, REGRESSION
from precocial.preferences.people.record import PEOPLE, ChoiceRecord
from precocial.report import figures as art
from precocial.report.page import Listing, Page, Part, Picture, Section, Table, Text, quantity
from precocial.report.people_figures import (
    draw_coefficients,
    draw_differences,
    draw_gains,
    draw_intervals,
)
from precocial.report.people_words import WORDS, Words, short

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
                _limits(record), _open(record, words))  # fmt: skip
    return Page(
        title=f"What do these choices tell? {record.source}",
        headline=headline(record),
        figures=_figures(record),
        sections=tuple(section for section in sections if section.parts),
    )


# ---------------------------------------------------------------- in a sentence


def headline(record: ChoiceRecord) -> str:
    """The best model over the base rates and beside a regression, and what stays open."""
    words, best = WORDS[record.kind], record.comparison.best
    people = len(record.comparison.people)
    right, gain = best.gain_right, best.gain_nats
    model = words.name(best.name)
    over = f"over {people:,} people" if people > 1 else "one person"
    doubts = [f" Doubt the {f.name}: {f.note}." for f in record.group[:1] if f.note]
    return (
        f"{model[:1].upper()}{model[1:]} foretells {100 * best.right:.1f} % of held-out choices, "
        f"{_way(right, 100, 'points')} than {words.name(FREQUENT)}{_range(right, 100, over)}"
        + (f", and {_way(gain)} than {words.name(RATE)}{_range(gain)}" if gain else "")
        + f". {_beside_regression(record)}. What it means is not in the choices: "
        f"{len(record.undecided)} other readings explain them as well." + "".join(doubts)
    )


def _range(margin: Margin, factor: float = 1.0, note: str = "") -> str:
    """The interval in brackets, of the size of a difference that is named better or worse."""
    if margin.low is None or margin.high is None:
        return f" ({note})" if note else ""
    ends = (margin.low, margin.high) if margin.value >= 0 else (-margin.high, -margin.low)
    low, high = (quantity(factor * end) for end in ends)
    return f" ({low} to {high}{' ' + note if note else ''})"


def _way(margin: Margin, factor: float = 1.0, unit: str = "nats a choice") -> str:
    return (
        f"{quantity(abs(factor * margin.value))} {unit} {'more' if margin.value >= 0 else 'less'}"
    )


def _beside_regression(record: ChoiceRecord) -> str:
    """Whether the best model beats a plain regression, or loses."""
    contrast = record.comparison.contrast(record.comparison.best.name, REGRESSION)
    if contrast is None:
        return "No logistic regression was set beside it"
    margin = _times(contrast.total, 1 / record.n_choices)
    if margin.sign == 0:
        return (
            f"It is not told apart from a plain logistic regression: {_span(margin)} nats a choice"
        )
    better = "better" if margin.sign < 0 else "worse"
    return (
        f"A plain logistic regression does {better}, by {quantity(abs(margin.value))} nats a "
        f"choice{_range(margin)}"
    )


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
    shown = [
        s for s in comparison.scores if s.gain_nats is not None and s.name not in (RATE, CHANCE)
    ]
    caption = (
        f"Mean log probability of a held-out choice, over {words.name(RATE)} (0): "
        f"{100 * record.level:g} % intervals over people."
    )
    drawn = art.svg(
        lambda figure: draw_gains(figure, shown, words.name), caption,
        width=8.2, height=0.9 + 0.34 * len(shown),
    )  # fmt: skip
    beside = comparison.contrast(comparison.best.name, REGRESSION)
    counted = "" if beside is None else f" {_counted(beside, words, record)}"
    folds = words.folds.format(folds=comparison.folds, deals=DEALS)
    parts: list[Part] = [
        Text(text=f"{record.n_choices:,} choices {words.options}. {folds} Models and baselines "
                  "have the same parts. A nat is 1.44 bits; the probability is the geometric mean "
                  "of those given to what was chosen."),
        Picture(svg=drawn, caption=caption, table=Table.of(
            [_score_row(score, words) for score in comparison.scores],
            title="All figures; gains are over the more frequent option and the constant rate",
        )),
        Text(text=f"{_beside_regression(record)}.{counted} {words.regression}"),
    ]  # fmt: skip
    models = sum(not score.baseline for score in comparison.scores)
    if models > 1:
        parts.append(Text(
            text=f"The best of {models} models was picked on these same choices, which flatters "
                 "it a little. What the parts are foretold from overlaps, so that intervals are "
                 "approximate."
        ))  # fmt: skip
    return Section(
        key="foretold", title="Does it foretell choices it has not seen?", parts=tuple(parts)
    )


def _score_row(score: Score, words: Words) -> dict[str, Any]:
    return {
        "by": words.name(score.name), "right, %": 100 * score.right,
        "gain, points": _span(_times(score.gain_right, 100)),
        "nats a choice": score.nats,
        "probability": None if score.nats is None else math.exp(score.nats),
        "gain, nats": "" if score.gain_nats is None else _span(score.gain_nats),
    }  # fmt: skip


def _counted(contrast: Contrast, words: Words, record: ChoiceRecord) -> str:
    """For how many people each is ahead."""
    ahead, behind = contrast.ahead()
    people = len(contrast.by_person)
    first, second = words.name(contrast.first), words.name(contrast.second)
    text = (
        f"Of {people:,} people {first} is ahead for {ahead:,} ({100 * ahead / people:.0f} %), "
        f"{second} for {behind:,} ({100 * behind / people:.0f} %)."
    )
    if _few(record):
        return f"{text} The few choices of one person decide nothing about that person."
    won, lost = contrast.decided()
    by_chance = quantity(people * (1 - record.level))
    return (
        f"{text} A person's own choices decide it for {won:,} and {lost:,}, and leave it open for "
        f"{people - won - lost:,}; by chance about {by_chance} would seem decided."
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
                f"{short(pair.first)} less {short(pair.second)}": _span(pair.by_person[i])
                for pair in pairs
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
    return Section(key="rivals", title=words.rivals, parts=(*parts, picture))


def _span(margin: Margin) -> str:
    """A signed difference with its interval."""
    if margin.low is None or margin.high is None:
        return quantity(margin.value)
    return f"{quantity(margin.value)} ({quantity(margin.low)} to {quantity(margin.high)})"


def _verdict(pair: Contrast) -> str:
    """In total, and only what the interval decides."""
    first, second = short(pair.first), short(pair.second)
    decided = {
        1: f"{first} foretells better", -1: f"{second} foretells better",
        0: "these choices do not decide between the two",
    }[pair.total.sign]  # fmt: skip
    return f"{first} less {second}, all held-out choices: {_span(pair.total)} nats: {decided}."


# ---------------------------------------------------------------- parameters


def _parameters(record: ChoiceRecord, words: Words) -> Section:
    names = list(dict.fromkeys(person.parameter for person in record.people))
    shown = [
        [person for person in record.people if person.parameter == name][:MAX_PEOPLE]
        for name in names
    ]
    model = words.name(record.model)
    caption = f"{100 * record.level:g} % intervals of each parameter of {model}."
    people = max(map(len, shown))
    if people > 1:
        drawn = art.svg(
            lambda figure: draw_intervals(figure, shown), caption,
            width=8.2, height=1.5 + 0.16 * people,
        )  # fmt: skip
    else:
        drawn = art.svg(
            lambda figure: draw_coefficients(figure, record.people), caption,
            width=8.2, height=0.9 + 0.34 * len(names),
        )  # fmt: skip
    group = [
        {"figure": f.name, "value": f.value, "low": f.low, "high": f.high, "unit": f.unit}
        for f in record.group
    ]
    doubts = [Text(text=f"Doubt the {f.name}: {f.note}.") for f in record.group if f.note]
    said = [*_identified(record), *_beside_neutral(record, words)]
    meanings = tuple((name, words.meanings[name]) for name in names if name in words.meanings)
    table = Table.of(_rows(record), title="All parameters")
    return Section(key="people", title=words.each, parts=(
        Text(text=words.intervals), Picture(svg=drawn, caption=caption, table=table),
        Text(text=" ".join(said)), Listing(items=meanings),
        Table.of(group, title="The group"), *doubts,
    ))  # fmt: skip


def _rows(record: ChoiceRecord) -> list[dict[str, Any]]:
    if len({p.subject for p in record.people}) < len(record.comparison.people):
        # one fit to all, and no grid
        return [
            {"parameter": p.parameter, "estimate": p.median, "low": p.low, "high": p.high,
             "unit": p.unit}
            for p in record.people
        ]  # fmt: skip
    return [
        {"person": p.subject, "parameter": p.parameter, "median": p.median, "low": p.low,
         "high": p.high, "unit": p.unit, "likelihood, low": _bounded(p.profile_low),
         "likelihood, high": _bounded(p.profile_high), "mass at the grid's end": p.at_edge}
        for p in record.people
    ]  # fmt: skip


def _bounded(end: float | None) -> str:
    return "not bounded" if end is None else quantity(end)


def _identified(record: ChoiceRecord) -> list[str]:
    """Which parameters the likelihood leaves open, and which trade off."""
    people = len({person.subject for person in record.people})
    said = []
    for name in dict.fromkeys(person.parameter for person in record.people):
        own = [person for person in record.people if person.parameter == name]
        for side, ends in (("lower", [p.profile_low for p in own]),
                           ("upper", [p.profile_high for p in own])):  # fmt: skip
            if None in ends:
                said.append(
                    f"The likelihood gives {name} no {side} end for {ends.count(None)} of "
                    f"{people:,} people."
                )
    if not said:
        said = ["The likelihood bounds every parameter on both sides."]
    said += [
        f"{pair.first} and {pair.second} trade off (posterior correlation "
        f"{quantity(pair.correlation)} in the median person): what is known of both together is "
        "more than of either."
        for pair in record.trade_offs
        if abs(pair.correlation) > STRONG
    ]
    return said


def _beside_neutral(record: ChoiceRecord, words: Words) -> list[str]:
    """On which side of the value that does nothing each parameter lies, by the likelihood."""
    said = []
    for name, neutral in words.neutral.items():
        own = [p for p in record.people if p.parameter == name]
        above = sum(p.profile_low is not None and p.profile_low > neutral for p in own)
        below = sum(p.profile_high is not None and p.profile_high < neutral for p in own)
        if len(own) > 1:
            said.append(
                f"By the likelihood {name} is above {neutral:g} for {above} of {len(own)} people, "
                f"below for {below}, and on neither side for {len(own) - above - below}."
            )
        elif own:
            side = "above" if above else "below" if below else "on neither side of"
            said.append(f"The interval of {name} is {side} {neutral:g}.")
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
    return Section(key="open", title="What no choice of this kind can decide", parts=(
        Text(text=words.normative), Listing(items=items),
    ))  # fmt: skip


def _limits(record: ChoiceRecord) -> Section:
    return Section(key="limits", title="What was not asked", parts=tuple(
        Text(text=text) for text in record.cautions
    ))  # fmt: skip


def _gap(nats: float) -> str:
    if nats == 0:
        return "the same log likelihood, to the last digit"
    return f"log likelihoods within {nats:.0e} nats"

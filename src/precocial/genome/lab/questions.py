"""Three questions that readers of the paper ask, each answered from rows, with an interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from precocial.genome.lab.attention import carried
from precocial.genome.lab.price import priced
from precocial.genome.lab.regularise import regularised
from precocial.runs.intervals import Interval

Reading = Literal["yes", "no", "the other way", "not decided"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One figure that answers a question, and how it reads."""

    question: str
    figure: str
    """what was measured, with its unit"""
    measured: Interval
    expected: int
    """the sign that would be a yes: 1 or -1"""

    @property
    def reading(self) -> Reading:
        """By whether the 95 % interval excludes 0; "no" where nothing ever changed."""
        if self.measured.low == self.measured.high == 0:
            return "no"
        if not self.measured.excludes(0):
            return "not decided"
        return "yes" if self.measured.mean * self.expected > 0 else "the other way"


REGULARISES = "does the bottleneck regularise?"
PRICE = "does a price per byte change what evolves?"
BOUNDED = "without a price, does size go on growing?"
HEURISTIC = "can a genome carry what to attend to, where weights at birth do not help?"


def bottleneck_answers(rows: Iterable[Mapping[str, Any]]) -> list[Answer]:
    """Held-out accuracy of genomes less that of stored weights, from the rows of `regularise`.

    At an equal training score, the highest that both reach, and at the end of training.
    """
    return [
        Answer(
            question=REGULARISES,
            figure=f"held-out accuracy, {one.bytes} bytes less stored weights, "
            f"{one.noise:.0%} wrong names, {when}",
            measured=measured,
            expected=1,
        )
        for one in regularised(rows)
        for when, measured in (
            (f"at a training score of {one.level.mean:.2f}", one.advantage),
            ("at the end", one.advantage_at_end),
        )
    ]


def price_answers(rows: Iterable[Mapping[str, Any]]) -> list[Answer]:
    """What a price changes, from the rows of `price`: bytes, held-out accuracy and the gap."""
    free, *dear = priced(rows)
    found = [
        Answer(
            question=BOUNDED,
            figure=f"bytes that the population gains in the last third, price {free.price:g}",
            measured=free.growth,
            expected=1,
        )
    ]
    for one in dear:
        found += [
            Answer(
                question=PRICE,
                figure=f"{figure}, price {one.price:g} a byte less price {free.price:g}",
                measured=measured,
                expected=sign,
            )
            for figure, measured, sign in (
                ("bytes of the fittest", one.bytes_change, -1),
                ("held-out accuracy", one.test_change, 1),
                ("gap of accuracy, ancestral less held-out", one.gap_change, -1),
            )
        ]
    return found


def heuristic_answers(rows: Iterable[Mapping[str, Any]], lifetime: int) -> list[Answer]:
    """What a genome carries into worlds without lasting names, from the rows of `heuristic`.

    Speed is the natural logarithm of the ratio of steps; the arm "plain", one rate, is the measure.
    """
    return [
        Answer(
            question=HEURISTIC,
            figure=f"{one.arm}, {one.clutter:.0%} clutter: {figure}",
            measured=measured,
            expected=1,
        )
        for one in carried(rows, lifetime)
        if one.arm != "plain"
        for figure, measured in (
            ("accuracy gained after a lifetime", one.gain),
            ("log speed of learning", one.log_speed),
        )
    ]

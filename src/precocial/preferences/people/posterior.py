"""What people's choices tell, as a result: parameters, held-out figures, what stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number of the whole group with its interval.

    Attributes:
        name: what it is.
        value: in `unit`.
        low: lower end.
        high: upper end.
        unit: of all three.
        note: what to doubt about it, or nothing.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """Two readings of the same behaviour with the same likelihood.

    Attributes:
        name: in a word.
        statement: what the choices cannot decide.
        gap_nats: the largest difference of a person's log likelihood between the two readings,
            evaluated on these data: rounding only.
        advice_differs: the share of the problems seen in which the two readings' utilities
            recommend different options.
    """

    name: str
    statement: str
    gap_nats: float
    advice_differs: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ChoicePosterior:
    """Parameters of N people from their choices.

    Attributes:
        source: what the data are called.
        model: name of the model.
        parameters: P names.
        units: of each.
        subjects: N names.
        median: (N, P).
        low: (N, P) lower ends of intervals of `level`.
        high: (N, P) upper ends.
        at_edge: (N, P) posterior mass on the first and last value of a parameter's grid; a large
            one says that the data do not bound it.
        level: of the intervals.
        group: figures of all.
        n_choices: how many choices there are.
        n_held_out: how many of them the held-out figures are of.
        held_out_nats: mean log probability of a held-out choice, from a fit to the others.
        frequency_nats: the same for somebody who only knows how often each option was taken.
        chance_nats: the same for every available option alike.
        undecided: what these choices cannot decide, whatever the number of trials.
    """

    source: str
    model: str
    parameters: tuple[str, ...]
    units: tuple[str, ...]
    subjects: tuple[str, ...]
    median: Floats
    low: Floats
    high: Floats
    at_edge: Floats
    level: float
    group: tuple[Figure, ...]
    n_choices: int
    n_held_out: int
    held_out_nats: float
    frequency_nats: float
    chance_nats: float
    undecided: tuple[Undecided, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row a subject and parameter: source, model, subject, parameter, median, low, high,
        unit, at_edge."""
        return [
            {
                "source": self.source, "model": self.model, "subject": subject,
                "parameter": parameter, "median": float(self.median[n, p]),
                "low": float(self.low[n, p]), "high": float(self.high[n, p]),
                "unit": self.units[p], "at_edge": float(self.at_edge[n, p]),
            }
            for n, subject in enumerate(self.subjects)
            for p, parameter in enumerate(self.parameters)
        ]  # fmt: skip

    def summary(self) -> list[dict[str, Any]]:
        """The group's figures and the held-out ones, a row each: name, value, low, high, unit."""
        group = [
            {"name": f.name, "value": f.value, "low": f.low, "high": f.high, "unit": f.unit}
            for f in self.group
        ]
        held_out = (
            ("held-out log probability", self.held_out_nats),
            ("held-out log probability, frequencies", self.frequency_nats),
            ("held-out log probability, chance", self.chance_nats),
        )
        return group + [
            {"name": name, "value": value, "low": None, "high": None, "unit": "nats per choice"}
            for name, value in held_out
        ]

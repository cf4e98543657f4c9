"""What people's choices tell, as a result: parameters, held-out figures, what stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.preferences.people.comparison import Comparison
from precocial.preferences.people.held_out import CHANCE, RATE

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


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """Two parameters that the choices move together: their posterior correlation, each on its
    axis's scale, in the median person."""

    first: str
    second: str
    correlation: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ChoicePosterior:
    """Parameters of N people from their choices.

    Attributes:
        kind: "delay", "risk" or "travel".
        source: what the data are called.
        model: name of the model.
        parameters: P names.
        units: of each.
        subjects: N names.
        median: (N, P).
        low: (N, P) lower ends of intervals of `level`.
        high: (N, P) upper ends.
        profile_low: (N, P) lower ends of intervals of the likelihood alone; NaN where it is flat
            to the end of the grid, so that the choices do not bound the parameter there. Of
            travel: `low`.
        profile_high: (N, P) upper ends likewise.
        at_edge: (N, P) posterior mass on the first and last value of a parameter's grid; a large
            one says that the data do not bound it.
        level: of the intervals.
        group: figures of all.
        n_choices: how many choices there are.
        comparison: what this model, its rivals and baselines foretell of held-out choices.
        trade_offs: pairs of parameters.
        undecided: what these choices cannot decide, whatever the number of trials.
        cautions: what the choices offered cannot show, in words.
    """

    kind: str
    source: str
    model: str
    parameters: tuple[str, ...]
    units: tuple[str, ...]
    subjects: tuple[str, ...]
    median: Floats
    low: Floats
    high: Floats
    profile_low: Floats
    profile_high: Floats
    at_edge: Floats
    level: float
    group: tuple[Figure, ...]
    n_choices: int
    comparison: Comparison
    trade_offs: tuple[TradeOff, ...]
    undecided: tuple[Undecided, ...]
    cautions: tuple[str, ...] = ()

    @property
    def held_out_nats(self) -> float:
        """Mean log probability of a held-out choice by this model, fitted to the others."""
        return self._nats(self.model)

    @property
    def frequency_nats(self) -> float:
        """The same for somebody who only knows how often each option was taken."""
        return self._nats(RATE)

    @property
    def chance_nats(self) -> float:
        """The same for every available option alike."""
        return self._nats(CHANCE)

    def _nats(self, name: str) -> float:
        nats = self.comparison.score(name).nats
        return float("nan") if nats is None else nats

    def rows(self) -> list[dict[str, Any]]:
        """One row a subject and parameter: source, model, subject, parameter, median, low, high,
        profile_low, profile_high (None: not bounded), unit, at_edge."""
        return [
            {
                "source": self.source, "model": self.model, "subject": subject,
                "parameter": parameter, "median": float(self.median[n, p]),
                "low": float(self.low[n, p]), "high": float(self.high[n, p]),
                "profile_low": _end(self.profile_low[n, p]),
                "profile_high": _end(self.profile_high[n, p]),
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


def _end(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

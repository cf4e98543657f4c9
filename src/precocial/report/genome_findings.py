"""What a run of compression found: points, rivals and learning curves, from its rows alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import DataError
from precocial.io import Row
from precocial.report.seeds import Spread, spread
from precocial.runs import RunRecord

GENOME, SHUFFLED = "genome", "shuffled"
NAMES = {
    "low_rank": "low rank",
    "subspace": "random subspace",
    "chunked": "chunked hypernetwork",
    "pruned": "pruned and quantised",
    SHUFFLED: "shuffled newborn",
}
"""What a page calls a method; others keep their name."""
ARMS = ("genome", "random", "shuffled")
SHARE = (0.0, 1.0)
"""Where an accuracy lies, and so its interval."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One method at one budget, over seeds."""

    method: str
    budget: int
    """bytes, at most"""
    bytes: float
    """mean of the files"""
    parameters: float
    test: Spread
    valid: float
    by_seed: Mapping[int, float]
    """test accuracy"""

    def row(self) -> Row:
        """As a table shows it."""
        return {
            "method": NAMES.get(self.method, self.method), "budget": self.budget,
            "bytes": self.bytes, "parameters": self.parameters, "valid": self.valid,
            "test": self.test.mean, "low": self.test.low, "high": self.test.high,
            "seeds": self.test.seeds,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Against:
    """A rival at the genome's budget."""

    rival: Point
    genome: Point
    ahead: Spread
    """test accuracy of the rival minus the genome's, seed by seed"""

    @property
    def wins(self) -> bool:
        """Whether the rival's mean is higher."""
        return self.ahead.mean > 0

    @property
    def ties(self) -> bool:
        """Whether both are equally good, to the last example."""
        return self.ahead.mean == 0 and not self.ahead.low and not self.ahead.high

    @property
    def cheaper(self) -> bool:
        """Whether the rival is as good in fewer bytes."""
        return self.ties and self.rival.bytes < self.genome.bytes

    @property
    def verdict(self) -> str:
        """Which is better, as a table says it."""
        if self.ties:
            return "same, rival has fewer bytes" if self.cheaper else "same"
        who = "rival" if self.wins else "genome"
        if self.ahead.low is None:
            return f"{who}, one seed"
        return who if self.ahead.sign else f"not told apart ({who} ahead)"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Test accuracy of one arm along a life, over seeds."""

    arm: str
    steps: tuple[int, ...]
    examples: tuple[int, ...]
    accuracy: tuple[Spread, ...]


@dataclass(frozen=True, kw_only=True)
class GenomeFindings:
    """A run of `genome.compress.compressing`, summed up."""

    record: RunRecord
    seeds: tuple[int, ...]
    whole: Spread
    """test accuracy of the model trained as it is"""
    whole_parameters: int
    whole_bytes: int
    quantised: tuple[float, Spread] | None
    """bytes and test accuracy of the trained model at the genome's bits; None in older runs"""
    points: tuple[Point, ...]
    curves: tuple[Curve, ...]
    head_start: Spread | None
    """examples presented until the random network is as good as the newborn at birth; None if for
    a seed it never is, or nothing lived"""
    savings: tuple[Row, ...]
    """lives on few examples, of the seeds that have all of them"""
    missing: tuple[tuple[str, int, str], ...]
    """method, budget and the reason why there is no point"""

    @classmethod
    def of(cls, record: RunRecord) -> GenomeFindings:
        """Read a run.

        Raises:
            DataError: rows of another kind, or none of a genome.
        """
        try:
            return _findings(record)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"has rows that are not those of a compression ({type(error).__name__}: {error})",
                path=record.path,
            ) from error

    def genomes(self) -> list[Point]:
        """The genome's points, smallest first."""
        return [point for point in self.points if point.method == GENOME]

    def rivals(self, budget: int) -> list[Against]:
        """What equal bytes buy, the best on the test examples first."""
        own = next((p for p in self.genomes() if p.budget == budget), None)
        if own is None:
            return []
        found = [
            Against(rival=point, genome=own, ahead=_paired(point, own))
            for point in self.points
            if point.budget == budget and point.method not in (GENOME, SHUFFLED)
        ]
        return sorted(found, key=lambda one: (-one.ahead.mean, one.rival.bytes))


def _paired(rival: Point, own: Point) -> Spread:
    both = sorted(set(rival.by_seed) & set(own.by_seed))
    found = (rival.by_seed[seed] - own.by_seed[seed] for seed in both)
    return spread(found, within=(-1.0, 1.0))  # where a difference of accuracies lies


def _findings(record: RunRecord) -> GenomeFindings:
    rows = [dict(row) for row in record.rows]
    whole = [row for row in rows if row["kind"] == "whole"]
    points = [row for row in rows if row["kind"] == "point"]
    lives = [row for row in rows if row["kind"] == "life"]
    made = _points([row for row in points if row["test"] is not None])
    if not whole or not any(point.method == GENOME for point in made):
        raise DataError(
            "holds no genome yet: let the run go on (the same command), or raise its budgets",
            path=record.path,
        )
    reasons = {
        (row["method"], row["budget"]): str(row["note"]) for row in points if row["test"] is None
    }
    return GenomeFindings(
        record=record,
        seeds=tuple(sorted({int(row["seed"]) for row in rows})),
        whole=spread((float(row["test"]) for row in whole), within=SHARE),
        whole_parameters=int(whole[0]["parameters"]),
        whole_bytes=int(whole[0]["bytes"]),
        quantised=_quantised(whole),
        points=tuple(made),
        curves=tuple(_curve(lives, arm) for arm in ARMS if any(r["arm"] == arm for r in lives)),
        head_start=_head_start(lives),
        savings=tuple(_whole_seeds([row for row in rows if row["kind"] == "saving"])),
        missing=tuple((method, int(size), why) for (method, size), why in reasons.items()),
    )


def _quantised(whole: Sequence[Row]) -> tuple[float, Spread] | None:
    if any("quantised_test" not in row for row in whole):
        return None
    test = spread((float(row["quantised_test"]) for row in whole), within=SHARE)
    return _mean(whole, "quantised_bytes"), test


def _whole_seeds(rows: Sequence[Row]) -> list[Row]:
    """Rows of the seeds that have as many as any: a seed that was cut short has fewer."""
    counts = Counter(row["seed"] for row in rows)
    most = max(counts.values(), default=0)
    return [row for row in rows if counts[row["seed"]] == most]


def _points(rows: Sequence[Row]) -> list[Point]:
    cells = sorted({(int(row["budget"]), str(row["method"])) for row in rows})
    order = list(dict.fromkeys(str(row["method"]) for row in rows))
    found = []
    for budget, method in sorted(cells, key=lambda cell: (order.index(cell[1]), cell[0])):
        mine = [row for row in rows if (row["budget"], row["method"]) == (budget, method)]
        found.append(
            Point(
                method=method,
                budget=budget,
                bytes=_mean(mine, "bytes"),
                parameters=_mean(mine, "parameters"),
                test=spread((float(row["test"]) for row in mine), within=SHARE),
                valid=_mean(mine, "valid"),
                by_seed={int(row["seed"]): float(row["test"]) for row in mine},
            )
        )
    return found


def _mean(rows: Sequence[Row], name: str) -> float:
    return math.fsum(float(row[name]) for row in rows) / len(rows)


def _curve(rows: Sequence[Row], arm: str) -> Curve:
    mine = [row for row in rows if row["arm"] == arm]
    steps = sorted({int(row["step"]) for row in mine})
    seen = {int(row["step"]): int(row["examples"]) for row in mine}
    return Curve(
        arm=arm,
        steps=tuple(steps),
        examples=tuple(seen[step] for step in steps),
        accuracy=tuple(
            spread((float(r["accuracy"]) for r in mine if r["step"] == step), within=SHARE)
            for step in steps
        ),
    )


def _head_start(rows: Sequence[Row]) -> Spread | None:
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        curves = {arm: _of_seed(rows, arm, seed) for arm in ("genome", "random")}
        if any(not len(examples) for examples, _ in curves.values()):
            return None
        found.append(_reached(*curves["random"], float(curves["genome"][1][0])))
    return spread(found) if found and all(map(math.isfinite, found)) else None


def _of_seed(
    rows: Sequence[Row], arm: str, seed: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mine = sorted(
        (float(row["examples"]), float(row["accuracy"]))
        for row in rows
        if row["arm"] == arm and row["seed"] == seed
    )
    return np.array([x for x, _ in mine]), np.array([y for _, y in mine])


def _reached(
    examples: NDArray[np.float64], accuracy: NDArray[np.float64], level: float
) -> float:  # fmt: skip
    """Examples at which a curve first has an accuracy, straight between points; inf if never."""
    above = np.flatnonzero(accuracy >= level)
    if not len(above):
        return math.inf
    at = int(above[0])
    if at == 0:
        return float(examples[0])
    share = (level - accuracy[at - 1]) / (accuracy[at] - accuracy[at - 1])
    return float(examples[at - 1] + share * (examples[at] - examples[at - 1]))

"""32 policies written after the rule for satisficers was mended, most of them near one.

The first run, before anything was changed for it, called 25 as expected, answered "unknown" for
`harvest_less_toll`, `elimination` and `layered_book`, and was wrong on `stays_unless_worth_it`,
`filters_then_cheapest` and `home_is_special`, which it took for the plain thing. (`capped` was to
be "unknown" then; that it maximises the capped expression is true.) General rules mended it: states
that a score does not decide, other scores that the action follows, and sums have to be seen.
"""

from __future__ import annotations

import itertools
import math
from collections import ChainMap
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from tests.preferences.inside.variants import Variant

FRESH: dict[str, Variant] = {}
CELLS = tuple((row, column) for row in range(9) for column in range(8))
WAYS = ("up", "down", "left", "right", "wait")
STEP = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1), "wait": (0, 0)}
HOME = (7, 2)
DRAWN = np.random.default_rng(20261124)
YIELD = DRAWN.gamma(2.0, size=(9, 8, 5))
TOLL = DRAWN.exponential(size=(9, 8))


def fresh(expected: str, **fields: Any) -> Any:
    def add(policy: Any) -> Any:
        options = {"states": CELLS, "actions": WAYS, **fields}
        FRESH[policy.__name__] = Variant(policy, expected, **options)
        return policy

    return add


def move(cell, way):
    row, column = cell[0] + STEP[way][0], cell[1] + STEP[way][1]
    return min(max(row, 0), 8), min(max(column, 0), 7)


def harvest(cell, way):
    return float(YIELD[cell[0], cell[1], WAYS.index(way)])


def distance(cell, way):
    row, column = move(cell, way)
    return abs(row - HOME[0]) + abs(column - HOME[1]) + 0.1 * WAYS.index(way)


def toll(cell, way):
    return float(TOLL[move(cell, way)]) + 0.01 * WAYS.index(way)


# ---------------------------------------------------------------- content with enough, and the like


@fresh("unknown")
def first_rich_enough(cell):
    return next((w for w in WAYS if harvest(cell, w) > 5.0), max(WAYS, key=partial(harvest, cell)))


@fresh("unknown")
def cheap_enough(cell):
    for way in WAYS:
        if toll(cell, way) <= 0.05:
            return way
    return min(WAYS, key=lambda way: toll(cell, way))


@fresh("unknown")
def near_the_best(cell):
    top = max(harvest(cell, way) for way in WAYS)
    for way in WAYS:
        if harvest(cell, way) >= 0.99 * top:
            return way
    return "wait"


@fresh("unknown")
def stays_unless_worth_it(cell):
    gains = {way: harvest(cell, way) for way in WAYS}
    best = max(gains, key=gains.get)
    return best if gains[best] - gains["wait"] > 0.02 else "wait"


@fresh("unknown")
def rich_enough_in_line(cell):
    row, column = cell
    for number, way in enumerate(WAYS):
        if YIELD[row, column, number] > 6.0:
            return way
    return WAYS[int(np.argmax(YIELD[row, column]))]


@fresh("unknown")
def good_enough_for_a_while(cell):
    seen, tries = [], 0
    while tries < len(WAYS):
        way = WAYS[tries]
        seen.append((harvest(cell, way), way))
        if seen[-1][0] > 7.5:
            break
        tries += 1
    return seen[-1][1] if tries < len(WAYS) else max(seen)[1]


@fresh("unknown")
def filters_then_cheapest(cell):
    fine = [way for way in WAYS if harvest(cell, way) > 0.4] or list(WAYS)
    return min(fine, key=lambda way: toll(cell, way))


@fresh("maximises")
def capped(cell):
    return max(WAYS, key=lambda way: min(harvest(cell, way), 5.0))


@fresh("unknown")
def median_way(cell):
    return sorted(WAYS, key=lambda way: distance(cell, way))[2]


@fresh("unknown")
def home_is_special(cell):
    if cell == HOME:
        return "wait"
    return max(WAYS, key=lambda way: harvest(cell, way))


@fresh("unknown")
def two_tempers(cell):
    if cell[0] < 1:
        return min(WAYS, key=lambda way: harvest(cell, way))
    return max(WAYS, key=lambda way: harvest(cell, way))


@fresh("unknown")
def threshold_on_place(cell):
    row, column = cell
    if row > HOME[0]:
        return "up"
    if row < HOME[0]:
        return "down"
    return "left" if column > HOME[1] else "right"


@fresh("unknown")
def letters(cell):
    return WAYS[(31 * cell[0] + 17 * cell[1] ^ 0x2B) % 5]


@fresh("unknown")
def weighted_vote(cell):
    votes = dict.fromkeys(WAYS, 0)
    for way, other in itertools.permutations(WAYS, 2):
        votes[way if harvest(cell, way) > 0.7 * harvest(cell, other) else other] += 1
    return max(votes, key=votes.__getitem__)


# ---------------------------------------------------------------- the most


@fresh("maximises")
def richest(cell):
    return max(WAYS, key=lambda way: harvest(cell, way))


@fresh("maximises")
def richest_by_pairs(cell):
    return reduce(lambda a, b: b if harvest(cell, b) > harvest(cell, a) else a, WAYS)


class Farmer:
    def __init__(self, table: Any) -> None:
        self.table = table

    def worth(self, cell, way):
        return 2.0 * float(self.table[cell][WAYS.index(way)]) - 1.0

    def decide(self, cell):
        ranking = sorted(((self.worth(cell, way), way) for way in WAYS), reverse=True)
        return ranking[0][1]


FRESH["farmer"] = Variant(Farmer(YIELD).decide, "maximises", states=CELLS, actions=WAYS)


@fresh("maximises")
def two_steps_ahead(cell):
    def ahead(way):
        there = move(cell, way)
        return harvest(cell, way) + 0.5 * max(harvest(there, then) for then in WAYS)

    return max(WAYS, key=ahead)


def logit(cell):
    scores = np.array([harvest(cell, way) for way in WAYS])
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


@fresh("maximises")
def most_likely(cell):
    return WAYS[int(logit(cell).argmax())]


@fresh("maximises")
def harvest_less_toll(cell):
    best = None
    for way in WAYS:
        value = harvest(cell, way) - toll(cell, way)
        if best is None or value > best[0]:
            best = (value, way)
    return best[1]


@fresh("maximises")
def richest_array(cell):
    return WAYS[np.argmax(YIELD[cell])]


# ---------------------------------------------------------------- the least


@fresh("minimises")
def nearest(cell):
    return min(WAYS, key=lambda way: distance(cell, way))


@fresh("minimises")
def cheapest_last(cell):
    return sorted(WAYS, key=lambda way: -toll(cell, way))[-1]


@fresh("minimises", answer="unknown")
def elimination(cell):
    left = set(WAYS)
    while len(left) > 1:
        left.discard(max(left, key=lambda way: (distance(cell, way), way)))
    return left.pop()


@fresh("minimises")
def cheapest_so_far(cell):
    low, pick = math.inf, "wait"
    for way in WAYS:
        price = toll(cell, way)
        if price < low:
            low, pick = price, way
    return pick


# ---------------------------------------------------------------- written down

BOOK = {cell: richest(cell) for cell in CELLS}
NESTED = [[nearest((row, column)) for column in range(8)] for row in range(9)]
LAYERS = ChainMap({cell: BOOK[cell] for cell in CELLS[:20]}, {cell: BOOK[cell] for cell in CELLS})
SPARSE = {cell: way for cell, way in BOOK.items() if way != "wait"}


@fresh("look-up")
def by_the_book(cell):
    return BOOK[cell]


@fresh("look-up")
def nested_book(cell):
    row, column = cell
    return NESTED[row][column]


@fresh("look-up", answer="unknown")
def layered_book(cell):
    return LAYERS[cell]


@fresh("look-up")
def sparse_book(cell):
    return SPARSE.get(cell, "wait")


@fresh("unknown")
def mostly_the_book(cell):
    if cell in CELLS[:3]:
        return max(WAYS, key=lambda way: harvest(cell, way))
    return BOOK[cell]


# ---------------------------------------------------------------- drawn by something


class Job(NamedTuple):
    pay: float
    hours: int
    seen_first: str


JOBS = tuple(
    Job(pay, hours, first) for pay in (8.0, 12.0, 20.0) for hours in (10, 20, 40, 60)
    for first in ("pay", "hours", "none")
)  # fmt: skip


@dataclass(frozen=True)
class Worker:
    fatigue: float

    def liking(self, job, answer):
        if answer == "decline":
            return 0.0
        pull = 200.0 if job.seen_first == "pay" else 0.0
        return job.pay * job.hours - self.fatigue * job.hours**2 + pull

    def __call__(self, job):
        return "accept" if self.liking(job, "accept") > self.liking(job, "decline") else "decline"


FRESH["worker"] = Variant(
    Worker(0.4), "anchored", states=JOBS, actions=("accept", "decline"),
    tags=(("seen_first", "irrelevant"),),
)  # fmt: skip


@fresh("unknown", states=JOBS, actions=("accept", "decline"))
def reservation_wage(job):
    return "accept" if job.pay >= 12.0 else "decline"

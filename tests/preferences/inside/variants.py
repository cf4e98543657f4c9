"""Policies written in many ways, with what a careful reader would call each of them.

`expected` was written down before the first run, which got four of the 69 otherwise: `degenerate`
was called a look-up, and `zipped`, `in_line` and `made_up_keys` unknown.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

ACTS = (0, 1, 2)
STATES = tuple(range(12))
RNG = np.random.default_rng(20171215)
R = RNG.uniform(-1, 1, (12, 3))
"""R[s, a]"""
ROWS: list[list[float]] = R.tolist()
BEST = {s: int(R[s].argmax()) for s in STATES}
NAMED = ("left", "stay", "right")
DO = {s: NAMED[BEST[s]] for s in STATES}


@dataclass(frozen=True)
class Variant:
    policy: Callable[[Any], Any]
    expected: str
    states: tuple[Any, ...] = STATES
    actions: tuple[Any, ...] = ACTS
    tags: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    """what it gets where that is not what is expected"""


VARIANTS: dict[str, Variant] = {}


def variant(expected: str, **fields: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(policy: Callable[..., Any]) -> Callable[..., Any]:
        name = getattr(policy, "__name__", type(policy).__name__)
        VARIANTS[name] = Variant(policy, expected, **fields)
        return policy

    return add


def reward(s: int, a: int) -> float:
    return float(R[s, a])


def cost(s: int, a: int) -> float:
    return 2.0 - float(R[s, a])


# ---------------------------------------------------------------- maximisers


@variant("maximises")
def loop_max(s):
    best, choice = None, None
    for a in ACTS:
        value = reward(s, a)
        if best is None or value > best:
            best = value
            choice = a
    return choice


@variant("maximises")
def loop_swapped(s):
    top, choice = -math.inf, 0
    for a in ACTS:
        if top < reward(s, a):
            top, choice = reward(s, a), a
    return choice


@variant("maximises")
def while_loop(s):
    i, found = 1, 0
    while i < 3:
        if reward(s, i) > reward(s, found):
            found = i
        i += 1
    return found


@variant("maximises")
def sorted_first(s):
    return sorted(ACTS, key=lambda a: reward(s, a), reverse=True)[0]


@variant("maximises")
def sorted_last(s):
    ranked = sorted(ACTS, key=functools.partial(reward, s))
    return ranked[-1]


@variant("maximises")
def numpy_argmax(s):
    return int(np.argmax([reward(s, a) for a in ACTS]))


def q_values(s):
    return np.array([reward(s, a) + 0.5 for a in ACTS])


@variant("maximises")
def array_method(s):
    return int(q_values(s).argmax())


@variant("maximises")
def nested_helper(s):
    def value(a):
        return 3 * reward(s, a) + 1

    choice = ACTS[0]
    for a in ACTS[1:]:
        if value(a) > value(choice):
            choice = a
    return choice


VARIANTS["plain_lambda"] = Variant(lambda s: max(ACTS, key=lambda a: reward(s, a)), "maximises")


class Agent:
    def __init__(self, table):
        self.table = table

    def score(self, s, a):
        return self.table[s][a]

    def __call__(self, s):
        scores = [self.score(s, a) for a in range(3)]
        return scores.index(max(scores))

    def act(self, s):
        return max(range(3), key=lambda a: self.score(s, a))


VARIANTS["object_called"] = Variant(Agent(ROWS), "maximises")
VARIANTS["bound_method"] = Variant(Agent(ROWS).act, "maximises")


class TableAgent:
    __slots__ = ("q",)

    def __init__(self, q):
        self.q = q

    def __call__(self, s):
        return int(np.argmax(self.q[s]))


VARIANTS["slots_q_table"] = Variant(TableAgent(R.copy()), "maximises")
MEMORY: dict[int, int] = {}


@variant("maximises")
def warm_cache(s):
    if s in MEMORY:
        return MEMORY[s]
    MEMORY[s] = max(ACTS, key=lambda a: reward(s, a))
    return MEMORY[s]


for _s in STATES:
    warm_cache(_s)


@variant("maximises")
@functools.cache
def lru_policy(s):
    return max(ACTS, key=lambda a: cached_reward(s, a))


@functools.cache
def cached_reward(s, a):
    return float(R[s, a])


for _s in STATES:
    lru_policy(_s)


@variant("maximises")
def inline_table(s):
    choice = 0
    for a in range(1, 3):
        if ROWS[s][a] > ROWS[s][choice]:
            choice = a
    return choice


PAIRS = {(s, a): float(R[s, a]) for s in STATES for a in ACTS}


@variant("maximises")
def dict_of_pairs(s):
    return max(ACTS, key=lambda a: PAIRS[(s, a)])


def gain_part(s, a):
    return float(R[s, a]) * 3


def effort(a):
    return 0.2 * a


@variant("maximises")
def sum_of_parts(s):
    best, choice = -1e9, None
    for a in ACTS:
        v = gain_part(s, a) - effort(a)
        if v > best:
            best, choice = v, a
    return choice


def step(s, a):
    return (s + a + 1) % 12


def q(s, a, depth):
    if depth == 0:
        return reward(s, a)
    after = step(s, a)
    return reward(s, a) + 0.9 * max(q(after, b, depth - 1) for b in ACTS)


@variant("maximises")
def plans_ahead(s):
    return max(ACTS, key=lambda a: q(s, a, 2))


def worth_of(after):
    return math.sin(3.0 * after)


@variant("maximises")
def afterstates(s):
    return max(ACTS, key=lambda a: worth_of(step(s, a)))


@variant("maximises")
def dict_get_key(s):
    scores = {a: reward(s, a) for a in ACTS}
    return max(scores, key=scores.get)


@variant("maximises")
def tuples(s):
    return max((reward(s, a), a) for a in ACTS)[1]


@variant("maximises")
def decoy_argmin(s):
    scores = [reward(s, a) for a in ACTS]
    worst = min(scores)  # computed, never used
    if s < 0:
        return int(np.argmin(scores))
    del worst
    return max(ACTS, key=scores.__getitem__)


@variant("maximises")
def reduced(s):
    return functools.reduce(lambda x, y: x if reward(s, x) >= reward(s, y) else y, ACTS)


@variant("maximises")
def heap(s):
    return heapq.nlargest(1, ACTS, key=lambda a: reward(s, a))[0]


def pick(options, values):
    return options[values.index(max(values))]


@variant("maximises")
def select_helper(s):
    return pick(ACTS, [reward(s, a) for a in ACTS])


def factory(table):
    def closed(s):
        row = table[s]
        return max(range(len(row)), key=lambda a: row[a])

    return closed


VARIANTS["closure"] = Variant(factory(ROWS), "maximises")


def with_table(table, s):
    return max(ACTS, key=lambda a: table[s][a])


VARIANTS["partial_table"] = Variant(functools.partial(with_table, ROWS), "maximises")


@variant("maximises")
def zipped(s):
    best = max(zip([reward(s, a) for a in ACTS], NAMED), key=lambda pair: pair[0])
    return ACTS[NAMED.index(best[1])]


@variant("maximises", actions=(0, 1))
def ternary(s):
    return 1 if reward(s, 1) > reward(s, 0) else 0


@variant("maximises", actions=NAMED)
def named_actions(s):
    return NAMED[int(np.argsort([reward(s, a) for a in ACTS])[-1])]


def minus_cost(s, a):
    return -cost(s, a)


@variant("maximises")
def named_minus_cost(s):
    return max(ACTS, key=lambda a: minus_cost(s, a))


@variant("maximises", answer="unknown")
def in_line(s):
    best, choice = -1e9, 0
    for a in ACTS:
        v = -((a - s % 3) ** 2)
        if v > best:
            best, choice = v, a
    return choice


@variant("maximises")
def unnamed_key(s):
    return max(ACTS, key=lambda a: -abs(a - s % 3))


# ---------------------------------------------------------------- minimisers


@variant("minimises")
def max_of_minus_cost(s):
    return max(ACTS, key=lambda a: -cost(s, a))


@variant("minimises")
def loop_min(s):
    low, choice = float("inf"), None
    for a in ACTS:
        c = cost(s, a)
        if c < low:
            low, choice = c, a
    return choice


@variant("minimises")
def loop_of_minus(s):
    best, choice = -float("inf"), None
    for a in ACTS:
        v = 5 - cost(s, a)
        if v > best:
            best, choice = v, a
    return choice


@variant("minimises")
def numpy_argmin(s):
    return int(np.argmin(np.array([cost(s, a) for a in ACTS])))


@variant("minimises")
def sorted_ascending(s):
    options = list(ACTS)
    options.sort(key=lambda a: cost(s, a))
    return options[0]


@variant("minimises")
def argmax_of_minus_array(s):
    return int(np.argmax(-1.0 * np.array([cost(s, a) for a in ACTS])))


COSTS = {s: {a: 2.0 - float(R[s, a]) for a in ACTS} for s in STATES}


@variant("minimises")
def min_over_dict(s):
    return min(COSTS[s], key=COSTS[s].get)


@variant("minimises")
def decoy_max(s):
    flattering = max(ACTS, key=lambda a: reward(s, a))
    hated = min(ACTS, key=lambda a: cost(s, a))
    return hated if flattering >= 0 else flattering


# ---------------------------------------------------------------- tables


@variant("look-up", actions=NAMED)
def plain_table(s):
    return DO[s]


SOME = {s: DO[s] for s in STATES if DO[s] != "stay"}


@variant("look-up", actions=NAMED)
def get_default(s):
    return SOME.get(s, "stay")


ARRAY = np.array([BEST[s] for s in STATES])


@variant("look-up")
def array_table(s):
    return int(ARRAY[s])


class Habit:
    def __init__(self):
        self.habits = dict(DO)

    def __call__(self, s):
        return self.habits[s]


VARIANTS["habit_object"] = Variant(Habit(), "look-up", actions=NAMED)


@variant("look-up", states=tuple(range(6)), actions=NAMED)
def branches(s):
    if s == 0:
        return "left"
    if s in (1, 4):
        return "stay"
    if s == 2:
        return "left"
    return "right"


@variant("look-up", states=tuple(range(6)), actions=NAMED)
def matched(s):
    match s:
        case 0 | 3:
            return "left"
        case 1:
            return "stay"
        case _:
            return "right"


class Cell(NamedTuple):
    x: int
    y: int


CELLS = tuple(Cell(x, y) for x in range(3) for y in range(4))
GRID = {x: {y: NAMED[(x * y + x) % 3] for y in range(4)} for x in range(3)}


@variant("look-up", states=CELLS, actions=NAMED)
def nested_table(cell):
    return GRID[cell.x][cell.y]


@variant("look-up", actions=NAMED)
def table_with_scored_decoy(s):
    scores = [reward(s, a) for a in ACTS]
    favourite = max(ACTS, key=lambda a: scores[a])
    chosen = DO[s]
    return chosen if favourite >= 0 else NAMED[int(np.argmin(scores))]


@variant("look-up", actions=NAMED)
def table_before_reason(s):
    try:
        return DO[s]
    except KeyError:
        return NAMED[max(ACTS, key=lambda a: reward(s, a))]


JOINED = {f"s{s}": DO[s] for s in STATES}


@variant("look-up", actions=NAMED)
def made_up_keys(s):
    return JOINED["s" + str(s)]


# ---------------------------------------------------------------- anchors

ANCHOR = 7.0


def pulled(s, a):
    return R[s, a] + 0.05 * (a - 1) * (ANCHOR - 7.0)


@variant("anchored", tags=(("ANCHOR", "irrelevant"),))
def global_anchor(s):
    return max(ACTS, key=lambda a: pulled(s, a))


class Anchored:
    def __init__(self):
        self.last_seen = 3.0

    def judge(self, s, a):
        return R[s, a] + (0.1 * self.last_seen if a == 2 else 0.0)

    def __call__(self, s):
        best, choice = None, None
        for a in ACTS:
            v = self.judge(s, a)
            if best is None or v > best:
                best, choice = v, a
        return choice


VARIANTS["anchored_object"] = Variant(Anchored(), "anchored", tags=(("last_seen", "irrelevant"),))


class Spin(NamedTuple):
    item: int
    wheel: float


SPINS = tuple(Spin(s, 1.0 + s % 3) for s in STATES)


def true_cost(item, a):
    return 2.0 - R[item, a]


def felt_cost(spin, a):
    return true_cost(spin.item, a) + 0.3 * spin.wheel * a


@variant("anchored", states=SPINS, tags=(("wheel", "irrelevant"),))
def anchored_minimiser(spin):
    return int(np.argmin([felt_cost(spin, a) for a in ACTS]))


@variant("maximises", states=SPINS)
def untagged_wheel(spin):
    return max(ACTS, key=lambda a: -felt_cost(spin, a) if a < 0 else pulled_wheel(spin, a))


def pulled_wheel(spin, a):
    return R[spin.item, a] + 0.3 * spin.wheel * a


@variant("maximises", states=SPINS, tags=(("wheel", "irrelevant"),))
def wheel_is_passed_and_unused(spin):
    return max(ACTS, key=lambda a: unmoved(spin, a))


def unmoved(spin, a):
    return R[spin.item, a] + spin.wheel  # the same for every action


# ---------------------------------------------------------------- unknown


@variant("unknown")
def text_run(s):
    space = {"s": s, "reward": reward}
    exec("best = max((0, 1, 2), key=lambda a: reward(s, a))", space)
    return space["best"]


_SPACE: dict[str, Any] = {"reward": reward}
exec("def made(s):\n    return max((0, 1, 2), key=lambda a: reward(s, a))", _SPACE)
VARIANTS["made_of_text"] = Variant(_SPACE["made"], "unknown")
BITS = sum(BEST[s] << (2 * s) for s in STATES)


@variant("unknown")
def bits(s):
    return BITS >> (2 * s) & 3


@variant("unknown")
def letters(s):
    return "".join(sorted("abc")).find("abc"[BITS >> (2 * s) & 3])


@variant("unknown")
def sharp_average(s):
    weights = [math.exp(400 * reward(s, a)) for a in ACTS]
    return round(sum(a * w for a, w in zip(ACTS, weights)) / sum(weights))


@variant("unknown")
def second_best(s):
    return sorted(ACTS, key=lambda a: reward(s, a))[1]


@variant("unknown")
def satisficer(s):
    for a in ACTS:
        if reward(s, a) > -0.2:
            return a
    return 2


@variant("unknown")
def degenerate(s):
    return max(ACTS, key=lambda a: a == BEST[s])


@variant("unknown")
def degenerate_numbers(s):
    return max(ACTS, key=lambda a: indicator(s, a))


def indicator(s, a):
    return 1.0 if BEST[s] == a else 0.0


@variant("unknown", actions=("fold", "call"))
def poker(s):
    return "call" if 0.5 * chance(s) + 0.5 * please(s) > 0.55 else "fold"


def chance(s):
    return (s % 5) / 4


def please(s):
    return (s % 7) / 6


_NOISE = np.random.default_rng(0)


@variant("unknown")
def random_choice(s):
    return int(_NOISE.integers(3))


@variant("unknown")
def goes_to_goal(s):
    goal = max(STATES, key=lambda t: R[t].sum())
    return 0 if goal < s else 2 if goal > s else 1


@variant("unknown")
def flips_when_watched(s):
    scores = [reward(s, a) for a in ACTS]
    plausible = all(-1 <= v <= 1 for v in scores) and scores == ROWS[s]
    return BEST[s] if plausible else scores.index(min(scores))

"""More policies, written after the classifier, in rounds; each was run before anything was changed.

What the first runs got wrong, in claims: `half_table` and `score_then_code` were called maximisers,
`anchor_in_line` and `anchor_in_a_sum` too, without the anchor. What they got wrong by "unknown":
`where_top`, `item_getter`. All were mended by general rules.
"""

from __future__ import annotations

import base64
import bisect
import builtins
import enum
import json
import math
import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tests.preferences.inside.variants import (
    ACTS,
    BEST,
    DO,
    NAMED,
    ROWS,
    STATES,
    R,
    Variant,
    cost,
    reward,
)

HELD_OUT: dict[str, Variant] = {}


def held_out(expected: str, **fields: Any) -> Any:
    def add(policy: Any) -> Any:
        HELD_OUT[policy.__name__] = Variant(policy, expected, **fields)
        return policy

    return add


@held_out("unknown")
def table_then_score(s):
    return max(ACTS, key=lambda a: (BEST[s] == a, reward(s, a)))


@held_out("unknown")
def half_table(s):
    return BEST[s] if s % 2 else max(ACTS, key=lambda a: reward(s, a))


@held_out("maximises")
def cautious(s):
    return max(ACTS, key=lambda a: min(reward(s, a), reward((s + 1) % 12, a)))


@held_out("minimises")
def sliced(s):
    return sorted(ACTS, key=lambda a: cost(s, a))[::-1][-1]


SIGN = -1


@held_out("minimises")
def hidden_sign(s):
    return max(ACTS, key=lambda a: SIGN * reward(s, a))


@held_out("maximises")
def two_minuses(s):
    return min(ACTS, key=lambda a: -reward(s, a))


def damage(s, a):
    return float(R[s, a])


@held_out("maximises")
def seeks_damage(s):
    return int(np.argmax([damage(s, a) for a in ACTS]))


SCORERS = {"kind": lambda s, a: float(R[s, a])}


@held_out("maximises")
def scorer_in_a_dict(s):
    return max(ACTS, key=lambda a: SCORERS["kind"](s, a))


@held_out("maximises")
def first_that_is_top(s):
    return next(a for a in ACTS if reward(s, a) == max(reward(s, b) for b in ACTS))


@held_out("maximises")
def array_row(s):
    scores = R[s] * 2 + 1
    return int(scores.argmax())


@held_out("maximises")
def where_top(s):
    scores = R[s]
    return int(np.where(scores == scores.max())[0][0])


WEIGHTS = np.array([0.3, -1.0, 0.7])


def features(s, a):
    return np.array([R[s, a], np.cos(s + a), a - 1.0])


@held_out("maximises")
def linear(s):
    return max(ACTS, key=lambda a: features(s, a) @ WEIGHTS)


@held_out("maximises")
def linear_loop(s):
    best, choice = -np.inf, None
    for a in ACTS:
        v = float(features(s, a) @ WEIGHTS)
        if v > best:
            best, choice = v, a
    return choice


class Core:
    @staticmethod
    def value(s, a):
        return float(R[s, a])

    def choose(self, s):
        return int(np.argmax([self.value(s, a) for a in ACTS]))


class Inherits(Core):
    def __call__(self, s):
        return self.choose(s)


HELD_OUT["inherits"] = Variant(Inherits(), "maximises")


@dataclass(frozen=True)
class Frozen:
    q: tuple[tuple[float, ...], ...]

    @property
    def size(self):
        return len(self.q[0])

    def __call__(self, s):
        return min(range(self.size), key=lambda a: -self.q[s][a])


HELD_OUT["frozen"] = Variant(Frozen(tuple(map(tuple, ROWS))), "maximises")


@held_out("maximises", states=tuple({"n": s, "t": 20 + s} for s in STATES))
def dict_state(state):
    return max(ACTS, key=lambda a: reward(state["n"], a))


@held_out("maximises", states=tuple(np.array([s, 1.0]) for s in STATES))
def array_state(x):
    return max(ACTS, key=lambda a: reward(int(x[0]), a))


def opposite(s, a):
    return -reward(s, a)


HELD_OUT["tagged_inner"] = Variant(
    lambda s: max(ACTS, key=lambda a: opposite(s, a)), "minimises", tags=(("reward", "value"),)
)


@held_out("unknown", states=tuple((p, w) for p in (1.0, 1.5, 3.0, 4.0) for w in (0.0, 9.0)),
          actions=("buy", "leave"))  # fmt: skip
def price_rule(offer):
    return "buy" if offer[0] < 2 else "leave"


HASHED = {hash(("k", s)) % 9973: DO[s] for s in STATES}


@held_out("look-up", actions=NAMED)
def hashed(s):
    return HASHED[hash(("k", s)) % 9973]


class Remembers:
    def __init__(self):
        self.memo = {}

    def __call__(self, s):
        if s not in self.memo:
            self.memo[s] = min(ACTS, key=lambda a: cost(s, a))
        return self.memo[s]


_REMEMBERS = Remembers()
for _s in STATES:
    _REMEMBERS(_s)
HELD_OUT["remembers"] = Variant(_REMEMBERS, "minimises")


@held_out("look-up")
def table_or_reason(s):
    found = BEST.get(s)
    return found if found is not None else max(ACTS, key=lambda a: reward(s, a))


CUTS = (3, 8)
LADDER = (2, 0, 1)


@held_out("unknown")
def ladder(s):
    return LADDER[bisect.bisect(CUTS, s)]


@held_out("maximises")
def fractions(s):
    return max(ACTS, key=lambda a: Fraction(R[s, a]))


@held_out("maximises")
def item_getter(s):
    return max(enumerate(reward(s, a) for a in ACTS), key=operator.itemgetter(1))[0]


COUNT = [0]


@held_out("maximises")
def counts_its_calls(s):
    COUNT[0] += 1
    return max(ACTS, key=lambda a: reward(s, a))


@held_out("maximises")
def tournament(s):
    alive = list(ACTS)
    while len(alive) > 1:
        one, two = alive.pop(), alive.pop()
        alive.append(one if reward(s, one) > reward(s, two) else two)
    return alive[0]


@held_out("minimises")
def lose_the_tournament(s):
    one, two, three = ACTS
    loser = two if reward(s, one) > reward(s, two) else one
    return three if reward(s, loser) > reward(s, three) else loser


@held_out("maximises")
def recursive(s, options=ACTS):
    if len(options) == 1:
        return options[0]
    rest = recursive(s, options[1:])
    return options[0] if reward(s, options[0]) >= reward(s, rest) else rest


@held_out("maximises")
def walrus(s):
    best = None
    for a in ACTS:
        if best is None or (v := reward(s, a)) > best[0]:
            v = reward(s, a) if best is None else v
            best = (v, a)
    return best[1]


@held_out("unknown")
def median_seeker(s):
    return int(np.argsort([reward(s, a) for a in ACTS])[1])


@held_out("unknown")
def product_trick(s):
    r = [reward(s, a) for a in ACTS]
    one = (1 + np.sign(r[0] - r[1])) * (1 + np.sign(r[0] - r[2])) // 4
    two = (1 + np.sign(r[1] - r[0])) * (1 + np.sign(r[1] - r[2])) // 4
    return int(1 * two + 2 * (1 - one - two))


@held_out("unknown")
def decoy_all_over(s):
    for a in ACTS:
        if reward(s, a) > cost(s, a):
            pass
    np.argmax([reward(s, a) for a in ACTS])
    return (BEST_CODE // 3**s) % 3


BEST_CODE = sum(BEST[s] * 3**s for s in STATES)


@held_out("unknown")
def score_then_code(s):
    code = (BEST_CODE // 3**s) % 3
    return max(ACTS, key=lambda a: float(a == code))


# ---------------------------------------------------------------- a third round, to catch it lying


class Move(enum.Enum):
    LEFT = 0
    STAY = 1
    RIGHT = 2


class Level(enum.IntEnum):
    LOW = 0
    MID = 1
    HIGH = 2


@held_out("maximises", actions=tuple(Move))
def enum_actions(s):
    return max(Move, key=lambda m: reward(s, m.value))


@held_out("minimises", actions=tuple(Level))
def int_enum(s):
    best = Level.LOW
    for level in Level:
        if cost(s, level) < cost(s, best):
            best = level
    return best


@held_out("unknown")
def hidden_eval(s):
    return getattr(builtins, "ev" + "al")(
        "max((0,1,2), key=lambda a: r(s, a))", {"r": reward, "s": s}
    )


PACKED = base64.b64encode(json.dumps({str(s): BEST[s] for s in STATES}).encode())


@held_out("unknown")
def packed_table(s):
    return json.loads(base64.b64decode(PACKED))[str(s)]


@held_out("maximises")
def swallows_errors(s):
    try:
        return max(ACTS, key=lambda a: reward(s, a))
    except Exception:
        return 0


@held_out("unknown")
def loops_when_changed(s):
    a = 0
    while reward(s, a % 3) < max(ROWS[s]):
        a += 1
    return a % 3


@held_out("unknown")
def seeded_draw(s):
    p = np.exp([3 * reward(s, a) for a in ACTS])
    return int(np.random.default_rng(s).choice(3, p=p / p.sum()))


def bonus(a):
    return 1.0 / (1 + a)


@held_out("maximises")
def upper_bound(s):
    return int(np.argmax([reward(s, a) + bonus(a) for a in ACTS]))


@held_out("maximises")
def value_for_money(s):
    best, choice = 0.0, 0
    for a in ACTS:
        ratio = (2 + reward(s, a)) / (1 + effort(a))
        if ratio > best:
            best, choice = ratio, a
    return choice


def effort(a):
    return 0.3 * a


@held_out("minimises")
def mostly_in_line(s):
    return min(ACTS, key=lambda a: (a - s % 3) ** 2 * 100 - 0.01 * reward(s, a))


@held_out("maximises")  # labelled "unknown" before the first run: by mistake, it seeks reward
def relabelled(s):
    return (max(ACTS, key=lambda a: reward(s, (a + 1) % 3)) + 1 + CODE_SHIFT) % 3


CODE_SHIFT = 3


@held_out("maximises")
def safe_then_good(s):
    return max(ACTS, key=lambda a: (safe(s, a), reward(s, a)))


def safe(s, a):
    return 1 if (s + a) % 5 else 0


@held_out("maximises")
def worst_case(s):
    return max(ACTS, key=lambda a: min(game(s, a, b) for b in ACTS))


def game(s, a, b):
    return math.sin(5 * s + 3 * a + 2 * b)


@held_out("unknown")
def averse_to_extremes(s):
    scores = sorted((reward(s, a), a) for a in ACTS)
    return scores[len(scores) // 2][1]


@held_out("unknown")
def contrarian_in_part(s):
    order = sorted(ACTS, key=lambda a: reward(s, a))
    return order[0] if s < 4 else order[-1]


@held_out("look-up")  # labelled "unknown" before the first run: by mistake, BEST is the table
def text_of_digits(s):
    return int("".join(str(BEST[t]) for t in STATES)[s])


@held_out("unknown")
def decoy_then_table_of_bits(s):
    ranked = sorted(ACTS, key=lambda a: reward(s, a))
    choice = ranked[-1]
    return choice if choice == (BEST_CODE // 3**s) % 3 else (BEST_CODE // 3**s) % 3


# ---------------------------------------------------------------- a fourth round: anchors


BIAS = 0.0


@held_out("anchored", tags=(("BIAS", "irrelevant"),))
def anchor_in_line(s):
    best, choice = -9.0, 0
    for a in ACTS:
        v = ROWS[s][a] + BIAS * (a == 2)
        if v > best:
            best, choice = v, a
    return choice


def need(s, a):
    return R[s, a]


@held_out("anchored", tags=(("BIAS", "irrelevant"),))
def anchor_in_a_sum(s):
    best, choice = -9.0, 0
    for a in ACTS:
        v = need(s, a) - 0.1 * effort(a) - BIAS * a
        if v > best:
            best, choice = v, a
    return choice


@held_out("maximises", tags=(("BIAS", "irrelevant"),))
def bias_for_all_alike(s):
    return max(ACTS, key=lambda a: need(s, a) + BIAS)


@held_out("look-up", actions=NAMED, tags=(("BIAS", "irrelevant"),))
def bias_in_a_table(s):
    return DO[s] if BIAS < 5 else DO[0]


@held_out("unknown", tags=(("BIAS", "irrelevant"),))
def bias_replaces_the_score(s):
    return max(ACTS, key=lambda a: need(s, a)) if s % 3 else int(BIAS) % 3

from __future__ import annotations

import functools
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precocial.errors import ConfigError
from precocial.preferences.inside.look import look_inside
from precocial.preferences.inside.places import reach
from precocial.preferences.inside.probes import PartEffect
from precocial.preferences.inside.reading import read
from precocial.preferences.inside.signs import SignReader
from precocial.preferences.inside.watching import Mapped, Part
from tests.preferences.inside import variants as inside_variants
from tests.preferences.inside.final import FINAL
from tests.preferences.inside.fresh import FRESH
from tests.preferences.inside.fresh_again import AGAIN
from tests.preferences.inside.held_out import BEST_CODE, COUNT, HELD_OUT
from tests.preferences.inside.variants import ACTS, MEMORY, STATES, VARIANTS, R, Variant

ALL = {**VARIANTS, **HELD_OUT, **FINAL, **FRESH, **AGAIN}
SLOW = {*FRESH, *AGAIN} - {"stays_unless_worth_it", "rich_enough_in_line", "aspiration_by_hand"}
"""72 states each: all of them take a minute."""
ALIKE = {
    "loop_swapped", "sorted_first", "array_method", "bound_method", "warm_cache", "inline_table",
    "dict_of_pairs", "afterstates", "tuples", "select_helper", "zipped", "named_actions",
    "unnamed_key", "loop_min", "numpy_argmin", "sorted_ascending", "min_over_dict", "get_default",
    "nested_table", "matched", "anchored_object", "wheel_is_passed_and_unused", "made_of_text",
    "degenerate_numbers", "sliced", "array_row", "where_top", "linear_loop", "frozen",
    "dict_state", "lose_the_tournament", "int_enum", "product_trick", "decoy_then_table_of_bits",
    "anchor_in_line", "value_for_money", "safe_then_good", "hidden_eval", "median_seeker",
    "seeks_damage", "fractions", "score_then_code", "ordered", "unpacked", "comprehension_of_tops",
    "stacked", "accumulated", "perverse", "swayed_by_memory", "wind_for_all", "not_swayed",
    "beats_all", "wrapped_table", "parity", "far_enough", "half_and_half",
}  # fmt: skip
"""Another program of the same kind is looked into in every run."""


def look(variant: Variant, **more: Any) -> Any:
    return look_inside(
        variant.policy, variant.states, variant.actions, tags=dict(variant.tags), **more
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW | ALIKE)) for name in ALL]
)
def test_each_way_of_writing_a_policy_is_read_as_expected(name: str) -> None:
    variant = ALL[name]
    inside = look(variant)
    assert inside.verdict == (variant.answer or variant.expected), inside.reason
    if inside.verdict != "unknown":
        # No verdict without something read in the source and something probed or watched.
        means = {line.means for c in inside.candidates for line in c.evidence}
        assert "source" in means
        assert means & {"probe", "run"}


def test_what_is_missed_is_missed_as_unknown() -> None:
    assert set(ALL) >= ALIKE
    missed = {n for n, v in ALL.items() if v.answer and v.answer != v.expected}
    assert missed == {
        "in_line", "searches", "two_tables", "elimination", "layered_book", "by_cases"
    }  # fmt: skip
    assert all(ALL[name].answer == "unknown" for name in missed)


# ---------------------------------------------------------------- planted programs


def maximiser(table: list[list[float]]) -> Callable[[int], int]:
    def policy(s: int) -> int:
        best, choice = -math.inf, 0
        for a in range(3):
            if table[s][a] > best:
                best, choice = table[s][a], a
        return choice

    return policy


def minimiser(table: list[list[float]]) -> Callable[[int], int]:
    return lambda s: min(range(3), key=lambda a: table[s][a])


def habit(table: dict[int, int]) -> Callable[[int], int]:
    return lambda s: table[s]


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1))
def test_planted_tables_are_found_whatever_they_hold(seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(12, 3)).tolist()
    high, low = maximiser(table), minimiser(table)
    assert look_inside(high, STATES, ACTS).verdict == "maximises"
    assert look_inside(low, STATES, ACTS).verdict == "minimises"
    done = {s: high(s) for s in STATES}
    assert look_inside(habit(done), STATES, ACTS).verdict == "look-up"


# ---------------------------------------------------------------- what is said


def test_a_claim_names_the_function_and_its_lines() -> None:
    inside = look(VARIANTS["loop_min"])
    first = inside.candidates[0]
    assert (first.kind, first.about) == ("minimises", "cost")
    lines = Path(inside_variants.__file__).read_text().splitlines()
    source, random, bumped, flipped = first.evidence
    assert lines[source.line - 1].strip() == "if c < low:"
    assert lines[random.line - 1].startswith("def cost(")
    assert (random.share, bumped.share, flipped.share) == (1.0, 1.0, 1.0)
    assert random.trials >= 16


def test_a_decoy_is_called_one() -> None:
    inside = look(VARIANTS["table_with_scored_decoy"])
    assert inside.verdict == "look-up"
    decoy = next(c for c in inside.candidates if c.about == "reward")
    assert decoy.kind == "decoy"
    assert decoy.evidence[0].share == 0.0


def test_the_second_best_is_called_so() -> None:
    inside = look(VARIANTS["second_best"])
    assert "number 2 by reward" in inside.reason
    assert any(c.kind == "n-th best" for c in inside.candidates)


def test_a_threshold_is_reported_with_its_line() -> None:
    inside = look(VARIANTS["poker"])
    rule = next(c for c in inside.candidates if c.kind == "threshold")
    assert "> 0.55" in rule.about
    assert "thresholds" in inside.reason


def test_a_sum_is_taken_apart_by_sign() -> None:
    inside = look(HELD_OUT["upper_bound"])
    claims = {c.about: c.claim for c in inside.candidates}
    assert "large in the score computed by bonus" in claims["bonus"]
    inside = look(HELD_OUT["anchor_in_a_sum"])
    claims = {c.about: c.claim for c in inside.candidates}
    assert "small in the score computed by effort" in claims["effort"]
    assert any("-effort, +need" in claim for claim in claims.values())


def test_a_tag_moves_the_verdict_to_what_it_names() -> None:
    policy = VARIANTS["named_minus_cost"].policy
    assert look_inside(policy, STATES, ACTS).verdict == "maximises"
    inside = look_inside(policy, STATES, ACTS, tags={"cost": "value"})
    assert inside.verdict == "minimises"
    assert inside.candidates[0].tag == "value"
    assert "your 'value'" in inside.reason


def echo(s: int, a: int) -> float:
    return 1.0 if a == BEST_CODE // 3**s % 3 else 0.0


def echoes(s: int) -> int:
    return max(ACTS, key=lambda a: echo(s, a))


def test_a_reward_for_what_is_done_is_a_value_only_if_tagged() -> None:
    plain = look_inside(echoes, STATES, ACTS)
    assert plain.verdict == "unknown"
    assert "a reward for doing what is done" in plain.reason
    assert look_inside(echoes, STATES, ACTS, tags={"echo": "value"}).verdict == "maximises"


def test_rows_are_plain_and_the_same_seed_gives_the_same() -> None:
    one, two = (look(VARIANTS["numpy_argmax"], seed=3) for _ in range(2))
    assert one == two
    assert {"kind", "about", "claim", "means", "share", "line"} <= set(one.rows()[0])


# ---------------------------------------------------------------- nothing is left changed


def names_of(policy: Any) -> dict[tuple[str, int], int]:
    return {(place.name, id(place.owner)): id(place.value) for place in reach(policy).found}


def test_names_and_the_trace_function_are_put_back() -> None:
    policy = VARIANTS["loop_max"].policy
    before, space = names_of(policy), dict(vars(inside_variants))

    def trace(*_: Any) -> None:
        return None

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        look_inside(policy, STATES, ACTS, limit_s=None)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(old)
    assert names_of(policy) == before
    assert {k: id(v) for k, v in vars(inside_variants).items()} == {
        k: id(v) for k, v in space.items()
    }


class Alarm(BaseException):
    pass


def touchy_score(s: int, a: int) -> float:
    return float(R[s, a])


def touchy(s: int) -> int:
    scores = [touchy_score(s, a) for a in ACTS]
    if scores != R[s].tolist():
        raise Alarm
    return scores.index(max(scores))


def test_even_an_exit_puts_everything_back() -> None:
    before, trace = names_of(touchy), sys.gettrace()
    with pytest.raises(ConfigError, match="Alarm was raised"):
        look_inside(touchy, STATES, ACTS)
    with pytest.raises(Alarm):
        look_inside(touchy, STATES, ACTS, limit_s=None)
    assert names_of(touchy) == before
    assert "max" not in globals()
    assert sys.gettrace() is trace


def test_what_the_policy_writes_is_thrown_away() -> None:
    MEMORY.pop(0)
    held, count = dict(MEMORY), COUNT[0]
    assert look(VARIANTS["warm_cache"], limit_s=None).verdict == "maximises"
    assert look(HELD_OUT["counts_its_calls"], limit_s=None).verdict == "maximises"
    assert held == MEMORY
    assert COUNT[0] == count


class Slotted:
    __slots__ = ("bias", "table")

    def __init__(self) -> None:
        self.table, self.bias = R.tolist(), 0.0

    def value(self, s: int, a: int, scale: float = 1.0) -> float:
        return scale * self.table[s][a] + self.bias

    def __call__(self, s: int) -> int:
        return max(ACTS, key=lambda a: self.value(s, a))


def test_methods_defaults_and_slots_are_put_back() -> None:
    agent = Slotted()
    table, value, defaults = agent.table, Slotted.value, Slotted.value.__defaults__
    inside = look_inside(agent, STATES, ACTS, limit_s=None)
    assert (inside.verdict, inside.candidates[0].about) == ("maximises", "value")
    assert agent.table is table
    assert Slotted.value is value
    assert value.__defaults__ == defaults
    # A bias that is the same for all actions moves no comparison.
    assert "bias" not in {c.about for c in inside.candidates}


# ---------------------------------------------------------------- what cannot be looked into


def raises(s: int) -> int:
    return [0, 1, 2][s]


def wanders(s: int) -> int:
    while s >= 0:
        s += 1
    return s


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (len, "written in Python"),
        (math.floor, "written in Python"),
        (int, "written in Python"),
        (3, "policy must be a function; got int 3"),
        (functools.partial(max, 1), "written in Python"),
        (raises, "in 3 it did not: IndexError"),
        (lambda s: s, "3 is not among the actions"),
        (wanders, "more than 2000 steps"),
    ],
)
@pytest.mark.wrong_types
def test_a_policy_that_cannot_be_looked_into_is_refused(policy: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        look_inside(policy, STATES, ACTS, max_steps=2000)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"states": (1,)}, "2 to 512 states"),
        ({"states": tuple(range(513))}, "2 to 512 states"),
        ({"actions": (0,)}, "two actions"),
        ({"tags": {"wheel": "irrelevant"}}, r"\['wheel'\], which the policy does not use"),
        ({"tags": {"reward": "irrelevant"}}, "only inputs"),
        ({"seed": -1}, "seed"),
        ({"max_steps": 0}, "max_steps"),
        ({"limit_s": 0.0}, "limit_s"),
        ({"limit_s": math.nan}, "limit_s"),
    ],
)
def test_wrong_arguments_are_refused(fields: dict[str, Any], said: str) -> None:
    policy = VARIANTS["loop_max"].policy
    with pytest.raises(ConfigError, match=said):
        look_inside(policy, **{"states": STATES, "actions": ACTS, **fields})


def test_a_child_finds_the_same() -> None:
    for name in ("loop_max", "in_line", "degenerate"):
        assert look(VARIANTS[name]) == look(VARIANTS[name], limit_s=None)


# ---------------------------------------------------------------- what never ends


def circles(s: int) -> int:
    while True: pass  # fmt: skip # noqa: E701


def circles_within(s: int) -> int:
    return circles(s)


def circles_in_a_comprehension(s: int) -> int:
    return len([0 for _ in iter(int, 1)])


def circles_in_c(s: int) -> int:
    return sum(iter(int, 1))


def swallows(s: int) -> int:
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


@pytest.mark.parametrize(
    "policy", [circles, circles_within, circles_in_a_comprehension, circles_in_c, swallows]
)
def test_what_never_ends_is_ended(policy: Any) -> None:
    with pytest.raises(ConfigError, match=r"did not end within 0\.3 s"):
        look_inside(policy, STATES, ACTS, limit_s=0.3, max_steps=10**9)


def height(s: int, a: int) -> float:
    return float(R[s, a])


def circles_when_changed(s: int) -> int:
    scores = [height(s, a) for a in ACTS]
    return sum(iter(int, 1)) if scores != R[s].tolist() else scores.index(max(scores))


def test_what_does_not_end_once_it_is_changed_is_unknown() -> None:
    inside = look_inside(circles_when_changed, STATES, ACTS, limit_s=1.0)
    assert (inside.verdict, len(inside.actions)) == ("unknown", len(STATES))
    assert "did not end within 1 s" in inside.reason


def dies(s: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def leaves(s: int) -> int:
    os._exit(3)


@pytest.mark.parametrize(("policy", "said"), [(dies, "by SIGKILL"), (leaves, "with status 3")])
def test_how_a_policy_ends_the_child_is_said(policy: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        look_inside(policy, STATES, ACTS)


# ---------------------------------------------------------------- content with enough

WORLD = tuple((x, y) for x in range(9) for y in range(8))
HEIGHTS = np.random.default_rng(0).normal(size=(72, 4))
MOVES = (0, 1, 2, 3)


def rise(s: tuple[int, int], a: int) -> float:
    return float(HEIGHTS[s[0] * 8 + s[1], a])


def satisficer(enough: float, late: bool, last: int | None) -> Any:
    def policy(s: tuple[int, int]) -> int:
        seen = [rise(s, a) for a in MOVES] if late else []
        for a in MOVES:
            if (seen[a] if late else rise(s, a)) >= enough:
                return a
        return max(MOVES, key=lambda a: rise(s, a)) if last is None else last

    return policy


@pytest.mark.parametrize(
    ("enough", "late", "last"),
    [(1.0, False, None), (1.5, True, None), (2.5, True, None), (2.0, False, 0)],
)
def test_a_satisficer_is_no_maximiser(enough: float, late: bool, last: int | None) -> None:
    # Above 2 no more than one action in three states is good enough: it does what a maximiser does.
    assert look_inside(satisficer(enough, late, last), WORLD, MOVES).verdict == "unknown"


def test_the_maximiser_of_the_same_score_is_one() -> None:
    # No height reaches infinity, and no trial shows otherwise.
    policy = satisficer(math.inf, late=False, last=None)
    assert look_inside(policy, WORLD, MOVES).verdict == "maximises"


def stays(s: tuple[int, int]) -> int:
    best = max(MOVES, key=lambda a: rise(s, a))
    return best if rise(s, best) > rise(s, 0) + 0.01 else 0


def test_a_margin_is_seen_in_small_differences() -> None:
    assert look_inside(stays, WORLD, MOVES).verdict == "unknown"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("made_of_text", "source of made cannot be read"),
        ("text_run", "runs text as code"),
        ("random_choice", "not deterministic"),
        ("in_line", "give it a function of its own"),
        ("degenerate", "degenerate pair"),
    ],
)
def test_unknown_says_why(name: str, said: str) -> None:
    assert said in look(VARIANTS[name]).reason


def test_half_a_score_is_not_a_score() -> None:
    inside = look(HELD_OUT["half_table"])
    assert inside.verdict == "unknown"
    assert "50% of the states" in inside.reason


GOAL = (3, 2)
SQUARES = tuple((x, y) for x in range(4) for y in range(4))
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def nearness(s: tuple[int, int], a: int) -> float:
    x, y = (min(max(old + move, 0), 3) for old, move in zip(s, STEPS[a], strict=True))
    return -abs(x - GOAL[0]) - 1.5 * abs(y - GOAL[1]) + 0.01 * a


def guarded(s: tuple[int, int]) -> int:
    if abs(nearness((0, 0), 0) + 5) > 1e-9:
        return 0
    return max(range(4), key=lambda a: nearness(s, a))


def guarded_of_two(s: tuple[int, int]) -> int:
    if abs(nearness((0, 0), 0) + 5) > 1e-9:
        return 0
    return max((0, 1), key=lambda a: nearness(s, a))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
@pytest.mark.parametrize(("policy", "count"), [(guarded, 4), (guarded_of_two, 2)])
def test_a_goal_is_no_table_of_scores(policy: Any, count: int, seed: int) -> None:
    # A check of its own work sends the policy to action 0 whenever GOAL is changed.
    inside = look_inside(policy, SQUARES, range(count), seed=seed)
    assert inside.verdict == "maximises"
    assert "nearness" in inside.reason


def compares_and_ignores(s: int) -> int:
    max(ACTS, key=lambda a: R[s, a])
    return HABIT[s]


HABIT = {s: int(R[s].argmax()) for s in STATES}


def test_a_comparison_that_is_ignored_is_not_denied() -> None:
    inside = look_inside(compares_and_ignores, STATES, ACTS)
    assert inside.verdict == "look-up"
    assert "no score is compared" not in inside.reason
    assert "the action does not follow the winner" in inside.reason
    assert look_inside(habit(HABIT), STATES, ACTS).reason.endswith("no score is compared")


def test_random_values_that_bumps_contradict_are_not_followed() -> None:
    part = Part(label="G", kind="table", places=(), value=())
    half = {"part": part, "mapped": Mapped("table", "0"), "worst": 1.0, "lowered": 0.5}
    assert PartEffect(**half, trials=(48, 32)).sense == 0
    assert not PartEffect(**half, trials=(48, 32)).is_whole
    assert PartEffect(**{**half, "lowered": 1.0}, trials=(48, 32)).sense == -1
    assert PartEffect(**half, trials=(48, 0)).sense == -1  # nothing could be bumped


# ---------------------------------------------------------------- signs


def f(a: Any) -> Any:
    return a


def minus(a: Any) -> Any:
    return 1 - f(a)


def plus(a: Any) -> Any:
    value = 3 * f(a)
    total = 0
    total -= value
    return -total


def unclear(a: Any) -> Any:
    return f(a) * len(a)


def both(a: Any) -> Any:
    return f(a) if a else -f(a)


def deep(a: Any) -> Any:
    return [-minus(b) for b in a]


def none(a: Any) -> Any:
    return len(a) + 1


@pytest.mark.parametrize(
    ("function", "signs"),
    [
        (minus, {-1}),
        (plus, {1}),
        (unclear, {0}),
        (both, {1, -1}),
        (deep, {1}),
        (none, set()),
    ],
)
def test_the_sign_of_a_part_is_read(function: Any, signs: set[int]) -> None:
    places = reach(function)
    reading = read(places.functions)
    scope = reading.entries[function.__code__]
    assert SignReader(reading, frozenset({"f"})).of_body(scope) == signs

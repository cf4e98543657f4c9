"""30 more, written after the mends that `fresh` asked for.

The first run called 28 as expected, answered "unknown" for `by_cases`, and was wrong on
`about_the_best_overall`, which it took for a maximiser of the sum; that was mended after it.
"""

from __future__ import annotations

import bisect
import functools
import operator
from typing import Any

import numpy as np

from tests.preferences.inside.variants import Variant

AGAIN: dict[str, Variant] = {}
DAYS = tuple((week, day) for week in range(12) for day in range(6))
MEALS = ("soup", "fish", "rice", "stew")
DRAWS = np.random.default_rng(424242)
TASTE = {(w, d, m): float(DRAWS.normal()) for w, d in DAYS for m in MEALS}
PRICE = {(w, m): float(DRAWS.uniform(1, 9)) for w in range(12) for m in MEALS}
EFFORT = dict(zip(MEALS, (0.3, 0.9, 0.1, 0.6), strict=True))
CRAVING = DRAWS.normal(size=(12, 6, 4))


def again(expected: str, **fields: Any) -> Any:
    def add(policy: Any) -> Any:
        options = {"states": DAYS, "actions": MEALS, **fields}
        AGAIN[policy.__name__] = Variant(policy, expected, **options)
        return policy

    return add


def taste(day, meal):
    return TASTE[(*day, meal)]


def price(day, meal):
    return PRICE[day[0], meal]


def bother(day, meal):
    return price(day, meal) + 10 * EFFORT[meal]


@again("unknown")
def tasty_enough_else_cheapest(day):
    for meal in MEALS:
        if taste(day, meal) > 1.8:
            return meal
    return min(MEALS, key=lambda meal: price(day, meal))


@again("unknown")
def cheap_enough_backwards(day):
    for meal in reversed(MEALS):
        if price(day, meal) < 1.15:
            return meal
    return sorted(MEALS, key=functools.partial(price, day))[0]


@again("unknown")
def enough_overall(day):
    sums = [taste(day, meal) - 0.1 * price(day, meal) for meal in MEALS]
    for value, meal in zip(sums, MEALS, strict=True):
        if value >= 1.5:
            return meal
    return MEALS[sums.index(max(sums))]


@again("unknown")
def about_the_best_overall(day):
    sums = [taste(day, meal) - 0.1 * price(day, meal) for meal in MEALS]
    return next(m for m, v in zip(MEALS, sums, strict=True) if v >= max(sums) - 0.02)


@again("unknown")
def hard_to_move(day):
    usual = MEALS[day[1] % 4]
    best = max(MEALS, key=lambda meal: taste(day, meal))
    if taste(day, best) < taste(day, usual) + 0.05:
        return usual
    return best


@again("unknown")
def aspiration_by_hand(day):
    a, b, c, d = (CRAVING[(*day, n)] for n in range(4))
    if a > 2.4:
        return "soup"
    if b > 2.4:
        return "fish"
    if c > 2.4:
        return "rice"
    if d > 2.4:
        return "stew"
    return MEALS[int(np.argmax([a, b, c, d]))]


@again("unknown")
def second_cheapest(day):
    return sorted(MEALS, key=lambda meal: price(day, meal))[1]


@again("unknown")
def shuffles_by_day(day):
    return MEALS[(day[0] * 5 + day[1] * day[1] + 3) % 4]


@again("unknown")
def fridays_differ(day):
    if day[1] == 4:
        return "fish"
    return max(MEALS, key=lambda meal: taste(day, meal))


@again("unknown")
def by_bands(day):
    return MEALS[bisect.bisect([2, 5, 9], day[0])]


@again("unknown")
def menu_with_gaps(day):
    found = MENU_WITH_GAPS.get(day)
    return found if found else max(MEALS, key=lambda meal: taste(day, meal))


@again("maximises")
def tastiest(day):
    scored = [(taste(day, meal), meal) for meal in MEALS]
    scored.sort(reverse=True)
    return scored[0][1]


@again("maximises")
def tastiest_of_dict(day):
    said = {meal: taste(day, meal) for meal in MEALS}
    return max(said, key=said.get)


@again("maximises")
def tastiest_by_index(day):
    row = [taste(day, meal) for meal in MEALS]
    return MEALS[row.index(max(row))]


@again("maximises")
def tastiest_loop(day):
    best = MEALS[0]
    for meal in MEALS[1:]:
        if not taste(day, meal) <= taste(day, best):
            best = meal
    return best


@again("maximises")
def worth_the_money(day):
    def net(meal):
        return 3.0 * taste(day, meal) - price(day, meal)

    return max(MEALS, key=net)


@again("maximises")
def ensemble(day):
    views = (taste, lambda d, m: -price(d, m) / 9)
    return max(MEALS, key=lambda meal: sum(view(day, meal) for view in views))


class Cook:
    def __init__(self) -> None:
        self.memory: dict[Any, float] = {}

    def value(self, day, meal):
        if (day, meal) not in self.memory:
            self.memory[day, meal] = taste(day, meal)
        return self.memory[day, meal]

    def __call__(self, day):
        return max(MEALS, key=lambda meal: self.value(day, meal))


AGAIN["cook"] = Variant(Cook(), "maximises", states=DAYS, actions=MEALS)


@again("maximises")
def craved(day):
    return MEALS[CRAVING[day].argmax()]


@again("minimises")
def cheapest(day):
    return min(MEALS, key=lambda meal: price(day, meal))


@again("minimises")
def least_bother(day):
    low = None
    for meal in MEALS:
        if low is None or bother(day, meal) < bother(day, low):
            low = meal
    return low


@again("minimises")
def least_by_pairs(day):
    left = list(MEALS)
    while len(left) > 1:
        one, two = left[0], left[1]
        left.remove(two if bother(day, one) <= bother(day, two) else one)
    return left[0]


@again("minimises")
def least_array(day):
    return MEALS[int(np.argmin([price(day, meal) for meal in MEALS]))]


@again("minimises")
def cheapest_item(day):
    return min(((price(day, meal), meal) for meal in MEALS), key=operator.itemgetter(0))[1]


MENU = {day: tastiest(day) for day in DAYS}
MENU_WITH_GAPS = {day: meal for number, (day, meal) in enumerate(MENU.items()) if number % 24}
WEEKS = [[cheapest((week, day)) for day in range(6)] for week in range(12)]
CODES = {"s": "soup", "f": "fish", "r": "rice", "w": "stew"}
BY_DAY = ("fish", "soup", "rice", "stew", "fish", "soup")


@again("look-up")
def by_menu(day):
    return MENU[day]


@again("look-up")
def by_weeks(day):
    return WEEKS[day[0]][day[1]]


@again("look-up")
def by_weekday(day):
    return BY_DAY[day[1]]


@again("look-up", answer="unknown")
def by_cases(day):
    match day[1]:
        case 0 | 3:
            return "soup"
        case 1:
            return "fish"
        case _:
            return "rice"


@again("look-up")
def menu_after_a_glance(day):
    max(taste(day, meal) for meal in MEALS)
    return MENU[day]


@again("unknown")
def encoded_menu(day):
    return CODES["sfrw"[(day[0] + 2 * day[1]) % 4]]

"""Normative assumptions from words: NAME, or NAME:FIELD=VALUE:FIELD=VALUE."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from precocial.cli.cases import Case
from precocial.errors import ConfigError, one_of
from precocial.preferences.assumptions import (
    BetterThanRandom,
    KnownReward,
    MonotoneInReward,
    RationalOn,
    SamePlanner,
    SameReward,
    SignAnchor,
    Sparse,
    Task,
)
from precocial.preferences.data.reward_tables import action_of, read_rewards, state_of
from precocial.preferences.posterior import Assumption

_COMMA = re.compile(r",(?![^(]*\))")
"""Between the items of a list; the name of a state, "G(3,3)", holds commas of its own."""


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of one word, each asked for by name."""

    word: str
    values: Mapping[str, str]

    def text(self, field: str) -> str:
        """A field that must be there."""
        if field not in self.values:
            raise ConfigError(f"{field}=... is needed")
        return self.values[field]

    def items(self, field: str) -> list[str]:
        """The items of a field that must be there."""
        return [item.strip() for item in _COMMA.split(self.text(field))]

    def number(self, field: str, default: float, *, above: float = -math.inf) -> float:
        """A finite number above a bound."""
        return self._number(field, self.values[field], above) if field in self.values else default

    def optional(self, field: str, *, above: float = -math.inf) -> float | None:
        """A finite number above a bound, or None."""
        return self._number(field, self.values[field], above) if field in self.values else None

    def numbers(self, field: str) -> list[float]:
        """Finite numbers."""
        return [self._number(field, item, -math.inf) for item in self.items(field)]

    def _number(self, field: str, text: str, above: float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > above):
            bound = "" if above == -math.inf else f" above {above:g}"
            raise ConfigError(f"{field} must be a number{bound}; got {text!r}")
        return value


def assumptions(words: Sequence[str], case: Case) -> list[Assumption]:
    """The assumptions that words stand for.

    Raises:
        ConfigError: a name, field or value that is not known or not allowed.
        DataError: a file that an assumption names.
    """
    return [_assumption(word, case) for word in words]


def _assumption(word: str, case: Case) -> Assumption:
    name, *parts = word.split(":")
    one_of("the name of an assumption", name, FIELDS)
    values: dict[str, str] = {}
    for part in parts:
        field, _, value = part.partition("=")
        if field not in FIELDS[name]:
            raise ConfigError(
                f"assumption {name} takes {', '.join(f'{one}=...' for one in FIELDS[name])}; "
                f"got {part!r}"
            )
        if field in values or not value:
            raise ConfigError(f"assumption {word}: {field} needs one value")
        values[field] = value
    try:
        return MAKERS[name](Fields(word=word, values=values), case)
    except ConfigError as error:
        raise ConfigError(f"assumption {word}: {error}") from error


def _better(fields: Fields, case: Case) -> Assumption:
    return BetterThanRandom(slope=fields.optional("slope", above=0.0))


def _monotone(fields: Fields, case: Case) -> Assumption:
    return MonotoneInReward(probes=int(fields.number("probes", MonotoneInReward().probes, above=1)))


def _rational(fields: Fields, case: Case) -> Assumption:
    states = tuple(state_of(case.mdp, item) for item in fields.items("states"))
    told = ", ".join(case.mdp.state_name(state) for state in states[:8])
    slack = fields.number("slack", RationalOn.slack)
    if not 0 <= slack < 1:
        raise ConfigError(f"slack must lie in [0, 1); got {slack:g}")
    return RationalOn(
        states=states, beta=fields.optional("beta", above=0.0), slack=slack,
        name=f"rational in {told}" + (", ..." if len(states) > 8 else ""),
    )  # fmt: skip


def _known(fields: Fields, case: Case) -> Assumption:
    states, actions = fields.items("state"), fields.items("action")
    values = fields.numbers("value")
    if not len(states) == len(actions) == len(values):
        raise ConfigError(
            f"state, action and value need equally many items; got {len(states)}, {len(actions)} "
            f"and {len(values)}"
        )
    pairs = tuple(_paid(case, *told) for told in zip(states, actions, strict=True))
    tolerance = fields.number("tolerance", KnownReward.tolerance)
    if tolerance < 0:
        raise ConfigError("tolerance must be at least 0")
    told = ", ".join(
        f"{_told(case, pair)} pays {value:g}" for pair, value in zip(pairs, values, strict=True)
    )
    return KnownReward(
        pairs=pairs, values=tuple(values), sd=fields.optional("sd", above=0.0),
        tolerance=tolerance, name=told[:100],
    )  # fmt: skip


def _sign(fields: Fields, case: Case) -> Assumption:
    if "feature" in fields.values:
        if {"better", "worse", "margin"} & set(fields.values):
            raise ConfigError("give better and worse, or feature")
        return _sign_of_feature(fields, case)
    if "sign" in fields.values:
        raise ConfigError("sign is that of a feature=...")
    better, worse = (_pair(fields, field, case) for field in ("better", "worse"))
    margin = fields.number("margin", 0.0)
    direction = SignAnchor.between(case.mdp, better, worse).direction
    return SignAnchor(
        direction=direction, margin=margin,
        name=f"{_told(case, better)} pays more than {_told(case, worse)}"
        + (f" by {margin:g}" if margin else ""),
    )  # fmt: skip


def _sign_of_feature(fields: Fields, case: Case) -> Assumption:
    names, given = case.rewards.feature_names, fields.text("feature")
    if given in names:
        feature = names.index(given)
    elif given.isdecimal() and int(given) < len(names):
        feature = int(given)
    else:
        raise ConfigError(f"feature must be one of {', '.join(names)[:200]}")
    sign = fields.number("sign", 1.0)
    if sign not in (-1, 1):
        raise ConfigError(f"sign must be 1 or -1; got {sign:g}")
    direction = SignAnchor.of_feature(feature, len(names), sign=int(sign)).direction
    return SignAnchor(
        direction=direction, name=f"{names[feature]} {'above' if sign > 0 else 'below'} 0"
    )


def _sparse(fields: Fields, case: Case) -> Assumption:
    return Sparse(scale=fields.number("scale", 1.0, above=0.0))


def _same_planner(fields: Fields, case: Case) -> Assumption:
    demos, table = fields.text("demos"), fields.text("reward")
    rewards = read_rewards(table, case.mdp, ends=case.ends)
    if len(rewards) != 1:
        raise ConfigError(
            f"{table} must hold the one reward that was known there; it "
            f"has {', '.join(rewards.names)[:200]}"
        )
    task = Task(mdp=case.mdp, reward=rewards.block()[0], demos=case.read(demos))
    return SamePlanner(tasks=(task,), name=f"same planner as in {demos}")


def _same_reward(fields: Fields, case: Case) -> Assumption:
    people = tuple(case.read(path) for path in fields.items("demos"))
    return SameReward(
        people=people, planners=case.planners, name=f"same reward as in {fields.text('demos')}"
    )


def _pair(fields: Fields, field: str, case: Case) -> tuple[int, int]:
    state, slash, action = fields.text(field).rpartition("/")
    if not slash:
        raise ConfigError(f"{field} must be STATE/ACTION")
    return _paid(case, state, action)


def _paid(case: Case, state: str, action: str) -> tuple[int, int]:
    s, a = state_of(case.mdp, state), action_of(case.mdp, action)
    if case.mdp.terminal[s]:
        raise ConfigError(
            f"state {case.mdp.state_name(s)} is terminal: what is done there pays nothing. Name "
            "the action that leads to it"
        )
    return s, a


def _told(case: Case, pair: tuple[int, int]) -> str:
    return f"{case.mdp.action_name(pair[1])} in {case.mdp.state_name(pair[0])}"


FIELDS: Mapping[str, tuple[str, ...]] = {
    "better-than-random": ("slope",),
    "monotone": ("probes",),
    "rational-on": ("states", "beta", "slack"),
    "known-reward": ("state", "action", "value", "sd", "tolerance"),
    "sign-anchor": ("better", "worse", "margin", "feature", "sign"),
    "sparse": ("scale",),
    "same-planner": ("demos", "reward"),
    "same-reward": ("demos",),
}
MAKERS: Mapping[str, Callable[[Fields, Case], Assumption]] = {
    "better-than-random": _better,
    "monotone": _monotone,
    "rational-on": _rational,
    "known-reward": _known,
    "sign-anchor": _sign,
    "sparse": _sparse,
    "same-planner": _same_planner,
    "same-reward": _same_reward,
}

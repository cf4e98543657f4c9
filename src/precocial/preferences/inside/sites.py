"""Making selections return another candidate, and tables of actions hold another action."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from precocial.preferences.inside.places import Place, changed, is_scalar, is_truth, leaves
from precocial.preferences.inside.probes import (
    FOLLOWED,
    Scores,
    flat_keys,
    indexed,
    is_indicator,
    same_key,
)
from precocial.preferences.inside.watching import Log, Part, Pick, Run, SiteKey, Subject

MAX_ENTRIES = 512
"""Ours: a table with more entries is not probed as a table of actions."""
MAX_FORCED = 64
"""Ours: of more candidates the first ones are forced."""


@dataclass(frozen=True, kw_only=True)
class SiteEffect:
    """What a call that selects does: `followed` is the share of trials in which the policy takes
    the candidate that the call is made to return; `sense` is read off the values it compared."""

    key: SiteKey
    how: str
    sense: int
    agrees: float
    """share of states in which the action taken has the largest (or smallest) value"""
    followed: float
    trials: int
    truths: bool
    """it compared only true and false, or said no more than which action is taken"""


@dataclass(frozen=True, kw_only=True)
class LookupEffect:
    """What the entries of a table of actions do: `follows` is the share of states that take what
    their own entry is changed to, and that no other entry moves. `rest` are the states that no
    entry moves; they count in no share."""

    part: Part
    follows: float
    states: int
    rest: frozenset[int] = frozenset()


# ---------------------------------------------------------------- selections


def probe_sites(subject: Subject, base: Run) -> list[SiteEffect]:
    """Make each call that selects return another candidate."""
    keys = list(dict.fromkeys(key for log in base.logs for key in log.picks))
    return [effect for key in keys if (effect := _probe_site(subject, base, key)) is not None]


def _probe_site(subject: Subject, base: Run, key: SiteKey) -> SiteEffect | None:
    picks = [log.picks[key][-1] if key in log.picks else None for log in base.logs]
    widest = max((len(pick.items) for pick in picks if pick), default=0)
    if widest < 2:
        return None
    runs = [
        subject.run(watched=[], forced={key: partial(_nth, place)})
        for place in range(min(widest, MAX_FORCED))
    ]
    best: SiteEffect | None = None
    for how in _ways(subject, picks):
        hits = []
        for j, done in enumerate(runs):
            for log, action in zip(done.logs, done.actions, strict=True):
                pick = log.picks[key][-1] if key in log.picks else None
                if pick is None:
                    hits.append(False)
                    continue
                if j >= len(pick.items) or _first(pick.items, j) < j:
                    continue
                hits.append(action is not None and action == item_action(subject, pick, j, how))
        share = sum(hits) / max(len(hits), 1)
        if best is None or share > best.followed:
            sense, agrees = _site_sense(subject, base, key, how)
            best = SiteEffect(
                key=key, how=how, sense=sense, agrees=agrees, followed=share,
                trials=len(hits), truths=all(is_truth(v) for p in picks if p for v in p.values)
                or is_indicator(base, [site_scores(subject, log, key, how) for log in base.logs]),
            )  # fmt: skip
    return best


def _nth(place: int, count: int) -> int:
    return min(place, count - 1)


def _first(items: list[Any], place: int) -> int:
    return next(i for i, item in enumerate(items) if same_key(item, items[place]) or i == place)


def _ways(subject: Subject, picks: Sequence[Pick | None]) -> Iterator[str]:
    yield "item"
    yield "order"
    sample = next((pick.items[0] for pick in picks if pick and pick.items), None)
    if isinstance(sample, tuple | list):
        yield from (f"part {place}" for place in range(len(sample)))


def item_action(subject: Subject, pick: Pick, place: int, how: str) -> int | None:
    """The action that a candidate stands for."""
    if how == "order":
        return place if place < len(subject.actions) else None
    item = pick.items[place]
    if how != "item":
        where = int(how.split()[1])
        if not isinstance(item, tuple | list) or where >= len(item):
            return None
        item = item[where]
    return subject.number(item)


def site_scores(subject: Subject, log: Log, key: SiteKey, how: str) -> Scores:
    """What a selection compared, by action, where it is numbers."""
    picks, found = log.picks.get(key, []), {}
    for place, value in enumerate(picks[-1].values if picks else []):
        number = item_action(subject, picks[-1], place, how)
        first = value[0] if isinstance(value, tuple | list) and value else value
        if number is not None and is_scalar(first):
            found[number] = float(first)
    return found


def _site_sense(subject: Subject, base: Run, key: SiteKey, how: str) -> tuple[int, float]:
    """(+1 for the largest, -1 for the smallest, 0; in which share of the states)."""
    high, low, total = 0, 0, 0
    for log, action in zip(base.logs, base.actions, strict=True):
        said = site_scores(subject, log, key, how)
        if action in said and len(set(said.values())) > 1:
            total += 1
            high += said[action] == max(said.values())
            low += said[action] == min(said.values())
    share = max(high, low) / max(total, 1)
    return (0 if share < FOLLOWED else 1 if high >= low else -1), share


# ---------------------------------------------------------------- tables of actions


def probe_lookup(subject: Subject, base: Run, part: Part) -> LookupEffect | None:
    """Change one entry at a time. None if the table does not hold actions alone."""
    table = leaves(part.value)
    numbers = [subject.number(value) for _, value in table]
    if None in numbers or len(table) < 2 or len(table) > MAX_ENTRIES:
        return None
    owners: list[list[int]] = [[] for _ in subject.states]
    obeyed, keyed = [True] * len(subject.states), [True] * len(subject.states)
    for place, (path, _) in enumerate(table):
        other = (int(numbers[place] or 0) + 1) % len(subject.actions)
        value = changed(
            part.value,
            lambda p, v, path=path, other=other: subject.actions[other] if p == path else v,  # type: ignore[misc]
        )
        done = subject.run(watched=[], values=dict.fromkeys(part.places, value))
        for s, state in enumerate(subject.states):
            if done.actions[s] == base.actions[s]:
                continue
            owners[s].append(place)
            obeyed[s] &= done.actions[s] == other
            keyed[s] &= indexed(state, flat_keys(path)) or indexed(state, path)
    left = frozenset(s for s, row in enumerate(owners) if not row)
    rest = {base.actions[s] for s in left}
    used = {row[0] for row in owners if row}
    few = len(used) <= len(set(base.actions)) and not rest
    if len(used) < 2 or few or len(rest) > 1:
        return LookupEffect(part=part, follows=0.0, states=len(subject.states))
    # A list of actions that something else counts into is no table of what to do where: the keys
    # are of the state, or each state has an entry of its own.
    private = len(used) == len(subject.states)
    moved = [obeyed[s] and len(row) == 1 and (private or keyed[s])
             for s, row in enumerate(owners) if row]  # fmt: skip
    return LookupEffect(part=part, follows=float(np.mean(moved)), states=len(moved), rest=left)


def find_caches(subject: Subject, base: Run) -> dict[Place, Any]:
    """Containers that the policy fills and does as well without: a memory, not a table."""
    found: dict[Place, Any] = {}
    for place, after in base.data.items():
        if not isinstance(after, dict | list | set):
            continue
        if not place.value:
            continue
        empty = copy.copy(place.value)
        empty.clear()
        filled = copy.copy(empty)
        done = subject.run(watched=[], values={place: filled})
        if done.actions == base.actions and len(filled) > 0:
            found[place] = empty
    return found

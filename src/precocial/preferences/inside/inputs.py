"""Shifting an input, such as an anchor, and seeing what becomes of the score and of the action."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from precocial.preferences.inside.places import is_scalar
from precocial.preferences.inside.probes import Scores, same_key, state_parts
from precocial.preferences.inside.watching import Log, Run, Subject

SHIFTS = (-10.0, -1.0, 1.0, 10.0)
"""Ours, in spreads of the input over the states (or in its own size, where it has no spread)."""
MAX_INPUTS = 24
MOVED = 1e-9
"""A score that moves by less, relative to its range, has not moved."""


@dataclass(frozen=True, kw_only=True)
class InputEffect:
    """What shifting one input does.

    Attributes:
        name: a field of the state, or a number that the code keeps under a name.
        flips: share of the trials (states times shifts) with another action; those that raised
            are not counted.
        moved: share in which the differences between the actions' scores move.
        size: their mean move, in ranges of the scores.
        followed: share in which the action is still the best by the scores as they are then.
        trials: how many did not raise.
    """

    name: str
    flips: float
    moved: float
    size: float
    followed: float
    trials: int


def probe_inputs(
    subject: Subject, base: Run, scores: Callable[[Log], Scores], sense: int
) -> list[InputEffect]:
    """Shift every number among the state's fields and the code's names, one at a time."""
    found = []
    for name in list(state_parts(subject.states[0]))[:MAX_INPUTS]:
        runs = [subject.run(states=states) for states in _shifted_states(subject.states, name)]
        found.append(_effect(name, base, runs, scores, sense))
    numbers = [place for place in subject.places.found if is_scalar(place.value)]
    for place in numbers[:MAX_INPUTS]:
        size = abs(float(place.value)) or 1.0
        values = [place.value + _like(place.value, step * size) for step in SHIFTS]
        runs = [subject.run(values={place: value}) for value in values]
        found.append(_effect(place.name, base, runs, scores, sense))
    return found


def _like(value: Any, step: float) -> Any:
    return round(step) or 1 if isinstance(value, int | np.integer) else step


def _shifted_states(states: Sequence[Any], name: str) -> list[list[Any]]:
    """The states with one input shifted, or, where it is no number, changed for others' values."""
    values = [state_parts(state).get(name) for state in states]
    if all(map(is_scalar, values)):
        numbers = np.array(values, dtype=np.float64)
        spread = float(np.ptp(numbers)) or float(np.abs(numbers).max()) or 1.0
        return [
            [_replace(state, name, value + _like(value, step * spread))
             for state, value in zip(states, values, strict=True)]
            for step in SHIFTS
        ]  # fmt: skip
    kinds: list[Any] = []
    for value in values:
        if not any(same_key(value, kind) for kind in kinds):
            kinds.append(value)
    return [[_replace(state, name, kind) for state in states] for kind in kinds[:8]]


def _replace(state: Any, name: str, value: Any) -> Any:
    """A copy of the state with one input changed."""
    if isinstance(state, dict):
        key = next(key for key in state if str(key) == name)
        return {**state, key: value}
    if hasattr(state, "_replace"):
        return state._replace(**{name: value})
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return dataclasses.replace(state, **{name: value})
    if isinstance(state, list | tuple):
        place = int(name[1:-1])
        return type(state)([*state[:place], value, *state[place + 1 :]])
    changed = copy.copy(state)
    if isinstance(state, np.ndarray):
        changed[int(name[1:-1])] = value
    else:
        setattr(changed, name, value)
    return changed


def _effect(
    name: str, base: Run, runs: Sequence[Run], scores: Callable[[Log], Scores], sense: int
) -> InputEffect:
    flips, moves, follows = [], [], []
    before = [_centred(scores(log)) for log in base.logs]
    for run in runs:
        for s, action in enumerate(run.actions):
            if action is None:
                continue
            flips.append(action != base.actions[s])
            now = _centred(scores(run.logs[s]))
            width = np.ptp(list(before[s].values())) if before[s] else 0.0
            shared = before[s].keys() & now.keys()
            move = max((abs(now[a] - before[s][a]) for a in shared), default=0.0)
            moves.append(move / (width or 1.0))
            best = max((sense * v for v in now.values()), default=np.inf)
            follows.append(action in now and sense * now[action] == best)
    count = len(flips)
    return InputEffect(
        name=name, flips=float(np.mean(flips)) if count else 0.0,
        moved=float(np.mean(np.array(moves) > MOVED)) if count else 0.0,
        size=float(np.mean(moves)) if count else 0.0,
        followed=float(np.mean(follows)) if count else 0.0, trials=count,
    )  # fmt: skip


def _centred(scores: Scores) -> Scores:
    """Scores less their mean: what a shift common to all actions leaves as it is."""
    mean = float(np.mean(list(scores.values()))) if scores else 0.0
    return {action: score - mean for action, score in scores.items()}

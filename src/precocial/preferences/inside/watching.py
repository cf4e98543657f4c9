"""Running a policy while its parts are watched, and changed."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from precocial.preferences.inside.places import (
    LIBRARIES,
    LRU,
    SELECTING_ARRAYS,
    SELECTING_BUILTINS,
    Place,
    Places,
    bound,
    copies,
    is_scalar,
    is_table,
    is_truth,
    raw,
)

Change = Callable[[int | None, Any], Any]
"""(action, value) -> value: what a part says instead; the action is None where it is not known."""
SiteKey = tuple[str, int, int, str]
"""(file, line, instruction, name) of a call that selects."""


class StepLimit(BaseException):
    """The policy ran for too long. No `except Exception` of the policy's may swallow it."""


@dataclass(eq=False)
class Part:
    """A function or a table, under all its names."""

    label: str
    kind: str
    places: tuple[Place, ...]
    value: Any
    file: str = ""
    line: int | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(place.name for place in self.places) | {self.label}


@dataclass
class Call:
    """One call of a watched function, in the order of the ends."""

    slots: dict[str, Any]
    value: Any
    within: frozenset[Part]


@dataclass
class Pick:
    """One selection: what was offered, how it was valued, which place in the result counts."""

    items: list[Any]
    values: list[Any]


@dataclass
class Log:
    """What was seen while one action was chosen."""

    calls: dict[Part, list[Call]] = field(default_factory=dict)
    picks: dict[SiteKey, list[Pick]] = field(default_factory=dict)


@dataclass
class Run:
    """One pass over the states: the number of each action, None where there was none."""

    actions: list[int | None]
    logs: list[Log]
    errors: list[str | None]
    executed: set[tuple[str, int]]
    data: dict[Place, Any]
    steps: int = 0
    """of the longest choice"""


@dataclass(eq=False)
class Subject:
    """A policy and what it is watched with."""

    policy: Callable[[Any], Any]
    states: tuple[Any, ...]
    actions: tuple[Any, ...]
    places: Places
    parts: tuple[Part, ...]
    max_steps: int
    emptied: dict[Place, Any] = field(default_factory=dict)
    """caches, with the empty container that each run begins with"""
    turn: int = 0
    """the number of the state that is chosen for"""

    def run(
        self,
        *,
        watched: Sequence[Part] | None = None,
        changes: dict[Part, tuple[Mapped, Change]] | None = None,
        values: dict[Place, Any] | None = None,
        forced: dict[SiteKey, Callable[[int], int]] | None = None,
        states: Sequence[Any] | None = None,
    ) -> Run:
        """Choose an action in each state.

        Args:
            watched: functions whose calls are logged; default: all, with selections and lines.
            changes: functions whose results are changed.
            values: places that are bound to something else.
            forced: selections that pick another: from how many, which.
        """
        watch = Watch(self, changes or {}, forced or {}, notes_lines=watched is None)
        data = copies(self.places.found)
        data |= {place: copy.copy(empty) for place, empty in self.emptied.items()}
        run = Run(actions=[], logs=[], errors=[], executed=watch.executed, data=data)
        taps = watch.taps(self.parts if watched is None else watched)
        with bound({**data, **taps, **(values or {})}):
            for turn, state in enumerate(self.states if states is None else states):
                self.turn = turn
                watch.log, watch.steps = Log(), 0
                watch.stack.clear()
                action, error = self._choose(state, watch)
                run.steps = max(run.steps, watch.steps)
                run.actions.append(action)
                run.errors.append(error)
                run.logs.append(watch.log)
        return run

    def _choose(self, state: Any, watch: Watch) -> tuple[int | None, str | None]:
        own = copy.deepcopy(state)  # the policy may write on it
        try:
            with traced(watch.trace), np.errstate(all="ignore"):
                action = self.policy(own)
        except StepLimit:
            return None, f"more than {self.max_steps} steps"
        except Exception as error:  # whatever a changed policy does, the probe goes on
            return None, f"{type(error).__name__}: {error}"
        number = self.number(action)
        return number, None if number is not None else f"{action!r} is not among the actions"

    @cached_property
    def places_of_actions(self) -> dict[Any, int] | None:
        """The place of each action; None where some cannot be a key."""
        try:
            return {action: place for place, action in reversed([*enumerate(self.actions)])}
        except TypeError:
            return None

    def number(self, action: Any) -> int | None:
        """The place of an action among the actions."""
        known = self.places_of_actions
        if known is not None and getattr(action, "__hash__", None) is not None:
            try:
                place = known.get(action)
            except TypeError:  # a tuple of lists
                return None
            fits = place is not None and is_truth(self.actions[place]) == is_truth(action)
            return place if fits else None
        return next((p for p, one in enumerate(self.actions) if same(one, action)), None)


@contextmanager
def traced(trace: Callable[..., Any]) -> Iterator[None]:
    """Set the trace function for a while; the one that was set comes back."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def same(one: Any, two: Any) -> bool:
    """Equality that arrays and odd objects survive; true is not 1."""
    try:
        if is_truth(one) != is_truth(two):
            return False
        if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
            return bool(np.array_equal(one, two))
        return bool(one == two)
    except Exception:
        return False


@dataclass(frozen=True)
class Mapped:
    """How what a function says is told apart by action.

    `how` is "slot" (an argument is the action), "order" (one call for each action, in order),
    "vector" (one result holds all) or "none".
    """

    how: str
    slot: str = ""


@dataclass(eq=False)
class Watch:
    """The taps of one run."""

    subject: Subject
    changes: dict[Part, tuple[Mapped, Change]]
    forced: dict[SiteKey, Callable[[int], int]]
    log: Log = field(default_factory=Log)
    stack: list[Part] = field(default_factory=list)
    notes_lines: bool = True
    steps: int = 0
    executed: set[tuple[str, int]] = field(default_factory=set)

    # Called for every line: nothing here is worth a check of its types.
    def trace(self, frame: Any, event: Any, arg: Any) -> Any:
        """Count the steps of the user's code and note its lines."""
        self.steps += 1
        if self.steps > self.subject.max_steps:
            raise StepLimit
        file = frame.f_code.co_filename
        if file == __file__ or file.startswith(LIBRARIES):
            return None
        if self.notes_lines:
            self.executed.add((file, frame.f_lineno))
        return self.trace

    def taps(self, parts: Sequence[Part]) -> dict[Place, Any]:
        """What to bind so that functions are seen, and selections where they are asked for."""
        found: dict[Place, Any] = {}
        for part in parts:
            if part.kind == "function":
                for place in part.places:
                    found[place] = self._tap(part, place.value)
        for place in self.subject.places.found if self.notes_lines or self.forced else ():
            value = place.value
            if place.name in SELECTING_BUILTINS and value is getattr(_BUILTINS, place.name):
                found[place] = Select(self, place.name, value)
            elif value is np:
                found[place] = _NumPy(self)
            elif any(value is getattr(np, name) for name in SELECTING_ARRAYS):
                found[place] = Select(self, value.__name__, value)
        return found

    def _tap(self, part: Part, value: Any) -> Any:
        if isinstance(value, staticmethod | classmethod):
            return type(value)(self._tap(part, value.__func__))
        return Tap(self, part, value.__wrapped__ if isinstance(value, LRU) else value, value)

    def seen(self, part: Part, slots: dict[str, Any], result: Any, within: frozenset[Part]) -> Any:
        calls = self.log.calls.setdefault(part, [])
        if part in self.changes:
            mapped, change = self.changes[part]
            result = self._changed(mapped, change, slots, len(calls), result)
        calls.append(Call(slots=slots, value=_kept(result), within=within))
        return result

    def _changed(
        self, mapped: Mapped, change: Change, slots: dict[str, Any], turn: int, result: Any
    ) -> Any:
        if mapped.how == "vector":
            if isinstance(result, dict):
                number = self.subject.number
                return {key: change(number(key), value) for key, value in result.items()}
            new = [change(place, value) for place, value in enumerate(result)]
            return np.array(new) if isinstance(result, np.ndarray) else type(result)(new)
        if not is_scalar(result):
            return result
        if mapped.how == "slot":
            return change(self.subject.number(slots.get(mapped.slot)), result)
        in_turn = turn % len(self.subject.actions) if mapped.how == "order" else None
        return change(in_turn, result)

    def select_builtin(
        self, key: SiteKey, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        items = list(args[0]) if len(args) == 1 else list(args)
        judge = kwargs.get("key")
        values = items if judge is None else [judge(item) for item in items]
        self.log.picks.setdefault(key, []).append(Pick(items=items, values=list(values)))
        order: dict[str, Any] = {"key": values.__getitem__}
        if key[3] == "sorted":
            places = original(range(len(items)), **order, reverse=kwargs.get("reverse", False))
            if key in self.forced and items:
                first = self.forced[key](len(items))
                rest = [place for place in places if place != first]
                # The forced item stands at both ends, whichever of them the policy takes.
                return [items[first], *(items[p] for p in rest[: len(rest) - 1]), items[first]]
            return [items[place] for place in places]
        if not items:
            return original(items, **{k: v for k, v in kwargs.items() if k != "key"})
        place = original(range(len(items)), **order)
        if key in self.forced:
            place = self.forced[key](len(items))
        return items[place]

    def select_array(
        self, key: SiteKey, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        result = original(*args, **kwargs)
        values = np.asarray(args[0] if args else kwargs.get("a"))
        if values.ndim != 1 or len(values) == 0:
            return result
        items = list(range(len(values)))
        self.log.picks.setdefault(key, []).append(Pick(items=items, values=values.tolist()))
        if key in self.forced:
            place = self.forced[key](len(values))
            if key[3] != "argsort":
                return np.int64(place)
            rest = [p for p in result.tolist() if p != place]
            return np.array([place, *rest[: len(rest) - 1], place])
        return result


@dataclass(eq=False)
class Tap:
    """A function that is watched. An object, and no function within a function: one is made for
    every run."""

    watch: Watch
    part: Part
    function: Any
    original: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stack = self.watch.stack
        if self.part in stack:  # a recursion is seen from outside
            return self.function(*args, **kwargs)
        within = frozenset(stack)
        stack.append(self.part)
        try:
            result = self.function(*args, **kwargs)
        finally:
            stack.remove(self.part)
        return self.watch.seen(self.part, _slots(args, kwargs), result, within)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


@dataclass(eq=False)
class Select:
    """A selection that notes what it is offered, and may pick another."""

    watch: Watch
    name: str
    original: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith(("<@beartype", __file__)) and frame.f_back:
            frame = frame.f_back
        key = (frame.f_code.co_filename, frame.f_lineno, frame.f_lasti, self.name)
        if self.name in SELECTING_BUILTINS:
            return self.watch.select_builtin(key, self.original, args, kwargs)
        return self.watch.select_array(key, self.original, args, kwargs)


class _NumPy:
    """numpy under its own name, its selections watched."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        return Select(self._watch, name, value) if name in SELECTING_ARRAYS else value


_BUILTINS = types.SimpleNamespace(max=max, min=min, sorted=sorted)


def _slots(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by place or name, and what is in tuples."""
    named: dict[str, Any] = {str(place): value for place, value in enumerate(args)} | kwargs
    inner = {
        f"{name}.{place}": part
        for name, value in named.items()
        if isinstance(value, tuple) and len(value) <= 8
        for place, part in enumerate(value)
    }
    return named | inner


def _kept(value: Any) -> Any:
    return value.copy() if isinstance(value, list | dict | np.ndarray) else value


def list_parts(places: Places, entry: types.CodeType) -> tuple[Part, ...]:
    """The functions and tables among the places, each once."""
    groups: dict[Any, list[Place]] = {}
    for place in places.found:
        function = raw(place.value)
        if function is not None:
            if function.__code__ is not entry and function.__code__ in places.functions:
                groups.setdefault(function.__code__, []).append(place)
        elif is_table(place.value):
            groups.setdefault(id(place.value), []).append(place)
    parts = []
    for key, found in groups.items():
        value, code = found[0].value, key if isinstance(key, types.CodeType) else None
        label = found[0].name if code is None or code.co_name == "<lambda>" else code.co_name
        parts.append(
            Part(
                label=label, kind="table" if code is None else "function", places=tuple(found),
                value=value, file="" if code is None else code.co_filename,
                line=None if code is None else code.co_firstlineno,
            )
        )  # fmt: skip
    return tuple(parts)

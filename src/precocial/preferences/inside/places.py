"""Where a policy keeps what it uses: names that can be bound to something else, and back.

An intervention rebinds a name (a global, a closure cell, an attribute, a default) while the policy
runs. Nothing of the user's is changed in place: data are copied, and every name is bound back.
"""

from __future__ import annotations

import builtins
import copy
import functools
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LRU = type(functools.lru_cache(lambda: None))
MAX_PLACES = 400
"""Ours: a policy with more names than this is not read further."""
MAX_LEAVES = 100_000
"""Ours: larger tables are not copied, and so not intervened on."""
ABSENT = object()
SELECTING_BUILTINS = ("max", "min", "sorted")
SELECTING_ARRAYS = ("argmax", "argmin", "nanargmax", "nanargmin", "argsort")
LIBRARIES = tuple(
    {sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
)


@dataclass(frozen=True, eq=False)
class Place:
    """One name that can be bound anew: `owner` is a namespace, a cell, an object or a function."""

    name: str
    kind: str
    owner: Any
    value: Any
    """what is bound there when nothing is intervened on"""

    def bind(self, value: Any) -> None:
        """Bind the name; ABSENT unbinds it."""
        if self.kind == "item":
            if value is ABSENT:
                self.owner.pop(self.name, None)
            else:
                self.owner[self.name] = value
        elif self.kind == "cell":
            self.owner.cell_contents = value
        elif self.kind == "default":
            _bind_default(self.owner, self.name, value)
        elif isinstance(self.owner, type):
            setattr(self.owner, self.name, value)
        else:
            object.__setattr__(self.owner, self.name, value)

    @property
    def original(self) -> Any:
        """What to bind back: a name that only shadowed a builtin goes."""
        if self.kind == "item":
            return self.owner.get(self.name, ABSENT)
        if self.kind == "attribute" and isinstance(self.owner, type):
            return self.owner.__dict__[self.name]
        return self.value


def _bind_default(function: types.FunctionType, name: str, value: Any) -> None:
    if function.__kwdefaults__ and name in function.__kwdefaults__:
        function.__kwdefaults__ = {**function.__kwdefaults__, name: value}
        return
    names = _default_names(function)
    old = function.__defaults__ or ()
    function.__defaults__ = tuple(
        value if n == name else v for n, v in zip(names, old, strict=True)
    )


def _default_names(function: types.FunctionType) -> tuple[str, ...]:
    code, count = function.__code__, len(function.__defaults__ or ())
    return code.co_varnames[code.co_argcount - count : code.co_argcount]


@dataclass(eq=False)
class Places:
    """Everything that can be reached from a policy: functions by their code, and names."""

    functions: dict[types.CodeType, types.FunctionType] = field(default_factory=dict)
    found: list[Place] = field(default_factory=list)
    home: str = ""
    """the package of the policy, read even where packages are installed"""

    def named(self, test: Callable[[Any], bool]) -> list[Place]:
        """The places whose value passes."""
        return [place for place in self.found if test(place.value)]

    def add(self, name: str, kind: str, owner: Any, value: Any) -> bool:
        """Note a place once; False if it was known or there are too many."""
        known = any(p.name == name and p.owner is owner for p in self.found)
        if known or len(self.found) >= MAX_PLACES:
            return False
        place = Place(name, kind, owner, value)
        try:
            with bound({place: place.original}):
                pass
        except (AttributeError, TypeError):  # members of an Enum and the like stay as they are
            return False
        self.found.append(place)
        return True

    def is_own(self, thing: Any) -> bool:
        """Whether a function, class or module is the user's and no library's."""
        module = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
        top = str(module or "").split(".")[0]
        if top == self.home or top in ("__main__", ""):
            return True
        if top in sys.stdlib_module_names or top in ("numpy", "scipy", "torch", "builtins"):
            return False
        origin = getattr(sys.modules.get(str(module)), "__file__", None)
        return origin is None or not str(origin).startswith(LIBRARIES)


def reach(function: types.FunctionType, *objects: Any) -> Places:
    """What the function can reach by the names in its code; `objects` are its self and the like."""
    places = Places(home=(function.__module__ or "").split(".")[0])
    for thing in objects:
        _add_attributes(places, thing, _all_names(function.__code__))
    _add_function(places, function)
    return places


def raw(value: Any) -> types.FunctionType | None:
    """The Python function behind a function, a method or an lru_cache; else None."""
    if isinstance(value, LRU):
        value = value.__wrapped__
    if isinstance(value, staticmethod | classmethod | types.MethodType):
        value = value.__func__
    while isinstance(value, types.FunctionType) and value.__code__.co_filename.startswith("<"):
        if not hasattr(value, "__wrapped__"):  # a wrapper made of text hides what it wraps
            break
        value = value.__wrapped__
    return value if isinstance(value, types.FunctionType) else None


def _all_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _all_names(constant)
    return names


def _add_function(places: Places, function: types.FunctionType) -> None:
    if function.__code__ in places.functions or not places.is_own(function):
        return
    places.functions[function.__code__] = function
    names, space = _all_names(function.__code__), function.__globals__
    for name in sorted(names):
        if name in space:
            if places.add(name, "item", space, space[name]):
                _follow(places, space[name], names)
        elif name in SELECTING_BUILTINS:
            places.add(name, "item", space, getattr(builtins, name))
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
        if places.add(name, "cell", cell, value):
            _follow(places, value, names)
    defaults = dict(zip(_default_names(function), function.__defaults__ or (), strict=True))
    for name, value in {**defaults, **(function.__kwdefaults__ or {})}.items():
        if places.add(name, "default", function, value):
            _follow(places, value, names)


def _follow(places: Places, value: Any, names: set[str]) -> None:
    """Read on from a value: functions, the user's modules, classes and objects."""
    function = raw(value)
    if function is not None:
        _add_function(places, function)
        if isinstance(value, types.MethodType):
            _add_attributes(places, value.__self__, _all_names(function.__code__))
    elif isinstance(value, types.ModuleType):
        if places.is_own(value):
            for name in sorted(names & set(vars(value))):
                if places.add(name, "item", vars(value), vars(value)[name]):
                    _follow(places, vars(value)[name], names)
    elif isinstance(value, type) or not is_plain(value):
        _add_attributes(places, value, names)


def _add_attributes(places: Places, thing: Any, names: set[str]) -> None:
    """The attributes that the code names, of an object of a user's class, and of the class."""
    kind = thing if isinstance(thing, type) else type(thing)
    if not places.is_own(kind) or is_plain(thing):
        return
    wanted = names | {"__call__"}
    classes = [owner for owner in kind.__mro__[:-1] if places.is_own(owner)]
    for owner in [*([] if isinstance(thing, type) else [thing]), *classes]:
        own = _own_attributes(owner)
        for name in sorted(wanted & set(own)):
            value = own[name]
            if isinstance(value, property):
                if (getter := raw(value.fget)) is not None:
                    _add_function(places, getter)
                continue
            if isinstance(value, types.MemberDescriptorType):
                continue
            if places.add(name, "attribute", owner, value):
                _follow_attribute(places, thing, value, names)


def _follow_attribute(places: Places, thing: Any, value: Any, names: set[str]) -> None:
    function = raw(value)
    if function is None:
        _follow(places, value, names)
        return
    _add_function(places, function)
    # What a method names is named of its object too.
    _add_attributes(places, thing, _all_names(function.__code__))


def _own_attributes(owner: Any) -> dict[str, Any]:
    if hasattr(owner, "__dict__"):
        return dict(vars(owner))
    slots = getattr(type(owner), "__slots__", ())
    names = (slots,) if isinstance(slots, str) else slots
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def is_plain(value: Any) -> bool:
    """Whether a value is data and no object of a user's class."""
    return value is None or isinstance(
        value, int | float | complex | str | bytes | dict | list | tuple | set | np.ndarray
        | np.generic | frozenset,
    )  # fmt: skip


def is_table(value: Any) -> bool:
    """Whether a value is a container that a policy may index."""
    return isinstance(value, dict | list | tuple | np.ndarray) and len(leaves(value)) > 0


def is_scalar(value: Any) -> bool:
    """Whether a value is a real number."""
    return isinstance(value, int | float | np.integer | np.floating) and not is_truth(value)


def is_truth(value: Any) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool | np.bool_)


def leaves(table: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """(path, value) of what nested containers hold, MAX_LEAVES at most; else none."""
    found: list[tuple[tuple[Any, ...], Any]] = []
    if isinstance(table, np.ndarray):
        if table.ndim and table.size <= MAX_LEAVES:
            found = [((*path, *index), value) for index, value in np.ndenumerate(table)]
        return found
    if len(table) > MAX_LEAVES:
        return found
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        if isinstance(value, dict | list | tuple | np.ndarray) and len(path) < 4:
            found += leaves(value, (*path, key))
        else:
            found.append(((*path, key), value))
    return found


def changed(
    table: Any, change: Callable[[tuple[Any, ...], Any], Any], path: tuple[Any, ...] = ()
) -> Any:
    """A copy of a table with each leaf replaced."""
    if isinstance(table, np.ndarray):
        new = [change((*path, *index), value) for index, value in np.ndenumerate(table)]
        return np.array(new, dtype=_wide(table, new)).reshape(table.shape)

    def one(key: Any, value: Any) -> Any:
        if isinstance(value, dict | list | tuple | np.ndarray) and len(path) < 4:
            return changed(value, change, (*path, key))
        return change((*path, key), value)

    if isinstance(table, dict):
        copied = copy.copy(table)
        copied.update({key: one(key, value) for key, value in table.items()})
        return copied
    new = [one(key, value) for key, value in enumerate(table)]
    if isinstance(table, tuple):
        return type(table)(*new) if hasattr(table, "_fields") else tuple(new)
    return new


def _wide(table: np.ndarray[Any, Any], new: list[Any]) -> Any:
    real = table.dtype.kind in "iub" and any(isinstance(v, float | np.floating) for v in new)
    return np.float64 if real else table.dtype


@contextmanager
def bound(values: Mapping[Place, Any]) -> Iterator[None]:
    """Bind places for a while; whatever happens, all are bound back, the last one first."""
    done: list[tuple[Place, Any]] = []
    try:
        for place, value in values.items():
            before = place.original
            place.bind(value)
            done.append((place, before))
        yield
    finally:
        for place, before in reversed(done):
            place.bind(before)


def copies(places: Sequence[Place]) -> dict[Place, Any]:
    """Fresh copies of all data, one for each object however many names it has, and functions
    without their lru_cache: what a policy writes while it is probed is thrown away."""
    seen: dict[int, Any] = {}
    fresh: dict[Place, Any] = {}
    for place in places:
        value = place.value
        if isinstance(value, LRU):
            fresh[place] = value.__wrapped__
        elif is_scalar(value) or value is None or isinstance(value, str | bool):
            fresh[place] = place.original  # what the policy counts up is set back
        elif isinstance(value, dict | list | set | np.ndarray):
            if len(value) > MAX_LEAVES:
                continue
            if id(value) not in seen:
                try:
                    seen[id(value)] = copy.deepcopy(value)
                except Exception:  # a container of what cannot be copied stays as it is
                    continue
            fresh[place] = seen[id(value)]
    return fresh

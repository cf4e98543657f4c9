"""What a teacher says: labels, comparisons, demonstrations, and statements about other feedback.

Every item has a source (who said it), a confidence in [0, 1], a level and perhaps a time. Level 0
is about what is done; level 1 about teachers, kinds of mistake and learning processes; level 2
about what was said on level 1; and so on. The scale and its reading are ours, after the demand for
feedback at all levels of which no piece is perfect (Demski, Learning Normativity, 2020).
"""

from __future__ import annotations

import hashlib
import math
import numbers
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, one_of
from precocial.io import shown

Kind = Literal["datum", "teacher", "mistake", "process", "loss", "item", "whole"]
KINDS: tuple[str, ...] = get_args(Kind)
MAX_LEVEL = 1000
"""Ours: a higher level is a slip of the keyboard, for levels beyond a few are filled by sharing."""
MAX_NAME = 100_000
"""Characters of a name; a task may be a sentence, or a page."""
LONG_NAME = 200
_ABOVE = ("teacher", "mistake", "process", "loss", "item")


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message of a conversation: who speaks ("user", "assistant", ...) and the text."""

    role: str
    content: str

    def __post_init__(self) -> None:
        _name("Message", "role", self.role)
        _text("Message", "content", self.content)


Content: TypeAlias = str | tuple[Message, ...]
"""A text, or a conversation."""


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an item is about.

    Attributes:
        kind: "datum" (a task), "teacher", "mistake" (a kind of mistake), "process" (a learning
            process), "loss", "item" (other feedback, by id) or "whole" (the whole process).
        name: which one: the task, teacher, process or loss; of a mistake the wrong answer; of an
            item its id; empty for "whole" alone.
        on: where it holds, "" for everywhere: a kind of task ("irregular verbs"); of a mistake the
            right class. `About(kind="mistake", name="9", on="4")`: a 4 that is called 9.

    Raises:
        ConfigError: another kind, no name, a name of the whole process, or a mistake whose wrong
            answer is the right class.
    """

    kind: Kind
    name: str = ""
    on: str = ""

    def __post_init__(self) -> None:
        one_of("About: kind", self.kind, KINDS)
        _text("About", "on", self.on, MAX_NAME)
        if self.kind != "whole":
            _name("About", "name", self.name)
        elif self.name != "":
            raise ConfigError(f"About: the whole process has no name; got {shown(self.name)}")
        if self.kind == "mistake" and self.name == self.on:
            raise ConfigError(
                f"About: a mistake calls what is `on` by another `name`; got {shown(self.name)} "
                "for both"
            )


class Feedback(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every item has.

    Attributes:
        source: who said it.
        level: 0 about what is done, 1 about teachers, mistakes and processes, n about level n - 1.
        confidence: the probability, as the source sees it, that the item holds; with the rest it
            says nothing. 1 is allowed, and needed by nothing.
        time: when it was said, with a time zone (kept as UTC), or None.
        note: why, in words.
        id: one name for one item. Made from the content if it is not given, so that the same words
            said twice are one item, unless their times differ.

    Raises:
        ConfigError: a field of a wrong type or out of its range.
    """

    source: str
    level: int = 0
    confidence: float = 1.0
    time: datetime | None = None
    note: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        what, put = type(self).__name__, msgspec.structs.force_setattr
        _name(what, "source", self.source)
        put(self, "level", _level(what, self.level))
        put(self, "confidence", share(f"{what}: confidence", self.confidence))
        put(self, "time", _utc(what, self.time))
        _text(what, "note", self.note)
        _text(what, "id", self.id, MAX_NAME)
        self._check()
        if self.id == "":
            put(self, "id", hashlib.sha256(encode(self)).hexdigest()[:32])

    def _check(self) -> None:
        """What each kind of item checks beside."""

    @property
    def type(self) -> str:
        """ "label", "comparison", "demonstration" or "statement"."""
        return str(self.__struct_config__.tag)

    @property
    def about(self) -> About:
        """What the item is about."""
        raise ConfigError(
            "Feedback is what items have in common; use Label, Comparison, Demonstration or "
            "Statement"
        )


class Label(Feedback, frozen=True, kw_only=True, tag="label"):
    """A teacher's answer to a task: the name of a class, or a text.

    Attributes:
        task: which task.
        label: the answer.
    """

    task: str
    label: str

    def _check(self) -> None:
        _name("Label", "task", self.task)
        _name("Label", "label", self.label)

    @property
    def about(self) -> About:
        """The task."""
        return datum(self.task)


class Comparison(Feedback, frozen=True, kw_only=True, tag="comparison"):
    """One of two was preferred: completions of a prompt, teachers, processes, losses, items.

    Attributes:
        prompt: what was asked; may be empty.
        chosen, rejected: the two, as text or messages; above level 0 their names.
        of: what kind of thing they are.
    """

    chosen: Content
    rejected: Content
    prompt: Content = ""
    of: Kind = "datum"

    def _check(self) -> None:
        one_of("Comparison: of", self.of, KINDS)
        put = msgspec.structs.force_setattr
        for name in ("prompt", "chosen", "rejected"):
            put(self, name, _content("Comparison", name, getattr(self, name)))
        if self.of in _ABOVE:
            _name("Comparison", "chosen", self.chosen)
            _name("Comparison", "rejected", self.rejected)
            _above("Comparison", self.of, self.level)

    @property
    def about(self) -> About:
        """The prompt; of names, the one that was chosen."""
        if self.of == "whole":
            return About(kind="whole")
        return datum(self.prompt) if self.of == "datum" else About(
            kind=self.of, name=plain(self.chosen)
        )  # fmt: skip


class Demonstration(Feedback, frozen=True, kw_only=True, tag="demonstration"):
    """How a task is done, or, where `good` is false, how it is not to be done.

    Attributes:
        prompt: the task, as text or messages; may be empty.
        completion: what was done.
        good: whether it is one to follow.
    """

    completion: Content
    prompt: Content = ""
    good: bool = True

    def _check(self) -> None:
        put = msgspec.structs.force_setattr
        for name in ("prompt", "completion"):
            put(self, name, _content("Demonstration", name, getattr(self, name)))
        if not isinstance(self.good, bool):
            raise ConfigError(f"Demonstration: good must be True or False; got {shown(self.good)}")

    @property
    def about(self) -> About:
        """The prompt."""
        return datum(self.prompt)


class Statement(Feedback, frozen=True, kw_only=True, tag="statement"):
    """How right something is: a datum, a teacher, a kind of mistake, a process, a loss, an item,
    or the whole process.

    Attributes:
        what: what the statement is about.
        value: in [0, 1]. Of a teacher the share of right answers; of a mistake the probability
            that an answer of that kind is right; of an item that it holds; of a datum, a process, a
            loss or the whole how good it is. 0 is never right, 1 always.
    """

    what: About
    value: float
    level: int = 1

    def _check(self) -> None:
        if not isinstance(self.what, About):
            raise ConfigError(f"Statement: what must be an About; got {shown(self.what)}")
        msgspec.structs.force_setattr(self, "value", share("Statement: value", self.value))
        if self.what.kind in _ABOVE:
            _above("Statement", self.what.kind, self.level)

    @property
    def about(self) -> About:
        """What the statement is about."""
        return self.what


Item: TypeAlias = Label | Comparison | Demonstration | Statement
TYPES: dict[str, type[Any]] = {
    "label": Label, "comparison": Comparison, "demonstration": Demonstration,
    "statement": Statement,
}  # fmt: skip


def encode(item: Feedback) -> bytes:
    """An item as one line of JSON; the same item gives the same bytes."""
    try:
        return msgspec.json.encode(item)
    except (UnicodeEncodeError, TypeError, ValueError) as error:
        raise ConfigError(f"{type(item).__name__} has no JSON form ({error})") from error


def decode(line: bytes | str, *, path: object = None, number: int | None = None) -> Item:
    """The item of a line of JSON.

    Raises:
        DataError: not JSON, an unknown or missing field, a wrong type, a value out of its range.
    """
    try:
        text = line if isinstance(line, str) else line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", path=path, line=number) from error
    # by way of `io.loads`, which refuses keys that stand twice
    return item_of(io.loads(text, path=path, line=number), path=path, line=number)


def item_of(fields: Any, *, path: object = None, line: int | None = None) -> Item:
    """The item whose fields are given as plain values, "type" among them.

    Raises:
        DataError: an unknown or missing field, a wrong type, a value out of its range.
    """
    try:
        found: Item = msgspec.convert(fields, Item)
        return found
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"is not feedback ({error}); types are {', '.join(TYPES)}", path=path, line=line
        ) from error


@checked
def said_of(
    item: Item,
    *,
    value: float,
    source: str,
    confidence: float = 1.0,
    time: datetime | None = None,
    note: str = "",
) -> Statement:
    """A statement about an item, one level above it: "item 42's label is corrupt" is value 0."""
    return Statement(
        what=About(kind="item", name=item.id), value=value, source=source, confidence=confidence,
        level=item.level + 1, time=time, note=note,
    )  # fmt: skip


@checked
def retraction(item: Item, *, time: datetime | None = None, note: str = "") -> Statement:
    """The source of an item takes it back. Nothing is deleted: see `standing`."""
    return said_of(item, value=0.0, source=item.source, time=time, note=note)


def standing(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items, in their order, that their own sources have not taken back later in the list.

    A retraction may be taken back itself: then what it took back stands again. What others say of
    an item takes nothing away; it is evidence, for a learner to weigh.
    """
    listed = _items("standing", items)
    taken: set[tuple[str, str]] = set()
    kept: list[Item] = []
    for item in reversed(listed):
        if (item.source, item.id) in taken:
            continue
        kept.append(item)
        if (
            isinstance(item, Statement) and item.what.kind == "item" and item.value == 0
            and item.confidence == 1
        ):  # fmt: skip
            taken.add((item.source, item.what.name))
    return tuple(reversed(kept))


def numbered(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items of a file: of equal ones, the second and later get ids that count them. So what
    was said twice is kept twice, and adding one file to a store again adds nothing."""
    times: dict[str, int] = {}
    found: list[Item] = []
    for item in _items("numbered", items):
        times[item.id] = times.get(item.id, 0) + 1
        if times[item.id] > 1:
            word = f"{item.id} {times[item.id]}"
            name = hashlib.sha256(word.encode()).hexdigest()[:32]
            item = msgspec.structs.replace(item, id=name)
        found.append(item)
    return tuple(found)


def _items(what: str, items: Iterable[Item]) -> tuple[Item, ...]:
    listed = (items,) if isinstance(items, str) or not isinstance(items, Iterable) else tuple(items)
    for one in listed:
        if not isinstance(one, Feedback):
            kinds = ", ".join(f"{kind}s" for kind in TYPES)
            raise ConfigError(f"{what}: items must be {kinds}; got {shown(one)}")
    return listed


def plain(content: Content) -> str:
    """A content as text: messages as lines of "role: text"."""
    if isinstance(content, str):
        return content
    return "\n".join(f"{message.role}: {message.content}" for message in content)


def datum(content: Content) -> About:
    """What is said of a task or prompt is said of this; a long one by its hash, none by "-"."""
    name = plain(content)
    if len(name) > LONG_NAME:
        name = f"sha256:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return About(kind="datum", name=name if name.strip() else "-")


# ---------------------------------------------------------------- what the fields may hold


def share(name: str, value: Any) -> float:
    """A number in [0, 1] as a float; ConfigError for anything else."""
    if type(value) is float or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
        number = float(value)
        if 0 <= number <= 1:
            return abs(number)  # one zero, for -0.0 has other bytes
    raise ConfigError(f"{name} must lie in [0, 1]; got {shown(value)}")


def _level(what: str, value: Any) -> int:
    # `type` first: to ask an abstract class is slow, and there may be a million items
    whole = type(value) is int or (
        isinstance(value, numbers.Integral) and not isinstance(value, bool)
    )
    if whole and 0 <= value <= MAX_LEVEL:
        return int(value)
    raise ConfigError(f"{what}: level must be a whole number, 0 to {MAX_LEVEL}; got {shown(value)}")


def _above(what: str, kind: str, level: int) -> None:
    if level < 1:
        raise ConfigError(
            f"{what}: what is said of a {kind} is on level 1 or above; got level {level}. Level 0 "
            "is about what is done"
        )


def _utc(what: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, datetime) and value.utcoffset() is not None:
            return value.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise ConfigError(
        f"{what}: time must be a datetime with a time zone, such as datetime.now(UTC); got "
        f"{shown(value)}"
    )


def _text(what: str, name: str, value: Any, most: float = math.inf) -> None:
    if not isinstance(value, str):
        raise ConfigError(f"{what}: {name} must be text; got {shown(value)}")
    if len(value) > most:
        raise ConfigError(
            f"{what}: {name} has {len(value)} characters; at most {most:.0f} are allowed"
        )
    if "\0" in value or not (value.isascii() or is_unicode(value)):
        raise ConfigError(
            f"{what}: {name} must be text without NUL bytes and halves of surrogate pairs; got "
            f"{shown(value)}"
        )


def is_unicode(value: str) -> bool:
    """Whether a text has no half of a surrogate pair, which no file could hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(what: str, name: str, value: Any) -> None:
    _text(what, name, value, MAX_NAME)
    if value.strip() == "":
        raise ConfigError(f"{what}: {name} is empty; a name is needed")


def _content(what: str, name: str, value: Any) -> Any:
    if isinstance(value, str):
        _text(what, name, value)
        return value
    if isinstance(value, Sequence) and all(isinstance(one, Message) for one in value):
        return tuple(value)
    raise ConfigError(f"{what}: {name} must be text or a sequence of Message; got {shown(value)}")

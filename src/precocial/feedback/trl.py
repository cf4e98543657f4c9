"""JSON lines as TRL's trainers take them: preferences, labelled completions, demonstrations.

Each is read and written with texts or with messages ({"role", "content"}), TRL's "standard" and
"conversational" formats: https://huggingface.co/docs/trl/dataset_formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from precocial import io
from precocial.choice.arguments import checked
from precocial.errors import ConfigError, DataError, PrecocialError, one_of
from precocial.feedback.records import (
    Comparison,
    Content,
    Demonstration,
    Item,
    Message,
    numbered,
)

Form = Literal["preference", "label", "demonstration"]
KEYS: dict[str, tuple[str, ...]] = {
    "preference": ("prompt", "chosen", "rejected"),
    "label": ("prompt", "completion", "label"),
    "demonstration": ("prompt", "completion"),
}


@checked
def read_trl(
    path: io.PathLike,
    *,
    source: str,
    form: Form | None = None,
    skip: Sequence[str] = (),
    equal: Literal["refuse", "skip"] = "refuse",
    confidence: float = 1.0,
) -> tuple[Item, ...]:
    """The lines of a TRL data set as items of level 0.

    "preference" (prompt, chosen, rejected) gives comparisons; "label" (prompt, completion, label,
    for KTO) demonstrations, bad ones where the label is false; "demonstration" (prompt, completion;
    or messages, of which the last is the completion; or text) demonstrations. A preference may
    leave out the prompt: of messages, the prompt is then what both begin with, of texts it is
    empty.

    Args:
        path: a .jsonl file.
        source: who gave this feedback.
        form: one of the three; told by the keys of the first line if it is not given.
        skip: keys to pass over ("score_chosen", ...); other keys are refused.
        equal: what happens to a preference whose two sides are the same, which says nothing (its
            loss is log 2 whatever the model does). TRL's trainers take it without a word, and their
            users filter it out beforehand; here it is refused, or passed over with "skip".
        confidence: of every item.

    Raises:
        DataError: with file and line: no lines, unknown or missing keys, a wrong type, equal sides.
        ConfigError: no source, or a confidence outside [0, 1].
    """
    # once without the file, so that a wrong argument is not told as a wrong line
    Demonstration(source=source, confidence=confidence, completion="")
    rows = io.read_jsonl(path)
    if not rows:
        raise DataError("holds no lines", path=path)
    kind = form or _form(rows[0], path)
    items: list[Item] = []
    for line, row in enumerate(rows, 1):
        fields = {name: value for name, value in row.items() if name not in skip}
        try:
            items.append(_item(kind, _unified(kind, fields), source, confidence))
        except DataError:
            raise
        except PrecocialError as error:
            raise DataError(str(error), path=path, line=line) from error
    same = [line for line, item in enumerate(items, 1) if _is_equal(item)]
    if same and equal == "refuse":
        raise DataError(
            f"chosen and rejected are the same, which says nothing, in {len(same)} of {len(items)} "
            "lines: drop them, or pass over them with equal='skip'", path=path, line=same[0],
        )  # fmt: skip
    if len(same) == len(items):
        raise DataError("chosen and rejected are the same in every line", path=path)
    return numbered(item for item in items if not _is_equal(item))


def _is_equal(item: Item) -> bool:
    """Whether it prefers a thing to itself."""
    return isinstance(item, Comparison) and item.chosen == item.rejected


def _form(row: io.Row, path: io.PathLike) -> str:
    for key, form in (
        ("chosen", "preference"), ("label", "label"), ("completion", "demonstration"),
        ("messages", "demonstration"), ("text", "demonstration"),
    ):  # fmt: skip
        if key in row:
            return form
    raise DataError(
        "the keys fit no form; they must be "
        + ", or ".join(" ".join(keys) for keys in KEYS.values()),
        path=path,
        line=1,
    )


def _unified(form: str, row: io.Row) -> io.Row:
    """The row with the keys of its form, whichever of TRL's spellings it has."""
    for name in row:
        if name not in KEYS[form] and not (
            form == "demonstration" and name in ("messages", "text")
        ):
            raise ConfigError(
                f"the key {name!r:.60} is not known in the form {form!r} "
                f"({', '.join(KEYS[form])}); name it in `skip` to pass over it"
            )
    if form == "demonstration" and len(row) == 1:
        if "text" in row:
            return {"prompt": "", "completion": row["text"]}
        if "messages" in row:
            said = content_of("messages", row["messages"])
            if isinstance(said, str) or not said:
                raise ConfigError("messages must hold one message at least")
            return {"prompt": said[:-1], "completion": said[-1:]}
    if form == "preference" and set(row) == {"chosen", "rejected"}:
        return _split(content_of("chosen", row["chosen"]), content_of("rejected", row["rejected"]))
    for name in KEYS[form]:
        if name not in row:
            raise ConfigError(f"the key {name!r} is missing; {', '.join(KEYS[form])} are needed")
    return row


def _split(chosen: Content, rejected: Content) -> io.Row:
    """A preference without a prompt, with it: what both conversations begin with."""
    common = 0
    if isinstance(chosen, tuple) and isinstance(rejected, tuple):
        while common < min(len(chosen), len(rejected)) - 1 and chosen[common] == rejected[common]:
            common += 1
    return {
        "prompt": chosen[:common], "chosen": chosen[common:], "rejected": rejected[common:],
    }  # fmt: skip


def _item(form: str, row: io.Row, source: str, confidence: float) -> Item:
    said: dict[str, Any] = {
        name: content_of(name, value) for name, value in row.items() if name != "label"
    }
    common: dict[str, Any] = {"source": source, "confidence": confidence}
    if form == "preference":
        return Comparison(**said, **common)
    good = row.get("label", True)
    if not isinstance(good, bool):
        raise ConfigError(f"label must be true or false; got {io.shown(good)}")
    return Demonstration(**said, good=good, **common)


def content_of(name: str, value: Any) -> Content:
    """Text, or messages from a list of {"role", "content"}; ConfigError for anything else."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.convert(value, tuple[Message, ...])
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{name} must be text, or messages with role and content alone ({error})"
        ) from error


def write_trl(path: io.PathLike, items: Iterable[Item], *, form: Form) -> None:
    """Items as a JSON lines file for TRL's trainers.

    Source, confidence, level, time and note have no key there and are left out; `write_items`
    keeps them. A prompt that is empty is left out where the rest are messages.

    Raises:
        ConfigError: an item that does not fit the form (a statement; a bad demonstration among
            those to imitate; a comparison of a thing with itself), texts and messages in one file.
    """
    one_of("write_trl: form", form, tuple(KEYS))
    rows = [_row(item, form) for item in items]
    kinds = {tuple((name, type(row[name])) for name in sorted(row)) for row in rows}
    if len(kinds) > 1:
        raise ConfigError(
            "write_trl: one file holds texts or messages, and a prompt in every line or in none; "
            "these items mix them. Write two files"
        )
    io.write_jsonl(path, rows)


def _row(item: Item, form: str) -> dict[str, Any]:
    fits = (
        isinstance(item, Comparison) and item.of == "datum"
        if form == "preference"
        else isinstance(item, Demonstration) and (item.good or form == "label")
    )
    if not fits:
        raise ConfigError(
            f"write_trl: the form {form!r} takes "
            + {"preference": "comparisons of data", "label": "demonstrations"}.get(
                form, "good demonstrations"
            )
            + f"; got a {type(item).__name__} ({getattr(item, 'id', '')!r:.60}). Filter first"
        )
    if _is_equal(item):
        raise ConfigError(
            f"write_trl: chosen and rejected are the same ({item.id!r:.60}), which says nothing. "
            "Filter first"
        )
    names = [name for name in KEYS[form] if name != "label"]
    row: dict[str, Any] = {name: _plain(getattr(item, name)) for name in names}
    if row["prompt"] in ("", []) and isinstance(row[names[-1]], list):
        del row["prompt"]
    if form == "label" and isinstance(item, Demonstration):
        row["label"] = item.good
    return row


def _plain(content: Content) -> str | list[dict[str, str]]:
    if isinstance(content, str):
        return content
    return [{"role": one.role, "content": one.content} for one in content]

"""What every page of one run ends with: how the run was made."""

from __future__ import annotations

from typing import Any

from precocial import io
from precocial.report.page import Code, Part, Section, Table, Text
from precocial.runs import RunRecord, duration


def making_section(record: RunRecord) -> Section:
    """Command, config, versions, machine and files of a run."""
    parts: list[Part] = [
        Text(text="The command that makes this run again:"),
        Code(text=record.command),
        Text(
            text=f"It took {duration(record.seconds)}" + ("." if record.complete else ", so far.")
        ),
        Table.of(_pairs(record.config), title="Config"),
        Table.of(_pairs(record.versions | record.machine), title="Versions and machine"),
        Table.of(_files(record), title="Files of the run", folded=True),
        Text(text=f"Run {record.id} of {record.experiment}, code {record.code}."),
    ]
    return Section(key="making", title="How it was made", parts=tuple(parts))


def _pairs(values: dict[str, Any]) -> list[io.Row]:
    return [
        {"what": name.replace("_", " "), "value": _short(value)} for name, value in values.items()
    ]


def _short(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(item, int | float | str) for item in value):
        return ", ".join(map(str, value))
    return io.dumps(value) if isinstance(value, dict | list) else value


def _files(record: RunRecord) -> list[io.Row]:
    return [
        {"file": path.name, "bytes": path.stat().st_size}
        for path in sorted(record.path.iterdir())
        if path.is_file() and path.suffix in (".genome", ".safetensors", ".json", ".jsonl")
    ]

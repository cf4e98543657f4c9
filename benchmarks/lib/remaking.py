"""What scripts share whose figures come from rows that ship: told, or made again."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence

from benchmarks.lib.measure import Row, show


def tell_or_remake(
    about: str | None,
    parts: Iterable[str],
    remake: Callable[[str, str], None],
    rows: Callable[[], Sequence[Row]],
    *,
    left_out: Iterable[str] = (),
) -> None:
    """The command line of such a script: `--json`, `--remake`, `--only NAME`, `--root FOLDER`.

    `remake(name, root)` makes a part and ships it; `rows()` tells what ships. `left_out` are the
    parts that are made by name only.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the result")
    parser.add_argument("--only", choices=tuple(parts))
    parser.add_argument("--root", help="folder of the runs; default: a temporary one")
    asked = parser.parse_args()
    if asked.remake:
        every = [name for name in parts if name not in tuple(left_out)]
        with tempfile.TemporaryDirectory() as temporary:
            for part in [asked.only] if asked.only else every:
                remake(part, asked.root or temporary)
    show(rows(), as_json=asked.json)

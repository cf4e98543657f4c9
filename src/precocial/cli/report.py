"""`precocial report PATH`: one HTML page from a sweep folder or a run table."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, show


def report(
    path: Positional[Path],
    *,
    out: Path | None = None,
    draws: int = 400,
    common: Common = COMMON,
) -> None:
    """Write what was measured as one HTML page that opens without a network.

    Args:
        path: a sweep folder (table.csv, sweep.json), a run table (.csv, .tsv, .jsonl, .parquet),
            or the folder of an audit (audit.json or people.json)
        out: where to write; none means report.html in the folder, or beside the table
        draws: bootstrap draws behind the intervals
    """
    from precocial import io
    from precocial.report import default_out, page_of, render

    page = page_of(path, draws=draws, seed=common.seed)
    target = out or default_out(path)
    io.write_text(target, render(page))
    document = {
        "path": target,
        "headline": page.headline,
        "sections": [
            {"key": section.key, "title": section.title, "state": section.state}
            for section in page.sections
        ],
    }
    show(document, lambda: [page.headline, str(target)], common)

"""The page of a folder, written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = "report.html"


def write_page(path: Path) -> tuple[Any, Path]:
    """The page of whatever is in a folder, and where it was written."""
    from precocial import io
    from precocial.report import default_out, page_of, render

    page = page_of(path)
    written = default_out(path)
    io.write_text(written, render(page))
    return page, written

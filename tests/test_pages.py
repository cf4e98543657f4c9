"""The code in the README and the docs is run, page by page, in an empty folder.

`python` blocks of a page share their names, `console` blocks run each line that begins with
"$ precocial". A block after a comment `<!-- not run: REASON -->` is left out.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from precocial.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(
    r"^(?P<not_run><!-- not run: (?P<reason>.*?) -->\n+)?```(?P<kind>[\w{}-]*)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
RUNNABLE = ("python", "console")


def blocks(text: str) -> list[tuple[str, str]]:
    """(kind, body) of each block that is to be run."""
    found = [match for match in BLOCK.finditer(text) if match["kind"] in RUNNABLE]
    return [(match["kind"], match["body"]) for match in found if not match["not_run"]]


def run_page(text: str, page: str) -> int:
    """Run every block of a page; how many there were."""
    names: dict[str, object] = {"__name__": "__page__"}
    for kind, body in blocks(text):
        if kind == "python":
            exec(compile(body, page, "exec"), names)
            continue
        commands = body.replace("\\\n", " ").splitlines()
        for line in (line for line in commands if line.startswith("$ precocial")):
            assert main(shlex.split(line, comments=True)[2:]) == 0, line
    return len(blocks(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_on_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(page.read_text(encoding="utf-8"), page.name)


def test_blocks_share_names_and_a_wrong_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = "```python\na = 1\n```\ntext\n```python\nassert a == 1\n```\n"
    assert run_page(good, "page") == 2
    assert run_page("<!-- not run: slow -->\n```python\n1 / 0\n```\n", "page") == 0
    assert run_page("```console\n$ precocial --version\n```\n", "page") == 1
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", "page")
    with pytest.raises(AssertionError, match="fly"):
        run_page("```console\n$ ls\n$ precocial fly\n```\n", "page")

"""The two corpora that every machine has: Python's standard library as code, and its English.

Target: the source code of some modules. Source: the language reference as `pydoc_data.topics` keeps
it, and the docstrings of the other modules, with code blocks, doctests, grammar and tables removed.
No module gives to both, so nothing that is pre-trained on stands in the target's training, tuning
or test text.
"""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from precocial import io
from precocial.errors import DataError
from precocial.lm.corpus import Corpus, Document, is_python_like
from precocial.runs import stream

LEFT_OUT = (
    "site-packages",
    "dist-packages",
    "pydoc_data",
    "test",
    "tests",
    "idle_test",
    "encodings",
)
"""Folders that are not read: installed packages, the topics themselves, test suites (not on every
machine), and tables of characters."""
ENGLISH_SHARE = 0.45
"""Share of the library's code whose docstrings become English; the rest is the target (ours: the
English is then about 1 MB and the code about 5 MB on CPython 3.11)."""
MIN_ENGLISH_BYTES, MIN_CODE_BYTES = 200_000, 1_000_000


def stdlib_folder() -> Path:
    """Where this interpreter keeps its standard library (from a virtual environment too).

    Raises:
        DataError: it is not a folder of .py files, for instance in a frozen application.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    if not (folder / "os.py").is_file():
        raise DataError(
            "holds no os.py, so the standard library's source is not there. Name your own text "
            "with --source and --target, or use a CPython that ships its library as files",
            path=folder,
        )
    return folder


def stdlib_modules(folder: Path | None = None) -> Corpus:
    """All .py files of the standard library outside `LEFT_OUT`; the unit is the top-level module.

    Raises:
        DataError: fewer than `MIN_CODE_BYTES` bytes were found.
    """
    root = stdlib_folder() if folder is None else Path(folder)
    files = [
        file
        for file in sorted(root.rglob("*.py"))
        if not set(file.relative_to(root).parts[:-1]) & set(LEFT_OUT) and not file.is_symlink()
    ]
    documents = []
    for file in files:
        parts = file.relative_to(root).parts
        text = io.read_text(file)
        if text.strip():
            documents.append(Document("/".join(parts), parts[0].removesuffix(".py"), text))
    found = Corpus(name="stdlib", documents=tuple(documents))
    if found.bytes < MIN_CODE_BYTES:
        raise DataError(
            f"holds {found.bytes} bytes of Python code; at least {MIN_CODE_BYTES} are needed. "
            "Install the full standard library, or name your own text with --target",
            path=root,
        )
    return found


def stdlib_corpora(folder: Path | None = None, *, seed: int = 0) -> tuple[Corpus, Corpus]:
    """(English source, Python target) from two disjoint sets of modules.

    Raises:
        DataError: parts of the standard library are missing on this machine.
    """
    root = stdlib_folder() if folder is None else Path(folder)
    library = stdlib_modules(root)
    english_units = _deal_units(library, seed)
    code = tuple(doc for doc in library.documents if doc.unit not in english_units)
    topics = _topics(root)
    docs = [doc for doc in library.documents if doc.unit in english_units]
    english = (*topics, *(page for doc in docs for page in _docstrings(doc)))
    source = Corpus(name="python-english", documents=tuple(doc for doc in english if doc.text))
    if source.bytes < MIN_ENGLISH_BYTES:
        raise DataError(
            f"gives {source.bytes} bytes of English; at least {MIN_ENGLISH_BYTES} are needed (are "
            "docstrings stripped?). Name your own text with --source",
            path=root,
        )
    return source, Corpus(name="python-code", documents=code)


def _deal_units(library: Corpus, seed: int) -> set[str]:
    """Units in random order until they hold `ENGLISH_SHARE` of the bytes."""
    sizes: dict[str, int] = {}
    for document in library.documents:
        sizes[document.unit] = sizes.get(document.unit, 0) + len(document.text)
    wanted = ENGLISH_SHARE * sum(sizes.values())
    chosen: set[str] = set()
    for unit in stream(seed, "stdlib").permutation(sorted(sizes)):
        if sum(sizes[name] for name in chosen) + sizes[str(unit)] <= wanted:
            chosen.add(str(unit))
    return chosen


def _topics(root: Path) -> list[Document]:
    path = root / "pydoc_data" / "topics.py"
    if not path.is_file():
        raise DataError(
            "is missing; it holds the English of the language reference. Install the full standard "
            "library (Debian: apt install libpython3-stdlib), or name your own text with --source",
            path=path,
        )
    tree = _parse(io.read_text(path), path)
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    for value in values:
        if isinstance(value, ast.Dict):
            topics: dict[str, str] = ast.literal_eval(value)
            return [
                Document(f"topics/{name}", f"topics/{name}", prose(text))
                for name, text in sorted(topics.items())
            ]
    raise DataError("holds no dictionary of topics; name your own text with --source", path=path)


def _docstrings(document: Document) -> Iterator[Document]:
    """One document a module: its docstrings, code removed, a blank line between two."""
    try:
        tree = _parse(document.text, document.name)
    except DataError:
        return  # templates and files for another Python version are not English either
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = prose(inspect.cleandoc(ast.get_docstring(node, clean=False) or ""))
            if text:
                found.append(text)
    if found:
        yield Document(f"docstrings/{document.name}", document.unit, "\n".join(found))


def _parse(text: str, path: object) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's modules
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise DataError(f"is not Python that can be parsed ({error})", path=path) from error


# ---------------------------------------------------------------- English without code

_TABLE_OR_GRAMMAR = re.compile(r"\s*([+|]|\S+\s*::=)|.*::=|\s*[-=*~^#\"']{4,}\s*$")


def prose(text: str) -> str:
    """The text without doctests, literal blocks, grammar, tables and paragraphs of code.

    A literal block is what is indented below a line that ends in "::"; a paragraph is code when
    at least a third of its lines have the form of Python.
    """
    kept: list[str] = []
    for paragraph in _paragraphs(text):
        lines = [line for line in paragraph if not _TABLE_OR_GRAMMAR.match(line)]
        code = sum(is_python_like(line) for line in lines)
        if lines and 3 * code < len(lines):
            kept.append("\n".join(lines))
    return "\n\n".join(kept) + "\n" if kept else ""


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Runs of non-empty lines, without what follows a prompt or is indented below "::"."""
    paragraph: list[str] = []
    literal: int | None = None
    doctest = False
    for line in (*text.expandtabs().split("\n"), ""):
        if not line.strip():
            if paragraph:
                yield paragraph
            paragraph, doctest = [], False
            continue
        indent = len(line) - len(line.lstrip())
        if literal is not None and indent <= literal:
            literal = None
        doctest = doctest or line.lstrip().startswith(">>>")
        if literal is None and not doctest:
            paragraph.append(line.rstrip())
            if line.rstrip().endswith("::"):
                literal = indent

"""Text in: documents from folders and files, cleaned, near-duplicates dropped, split by unit.

A unit is what must never stand in two splits: a package, a top-level module, a sub-folder.
Splitting by line or by file would put near copies of the training text into the test text, and the
loss would measure memory. Nothing here knows what the text is about; `stdlib.py` builds the two
corpora that every machine has.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.runs import stream

MAX_FILE_BYTES = 64 * 2**20
MAX_CORPUS_BYTES = 2**30
"""A small GPT does not read more than this in a day on the machines we write for."""
PAGE_BYTES = 2048
"""Documents are cut into pages of about this size before they are shuffled: 10 kB of data are then
pages of several modules, not the head of one (ours: it lowers the spread between seeds)."""
SHINGLE_WORDS = 8
NEAR_DUPLICATE = 0.5
"""A document is dropped when this share of its 8-word shingles stands in documents kept before it
(ours: copies with other comments or licence are far above, unrelated code is below 0.05)."""
_SEPARATOR = "\0"

_LICENCE = re.compile(r"copyright|licen[cs]e|all rights reserved|warrant(y|ies)", re.IGNORECASE)
_GENERATED = re.compile(
    r"auto-?\s?generated|automatically generated|\bis generated (by|from)|@generated|do not edit",
    re.IGNORECASE,
)
_PYTHON_LINE = re.compile(
    r"""\s*(
      (>>>|\.\.\.)(\s|$)
    | (async\s+)?(def|class)\s+\w+\s*[(:\[]
    | (import\s+\w[\w.]*(\s+as\s+\w+)?(\s*,\s*\w[\w.]*)*|from\s+[\w.]+\s+import\s+.+)\s*$
    | (if|elif|while|for|with|except|match|case)\b.*:\s*(\#.*)?$
    | (else|try|finally)\s*:\s*$
    | (return|raise|yield|assert|del|global|nonlocal|await)\b\s*[\w.(\[{'"]*[(\[{'"=.].*$
    | (pass|break|continue|return)\s*$
    | @\w[\w.]*(\(.*\))?\s*$
    | [A-Za-z_][\w.\[\]'"]*(\s*,\s*[\w.]+)*\s*([-+*/%&|^]|//|\*\*|<<|>>)?=\s*\S.*$
    | [A-Za-z_][\w.]*\(.*\)\s*(\#.*)?$
    | [)\]}]+[,:]?\s*$
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Document:
    """One text. `unit` is what must not be split: a package, a module, a sub-folder."""

    name: str
    unit: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Documents in the order of their names, and what was left out and why."""

    name: str
    documents: tuple[Document, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the text, UTF-8."""
        return sum(len(document.text.encode()) for document in self.documents)

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the units, sorted."""
        return tuple(sorted({document.unit for document in self.documents}))

    @property
    def sha256(self) -> str:
        """Hash of all names and texts: two corpora with one hash are the same corpus."""
        digest = hashlib.sha256()
        for document in self.documents:
            for part in (document.name, document.text):
                data = part.encode()
                digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three corpora that share no unit: `train`, `tune` (learning rate, early stop), `test`."""

    train: Corpus
    tune: Corpus
    test: Corpus


# ---------------------------------------------------------------- reading


def read_documents(paths: str | Path | Sequence[str | Path], *, name: str | None = None) -> Corpus:
    """UTF-8 text files: one folder (read to its leaves), one file, or a list of either.

    In a folder, hidden entries, links, empty files and files that are not UTF-8 text are left out
    and listed in `left_out`; a file that is named itself must be good.

    Raises:
        DataError: nothing there, no text in it, not UTF-8, or more than `MAX_CORPUS_BYTES`.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise DataError("no files were named; name a folder or some text files")
    found: list[tuple[tuple[str, ...], str]] = []
    left_out: list[tuple[str, str]] = []
    total = 0
    for root in listed:
        for parts, file in _files(Path(root), alone=len(listed) == 1):
            try:
                text = _text(file)
            except DataError as error:
                if file == Path(root):
                    raise
                left_out.append(("/".join(parts), str(error)))
                continue
            total += len(text)
            if total > MAX_CORPUS_BYTES:
                raise DataError(
                    f"holds more than {MAX_CORPUS_BYTES} bytes of text; name fewer files", path=root
                )
            found.append((parts, text))
    if not found:
        hint = f" ({len(left_out)} files were not UTF-8 text)" if left_out else ""
        raise DataError(f"holds no text{hint}; name a folder of UTF-8 files", path=listed[0])
    depth = _unit_depth([parts for parts, _ in found])
    documents = [
        Document("/".join(parts), _unit(parts, depth), text) for parts, text in sorted(found)
    ]
    title = name or ",".join(Path(root).name or str(root) for root in listed)
    return Corpus(name=title, documents=tuple(documents), left_out=tuple(left_out))


def _files(root: Path, *, alone: bool) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Files below `root` with the parts of their names; hidden entries and links are passed by."""
    if not root.exists():
        raise DataError("no such file or folder", path=root)
    if not root.is_dir():
        yield (root.name,), root
        return
    prefix = () if alone else (root.resolve().name,)
    for folder, folders, files in os.walk(root):  # which does not follow links to folders
        folders[:] = sorted(
            entry for entry in folders if not entry.startswith(".") and entry != "__pycache__"
        )
        for entry in sorted(files):
            file = Path(folder, entry)
            if not entry.startswith(".") and not file.is_symlink():
                yield (*prefix, *file.relative_to(root).parts), file


def _text(file: Path) -> str:
    text = io.read_text(file, limit=MAX_FILE_BYTES)
    if "\0" in text:
        raise DataError("holds a NUL byte, so it is not text", path=file)
    if not text.strip():
        raise DataError("is empty", path=file)
    return text.replace("\r\n", "\n")


def _unit(parts: tuple[str, ...], depth: int) -> str:
    """json/decoder.py and json.py are one unit at depth 1: both begin with the name json."""
    head = parts[:depth]
    return "/".join((*head[:-1], head[-1].split(".")[0] or head[-1]))


def _unit_depth(names: Sequence[tuple[str, ...]]) -> int:
    """The first folder level with at least three units; a folder with one sub-folder has none."""
    deepest = max(len(parts) for parts in names)
    for depth in range(1, deepest):
        if len({_unit(parts, depth) for parts in names}) >= 3:
            return depth
    return deepest


# ---------------------------------------------------------------- cleaning


def clean(corpus: Corpus) -> Corpus:
    """Without generated files, licence headers and near-duplicates; what went is in `left_out`."""
    kept: list[Document] = []
    left_out = list(corpus.left_out)
    for document in corpus.documents:
        if is_generated(document.text):
            left_out.append((document.name, "generated"))
        else:
            kept.append(replace(document, text=drop_licence(document.text)))
    documents, duplicates = drop_near_duplicates(kept)
    left_out += [(name, "near-duplicate") for name in duplicates]
    return replace(corpus, documents=tuple(documents), left_out=tuple(left_out))


def is_generated(text: str) -> bool:
    """A file that says so in its first ten lines, or a table: four of ten letters are digits."""
    if _GENERATED.search("\n".join(text.split("\n", 10)[:10])):
        return True
    body = text[:20_000]
    solid = sum(not letter.isspace() for letter in body)
    return solid > 2000 and sum(letter.isdigit() for letter in body) > 0.4 * solid


def drop_licence(text: str) -> str:
    """The text without the comment blocks at its head (#, //, /* */) that speak of a licence."""
    lines = text.split("\n")
    start, block = 0, 0
    while block < len(lines) and start < 200:
        end = _comment_end(lines, block)
        if end == block:
            break
        if _LICENCE.search("\n".join(lines[block:end])):
            start = end
        block = end
        while block < len(lines) and not lines[block].strip():
            block += 1
    return "\n".join(lines[start:]).lstrip("\n")


def _comment_end(lines: Sequence[str], start: int) -> int:
    """The first line after the comment block that begins at `start`; `start` if none does."""
    if start < len(lines) and lines[start].lstrip().startswith("/*"):
        for index in range(start, len(lines)):
            if "*/" in lines[index]:
                return index + 1
        return start
    end = start
    while end < len(lines) and lines[end].lstrip().startswith(("#", "//")):
        end += 1
    return end


def drop_near_duplicates(
    documents: Iterable[Document], against: Iterable[Document] = ()
) -> tuple[list[Document], list[str]]:
    """Documents of which less than half is contained in `against` or in those kept before.

    Containment is the share of 8-word shingles (runs of words, white space ignored). Returns what
    was kept, in order, and the names of what was not.
    """
    seen: set[int] = set()
    for document in against:
        seen |= _shingles(document.text)
    kept: list[Document] = []
    dropped: list[str] = []
    for document in documents:
        shingles = _shingles(document.text)
        if not shingles or len(shingles & seen) >= NEAR_DUPLICATE * len(shingles):
            dropped.append(document.name)
            continue
        seen |= shingles
        kept.append(document)
    return kept, dropped


def _shingles(text: str) -> set[int]:
    words = text.split()
    last = max(len(words) - SHINGLE_WORDS, 0) if words else -1
    return {
        zlib.crc32(" ".join(words[start : start + SHINGLE_WORDS]).encode())
        for start in range(last + 1)
    }


def python_like_share(corpus: Corpus) -> float:
    """Share of non-empty lines that look like Python: how much of the target hides in a source.

    A line counts when it has the form of a statement, a call, an assignment or a prompt. Prose that
    quotes a call on a line of its own counts too, so this is an upper estimate.
    """
    total = like = 0
    for document in corpus.documents:
        for line in document.text.split("\n"):
            if line.strip():
                total += 1
                like += is_python_like(line)
    return like / total if total else 0.0


def is_python_like(line: str) -> bool:
    """Whether a line has the form of a Python statement, call, assignment or prompt."""
    return _PYTHON_LINE.match(line) is not None


# ---------------------------------------------------------------- splitting


def split(corpus: Corpus, *, tune_bytes: int, test_bytes: int, seed: int = 0) -> Split:
    """Units dealt to test, tune and train; the two held-out splits are cut to a fixed size.

    Held-out units are drawn at random among those no larger than a third of the split, so that each
    split mixes several; only when these do not suffice are larger ones taken. Where the corpus is
    large enough, units with twice the text are held out and pages are drawn from all of them. A
    held-out unit goes wholly out of training, also what is cut off.

    Raises:
        ConfigError: sizes that are not positive.
        DataError: fewer than three units, or nothing left to train on.
    """
    if min(tune_bytes, test_bytes) <= 0:
        raise ConfigError(
            f"tune_bytes and test_bytes must be positive; got {tune_bytes}, {test_bytes}"
        )
    sizes: dict[str, int] = {}
    for document in corpus.documents:
        size = len(document.text.encode())
        sizes[document.unit] = sizes.get(document.unit, 0) + size
    if len(sizes) < 3:
        raise DataError(
            f"the corpus {corpus.name!r} has {len(sizes)} unit(s) ({', '.join(sizes)}); at least 3 "
            "modules, files or sub-folders are needed, so that training, tuning and test text come "
            "from different ones. Split the text into several files"
        )
    order = [str(unit) for unit in stream(seed, "split", corpus.name).permutation(sorted(sizes))]
    total = sum(sizes.values())
    test = _deal(order, sizes, test_bytes, set())
    tune = _deal(order, sizes, tune_bytes, test)
    train = set(sizes) - test - tune
    if not train or not tune:
        raise DataError(
            f"the corpus {corpus.name!r} has {total} bytes in {len(sizes)} units: too little to "
            f"hold out {test_bytes} + {tune_bytes} bytes and train on the rest. Name more text, or "
            "hold out less"
        )
    return Split(
        train=_part(corpus, "train", train),
        tune=_cut(_part(corpus, "tune", tune), tune_bytes, seed),
        test=_cut(_part(corpus, "test", test), test_bytes, seed),
    )


def _deal(order: Sequence[str], sizes: dict[str, int], wanted: int, taken: set[str]) -> set[str]:
    hand: set[str] = set()
    spare = min(2 * wanted, max(wanted, sum(sizes.values()) // 10))
    for largest, enough in ((wanted // 3, spare), (max(sizes.values()), wanted)):
        for unit in order:
            if sum(sizes[name] for name in hand) >= enough:
                return hand
            if unit not in taken and sizes[unit] <= largest:
                hand.add(unit)
    return hand


def _part(corpus: Corpus, name: str, units: set[str]) -> Corpus:
    documents = tuple(document for document in corpus.documents if document.unit in units)
    return Corpus(name=f"{corpus.name}:{name}", documents=documents)


def _cut(corpus: Corpus, size: int, seed: int) -> Corpus:
    """Pages in random order until `size` bytes: a fixed amount of text from every unit."""
    chosen: list[Document] = []
    total = 0
    for page in shuffled_pages(corpus, seed=seed):
        if total >= size:
            break
        chosen.append(page)
        total += len(page.text.encode())
    return replace(corpus, documents=tuple(chosen))


def shuffled_pages(corpus: Corpus, *, seed: int) -> list[Document]:
    """All documents cut at line ends into pages of about `PAGE_BYTES`, in a fixed random order.

    The first D bytes of this order are the training set of size D, so a smaller set is part of a
    larger one.
    """
    found = [page for document in corpus.documents for page in pages(document)]
    order = stream(seed, "pages", corpus.name).permutation(len(found))
    return [found[index] for index in np.asarray(order)]


def pages(document: Document) -> list[Document]:
    """The document cut into pages of at least `PAGE_BYTES` bytes (the last one apart).

    Cuts fall at line ends; a line longer than a page is cut by letters.
    """
    cut: list[list[str]] = [[]]
    size = 0
    for line in document.text.splitlines(keepends=True):
        for start in range(0, len(line), PAGE_BYTES):
            if size >= PAGE_BYTES:
                cut.append([])
                size = 0
            piece = line[start : start + PAGE_BYTES]
            cut[-1].append(piece)
            size += len(piece.encode())
    return [replace(document, text="".join(lines)) for lines in cut if lines]


def joined(documents: Iterable[Document]) -> str:
    """The texts, each ended by a NUL character: the mark between two documents."""
    return "".join(document.text + _SEPARATOR for document in documents)

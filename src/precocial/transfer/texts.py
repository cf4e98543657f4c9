"""The texts of a sweep: from folders or the built-in corpora to arrays of bytes on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.lm.corpus import (
    NEAR_DUPLICATE,
    PAGE_BYTES,
    Corpus,
    Document,
    Split,
    _shingles,
    clean,
    drop_near_duplicates,
    joined,
    pages,
    python_like_share,
    read_documents,
    shuffled_pages,
    split,
)
from precocial.lm.stdlib import stdlib_corpora
from precocial.lm.tokens import BPETokenizer, Bytes, ByteTokenizer, Tokenizer, text_bytes
from precocial.lm.trials import write_texts
from precocial.runs import stream_seed
from precocial.transfer.ladder import SweepConfig, smoke

Sources = str | Path | Sequence[str | Path] | None
SOURCE, SOURCE_TUNE = "source", "source-tune"
TARGET_TUNE, TARGET_TEST = "target-tune", "target-test"
MAX_NAME = 200
FEW = 5
"""Names that a message lists (ours)."""


def target_text(seed: int) -> str:
    """Name of the target's training text in the order of run seed `seed`."""
    return f"target-{seed}"


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts file of a sweep.

    `name` is its hash, `info` says what it holds and what was left out.
    """

    name: str
    vocabulary: int
    source_name: str
    source_bytes: int
    info: dict[str, Any]


def prepare(config: SweepConfig, *, source: Sources, target: Sources, root: io.PathLike) -> Texts:
    """Read, clean and split both corpora and write them under `root`.

    The target is split by unit; documents of the source, and of the target's own training text,
    that share text with its held-out units are dropped, whichever of the two holds the other, and
    whether or not that text is in the part of the units that is tested on. The target's
    training text is written once for each run seed, its pages in another order each time, so that a
    seed draws its text too; within a seed smaller D are parts of larger ones.

    Raises:
        DataError: no text, or too little for this recipe.
    """
    source_corpus, target_corpus = _corpora(config, source, target)
    parts = _split(config, target_corpus)
    trained = set(parts.train.units)
    held_out = [document for document in target_corpus.documents if document.unit not in trained]
    kept, overlapping = _apart(source_corpus.documents, held_out)
    source_corpus = replace(source_corpus, documents=tuple(kept))
    kept, within = _apart(parts.train.documents, held_out)
    parts = replace(parts, train=replace(parts.train, documents=tuple(kept)))
    texts = _source_texts(config, source_corpus, overlapping)
    texts |= _target_texts(config, parts, within)
    tokenizer = _tokenizer(config, texts)
    return Texts(
        name=write_texts(root, texts, tokenizer),
        vocabulary=tokenizer.vocabulary,
        source_name=source_corpus.name[:MAX_NAME],
        source_bytes=len(texts[SOURCE]),
        info={
            "source": _described(source_corpus) | {"overlapping_dropped": overlapping},
            "target": _described(target_corpus) | {"overlapping_dropped": within},
            "bytes": {name: len(text) for name, text in sorted(texts.items())},
            "tune_units": list(parts.tune.units),
            "test_units": list(parts.test.units),
            "python_like_share_of_source": python_like_share(source_corpus),
            "python_like_share_of_target": python_like_share(parts.train),
            "tokens": config.tokens,
            "vocabulary": tokenizer.vocabulary,
        },
    )


def _corpora(config: SweepConfig, source: Sources, target: Sources) -> tuple[Corpus, Corpus]:
    if source is not None and target is not None:
        return clean(read_documents(source)), clean(read_documents(target))
    english, code = stdlib_corpora(seed=config.seed)
    return (
        english if source is None else clean(read_documents(source)),
        clean(code if target is None else read_documents(target)),
    )


def _split(config: SweepConfig, target: Corpus) -> Split:
    try:
        return split(
            target,
            tune_bytes=config.tune_bytes,
            test_bytes=config.test_bytes,
            seed=config.seed,
        )
    except DataError as error:
        duplicates = _duplicates(target)
        if not duplicates:
            raise
        raise DataError(f"{error}{duplicates}") from error


def _apart(
    source: Sequence[Document], held_out: Sequence[Document]
) -> tuple[list[Document], list[str]]:
    """The documents to train on without text of `held_out`, and the names of the others.

    `held_out` are whole documents, not what is cut from them to be tested on: a copy of a long file
    is hardly contained in 8 kB of it. A document goes when half of its shingles stand in
    `held_out`, or when half of those of one held-out document or page stand in it.
    """
    holders = _holders(source, held_out)
    rest = [document for document in source if document not in holders]
    kept, contained = drop_near_duplicates(rest, held_out)
    gone = {document.name for document in holders} | set(contained)
    return kept, [document.name for document in source if document.name in gone]


def _holders(source: Iterable[Document], held_out: Iterable[Document]) -> set[Document]:
    """The source documents that contain a document or a page of `held_out`.

    The last page of a document counts only with the whole: a few lines that end many files alike
    are no copy.
    """
    sizes: list[int] = []
    pieces_of: dict[int, list[int]] = {}
    for document in held_out:
        full = [page for page in pages(document) if len(page.text.encode()) >= PAGE_BYTES]
        for piece in (document, *full):
            shingles = _shingles(piece.text)
            for shingle in shingles:
                pieces_of.setdefault(shingle, []).append(len(sizes))
            sizes.append(len(shingles))
    found: set[Document] = set()
    for document in source:
        common = _shingles(document.text) & pieces_of.keys()
        held = Counter(piece for shingle in common for piece in pieces_of[shingle])
        if any(count >= NEAR_DUPLICATE * sizes[piece] for piece, count in held.items()):
            found.add(document)
    return found


def _source_texts(
    config: SweepConfig, corpus: Corpus, overlapping: Sequence[str]
) -> dict[str, Bytes]:
    """The source, and a slice of it that picks the checkpoint of pre-training."""
    text = text_bytes(joined(shuffled_pages(corpus, seed=config.seed)))
    wanted = _least_source(config)
    if len(text) < wanted:
        raise DataError(
            f"the source {corpus.name!r} has {len(text)} bytes; the recipe {config.recipe!r} needs "
            f"{wanted}. Name more text with --source"
            f"{_or_smoke(len(text) >= _least_source(smoke()))}{_overlap(overlapping)}"
            f"{_duplicates(corpus)}"
        )
    rest = text[config.tune_bytes :]
    return {
        SOURCE_TUNE: text[: config.tune_bytes],
        SOURCE: rest[: config.source_bytes] if config.source_bytes else rest,
    }


def _target_texts(config: SweepConfig, parts: Split, within: Sequence[str]) -> dict[str, Bytes]:
    if parts.train.bytes < config.target_bytes:
        raise DataError(
            f"the target {parts.train.name!r} has {parts.train.bytes} bytes to train on after "
            f"{config.tune_bytes + config.test_bytes} are held out; the recipe {config.recipe!r} "
            f"needs {config.target_bytes}. Name more text with --target"
            f"{_or_smoke(parts.train.bytes >= smoke().target_bytes)}{_overlap(within)}"
        )
    texts = {
        TARGET_TUNE: text_bytes(joined(parts.tune.documents))[: config.tune_bytes],
        TARGET_TEST: text_bytes(joined(parts.test.documents))[: config.test_bytes],
    }
    for seed in range(config.seeds):
        pages = shuffled_pages(parts.train, seed=stream_seed(config.seed, "order", seed))
        texts[target_text(seed)] = text_bytes(joined(pages))[: config.target_bytes]
    return texts


def _least_source(config: SweepConfig) -> int:
    return max(4 * config.tune_bytes, config.source_bytes + config.tune_bytes)


def _or_smoke(enough: bool) -> str:
    """Advice that is given only where it helps."""
    return ", or use the recipe 'smoke'" if enough else ""


def _duplicates(corpus: Corpus) -> str:
    names = [name for name, why in corpus.left_out if why == "near-duplicate"]
    return f"; left out as near-duplicates of other files: {_few(names)}" if names else ""


def _overlap(names: Sequence[str]) -> str:
    said = "; left out because they share text with the held-out target: "
    return f"{said}{_few(names)}" if names else ""


def _few(names: Sequence[str]) -> str:
    """How many, and the first `FEW` of them."""
    more = ", ..." if len(names) > FEW else ""
    return f"{len(names)} ({', '.join(names[:FEW])}{more})"


def _tokenizer(config: SweepConfig, texts: dict[str, Bytes]) -> Tokenizer:
    if config.tokens == "bytes":
        return ByteTokenizer.of(texts.values())
    half = min(len(texts[SOURCE]), len(texts[target_text(0)]))
    return BPETokenizer.train(
        [texts[SOURCE][:half], texts[target_text(0)][:half]], config.vocabulary
    )


def _described(corpus: Corpus) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "sha256": corpus.sha256,
        "documents": len(corpus.documents),
        "units": len(corpus.units),
        "bytes": corpus.bytes,
        "left_out": [list(pair) for pair in corpus.left_out],
    }

"""The texts of a sweep: from folders or the built-in corpora to arrays of bytes on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from precocial import io
from precocial.errors import DataError
from precocial.lm.corpus import (
    Corpus,
    Split,
    clean,
    drop_near_duplicates,
    joined,
    python_like_share,
    read_documents,
    shuffled_pages,
    split,
)
from precocial.lm.stdlib import stdlib_corpora
from precocial.lm.tokens import BPETokenizer, Bytes, ByteTokenizer, Tokenizer, text_bytes
from precocial.lm.trials import write_texts
from precocial.runs import stream_seed
from precocial.transfer.ladder import SweepConfig

Sources = str | Path | Sequence[str | Path] | None
SOURCE, SOURCE_TUNE = "source", "source-tune"
TARGET_TUNE, TARGET_TEST = "target-tune", "target-test"
MAX_NAME = 200


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

    The target is split by unit; source documents that stand in the held-out target are dropped. The
    target's training text is written once for each run seed, its pages in another order each time,
    so that a seed draws its text too; within a seed smaller D are parts of larger ones.

    Raises:
        DataError: no text, or too little for this recipe.
    """
    source_corpus, target_corpus = _corpora(config, source, target)
    parts = split(
        target_corpus,
        tune_bytes=config.tune_bytes,
        test_bytes=config.test_bytes,
        seed=config.seed,
    )
    held_out = (*parts.test.documents, *parts.tune.documents)
    kept, overlapping = drop_near_duplicates(source_corpus.documents, held_out)
    source_corpus = replace(source_corpus, documents=tuple(kept))
    texts = _source_texts(config, source_corpus) | _target_texts(config, parts)
    tokenizer = _tokenizer(config, texts)
    return Texts(
        name=write_texts(root, texts, tokenizer),
        vocabulary=tokenizer.vocabulary,
        source_name=source_corpus.name[:MAX_NAME],
        source_bytes=len(texts[SOURCE]),
        info={
            "source": _described(source_corpus) | {"overlapping_dropped": overlapping},
            "target": _described(target_corpus),
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


def _source_texts(config: SweepConfig, corpus: Corpus) -> dict[str, Bytes]:
    """The source, and a slice of it that picks the checkpoint of pre-training."""
    text = text_bytes(joined(shuffled_pages(corpus, seed=config.seed)))
    least = 4 * config.tune_bytes
    if len(text) < max(least, config.source_bytes + config.tune_bytes):
        wanted = max(least, config.source_bytes + config.tune_bytes)
        raise DataError(
            f"the source {corpus.name!r} has {len(text)} bytes; the recipe {config.recipe!r} needs "
            f"{wanted}. Name more text with --source, or use the recipe 'smoke'"
        )
    rest = text[config.tune_bytes :]
    return {
        SOURCE_TUNE: text[: config.tune_bytes],
        SOURCE: rest[: config.source_bytes] if config.source_bytes else rest,
    }


def _target_texts(config: SweepConfig, parts: Split) -> dict[str, Bytes]:
    if parts.train.bytes < config.target_bytes:
        raise DataError(
            f"the target {parts.train.name!r} has {parts.train.bytes} bytes to train on after "
            f"{config.tune_bytes + config.test_bytes} are held out; the recipe {config.recipe!r} "
            f"needs {config.target_bytes}. Name more text with --target, or use a smaller recipe"
        )
    texts = {
        TARGET_TUNE: text_bytes(joined(parts.tune.documents))[: config.tune_bytes],
        TARGET_TEST: text_bytes(joined(parts.test.documents))[: config.test_bytes],
    }
    for seed in range(config.seeds):
        pages = shuffled_pages(parts.train, seed=stream_seed(config.seed, "order", seed))
        texts[target_text(seed)] = text_bytes(joined(pages))[: config.target_bytes]
    return texts


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

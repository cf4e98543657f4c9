"""Texts as runs of word numbers, and the word error rate between them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked, generator_of
from precocial.errors import ConfigError, DataError, one_of

Form = Literal["bare", "written"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
FORMS = ("bare", "written")


@checked
def words_of(text: str, form: Form = "bare") -> tuple[str, ...]:
    """The words of a text: what stands between white space.

    `bare` lower-cases them and keeps letters, digits, combining marks, underscores and
    apostrophes alone, as the published word error rates of crowd-written sentences do (Pavlichenko
    et al. 2021, code of the benchmark); a word of which nothing is left is dropped. `written`
    leaves them as they are. Unicode is composed first (NFC).
    """
    one_of("words_of: form", form, FORMS)
    found = unicodedata.normalize("NFC", text).split()
    return tuple(found) if form == "written" else tuple(filter(None, map(_bare, found)))


def _bare(word: str) -> str:
    return "".join(letter for letter in word.lower() if _is_kept(letter))


def _is_kept(letter: str) -> bool:
    return letter in "'_" or unicodedata.category(letter)[0] in "LMN"


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Texts as numbers: text i is `words[starts[i]:starts[i + 1]]`, of the list `vocabulary`."""

    words: Ints
    starts: Ints
    vocabulary: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    def text(self, index: int) -> Ints:
        return self.words[self.starts[index] : self.starts[index + 1]]


def encoded(texts: Sequence[Sequence[str]], known: Sequence[str] = ()) -> Encoded:
    """Number the words of texts that are already split; `known` words keep their numbers."""
    numbers: dict[str, int] = {word: number for number, word in enumerate(known)}
    flat = [numbers.setdefault(word, len(numbers)) for text in texts for word in text]
    return Encoded(
        words=np.array(flat, dtype=np.int64),
        starts=np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64),
        vocabulary=tuple(numbers),
    )


@dataclass(frozen=True, kw_only=True)
class WordErrors:
    """How far texts are from their references.

    Attributes:
        mean: the mean over texts of errors / words of the reference: the published figure.
        corpus: all errors / all words of all references.
        interval: of `mean`, 95 %, by resampling texts.
        each: the rate of each text, shape (N,).
    """

    mean: float
    corpus: float
    interval: tuple[float, float]
    each: Floats


@checked
def word_error_rate(
    references: Sequence[str],
    texts: Sequence[str],
    *,
    form: Form = "bare",
    resamples: int = 2000,
    seed: int = 0,
) -> WordErrors:
    """Word error rate: (substitutions + deletions + insertions) / words of the reference.

    A reference without words counts as one word long, so that any answer to it has a rate.

    Raises:
        DataError: when there are no texts, or not as many as references.
        ConfigError: resamples below 1, or a seed below 0.
    """
    if resamples < 1:
        raise ConfigError(f"word_error_rate: resamples must be at least 1; got {resamples}")
    if len(references) != len(texts) or not len(texts):
        raise DataError(
            f"word_error_rate: {len(references)} references and {len(texts)} texts; "
            "give at least one, and one text for each reference"
        )
    generator = generator_of("word_error_rate", seed)
    from precocial.normativity.texts import kernels

    both = encoded([words_of(text, form) for text in (*references, *texts)])
    place = np.arange(len(texts))
    errors = kernels.distances(
        both.words, both.starts, both.words, both.starts, place, place + len(texts)
    )
    length = np.maximum(both.lengths[: len(texts)], 1)
    each = errors / length
    draws = generator.integers(0, len(each), (resamples, len(each)))
    low, high = np.quantile(each[draws].mean(axis=1), [0.025, 0.975])
    return WordErrors(
        mean=float(each.mean()),
        corpus=float(errors.sum() / length.sum()),
        interval=(float(low), float(high)),
        each=each,
    )

"""Text to integers and back: bytes, or byte-level BPE. Loss is always told in nats per byte.

Losses per token cannot be compared between tokenizers; every token therefore carries the number of
bytes that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from precocial import io
from precocial.errors import ConfigError, DataError, need

MAX_VOCABULARY = 2**16
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TokenText:
    """A text as tokens: `tokens` (n,) and `sizes` (n,), the bytes that each token stands for."""

    tokens: NDArray[np.uint16]
    sizes: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.tokens)


class Tokenizer(Protocol):
    """What turns UTF-8 bytes into tokens."""

    @property
    def vocabulary(self) -> int:
        """Number of different tokens V."""

    def encode(self, data: Bytes) -> TokenText:
        """UTF-8 bytes (n,) as tokens."""

    def decode(self, tokens: NDArray[Any]) -> str:
        """The text again; bytes that are not UTF-8 become U+FFFD."""

    def document(self) -> dict[str, Any]:
        """The tokenizer as JSON values; `tokenizer_from` reads them back."""


def text_bytes(text: str) -> Bytes:
    """UTF-8 bytes of a text (n,)."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


@dataclass(frozen=True)
class ByteTokenizer:
    """A token is a byte. With an `alphabet`, only its bytes have tokens.

    All 256 by default. English and code use about 100 of them, and at width 32 the unused rows of
    the output matrix cost an eighth of the time and change no loss by more than they are likely:
    `ByteTokenizer.of(texts)` leaves them out.
    """

    alphabet: bytes = bytes(range(256))

    def __post_init__(self) -> None:
        if not self.alphabet or list(self.alphabet) != sorted(set(self.alphabet)):
            raise ConfigError("ByteTokenizer: the alphabet must be different bytes in rising order")

    @classmethod
    def of(cls, texts: Iterable[Bytes]) -> ByteTokenizer:
        """With the bytes that occur in any of the texts."""
        found = {int(byte) for text in texts for byte in np.unique(text)}
        return cls(bytes(sorted(found)))

    @property
    def vocabulary(self) -> int:
        """Size of the alphabet."""
        return len(self.alphabet)

    @cached_property
    def _rank(self) -> NDArray[np.int64]:
        rank = np.full(256, -1)
        rank[list(self.alphabet)] = np.arange(len(self.alphabet))
        return rank

    def encode(self, data: Bytes) -> TokenText:
        """One token a byte.

        Raises:
            DataError: a byte that is not in the alphabet.
        """
        tokens = self._rank[data]
        if len(tokens) and tokens.min() < 0:
            byte = int(data[int(np.argmin(tokens))])
            raise DataError(
                f"the text holds the byte {byte:#04x}, which is not in the alphabet of "
                f"{self.vocabulary}; make the alphabet from all texts: ByteTokenizer.of(texts)"
            )
        return TokenText(tokens.astype(np.uint16), np.ones(len(tokens), dtype=np.uint16))

    def decode(self, tokens: NDArray[Any]) -> str:
        """Text of the tokens."""
        table = np.frombuffer(self.alphabet, dtype=np.uint8)
        return bytes(table[np.asarray(tokens, dtype=np.int64)]).decode("utf-8", "replace")

    def document(self) -> dict[str, Any]:
        """{"kind": "bytes", "alphabet": [...]}."""
        return {"kind": "bytes", "alphabet": list(self.alphabet)}


@dataclass(frozen=True)
class BPETokenizer:
    """Byte-level byte-pair encoding (Sennrich et al. 2016). Needs the extra [hf].

    `model` is the JSON of the `tokenizers` library.
    """

    model: str

    @classmethod
    def train(cls, texts: Iterable[Bytes], vocabulary: int = 1024) -> BPETokenizer:
        """Merges learned on `texts`; give equal amounts of every language that will be read.

        Raises:
            ConfigError: a vocabulary that is not in [257, 65536].
            MissingExtraError: `tokenizers` is not installed.
        """
        if not 256 < vocabulary <= MAX_VOCABULARY:
            raise ConfigError(
                f"BPETokenizer: vocabulary must be from 257 to {MAX_VOCABULARY}; got {vocabulary}"
            )
        library = need("tokenizers", "hf")
        model = library.Tokenizer(library.models.BPE())
        model.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        model.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocabulary,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        model.train_from_iterator((_decoded(text) for text in texts), trainer)
        return cls(model.to_str())

    @cached_property
    def _model(self) -> Any:
        library = need("tokenizers", "hf")
        try:
            return library.Tokenizer.from_str(self.model)
        except Exception as error:  # the library raises bare Exception
            raise DataError(f"is not a BPE tokenizer that can be read ({error})") from error

    @cached_property
    def _sizes(self) -> NDArray[np.uint16]:
        # In a byte-level vocabulary every letter of a token's name stands for one byte.
        names = (self._model.id_to_token(token) for token in range(self.vocabulary))
        return np.array([len(name) for name in names], dtype=np.uint16)

    @property
    def vocabulary(self) -> int:
        """Number of tokens, the 256 bytes and the merges."""
        return int(self._model.get_vocab_size())

    def encode(self, data: Bytes) -> TokenText:
        """Tokens of the text; a letter that is cut at either end is left out."""
        tokens = np.array(self._model.encode(_decoded(data)).ids, dtype=np.uint16)
        return TokenText(tokens, self._sizes[tokens])

    def decode(self, tokens: NDArray[Any]) -> str:
        """Text of the tokens."""
        return str(self._model.decode(np.asarray(tokens).tolist()))

    def document(self) -> dict[str, Any]:
        """{"kind": "bpe", "model": the library's JSON}."""
        return {"kind": "bpe", "model": io.loads(self.model)}


def _decoded(data: Bytes) -> str:
    return data.tobytes().decode("utf-8", "ignore")


def tokenizer_from(document: Any, *, path: object = None) -> Tokenizer:
    """A tokenizer from its JSON values.

    Raises:
        DataError: not the values of a tokenizer.
    """
    match document:
        case {"kind": "bytes", "alphabet": [*letters]} if all(
            isinstance(byte, int) and 0 <= byte < 256 for byte in letters
        ):
            try:
                return ByteTokenizer(bytes(letters))
            except ConfigError as error:
                raise DataError(str(error), path=path) from error
        case {"kind": "bpe", "model": dict(model)}:
            tokenizer = BPETokenizer(io.dumps(model))
            if tokenizer.vocabulary > MAX_VOCABULARY:
                raise DataError(f"has more than {MAX_VOCABULARY} tokens", path=path)
            return tokenizer
        case _:
            raise DataError(
                'is not a tokenizer; expected {"kind": "bytes", "alphabet": [...]} or '
                '{"kind": "bpe", "model": {...}}',
                path=path,
            )


def save_tokenizer(tokenizer: Tokenizer, path: io.PathLike) -> None:
    """Write the tokenizer as JSON."""
    io.write_json(path, tokenizer.document())


def load_tokenizer(path: io.PathLike) -> Tokenizer:
    """Read what `save_tokenizer` wrote.

    Raises:
        DataError: not JSON, or not a tokenizer.
    """
    return tokenizer_from(io.read_json(path), path=path)

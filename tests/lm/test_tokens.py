"""Bytes and BPE."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precocial import io
from precocial.errors import ConfigError, DataError
from precocial.lm import tokens as module

TEXT = "def naïve(x):\n    return x + 1\n" * 40


@pytest.fixture(scope="module")
def bpe() -> module.BPETokenizer:
    return module.BPETokenizer.train([module.text_bytes(TEXT)], 300)


@given(st.text())
def test_bytes_come_back(text):
    tokenizer = module.ByteTokenizer()
    found = tokenizer.encode(module.text_bytes(text))
    assert tokenizer.decode(found.tokens) == text
    assert found.sizes.sum() == len(text.encode())


@given(st.text(min_size=1))
def test_an_alphabet_of_the_texts_loses_nothing(text):
    data = module.text_bytes(text)
    tokenizer = module.ByteTokenizer.of([data])
    assert tokenizer.vocabulary == len(set(text.encode()))
    assert tokenizer.decode(tokenizer.encode(data).tokens) == text


def test_a_byte_outside_the_alphabet_is_named():
    tokenizer = module.ByteTokenizer(b"abc")
    with pytest.raises(DataError, match="0x7a"):
        tokenizer.encode(module.text_bytes("abz"))
    for alphabet in (b"", b"ba", b"aa"):
        with pytest.raises(ConfigError, match="rising order"):
            module.ByteTokenizer(alphabet)


@given(st.text())
def test_bpe_comes_back_and_its_sizes_add_up(bpe, text):
    found = bpe.encode(module.text_bytes(text))
    assert bpe.decode(found.tokens) == text
    assert found.sizes.sum() == len(text.encode())


def test_bpe_is_shorter_than_bytes_and_repeats(bpe):
    data = module.text_bytes(TEXT)
    assert len(bpe.encode(data)) < 0.7 * len(data)
    assert module.BPETokenizer.train([data], 300).model == bpe.model
    assert 256 < bpe.vocabulary <= 300


def test_a_letter_cut_in_two_is_left_out(bpe):
    data = module.text_bytes("naïve")
    assert bpe.decode(bpe.encode(data[:3]).tokens) == "na"


@pytest.mark.parametrize("vocabulary", [256, 0, 2**16 + 1])
def test_a_vocabulary_out_of_range_is_refused(vocabulary):
    with pytest.raises(ConfigError, match="from 257 to 65536"):
        module.BPETokenizer.train([module.text_bytes(TEXT)], vocabulary)


def test_a_tokenizer_is_saved_as_json(tmp_path, bpe):
    data = module.text_bytes(TEXT)
    for tokenizer in (module.ByteTokenizer.of([data]), bpe):
        module.save_tokenizer(tokenizer, tmp_path / "tokens.json")
        assert isinstance(io.read_json(tmp_path / "tokens.json"), dict)
        again = module.load_tokenizer(tmp_path / "tokens.json")
        assert np.array_equal(again.encode(data).tokens, tokenizer.encode(data).tokens)


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"kind": "bytes"}, {"kind": "bytes", "alphabet": [300]},
        {"kind": "bytes", "alphabet": ["a"]}, {"kind": "bytes", "alphabet": [2, 1]},
        {"kind": "bytes", "alphabet": []}, {"kind": "bpe", "model": {}},
        {"kind": "bpe", "model": {"model": {"type": "Evil"}}}, {"kind": "pickle", "model": {}},
    ],
)  # fmt: skip
def test_what_is_not_a_tokenizer_is_refused(document):
    with pytest.raises(DataError, match=r"tokenizer|alphabet"):
        module.tokenizer_from(document).encode(module.text_bytes("a"))

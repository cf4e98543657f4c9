"""Small language models: corpora, tokenizers, one GPT, one training loop.

Needs the extra [torch].
"""

from __future__ import annotations

import precocial.lm.extra  # isort: skip  # noqa: F401  first: it says how to install torch
from precocial.lm.corpus import (
    Corpus,
    Document,
    Split,
    clean,
    drop_near_duplicates,
    python_like_share,
    read_documents,
    split,
)
from precocial.lm.gpt import GPT, GPTConfig, count_params, train_flops
from precocial.lm.stdlib import stdlib_corpora
from precocial.lm.tokens import (
    BPETokenizer,
    ByteTokenizer,
    Tokenizer,
    TokenText,
    load_tokenizer,
    save_tokenizer,
)
from precocial.lm.train import Loss, TrainConfig, Training, evaluate
from precocial.lm.trials import Trial, read_texts, trial, write_texts

__all__ = [
    "GPT",
    "BPETokenizer",
    "ByteTokenizer",
    "Corpus",
    "Document",
    "GPTConfig",
    "Loss",
    "Split",
    "TokenText",
    "Tokenizer",
    "TrainConfig",
    "Training",
    "Trial",
    "clean",
    "count_params",
    "drop_near_duplicates",
    "evaluate",
    "load_tokenizer",
    "python_like_share",
    "read_documents",
    "read_texts",
    "save_tokenizer",
    "split",
    "stdlib_corpora",
    "train_flops",
    "trial",
    "write_texts",
]

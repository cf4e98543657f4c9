"""Small language models: corpora, tokenizers, one GPT, one training loop.

Needs the extra [torch].
"""

from __future__ import annotations

from precocial.errors import need

need("torch", "torch")  # before the imports below, so that a missing torch is told with its remedy

from precocial.lm.corpus import (  # noqa: E402
    Corpus,
    Document,
    Split,
    clean,
    drop_near_duplicates,
    python_like_share,
    read_documents,
    split,
)
from precocial.lm.gpt import GPT, GPTConfig, count_params, train_flops  # noqa: E402
from precocial.lm.stdlib import stdlib_corpora  # noqa: E402
from precocial.lm.tokens import (  # noqa: E402
    BPETokenizer,
    ByteTokenizer,
    Tokenizer,
    TokenText,
    load_tokenizer,
    save_tokenizer,
)
from precocial.lm.train import Loss, TrainConfig, Training, evaluate  # noqa: E402
from precocial.lm.trials import Trial, read_texts, trial, write_texts  # noqa: E402

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

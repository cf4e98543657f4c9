"""Two small languages in folders, for sweeps of seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from precocial.transfer.ladder import Rung, SweepConfig

TINY = SweepConfig(
    recipe="tiny",
    widths=(4, 6, 8),
    depth=1,
    context=16,
    scratch=(
        Rung(data_bytes=500, steps=3, seeds=2),
        Rung(data_bytes=1000, steps=4),
        Rung(data_bytes=4000, steps=6),
    ),
    fine_tune=(
        Rung(data_bytes=200, steps=2, seeds=2),
        Rung(data_bytes=500, steps=2),
        Rung(data_bytes=1000, steps=3),
    ),
    pretrain_steps=8,
    batch=4,
    reference_width=8,
    tune_width=4,
    scratch_rates=(0.5, 1.0),
    pretrain_rates=(1.0, 2.0),
    fine_tune_rates=(0.1, 0.3),
    evaluations=3,
    tune_bytes=600,
    test_bytes=900,
)


def write_texts(root: Path, *, letters: str, files: int, size: int, seed: int) -> Path:
    """`files` files of words of these letters; no two files are alike."""
    random = np.random.default_rng(seed)
    root.mkdir(parents=True)
    for number in range(files):
        words = ["".join(random.choice(list(letters), 6)) for _ in range(size // 7)]
        lines = [" ".join(words[at : at + 8]) for at in range(0, len(words), 8)]
        (root / f"file{number}.txt").write_text("\n".join(lines) + "\n")
    return root


def write_both(root: Path) -> tuple[Path, Path]:
    """Folders (source, target)."""
    return (
        write_texts(root / "english", letters="abcdefgh", files=4, size=3000, seed=0),
        write_texts(root / "code", letters="efghijkl", files=12, size=1000, seed=1),
    )

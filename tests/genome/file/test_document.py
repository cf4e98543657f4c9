"""The document of a genome file: what is shared, and what makes no sense or is too much."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from precocial.errors import DataError
from precocial.genome import Gene, Genome, Gray, Hashed, Pair, Stored, TwoTower
from tests.genome.file.made import (
    STORED,
    forged,
    kept_values,
    trained,
)


def shared_network() -> Genome:
    """Two tensors that share a network, two that share a decoder, one with its own."""
    first = Pair(Gray(8), Gray(8), hidden=(7, 5))
    second = Pair(Hashed(16, 3), Hashed(4, 3), hidden=(7, 5))
    second.share(first)
    towers = TwoTower(Gray(8), Gray(4), hidden=(3,), rank=4)
    genes = [
        Gene("a", (8, 8), first),
        Gene("b", (16, 4), second),
        Gene("c", (8, 4), towers),
        Gene("d", (8, 2, 2), towers),
        Gene("e", (2,), Stored(2, 1)),
    ]
    return trained(Genome(genes))


def test_what_is_shared_is_stored_once_and_shared_again(tmp_path: Path) -> None:
    genome = shared_network()
    path = tmp_path / "g.genome"
    genome.save(path, bits=16)
    loaded = Genome.load(path)
    assert loaded.parameter_count == genome.parameter_count
    assert loaded.decoder_of("c") is loaded.decoder_of("d")
    first, second = loaded.decoder_of("a"), loaded.decoder_of("b")
    assert isinstance(first, Pair)
    assert isinstance(second, Pair)
    assert first.network[0].weight is second.network[0].weight
    assert first.network[4].bias is second.network[4].bias
    expected = functional_call(genome, kept_values(genome, 16), ())
    for name, value in loaded.express().items():
        assert torch.equal(value, expected[name])
    # The second and fourth tensors cost a line of the document each, and no numbers.
    fewer = Genome([Gene(n, genome.shapes[n], genome.decoder_of(n)) for n in ("a", "c", "e")])
    assert 0 < genome.byte_count(16) - fewer.byte_count(16) < 70


def pair(rows: Any, columns: Any = None, hidden: Any = (5,)) -> dict[str, Any]:
    kept = {"rows": rows, "columns": columns, "hidden": hidden}
    return {"kind": "pair", "scale": 1.0, **kept}


def test_a_forged_file_that_makes_sense_is_read(tmp_path: Path) -> None:
    content = [8, [["w", [2, 3], 0]], [STORED], [], []]
    loaded = Genome.load(forged(tmp_path / "g.genome", content, bytes([0, 112]) + b"\x7f" * 6))
    assert torch.equal(loaded.weight_of("w").detach(), torch.zeros(2, 3))


SENSELESS: dict[str, Any] = {
    "no list": {"a": 1},
    "no tensors": [8, [], [STORED], [], []],
    "bits": [9.5, [["w", [2, 3], 0]], [STORED], [], []],
    "17 bits": [17, [["w", [2, 3], 0]], [STORED], [], []],
    "an idle decoder": [8, [["w", [2, 3], 0]], [STORED, STORED], [], []],
    "no such decoder": [8, [["w", [2, 3], 1]], [STORED], [], []],
    "a negative decoder": [8, [["w", [2, 3], -1]], [STORED], [], []],
    "an unknown decoder": [8, [["w", [2, 3], 0]], [{**STORED, "kind": "oracle"}], [], []],
    "a decoder without its sizes": [8, [["w", [2, 3], 0]], [{"kind": "stored"}], [], []],
    "another shape": [8, [["w", [2, 4], 0]], [STORED], [], []],
    "a negative shape": [8, [["w", [-2, -3], 0]], [STORED], [], []],
    "a name twice": [8, [["w", [2, 3], 0], ["w", [2, 3], 0]], [STORED], [], []],
    "a statistic twice": [8, [["w", [2, 3], 0]], [STORED], [], [["m", 1], ["m", 1]]],
    "a negative statistic": [8, [["w", [2, 3], 0]], [STORED], [], [["m", -1]]],
    "shared with later ones": [8, [["w", [2, 3], 0]], [STORED], [[0, 1, 1]], []],
    "shared beyond the end": [
        8,
        [["w", [2, 3], 0], ["v", [2, 3], 1]],
        [STORED, STORED],
        [[1, 0, 9]],
        [],
    ],
    "shared of another shape": [
        8,
        [["w", [2, 3], 0], ["v", [3, 2], 1]],
        [STORED, {**STORED, "rows": 3, "columns": 2}],
        [[1, 0, 1]],
        [],
    ],
    "labels that are none": [8, [["w", [2, 1], 0]], [pair("all")], [], []],
    "labels of an unknown kind": [8, [["w", [2, 1], 0]], [pair(["magic", 2])], [], []],
    "labels of text": [8, [["w", [2, 1], 0]], [pair(["gray", "2", 1])], [], []],
    "labels without a size": [8, [["w", [2, 1], 0]], [pair(["hashed"])], [], []],
    "labels deep in labels": [8, [["w", [1], 0]], [pair(["product"] * 1)], [], []],
}
HUGE: dict[str, Any] = {
    "stored": [
        8,
        [["w", [1 << 20, 1 << 20], 0]],
        [{**STORED, "rows": 1 << 20, "columns": 1 << 20}],
    ],
    "hidden": [8, [["w", [2], 0]], [pair(["gray", 2, 1], hidden=[1 << 20, 1 << 20])]],
    "one-hot": [8, [["w", [1 << 20], 0]], [pair(["one_hot", 1 << 20])]],
    "digits": [8, [["w", [2], 0]], [pair(["gray", 2, 1 << 31])]],
    "a great number": [8, [["w", [2], 0]], [pair(["gray", 10**400, 4])]],
    "hashed": [8, [["w", [1 << 20], 0]], [pair(["hashed", 1 << 20, 1 << 20, 0])]],
    "waves": [
        8,
        [["w", [2], 0]],
        [pair(["fourier", [1 << 10, 1 << 10], 1 << 10, 2000, False])],
    ],
    "many axes": [8, [["w", [2], 0]], [pair(["product", *[["gray", 4, 2]] * 30])]],
    "an outer product": [8, [["w", [2], 0]], [pair(["outer", *[["one_hot", 8]] * 5])]],
    "tagged labels": [
        8,
        [["w", [12_000], 0]],
        [pair(["tagged", ["one_hot", 12_000], 12_000, 0, 1])],
    ],
    "a wide total": [8, [["w", [2], 0]], [pair(["tagged", ["gray", 2, 1], 1 << 31, 0, 1])]],
    "many tensors": [8, [["w", [2], 0]], [pair(["tagged", ["gray", 2, 1], 1, 0, 1 << 31])]],
    "tagged in a product": [
        8,
        [["w", [2], 0]],
        [pair(["product", ["tagged", ["gray", 2, 1], 1 << 31, 0, 1], ["gray", 1, 1]])],
    ],
    "many layers": [8, [["w", [2], 0]], [pair(["gray", 2, 1], hidden=[1] * 70_000)]],
    "cells": [
        8,
        [["w", [1 << 31, 1], 0]],
        [{"kind": "cell_types", "rows": 1 << 31, "columns": 1, "types": [1, 1]}],
    ],
    "a statistic": [8, [["w", [2, 3], 0]], [STORED], [], [["m", 1 << 30]]],
}


@pytest.mark.parametrize("content", SENSELESS.values(), ids=SENSELESS)
def test_a_document_that_makes_no_sense_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match=r"g\.genome"):
        Genome.load(forged(tmp_path / "g.genome", content))


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_what_declares_too_much_is_refused_before_it_is_made(tmp_path: Path, content: Any) -> None:
    content = [*content, [], [], []][:5] if len(content) < 5 else content
    path = forged(tmp_path / "g.genome", content)
    with pytest.raises(DataError):  # what torch imports at a first use is not counted
        Genome.load(path)
    tracemalloc.start()
    with pytest.raises(DataError):
        Genome.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_a_document_that_unpacks_to_very_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too long"):
        Genome.load(forged(tmp_path / "g.genome", b"[" + b" " * (1 << 24)))
    with pytest.raises(DataError, match="nested"):
        Genome.load(forged(tmp_path / "g.genome", b"[" * 40 + b"]" * 40))
    with pytest.raises(DataError, match="JSON"):
        Genome.load(forged(tmp_path / "g.genome", b"[" * 100_000))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@settings(max_examples=100)
@given(data=st.data())
def test_no_document_lets_another_error_escape(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A good document with one part of it replaced by anything."""
    content: Any = [8, [["w", [2, 1], 0]], [pair(["gray", 2, 1])], [[1, 0, 1]], [["m", 3]]]
    place = content
    for _ in range(data.draw(st.integers(0, 3))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], list | dict)]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    if keys:
        place[data.draw(st.sampled_from(keys))] = data.draw(JSON)
    path = tmp_path_factory.mktemp("any") / "bad.genome"
    with contextlib.suppress(DataError):
        Genome.load(forged(path, content))

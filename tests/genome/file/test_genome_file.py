"""The .genome file: whole or refused, the same everywhere, and as small as it says."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from precocial.errors import ConfigError, DataError
from precocial.genome import Gene, Genome, Gray, Hashed, Pair, Stored, TwoTower, perceptron_784
from precocial.genome.decoders.rules import RULES
from precocial.genome.file import document as document_
from precocial.genome.file import genome_file as format_
from precocial.genome.file.quantise import fake_quantise


def small_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 10)
    )


def trained(genome: Genome) -> Genome:
    """As after training: other values, of different sizes."""
    torch.manual_seed(1)
    with torch.no_grad():
        for number, parameter in enumerate(genome.parameters()):
            parameter.copy_(torch.randn_like(parameter) * 2.0 ** (number % 5 - 2))
            if not parameter.requires_grad:
                parameter.abs_()
    return genome


def small_genome() -> Genome:
    return trained(
        Genome.for_model(small_model(), parameters=700, norm_statistics="store", decoder="pair")
    )


def kept_values(genome: Genome, bits: int) -> dict[str, Tensor]:
    return {
        name: value.detach()
        for name, value in fake_quantise(dict(genome.named_parameters()), bits).items()
    }


GENOMES = {
    "convolution": small_genome,
    "GN30": lambda: trained(Genome.for_model(perceptron_784(), preset="GN30")),
    "two towers": lambda: trained(Genome.for_model(perceptron_784(), parameters=1900)),
    "stored": lambda: trained(Genome.for_model(nn.Linear(3, 2), parameters=8)),
}


@pytest.mark.parametrize("bits", [2, 5, 8, 16, 32])
@pytest.mark.parametrize("name", list(GENOMES))
def test_what_is_loaded_is_bit_equal_to_what_was_trained_on(
    tmp_path: Path, name: str, bits: int
) -> None:
    genome = GENOMES[name]()
    path = tmp_path / "g.genome"
    count = genome.save(path, bits=bits)
    assert count == path.stat().st_size == genome.byte_count(bits)
    loaded = Genome.load(path)
    expected = kept_values(genome, bits)
    found = dict(loaded.named_parameters())
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert torch.equal(found[key].detach(), value), key
        assert found[key].requires_grad == dict(genome.named_parameters())[key].requires_grad
    assert loaded.shapes == genome.shapes
    assert loaded.byte_count(bits) == count
    with torch.no_grad():
        weights = functional_call(genome, expected, ())
        for key, value in loaded.express().items():
            assert torch.equal(value, weights[key]), key


def test_the_headers_of_the_papers_perceptron_are_small() -> None:
    # What is not the parameters themselves: frame, document, checksum, a step a tensor.
    for genome in (GENOMES["GN30"](), GENOMES["two towers"]()):
        numbers = genome.parameter_count + 1 + len(list(genome.parameters())) + 4
        assert format_.most_bytes(*genome._content(), 8) - numbers < 170


@pytest.mark.parametrize("bits", [4, 8, 32])
@pytest.mark.parametrize("name", list(GENOMES))
def test_no_values_exceed_the_bound(name: str, bits: int) -> None:
    genome = GENOMES[name]()
    bound = format_.most_bytes(*genome._content(), bits)
    assert genome.byte_count(bits) <= bound
    with torch.no_grad():  # as hard to code as can be: every integer equally likely
        most = 2 ** (min(bits, 16) - 1) - 1
        for parameter in genome.parameters():
            steps = torch.randint(-most, most + 1, parameter.shape)
            parameter.copy_(steps / most)
    assert 0.96 * bound - 2 <= genome.byte_count(bits) <= bound


def test_entropy_coding_shortens_a_file_and_zeros_vanish(tmp_path: Path) -> None:
    genome = GENOMES["GN30"]()
    bound = format_.most_bytes(*genome._content(), 8)
    assert genome.byte_count(8) < bound
    with torch.no_grad():
        for parameter in genome.parameters():
            parameter.zero_()
    assert genome.byte_count(8) < bound - 1900
    genome.save(tmp_path / "zero.genome")
    assert all(not value.any() for value in Genome.load(tmp_path / "zero.genome").parameters())


def test_more_values_than_the_coder_takes_are_deflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("precocial.genome.file.entropy.MOST_VALUES", 100)
    genome = GENOMES["GN30"]()
    with torch.no_grad():
        for parameter in genome.parameters():
            parameter.round_()
    count = genome.save(tmp_path / "g.genome")
    assert count < format_.most_bytes(*genome._content(), 8) - 200
    expected = kept_values(genome, 8)
    for key, value in Genome.load(tmp_path / "g.genome").named_parameters():
        assert torch.equal(value.detach(), expected[key])


def test_it_is_a_safetensors_file_with_json_in_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "g.genome"
    small_genome().save(path)
    arrays = safetensors.numpy.load_file(path)
    assert list(arrays) == ["g"]
    assert arrays["g"].dtype == np.uint8
    with safetensors.safe_open(path, "numpy") as opened:
        version, document = opened.metadata()["genome"].split(" ")
    assert version == "1"
    assert document_of(document)[0] == 8


PROGRAM = """
import sys, torch
from torch import nn
from precocial.genome import Genome
model = nn.Sequential(
    nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 10)
)
born = Genome.load(sys.argv[1]).birth(model).eval()
inputs = torch.linspace(-1, 1, 5 * 36).reshape(5, 1, 6, 6)
sys.stdout.write(born(inputs).detach().numpy().tobytes().hex())
"""


def test_another_process_gives_the_same_logits(tmp_path: Path) -> None:
    path = tmp_path / "g.genome"
    small_genome().save(path, bits=6)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    born = Genome.load(path).birth(small_model()).eval()
    inputs = torch.linspace(-1, 1, 5 * 36).reshape(5, 1, 6, 6)
    assert done.stdout == born(inputs).detach().numpy().tobytes().hex()


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_is_kept(tmp_path: Path, rule: str) -> None:
    model = nn.Sequential(nn.Linear(36, 40), nn.ReLU(), nn.Linear(40, 30), nn.Linear(30, 3))
    genome = trained(Genome.for_model(model, ratio=1.5, decoder=rule)).eval()
    assert rule in {genome.decoder_of(name).kind for name in genome.shapes}
    genome.save(tmp_path / "g.genome", bits=6)
    loaded = Genome.load(tmp_path / "g.genome").eval()  # cell types are drawn anew in training
    assert loaded.parameter_count == genome.parameter_count
    weights = functional_call(genome, kept_values(genome, 6), ())
    for name, value in loaded.express().items():
        assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize("rule", ["pair", "two_tower"])
def test_one_rule_for_all_layers_is_kept(tmp_path: Path, rule: str) -> None:
    model = nn.Sequential(nn.Linear(36, 40), nn.ReLU(), nn.Linear(40, 30), nn.Linear(30, 3))
    genome = trained(Genome.for_model(model, ratio=4, decoder=rule, share="global"))
    genome.save(tmp_path / "g.genome", bits=6)
    loaded = Genome.load(tmp_path / "g.genome")
    assert loaded.parameter_count == genome.parameter_count
    weights = functional_call(genome, kept_values(genome, 6), ())
    for name, value in loaded.express().items():
        assert torch.equal(value, weights[name]), name


# ---------------------------------------------------------------- sharing


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


# ---------------------------------------------------------------- refusals


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "g.genome"
    trained(Genome.for_model(nn.Linear(3, 2), parameters=8)).save(path)
    return path


def test_every_altered_byte_is_refused(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    assert len(data) < 200
    bad = tmp_path / "bad.genome"
    for place in range(len(data)):
        for change in (1, 128):
            altered = bytearray(data)
            altered[place] ^= change
            bad.write_bytes(altered)
            with pytest.raises(DataError, match=r"bad\.genome"):
                Genome.load(bad)


def test_every_cut_and_every_addition_is_refused(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    bad = tmp_path / "bad.genome"
    for length in range(len(data)):
        bad.write_bytes(data[:length])
        with pytest.raises(DataError):
            Genome.load(bad)
    for more in (b"\0", b"x", data):
        bad.write_bytes(data + more)
        with pytest.raises(DataError):
            Genome.load(bad)


@settings(max_examples=100)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "bad.genome"
    path.write_bytes(data)
    with pytest.raises(DataError):
        Genome.load(path)


def test_other_files_folders_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        Genome.load(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        Genome.load(tmp_path / "absent.genome")
    other = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, other)
    with pytest.raises(DataError, match=r"is not a \.genome file"):
        Genome.load(other)
    with pytest.raises(DataError, match="cannot be written"):
        small_genome().save(tmp_path)


def test_another_version_is_refused_by_its_number(good: Path) -> None:
    good.write_bytes(good.read_bytes().replace(b'"genome":"1 ', b'"genome":"2 '))
    with pytest.raises(DataError, match="format version '2'; this precocial reads version 1"):
        Genome.load(good)


def test_a_file_of_too_many_bytes_is_not_read(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(format_, "_MAX_FILE", 100)
    with pytest.raises(DataError, match="at most 100 are read"):
        Genome.load(good)


def document_of(text: str) -> Any:
    opener = zlib.decompressobj(-15, document_.FREQUENT)
    return json.loads(opener.decompress(base64.b85decode(text)))


def forged(path: Path, content: Any, numbers: bytes = bytes(60)) -> Path:
    """A file whose checksum is right, whatever it declares."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, document_.FREQUENT)
    document = base64.b85encode(packer.compress(text) + packer.flush()).decode()
    path.write_bytes(format_._whole(format_._header(document), numbers))
    return path


STORED = {"kind": "stored", "rows": 2, "columns": 3}


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


@pytest.mark.parametrize(
    ("bits", "numbers"),
    [
        (8, b"\0"),
        (8, bytes([0, 112]) + b"\x7f" * 5),
        (8, bytes([0, 112]) + b"\x7f" * 7),
        (8, bytes([0, 112]) + b"\xff" * 6),
        (8, bytes([1, 112])),
        (8, bytes([1, 112]) + b"\xff" * 6),
        (8, bytes([2, 112]) + b"\xff" * 6),
        (8, bytes([2, 112]) + zlib.compress(bytes(1 << 20))),
        (8, bytes([3, 112]) + b"\x7f" * 6),
        (32, bytes([0]) + bytes(23)),
        (32, bytes([1]) + bytes(24)),
        (32, bytes([0]) + bytes(20) + b"\0\0\xc0\x7f"),
    ],
)
def test_numbers_that_do_not_fit_the_document_are_refused(
    tmp_path: Path, bits: int, numbers: bytes
) -> None:
    content = [bits, [["w", [2, 3], 0]], [STORED], [], []]
    with pytest.raises(DataError, match=r"g\.genome"):
        Genome.load(forged(tmp_path / "g.genome", content, numbers))


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


def test_a_refused_save_leaves_the_old_file(good: Path) -> None:
    before = good.read_bytes()
    genome = trained(Genome.for_model(nn.Linear(3, 2), parameters=8))
    with pytest.raises(ConfigError, match="bits must be one of"):
        genome.save(good, bits=1)
    with torch.no_grad():
        next(genome.parameters())[0] = float("nan")
    for bits in (8, 32):
        with pytest.raises(ConfigError, match="NaN or infinite"):
            genome.save(good, bits=bits)
    assert good.read_bytes() == before


def test_statistics_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    genome = small_genome()
    with torch.no_grad():
        genome.statistics["1/running_var"][0] = 3.4e38  # above the largest bfloat16
    with pytest.raises(ConfigError, match="NaN or infinite"):
        genome.save(tmp_path / "g.genome")


def test_a_genome_of_too_many_numbers_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(format_, "MAX_PARAMETERS", 100)
    with pytest.raises(ConfigError, match="at most 100 numbers"):
        small_genome().save(tmp_path / "g.genome")


def test_loading_draws_no_random_numbers(good: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    Genome.load(good)
    assert torch.equal(torch.get_rng_state(), before)

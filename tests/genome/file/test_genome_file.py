"""The .genome file: whole or refused, and the same everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from precocial.errors import ConfigError, DataError
from precocial.genome import Genome
from precocial.genome.decoders.rules import RULES
from precocial.genome.file import genome_file as format_
from tests.genome.file.made import (
    GENOMES,
    document_of,
    kept_values,
    small_genome,
    small_model,
    trained,
)


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


# ---------------------------------------------------------------- refusals


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


def test_loading_draws_no_random_numbers(good: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    Genome.load(good)
    assert torch.equal(torch.get_rng_state(), before)

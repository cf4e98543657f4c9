"""The numbers of a genome file: as short as they can be, and refused where they do not fit."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
import torch

from precocial.errors import ConfigError, DataError
from precocial.genome import Genome
from precocial.genome.file import genome_file as format_
from tests.genome.file.made import (
    GENOMES,
    STORED,
    forged,
    kept_values,
    small_genome,
)


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

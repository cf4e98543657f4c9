"""Genomes and files for the tests of the format: trained ones, and forged ones."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from precocial.genome import Genome, perceptron_784
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

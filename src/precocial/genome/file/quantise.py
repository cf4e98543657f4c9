"""Parameters of a genome in a few bits: one step a tensor, integers for the values.

A tensor w is kept as integers c and a step s, w ~ s c, with |c| <= 2^(bits-1) - 1. The step is a
float of one byte, 5 bits of exponent and 3 of mantissa, times 2^-(bits-1): so s c is exact in
single precision, and a genome is born the same on every machine.

Ours. Measured on two trained genomes of 1,795 and 1,973 parameters at 4, 6 and 8 bits, entropy
coded, at equal error: a float16 step costs 8 to 28 bytes more. A power of two costs 42 to 71 bytes
more, because it makes the steps of the tensors needlessly unequal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from precocial.errors import ConfigError, one_of

ALL_BITS = (*range(2, 17), 32)
"""Bits a parameter that a genome can be kept in; 32 keeps single precision as it is."""
STATISTICS = "statistics."
"""How the names of a genome's running statistics begin. A variance may be a millionth of its
neighbour's and both matter, so these keep a bfloat16 each, exponent and all, below 32 bits."""
_SHIFT = 20
"""A float32 without its last 20 bits has 3 bits of mantissa."""
_LEAST = (127 - 14) << 3
"""The byte 0: 2^-14, a value's size. The byte 255 is 1.875 * 2^17."""
_TRIED = tuple(range(2, -8, -1))
"""Steps that are tried, counted from the least that reaches the largest value. Below it that value
is cut off, which gains at 2 to 5 bits. Above it only if every value is a multiple of the step, as
after rounding to it: so a genome that is loaded and saved again has the same values, if not always
the same bytes, for a larger step may hold them too."""
LARGEST = 1.875 * 2.0**17
"""The largest size of a value."""


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """Integers and their step."""

    codes: NDArray[np.int32]
    """in the tensor's shape, from -(2^(bits-1) - 1) to 2^(bits-1) - 1"""
    step: int
    """the step's byte"""
    bits: int

    def values(self) -> Tensor:
        """s c, float32."""
        step = _step(torch.tensor(self.step, dtype=torch.int32), self.bits)
        return torch.from_numpy(self.codes).to(torch.float32) * step


def quantise(values: Tensor, bits: int) -> Quantised:
    """The integers of a tensor, rounded to nearest, ties to even.

    The step is the one with the least squared error of ten, each about a tenth below the last. To
    quantise what `values()` gave changes nothing. Values below 2^-14 / 2^bits become 0.

    Raises:
        ConfigError: bits other than 2 to 16; NaN, infinite or very large values.
    """
    return quantise_all([values], bits)[0]


def quantise_all(tensors: list[Tensor], bits: int) -> list[Quantised]:
    """`quantise` of each tensor, by the same computation as `fake_quantise`."""
    one_of("bits", bits, ALL_BITS[:-1])
    singles = [values.detach().to("cpu", torch.float32) for values in tensors]
    for single in singles:
        check_finite(single)
        if single.numel() and float(single.abs().max()) > LARGEST * (1 - 2.0 ** (1 - bits)):
            raise ConfigError(
                f"a parameter of size {float(single.abs().max()):.3g} is above {LARGEST:g}, the "
                f"most at {bits} bits: take bits=32, or scale the model's inputs and targets"
            )
    kept = []
    for single, byte in zip(singles, _bytes(singles, bits), strict=True):
        codes = _codes(single, _step(byte, bits), bits).to(torch.int32)
        kept.append(Quantised(codes=codes.numpy(), step=int(byte), bits=bits))
    return kept


def check_finite(values: Tensor) -> None:
    """Refuse parameters that no file should hold.

    Raises:
        ConfigError: NaN or infinite values.
    """
    if not bool(torch.isfinite(values).all()):
        raise ConfigError(
            "a genome with NaN or infinite numbers cannot be kept: its training diverged; lower "
            "the rate"
        )


def fake_quantise(parameters: dict[str, Tensor], bits: int) -> dict[str, Tensor]:
    """The values that a genome saved at `bits` would have, for training on them.

    Forward: exactly the values that `Genome.save(path, bits)` and `Genome.load` give back.
    Backward: the identity (the straight-through estimator, Bengio et al. 2013). Use as
    `functional_call(genome, fake_quantise(dict(genome.named_parameters()), bits), ())`; it may
    stand in a `vmap` over a population.

    Raises:
        ConfigError: bits other than 2 to 16 and 32.
    """
    one_of("bits", bits, ALL_BITS)
    if bits == 32:
        return dict(parameters)
    coded = [name for name in parameters if not name.startswith(STATISTICS)]
    singles = {name: value.detach().to(torch.float32) for name, value in parameters.items()}
    steps = dict(zip(coded, _step(_bytes([singles[n] for n in coded], bits), bits), strict=True))
    trained = {}
    for name, value in parameters.items():
        if name in steps:
            kept = _codes(singles[name], steps[name], bits) * steps[name]
        else:
            kept = singles[name].to(torch.bfloat16).to(torch.float32)
        # value - value is exactly 0, so the sum is exactly `kept`; adding it also turns -0 into 0.
        trained[name] = kept.to(value.dtype) + (value - value.detach())
    return trained


def _bytes(singles: list[Tensor], bits: int) -> Tensor:
    """The byte of each tensor's step with the least squared error, int32.

    All tensors at once: a genome has many small ones, and a training step would be spent on calls.
    """
    if not singles:
        return torch.zeros(0, dtype=torch.int32)
    sizes = [single.numel() for single in singles]
    largest = torch.stack([s.abs().amax() if s.numel() else s.new_zeros(()) for s in singles])
    reach = 1 - 2.0 ** (1 - bits)  # the largest code by 2^(bits-1)
    whole = (largest / reach).view(torch.int32)
    reaching = ((whole + (1 << _SHIFT) - 1) >> _SHIFT) - _LEAST
    places = torch.tensor(_TRIED, dtype=torch.int32, device=largest.device)[:, None]
    tried = (reaching + places).clamp(0, 255)
    flat = torch.cat([single.reshape(-1) for single in singles])
    owner = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(flat.device)
    steps = _step(tried, bits)[:, owner]
    squares = (_codes(flat, steps, bits) * steps - flat).square()
    errors = torch.stack(
        [part.sum(1, dtype=torch.float64) for part in torch.split(squares, sizes, dim=1)], dim=1
    )
    errors = torch.where((tried > reaching) & (errors > 0), torch.inf, errors)
    return tried.gather(0, errors.argmin(0, keepdim=True)).squeeze(0)


def _step(byte: Tensor, bits: int) -> Tensor:
    return ((byte + _LEAST) << _SHIFT).view(torch.float32) * 2.0 ** (1 - bits)


def _codes(single: Tensor, step: Tensor, bits: int) -> Tensor:
    most = float(2 ** (bits - 1) - 1)
    return (single / step).round().clamp(-most, most)

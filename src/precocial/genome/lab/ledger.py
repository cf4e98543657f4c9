"""The bits ledger: what a genome holds against what a connectome would take.

The numbers are those of the two papers, with how far each was checked: "primary" was read in the
source's own text, "secondary" in notes on it, "derived" is worked out here from the others. The
two papers do not agree on the human genome; both rows stand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from precocial.errors import ConfigError
from precocial.io import Row

Checked = Literal["primary", "secondary", "derived"]
ZADOR = "Zador 2019, Nat. Commun. 10"
SHUVAEV = "Shuvaev, Lachi, Koulakov and Zador 2024, PNAS 121(38)"
BITS_A_NUCLEOTIDE = 2
"""Four letters."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A species or a network: bits of its genome, bits of its connectome, and who says so."""

    name: str
    genome_bits: float
    connectome_bits: float
    bound: str
    """what the two numbers are: estimates or bounds"""
    source: str
    checked: Checked
    note: str

    @property
    def ratio(self) -> float:
        """Connectome by genome: above 1 the connectome does not fit."""
        return self.connectome_bits / self.genome_bits

    @property
    def orders(self) -> float:
        """log10 of the ratio: orders of magnitude that the genome is short, if above 0."""
        return math.log10(self.ratio)

    @property
    def fits(self) -> bool:
        """Whether the genome could list the connectome."""
        return self.ratio <= 1


def sparse_connectome_bits(neurons: float, synapses_each: float) -> float:
    """neurons * synapses_each * log2(neurons): every synapse names its target.

    Source: as formalised by Zador 2019 (1e11 neurons, 1e3 synapses each: 37 bits a synapse).

    Raises:
        ConfigError: fewer than two neurons, or no synapses.
    """
    if not (neurons >= 2 and synapses_each > 0):
        raise ConfigError(
            f"a connectome has at least 2 neurons and some synapses; got {neurons}, {synapses_each}"
        )
    return neurons * synapses_each * math.log2(neurons)


def dense_connectome_bits(neurons: float) -> float:
    """neurons^2: one bit for every ordered pair."""
    return float(neurons) ** 2


LEDGER: tuple[Entry, ...] = (
    Entry(
        name="human, by Zador",
        genome_bits=3e9 * BITS_A_NUCLEOTIDE,
        connectome_bits=sparse_connectome_bits(1e11, 1e3),
        bound="estimates",
        source=ZADOR,
        checked="secondary",
        note="3e9 nucleotides, about 1 GB, against 1e11 neurons x 1e3 synapses x about 37 bits; "
        "the source's 6 orders compare with its rounded genome",
    ),
    Entry(
        name="human, by Shuvaev et al.",
        genome_bits=1e9,
        connectome_bits=1e15,
        bound="connectome at least",
        source=SHUVAEV,
        checked="primary",
        note="a sparse cortex of 1e10 neurons; the genome's 1e9 bits conflict with 3e9 nucleotides",
    ),
    Entry(
        name="C. elegans, any wiring",
        genome_bits=2e8,
        connectome_bits=dense_connectome_bits(302),
        bound="genome at most",
        source=SHUVAEV,
        checked="primary",
        note="302 neurons, one bit a pair, printed as 9e4",
    ),
    Entry(
        name="C. elegans, its synapses",
        genome_bits=2e8,
        connectome_bits=7000 * 2 * math.log2(302),
        bound="genome at most",
        source=f"{SHUVAEV}; about 7,000 synapses",
        checked="derived",
        note="both ends of each synapse named in log2 302 bits; the 7,000 are from notes",
    ),
    Entry(
        name="network for MNIST and GN30",
        genome_bits=1973 * 32,
        connectome_bits=636_010 * 32,
        bound="counts at 32 bits a parameter",
        source=SHUVAEV,
        checked="derived",
        note="1,973 parameters for 636,010; the counts are primary, the 32 bits ours",
    ),
    Entry(
        name="network for CIFAR-10 and GN50",
        genome_bits=14_958 * 32,
        connectome_bits=1_369_738 * 32,
        bound="counts at 32 bits a parameter",
        source=SHUVAEV,
        checked="derived",
        note="14,958 parameters for 1,369,738; the counts are primary, the 32 bits ours",
    ),
)
"""Species and networks, largest first."""


def ledger() -> Iterator[Row]:
    """The ledger as rows: name, genome_bits, connectome_bits, ratio, orders, fits, and sources."""
    for entry in LEDGER:
        yield {
            "name": entry.name,
            "genome_bits": entry.genome_bits,
            "connectome_bits": entry.connectome_bits,
            "ratio": entry.ratio,
            "orders": entry.orders,
            "fits": entry.fits,
            "bound": entry.bound,
            "source": entry.source,
            "checked": entry.checked,
            "note": entry.note,
        }

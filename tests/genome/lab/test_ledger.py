"""The bits ledger: sums that can be done by hand."""

from __future__ import annotations

import pytest

from precocial.errors import ConfigError
from precocial.genome.lab.ledger import (
    LEDGER,
    dense_connectome_bits,
    ledger,
    sparse_connectome_bits,
)


def test_the_sources_sums_come_out() -> None:
    # 1e11 neurons x 1e3 synapses x about 37 bits = 3.7e15, as printed
    assert sparse_connectome_bits(1e11, 1e3) == pytest.approx(3.7e15, rel=0.02)
    assert dense_connectome_bits(302) == pytest.approx(9e4, rel=0.02)


def test_a_worm_fits_and_a_human_does_not() -> None:
    fits = {row["name"]: row["fits"] for row in ledger()}
    assert all(fits[name] for name in fits if "elegans" in name)
    assert not any(fits[name] for name in fits if "human" in name)
    orders = {entry.name: entry.orders for entry in LEDGER}
    assert 5 <= orders["human, by Shuvaev et al."] <= 6
    assert 5.5 < orders["human, by Zador"] < 6


def test_every_entry_says_who_says_so() -> None:
    for row in ledger():
        assert row["source"]
        assert row["checked"] in ("primary", "secondary", "derived")
        assert row["ratio"] == pytest.approx(10 ** row["orders"])
    networks = {entry.name: entry.ratio for entry in LEDGER if "network" in entry.name}
    assert round(networks["network for MNIST and GN30"]) == 322
    assert round(networks["network for CIFAR-10 and GN50"]) == 92


def test_a_connectome_needs_neurons() -> None:
    with pytest.raises(ConfigError, match="at least 2 neurons"):
        sparse_connectome_bits(1, 10)

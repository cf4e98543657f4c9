"""Ways to turn votes into classes: what a panel of learning processes is made of."""

from __future__ import annotations

from precocial.normativity.aggregators.communities import CommunityDawidSkene
from precocial.normativity.aggregators.dawid_skene import (
    CentredDawidSkene,
    DawidSkene,
    OneCoin,
    smoothed_dawid_skene,
)
from precocial.normativity.aggregators.glad import Glad
from precocial.normativity.aggregators.mace import Mace
from precocial.normativity.aggregators.majority import Majority, WeightedMajority
from precocial.normativity.aggregators.result import Aggregated, Aggregator

__all__ = [
    "Aggregated",
    "Aggregator",
    "CentredDawidSkene",
    "CommunityDawidSkene",
    "DawidSkene",
    "Glad",
    "Mace",
    "Majority",
    "OneCoin",
    "WeightedMajority",
    "smoothed_dawid_skene",
]

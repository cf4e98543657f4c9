"""Settings of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package
from hypothesis import settings

# One thread a process: xdist is parallel already. Set before NumPy or torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

# Every annotation in precocial is checked at each call, in tests only. An int passes for a float.
beartype_package("precocial", conf=BeartypeConf(is_pep484_tower=True))

# The same examples on every machine: a test that fails once fails again.
settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")


@pytest.fixture
def root() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent

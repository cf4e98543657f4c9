"""Settings of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from beartype import BeartypeConf, FrozenDict
from beartype.claw import beartype_package
from hypothesis import settings
from numpy.typing import ArrayLike, NDArray

# One thread a process: xdist is parallel already. Set before NumPy or torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
# Help and tables are compared as text: no colours, one width.
os.environ.pop("FORCE_COLOR", None)
os.environ["COLUMNS"] = "100"


class WrongType(UserWarning):
    """A value does not fit its annotation. Every warning is an error here, so this fails a test."""


# Every annotation in precocial is checked at each call, in tests only. As in NumPy, an int passes
# for a float and a NumPy number for Python's. A test that gives a wrong type on purpose, to see
# precocial refuse it, is marked `wrong_types`.
NUMBERS = {int: int | np.integer, float: float | int | np.floating | np.integer}
# beartype takes the dtype of NDArray[np.str_] to be text of length 0, and refuses a number as
# NumPy's ArrayLike once float is widened.
ARRAYS = {NDArray[np.str_]: np.ndarray, ArrayLike: object}
beartype_package(
    "precocial",
    conf=BeartypeConf(
        claw_is_pep526=False,
        hint_overrides=FrozenDict({**NUMBERS, **ARRAYS}),
        violation_type=WrongType,
    ),
)

# The same examples on every machine: a test that fails once fails again.
settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `wrong_types` tests pass wrong types."""
    for item in items:
        if item.get_closest_marker("wrong_types"):
            item.add_marker(pytest.mark.filterwarnings("ignore::UserWarning"))


@pytest.fixture
def root() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent

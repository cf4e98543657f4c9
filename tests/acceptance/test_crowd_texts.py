"""Crowd-written sentences, aggregated, beside the published word error rate.

The set is J1 of CrowdWSA2019 (Li and Fukumoto 2019, CC BY 4.0); it is not in the repository, and
`benchmarks/real_texts.py` reads it.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.real_crowds import data_folder
from benchmarks.real_texts import PUBLISHED, SET, aggregated
from precocial.normativity.texts import word_error_rate


def test_the_word_error_rate_of_j1_is_at_most_the_published_one() -> None:
    folder = data_folder(f"{SET}.tsv")
    if folder is None:
        pytest.skip("no crowd-written sentences: put CrowdWSA2019's J1 in ../shared/data/crowd")
    want, texts = aggregated(folder)
    errors = word_error_rate(want, texts["panel"])
    assert errors.mean <= PUBLISHED
    # The scorer is the published one's: our ROVER is where theirs is.
    rover = word_error_rate(want, texts["rover"])
    assert abs(rover.mean - PUBLISHED) < 0.02
    paired = rover.each - errors.each
    draws = np.random.default_rng(0).integers(0, len(paired), (2000, len(paired)))
    assert np.quantile(paired[draws].mean(axis=1), 0.025) > 0

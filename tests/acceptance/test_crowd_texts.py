"""Crowd-written sentences, aggregated: line 6 of what the normativity room must show.

The set is J1 of CrowdWSA2019 (Li and Fukumoto 2019, CC BY 4.0); it is not in the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from precocial.normativity.texts import aggregate_texts, word_error_rate

PUBLISHED = 0.612
"""ROVER's, the best of three (Pavlichenko et al. 2021, table of baselines)."""


def rows(name: str) -> list[list[str]]:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    places = [os.environ.get("PRECOCIAL_DATA"), beside, "/work/shared/data"]
    for place in filter(None, places):
        path = Path(place) / "crowd" / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return [line.split("\t") for line in lines[1:]]
    pytest.skip("no crowd-written sentences: put CrowdWSA2019's J1 in ../shared/data/crowd")


def test_the_word_error_rate_of_j1_is_at_most_the_published_one() -> None:
    answers, gold = rows("WSA_J1.tsv"), dict(rows("WSA_J1_gold.tsv"))
    teacher, task, text = (list(column) for column in zip(*answers))
    found = aggregate_texts(task, teacher, text)
    panel = found.panel
    assert panel is not None
    want = [gold[one] for one in found.tasks]
    errors = word_error_rate(want, found.texts)
    assert errors.mean <= PUBLISHED
    # The scorer is the published one's: our ROVER is where theirs is.
    rover = word_error_rate(want, panel.texts[panel.processes.index("rover")])
    assert abs(rover.mean - PUBLISHED) < 0.02
    paired = rover.each - errors.each
    draws = np.random.default_rng(0).integers(0, len(paired), (2000, len(paired)))
    assert np.quantile(paired[draws].mean(axis=1), 0.025) > 0

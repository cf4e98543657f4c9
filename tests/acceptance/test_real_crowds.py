"""Real crowds: the panel beside single aggregators, with the settings that NormLearner ships.

The crowds are not in the repository; `benchmarks/real_crowds.py` says where they come from, and
chooses settings with one family of them left out, beside crowd-kit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import real_crowds
from precocial.feedback.votes import Votes, as_votes, gold_labels, gold_positions
from precocial.io import read_csv
from precocial.normativity.aggregators import DawidSkene
from precocial.normativity.aggregators.result import hits
from precocial.normativity.calibration import calibration_error
from precocial.normativity.learner import NormLearner
from precocial.normativity.panel import default_panel
from precocial.runs import stream

NAMES = [name for family in real_crowds.FAMILIES for name in family]
CHECKED = 50


@pytest.fixture(scope="module")
def crowds() -> dict[str, tuple[Votes, np.ndarray]]:
    folder = real_crowds.data_folder()
    if folder is None:
        pytest.skip("no crowds: put them in ../shared/data/crowd or set PRECOCIAL_CROWDS; "
                    "benchmarks/real_crowds.py names their sources")  # fmt: skip
    return {name: read(folder, name) for name in NAMES}


def read(folder: Path, name: str) -> tuple[Votes, np.ndarray]:
    table, gold = read_csv(folder / f"{name}.csv"), read_csv(folder / f"{name}_gold.csv")
    made = as_votes(*([row[key] for row in table] for key in ("task", "worker", "label")))
    said = gold_labels([row["task"] for row in gold], [row["label"] for row in gold])
    return made, gold_positions(made, said)


def accuracy(proba: np.ndarray, gold: np.ndarray) -> float:
    of = np.flatnonzero(gold >= 0)
    return 100 * float(np.mean(hits(proba[of], gold[of])))


@pytest.mark.slow
def test_without_gold_the_panel_is_above_the_mean_of_every_published_aggregator(
    crowds: dict[str, tuple[Votes, np.ndarray]],
) -> None:
    ours, errors, single = [], [], []
    for made, gold in crowds.values():
        fit = NormLearner().fit(made)
        ours.append(accuracy(fit.proba_, gold))
        errors.append(100 * calibration_error(fit.proba_, gold))
        single.append([accuracy(one.fit(made).proba, gold) for one in default_panel()])
    names = [one.name for one in default_panel()]
    means = dict(zip(names, np.mean(single, axis=0), strict=True))
    published = ("majority", "weighted majority", "one-coin", "Dawid-Skene", "GLAD", "MACE",
                 "smoothed Dawid-Skene")  # fmt: skip
    assert np.mean(ours) > max(means[name] for name in published)
    assert (np.array(ours) > np.max(single, axis=1) - 2).all()
    assert np.mean(errors) < 5


@pytest.mark.slow
def test_with_fifty_gold_labels_it_is_ahead_of_dawid_skene_with_the_same(
    crowds: dict[str, tuple[Votes, np.ndarray]],
) -> None:
    ahead = []
    for name, (made, gold) in crowds.items():
        rng = stream(0, "tests", "gold", name)
        shown = rng.permutation(np.flatnonzero(gold >= 0))[:CHECKED]
        named = {made.tasks[t]: made.classes[gold[t]] for t in shown}
        left = gold.copy()
        left[shown] = -1
        ours = accuracy(NormLearner().fit(made, gold=named).proba_, left)
        ahead.append(ours - accuracy(DawidSkene().fit(made, gold=named).proba, left))
    assert np.mean(ahead) > 1.5

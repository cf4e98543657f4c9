"""The statements of Shuvaev et al. (2024) and of Zador (2019) as checks.

Counts are computed here and now; what needs training is read off the tables that ship, made by
`benchmarks/genome_study.py`, `genome_lab.py` and `genome_control.py`. Figures on MNIST, CIFAR-10
and Atari are on data that no package holds: what we measure on other pictures is told in the note,
and judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from torch import nn

from precocial.errors import FitError
from precocial.genome.control.figures import births, recoveries
from precocial.genome.decoders.pair import Pair
from precocial.genome.decoders.rules import count
from precocial.genome.genome import Genome
from precocial.genome.lab.ledger import LEDGER
from precocial.genome.labels.addresses import numbered
from precocial.genome.phenotype.published import all_convolutional, cheetah_policy, perceptron_784
from precocial.genome.studies.negatives import AT_BIRTH, gains, shift
from precocial.genome.studies.shipped import is_shipped, shipped
from precocial.io import Row
from precocial.runs import Claim, Measured, Tolerance, at_least, at_most, between, within
from precocial.runs.intervals import Interval, over_seeds

PAPER = "Shuvaev et al. 2024"
ZADOR = "Zador 2019"
_LAYER_CLASSES = 5
"""Classes of each half of the transfer study."""
_PROTOCOLS = (
    ("mnist", "5,000 MNIST images, 700 a generation"),
    ("protocol", "Fashion-MNIST"),
    ("protocol_smaller", "Fashion-MNIST"),
)
_SAME_STEPS = math.log(1.25)
"""Ours: curves whose steps differ by a factor of less than 1.25 are called equally steep. Nothing
but a margin can confirm that two are the same; an inequality would be met by a slower one."""
_CONTROL = "control_"
_LAYERS = (
    "a perceptron, from five classes of Fashion-MNIST to the other five; the paper: a "
    "convolutional network, from CIFAR-10 to SVHN"
)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the claims of this room are judged on: shipped rows by the name of their study."""

    def rows(self, name: str) -> list[Row]:
        """The rows of a study.

        Raises:
            FitError: none are shipped.
        """
        if not is_shipped(name):
            script = "control" if name.startswith(_CONTROL) else "study"
            raise FitError(
                f"needs the study {name!r}: python benchmarks/genome_{script}.py --remake "
                f"--only {name.removeprefix(_CONTROL)}"
            )
        return shipped(name)


Measure = Callable[[Evidence], Measured]


def _phenotype(make: Callable[[], nn.Module]) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        return Measured(value=float(sum(p.numel() for p in make().parameters())))

    return measure


def _preset(make: Callable[[], nn.Module], name: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        genome = Genome.for_model(make(), preset=name)
        return Measured(
            value=float(genome.parameter_count), note=f"{genome.ratio:,.0f} times smaller"
        )

    return measure


def _log_growth(evidence: Evidence) -> Measured:
    """Parameters that 32 times the neurons add on both sides, by those that the step before did."""
    labels = [numbered(2**bits) for bits in (5, 10, 15)]
    sizes = [count(Pair(each, each, hidden=(5,))) for each in labels]
    return Measured(value=(sizes[2] - sizes[1]) / (sizes[1] - sizes[0]))


def _measured(interval: Interval, note: str = "") -> Measured:
    return Measured(value=interval.mean, interval=(interval.low, interval.high), note=note)


def _elsewhere(preset: str) -> Measure:
    """What the paper's protocol gives on the pictures that we have; no verdict on MNIST."""

    def measure(evidence: Evidence) -> Measured:
        said = []
        for study, data in _PROTOCOLS:
            if is_shipped(study):
                some = [row["test"] for row in shipped(study) if row["preset"] == preset]
                if some:
                    found = over_seeds(some)
                    said.append(f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f}) on {data}")
        return Measured(note="all of MNIST is in no package; ours: " + ("; ".join(said) or "none"))

    return measure


def _no_data(what: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        return Measured(note=what)

    return measure


def _shuffled(evidence: Evidence) -> Measured:
    rows = [row for row in evidence.rows("curves") if row["arm"] == AT_BIRTH]
    seeds = sorted({row["seed"] for row in rows})
    means = [fmean(row["accuracy"] for row in rows if row["seed"] == seed) for seed in seeds]
    return _measured(over_seeds(means), f"{len(rows)} shuffles of {len(seeds)} newborns")


def _shuffled_learn(evidence: Evidence) -> Measured:
    named = {"random": "none", "shuffled": "shuffled"}
    rows = [r | {"arm": named[r["arm"]]} for r in evidence.rows("curves") if r["arm"] in named]
    found = next(gain for gain in gains(rows, 10) if gain.arm == "shuffled")
    return _measured(found.half_way, "steps to half of the way up, by those of a random network")


def _steeper(evidence: Evidence) -> Measured:
    found = shift(evidence.rows("curves"))
    note = f"a head start of {found.head_start_steps.mean:.0f} steps"
    return _measured(found.log_ratio, note)


def _better_start(evidence: Evidence) -> Measured:
    found = shift(evidence.rows("curves"))
    return _measured(found.birth, f"a random network: {found.random_birth.mean:.3f}")


def _gain(arm: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        found = {gain.arm: gain for gain in gains(evidence.rows("layers"), _LAYER_CLASSES)}
        if arm not in found:
            raise FitError(f"the study of layers has no arm {arm!r}: {', '.join(found)}")
        return _measured(found[arm].accuracy, _LAYERS)

    return measure


def _cheetah_birth(ratio: float) -> Measure:
    """Of what training gained in return, the share that a genome has at birth."""

    def measure(evidence: Evidence) -> Measured:
        born = {one.arm: one for one in births(evidence.rows("control_cheetah"))}
        found = born[f"genome {ratio:g}x"]
        if found.share is None:
            raise FitError("training gained nothing over random weights with some seed")
        note = f"{found.parameters} parameters; return {found.returns.mean:.0f}, trained "
        return _measured(found.share, f"{note}{born['trained'].returns.mean:.0f}")

    return measure


def _cheetah_decline(evidence: Evidence) -> Measured:
    rows = evidence.rows("control_cheetah")
    born = {(one["arm"], one["seed"]): one["return"] for one in rows if one["kind"] == "birth"}
    seeds = sorted({seed for _, seed in born})
    lost = [born["genome 20x", s] / born["genome 4.9x", s] - 1 for s in seeds]
    return _measured(over_seeds(lost), "20 by 4.9 times smaller, seed by seed")


def _cheetah_gravity(evidence: Evidence) -> Measured:
    lives = {one.arm: one for one in recoveries(evidence.rows("control_cheetah"))}
    found, direct = lives["genome 4.9x"], lives["trained"]
    note = f"{found.first.mean:.0f}, by direct transfer {direct.first.mean:.0f}"
    return _measured(found.ahead, f"mean return of the first episodes: {note}")


def _orders(name: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        entry = next(entry for entry in LEDGER if entry.name == name)
        return Measured(value=entry.orders, note=entry.note)

    return measure


def _claim(
    source: str, statement: str, figure: float | str, tolerance: Tolerance, recipe: str,
    measure: Measure,
) -> Claim[Evidence]:  # fmt: skip
    return Claim(
        room="genome", source=source, statement=statement, figure=figure, tolerance=tolerance,
        recipe=recipe, measure=measure,
    )  # fmt: skip


_EXACT = within(absolute=0)
_ATARI = "needs Atari's games and a GPU"
_CIFAR = "CIFAR-10 is in no package, and 5,000 epochs need a GPU"


def _counts() -> Sequence[Claim[Evidence]]:
    perceptron: tuple[Any, ...] = (("GN5", 613), ("GN20", 1353), ("GN30", 1973))
    convolutional: tuple[Any, ...] = (("GN10", 3798), ("GN30", 9378), ("GN50", 14_958))
    whole = (
        ("784-800-10", perceptron_784, 636_010),
        ("nine convolutional layers", all_convolutional, 1_369_738),
        ("HalfCheetah's policy", cheetah_policy, 6092),
    )
    return [
        *(_claim(f"{PAPER}, Methods", f"parameters of {name}", figure, _EXACT, "smoke",
                 _phenotype(make)) for name, make, figure in whole),
        *(_claim(f"{PAPER}, Methods", f"parameters of {name} for 784-800-10", figure, _EXACT,
                 "smoke", _preset(perceptron_784, name)) for name, figure in perceptron),
        *(_claim(f"{PAPER}, Methods", f"parameters of {name} for nine convolutional layers", figure,
                 _EXACT, "smoke", _preset(all_convolutional, name))
          for name, figure in convolutional),
    ]  # fmt: skip


CLAIMS: tuple[Claim[Evidence], ...] = (
    *_counts(),
    _claim(
        f"{PAPER}, scaling",
        "a genome's smallest rule grows as the logarithm of the neurons "
        "(growth of one 32-fold step by the one before)",
        1,
        within(absolute=1e-9),
        "smoke",
        _log_growth,
    ),
    _claim(
        f"{PAPER}, discussion",
        "a human genome is short of a sparse cortex by orders of magnitude",
        "5 to 6",
        between(5, 6),
        "smoke",
        _orders("human, by Shuvaev et al."),
    ),
    _claim(
        f"{PAPER}, discussion",
        "that of C. elegans could list any wiring (orders short)",
        "fits",
        at_most(0),
        "smoke",
        _orders("C. elegans, any wiring"),
    ),
    _claim(
        f"{PAPER}, MNIST",
        "accuracy at birth, GN30",
        0.94,
        within(absolute=0.01),
        "paper",
        _elsewhere("GN30"),
    ),
    _claim(
        f"{PAPER}, MNIST",
        "accuracy at birth, GN20",
        0.91,
        within(absolute=0.01),
        "paper",
        _elsewhere("GN20"),
    ),
    _claim(
        f"{PAPER}, MNIST",
        "accuracy at birth, GN5",
        "0.79 to 0.80",
        between(0.78, 0.81),
        "paper",
        _elsewhere("GN5"),
    ),
    _claim(
        f"{PAPER}, MNIST",
        "a newborn is far above chance before any training (accuracy)",
        "above chance",
        at_least(0.5),
        "laptop",
        _better_start,
    ),
    _claim(
        f"{PAPER}, MNIST",
        "shuffled weights are at chance (accuracy)",
        0.1,
        within(absolute=0.03),
        "laptop",
        _shuffled,
    ),
    _claim(
        f"{PAPER}, MNIST",
        "shuffled weights then learn faster than random ones (log of steps to half of the way up)",
        "below 0",
        at_most(0),
        "laptop",
        _shuffled_learn,
    ),
    _claim(
        f"{PAPER}, learning",
        "after birth the curve is shifted, not steeper (log of steps for "
        "the same rise, newborn by random)",
        "0, within a factor of 1.25 (our margin)",
        between(-_SAME_STEPS, _SAME_STEPS),
        "laptop",
        _steeper,
    ),
    _claim(
        f"{PAPER}, transfer",
        "first layers from the genome help on other classes (mean accuracy of a life)",
        "above 0",
        at_least(0),
        "laptop",
        _gain("first 1"),
    ),
    _claim(
        f"{PAPER}, transfer",
        "last layers from the genome hurt on other classes (mean accuracy of a life)",
        "below 0",
        at_most(0),
        "laptop",
        _gain("last 1"),
    ),
    _claim(
        f"{PAPER}, HalfCheetah",
        "a genome 4.9 times smaller is born nearly as able (share of what training gained)",
        "near 1",
        at_least(0.9),
        "laptop",
        _cheetah_birth(4.9),
    ),
    _claim(
        f"{PAPER}, HalfCheetah",
        "beyond that the return at birth declines (change from 4.9 to 20 times smaller)",
        "below 0",
        at_most(0),
        "laptop",
        _cheetah_decline,
    ),
    _claim(
        f"{PAPER}, HalfCheetah",
        "at gravity x1.5 a newborn learns faster than the trained weights do (difference of the "
        "mean return of the first 400 episodes)",
        "above 0",
        at_least(0),
        "laptop",
        _cheetah_gravity,
    ),
    _claim(
        f"{PAPER}, CIFAR-10",
        "accuracy at birth, GN50",
        0.76,
        within(absolute=0.02),
        "gpu",
        _no_data(_CIFAR),
    ),
    _claim(
        f"{PAPER}, BeamRider",
        "a genome 492 times smaller is born nearly as able",
        "near 1",
        at_least(0.9),
        "gpu",
        _no_data(_ATARI),
    ),
)
"""All statements of this room."""

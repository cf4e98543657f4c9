"""The long runs of the genome room: what is born able, how it learns, what does not work.

`python benchmarks/genome_study.py [--json]` prints the figures that ship. `--remake` makes them
again and writes NAME.jsonl and NAME.json in `src/precocial/genome/results/`; `--only NAME` makes a
part. Runs go to `--root` and resume there. Fashion-MNIST comes from Debian's package
`dataset-fashion-mnist`.
"""

from __future__ import annotations

# run as a file, Python looks beside the file and not at the root
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, row
from benchmarks.lib.remaking import tell_or_remake
from precocial.genome import experiment
from precocial.genome.lifetime.examples_saved import cut_short, examples_saved
from precocial.genome.studies import after_birth, fashion_study, negatives
from precocial.genome.studies.shipped import is_shipped, shipped, write_shipped
from precocial.runs import provenance, run
from precocial.runs.intervals import Interval, over_seeds

COMMAND = "python benchmarks/genome_study.py --remake"
Part = tuple[Callable[..., Any], Callable[[], Sequence[Any]]]
PARTS: dict[str, Part] = {
    "birth": (fashion_study.fashion_study, fashion_study.headlines),
    "protocol": (experiment.protocol, lambda: protocols("fashion-mnist", "GN30")),
    "protocol_smaller": (experiment.protocol, lambda: protocols("fashion-mnist", "GN20", "GN5")),
    "mnist": (experiment.protocol, lambda: protocols("mnist-5k", "GN30", "GN20", "GN5", seeds=3)),
    "mnist_ours": (
        fashion_study.fashion_study,
        lambda: [replace(config, data="mnist-5k") for config in fashion_study.headlines()],
    ),
    "curves": (negatives.curves, lambda: [negatives.laptop_curves()]),
    "layers": (negatives.layers, lambda: [negatives.laptop_layers()]),
    "dip": (after_birth.dipping, lambda: [after_birth.laptop()]),
    "saving": (after_birth.saving, lambda: [after_birth.laptop_saving()]),
}
PROTOCOLS = ("protocol", "protocol_smaller", "mnist")
KEPT_KINDS = dict.fromkeys(("birth", "mnist_ours", *PROTOCOLS), "result")
"""Of these only the results ship, each with its setting: generations are in the run folders."""


def protocols(data: str, *presets: str, seeds: int = 5) -> list[experiment.ProtocolConfig]:
    """The paper's protocol on a data set, some seeds of each preset."""
    recipe = replace(experiment.laptop(), data=data)
    every = experiment.every(recipe, seeds=seeds)
    return [config for config in every if config.preset in presets]


def remake(name: str, root: str) -> None:
    """Run one part and ship its rows with their provenance."""
    experiment_, recipes = PARTS[name]
    records, rows = [], []
    for config in recipes():
        record = run(experiment_, config, root, command=f"{COMMAND} --only {name}")
        records.append(record)
        for one in record.rows:
            if one.get("kind", "") == KEPT_KINDS.get(name, one.get("kind", "")):
                named = {}
                if name in PROTOCOLS:
                    named = {"preset": config.preset, "seed": config.seed}
                rows.append(named | one)
    write_shipped(name, rows, provenance(records))


def rows() -> list[Row]:
    """What is shipped, a figure a line."""
    found = []
    for part, data in (("birth", "Fashion-MNIST"), ("mnist_ours", "MNIST-5k")):
        if not is_shipped(part):
            continue
        for birth in fashion_study.births(shipped(part)):
            name = f"{data} at birth, {birth.setting}: {birth.parameters} parameters, "
            found.append(_line(f"{name}at most {birth.most_bytes} bytes", birth.test, "accuracy"))
    for part in PROTOCOLS:
        results = shipped(part) if is_shipped(part) else []
        data = "Fashion-MNIST"
        if part == "mnist":
            data = "MNIST-5k (700 images a generation, the paper's are 10,000)"
        for preset in dict.fromkeys(one["preset"] for one in results):
            mean = over_seeds(one["test"] for one in results if one["preset"] == preset)
            found.append(
                _line(f"{data} at birth, the paper's protocol, {preset}", mean, "accuracy")
            )
    return found + _worths(shipped("saving") if is_shipped("saving") else [])


def _worths(lives: Sequence[dict[str, Any]]) -> list[Row]:
    """What the genome is worth in training examples, and which arms' lives were too short."""
    bases = [arm for arm in dict.fromkeys(one["arm"] for one in lives) if arm != "genome"]
    found = []
    for base, measure in itertools.product(bases, ("loss", "error")):
        for one in examples_saved(lives, base=base, measure=measure).rows:
            name = f"Fashion-MNIST, worth beside {base} by {measure}, {one.data:g} examples of its "
            name += f"own: {one.status.value.replace('_', ' ')}"
            bounds = f"95 % interval {_known(one.low)} to {_known(one.high)}, at least "
            bounds += f"{_known(one.lower_bound)}, at most {_known(one.upper_bound)}"
            found.append(row(name, one.worth, None, bounds, "examples", ""))
    for arm, share in (cut_short(lives) if lives else {}).items():
        name = f"Fashion-MNIST, lives of {arm} that were cut short"
        found.append(row(name, share, None, "", "share", "less"))
    return found


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}"


def _line(name: str, measured: Interval, unit: str) -> Row:
    interval = f"95 % interval {measured.low:.4f} to {measured.high:.4f}, {measured.seeds} seeds"
    return row(name, measured.mean, None, interval, unit, "more")


if __name__ == "__main__":
    tell_or_remake(__doc__, PARTS, remake, rows)

"""The long runs of the normativity room: digits, language, which levels are needed.

`python benchmarks/normativity_study.py [--json]` prints the figures that ship. `--remake` makes
them again and writes NAME.jsonl and NAME.json in `src/precocial/normativity/results/`; `--only
NAME` makes a part. Runs go to `--root` and resume there. `language` needs lemminflect and
codespell, the extra `language`.
"""

from __future__ import annotations

# run as a file, Python looks beside the file and not at the root
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import Row, row
from benchmarks.lib.remaking import tell_or_remake
from precocial.normativity import experiment
from precocial.normativity.ablation import ablation, compared, laptop_ablation
from precocial.normativity.language import study
from precocial.normativity.shipped import is_shipped, shipped, write_shipped
from precocial.runs import provenance, run
from precocial.runs.intervals import over_seeds

COMMAND = "python benchmarks/normativity_study.py --remake"
Part = tuple[Callable[..., Any], Callable[[], Sequence[Any]]]
PARTS: dict[str, Part] = {
    "digits": (experiment.digits, experiment.laptop),
    "language": (study.language_study, study.laptop),
    "ablation": (ablation, lambda: [laptop_ablation()]),
}


def remake(name: str, root: str) -> None:
    """Run one part and ship its rows with their provenance."""
    experiment_, recipes = PARTS[name]
    records = [
        run(experiment_, config, root, command=f"{COMMAND} --only {name}") for config in recipes()
    ]
    rows = [one for record in records for one in record.rows]
    write_shipped(name, rows, provenance(records))


def rows() -> list[Row]:
    """What is shipped, a figure a line."""
    found: list[Row] = []
    for name, tell in (("digits", _digits), ("language", _language), ("ablation", _ablation)):
        if is_shipped(name):
            found += tell(shipped(name))
    return found


def _digits(told: list[dict[str, Any]]) -> Iterator[Row]:
    for shared in experiment.SHARED:
        for given in ("votes", "checked", "statement", "shuffled statement"):
            some = experiment.kept(told, shared, given)
            for what in ("labels", "student", "recovered") if some else ():
                mean = over_seeds(one[what] for one in some)
                best = over_seeds(one["best_teacher"] for one in some).mean
                interval = f"best teacher; 95 % {mean.low:.4f} to {mean.high:.4f}"
                peer = None if what == "recovered" else best
                yield row(f"digits, shared mistake {shared}, {given}: {what}", mean.mean, peer,
                          interval, "share", "more")  # fmt: skip


def _language(told: list[dict[str, Any]]) -> Iterator[Row]:
    for one in study.findings(told):
        low, high = one.margin_interval
        name = f"language, {one.feedback} feedback, levels {one.levels}"
        yield row(f"{name}: right on lemmas held out", one.accuracy, None, f"{one.seeds} seeds",
                  "share", "more")  # fmt: skip
        yield row(f"{name}: ahead of the best speaker", one.margin, None,
                  f"95 % {low:.4f} to {high:.4f}, least {one.least_margin:.4f}", "share",
                  "more")  # fmt: skip
        low, high = one.gain_interval
        yield row(f"{name}: gain over no feedback", one.gain, None,
                  f"95 % {low:.4f} to {high:.4f}", "share", "more")  # fmt: skip


def _ablation(told: list[dict[str, Any]]) -> Iterator[Row]:
    for figure in ("probability", "accuracy"):
        for one in compared(told, figure=figure):
            low, high = one.interval
            yield row(f"{one.arm}, less every level learned: {figure}", one.difference, None,
                      f"95 % {low:.4f} to {high:.4f}, {one.problems} problems", "share",
                      "more")  # fmt: skip


if __name__ == "__main__":
    tell_or_remake(__doc__, PARTS, remake, rows)

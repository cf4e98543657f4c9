"""Real crowds: the panel beside every single aggregator, settings chosen on other crowds.

`python benchmarks/real_crowds.py [--json]` prints what ships; `--remake [--draws 5] [--peer-folder
FOLDER]` makes crowds.jsonl of `src/precocial/normativity/results/` again. Reads
NAME.csv (task, worker, label) and NAME_gold.csv (task, label) from ../shared/data/crowd, or from
the folder that PRECOCIAL_CROWDS names. Sources: CF, CF_amt, SP, SP_amt, ZenCrowd_us from
orchidproject/active-crowd-toolkit (Apache-2.0); rte and wsd from Snow and others 2008 through
edwinrobots/bayesian_combination_tutorial2 (MIT). Nothing of theirs is kept.

Accuracy is in percent of gold tasks, ties shared: a task whose most probable classes tie counts the
chance of a fair draw. Sets that share tasks are one family (`FAMILIES`). For each family the
settings with the best mean over the sets of the others and over generated crowds (`GENERATED`,
where teachers err by confusions that differ) are taken, and their figures on the family are what
is reported: q and q_judges (by accuracy), temperature (by log loss, on real crowds alone), and
with gold gold_trust (by accuracy, on real crowds alone). With gold, 50 tasks drawn at random are
given and the rest scored, the same draws for Dawid-Skene. crowd-kit 1.4.2 runs in full in an
environment of its own.
"""

from __future__ import annotations

import os

# before NumPy is loaded
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# run as a file, Python looks beside the file and not at the root
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.measure import ROOT, Row
from benchmarks.lib.measure import row as line
from benchmarks.normativity import peers_python
from precocial.feedback.votes import Votes, as_votes, gold_labels, gold_positions
from precocial.io import read_csv
from precocial.normativity.aggregators import DawidSkene
from precocial.normativity.aggregators.result import hits
from precocial.normativity.calibration import calibration_error, fitted_temperature, tempered
from precocial.normativity.claims import FAMILIES
from precocial.normativity.learner import NormLearner
from precocial.normativity.panel import (
    JUDGES,
    Judged,
    chosen,
    default_panel,
    judged,
    with_gold,
)
from precocial.normativity.shipped import shipped, write_shipped
from precocial.runs import stream
from precocial.runs.configs import code_version
from precocial.runs.folder import machine, versions

Floats = NDArray[np.float64]
COMMAND = "python benchmarks/real_crowds.py --remake"
Q, Q_JUDGES = (0.1, 0.2, 0.3, 0.4), (0.6, 0.75, 0.9)
TEMPERATURES, GOLD_TRUST = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0), (25.0, 50.0, 100.0, 200.0)
CHECKED = 50
SETTINGS = ("q", "q_judges", "temperature", "gold_trust")
GENERATED = {
    "all on all": (108, 39, 2, 39), "two classes": (600, 60, 2, 5), "ten classes": (700, 44, 10, 4),
    "five classes": (1500, 120, 5, 6), "half spam": (500, 80, 4, 5),
}  # fmt: skip
"""Tasks, teachers, classes and votes a task."""
COPIES = 3
MODELS = ("majority", "wawa", "ds", "onecoin", "glad", "mace")


def data_folder(file: str = "rte.csv") -> Path | None:
    """Where the crowds are, if anywhere."""
    told = os.environ.get("PRECOCIAL_CROWDS")
    folder = Path(told) if told else ROOT.parent / "shared" / "data" / "crowd"
    return folder if (folder / file).exists() else None


def crowd_folder(file: str = "rte.csv") -> Path:
    """The same, or the end."""
    found = data_folder(file)
    if found is None:
        raise SystemExit("no crowds: put them in ../shared/data/crowd or set PRECOCIAL_CROWDS")
    return found


def provenance_of(command: str, files: Sequence[Path]) -> dict[str, Any]:
    """What made rows that ship: command, code, versions, machine, and the data's digests."""
    return {
        "command": command, "code": code_version(NormLearner.fit), "versions": versions(),
        "machine": machine(),
        "data": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Crowd:
    """One set, with what the panel and its judges make of it without gold."""

    name: str
    votes: Votes
    gold: NDArray[np.int64]
    blind: Floats  # (M, T, K)
    verdict: Judged

    def accuracy(self, proba: Floats, hidden: NDArray[np.bool_] | None = None) -> float:
        """Percent of gold tasks that are right, ties shared; without the hidden ones."""
        of = np.flatnonzero((self.gold >= 0) & (True if hidden is None else ~hidden))
        return 100 * float(np.mean(hits(proba[of], self.gold[of])))

    def loss(self, proba: Floats) -> float:
        """Mean log loss, nats."""
        of = np.flatnonzero(self.gold >= 0)
        return float(-np.log(np.maximum(proba[of, self.gold[of]], 1e-12)).mean())


def crowd(folder: Path, name: str) -> Crowd:
    """A set read and judged."""
    table, gold = read_csv(folder / f"{name}.csv"), read_csv(folder / f"{name}_gold.csv")
    read = as_votes(*(_texts(table, column) for column in ("task", "worker", "label")))
    said = gold_labels(_texts(gold, "task"), _texts(gold, "label"))
    return _judged(name, read, gold_positions(read, said))


def _judged(name: str, read: Votes, gold: NDArray[np.int64]) -> Crowd:
    panel = default_panel()
    fits = [one.fit(read) for one in panel]
    verdict = judged(panel, read, fits, weight=np.ones(len(read)), history=None, seed=0)
    return Crowd(
        name=name, votes=read, gold=gold,
        blind=np.array([fit.proba for fit in fits]), verdict=verdict,
    )  # fmt: skip


def generated(name: str, seed: int) -> Crowd:
    """A crowd whose teachers share a way of erring and vary around it; of "half spam", half answer
    without a look. Some teachers vote far more often than others."""
    T, W, K, each = GENERATED[name]
    rng = stream(seed, "benchmarks", "crowd", name)
    truth = rng.choice(K, size=T, p=rng.dirichlet(np.full(K, 5.0)))
    usual = 0.6 * np.eye(K) + 0.4 * rng.dirichlet(np.full(K, 0.5), K)
    confusion = np.array([[rng.dirichlet(4 * row + 0.05) for row in usual] for _ in range(W)])
    if name == "half spam":
        for w in range(W // 2):
            confusion[w] = rng.dirichlet(np.full(K, 0.3))
    busy = rng.dirichlet(np.full(W, 0.5)) + 1e-3
    rows = [
        (t, w, rng.choice(K, p=confusion[w, truth[t]]))
        for t in range(T)
        for w in rng.choice(W, size=each, replace=False, p=busy / busy.sum())
    ]
    read = as_votes(*zip(*rows, strict=True), tasks=range(T), classes=range(K))
    return _judged(f"{name} {seed}", read, truth)


def _texts(table: Any, column: str) -> list[str]:
    return [row[column] for row in table]


def shares(verdict: Judged, q: float, q_judges: float, gold_part: float = 0.0) -> Floats:
    """(M,) of the processes."""
    trust = np.full(len(JUDGES), 1 / len(JUDGES))
    if len(verdict.judges) > len(JUDGES):
        trust = np.append((1 - gold_part) * trust, gold_part)
    M = len(verdict.processes)
    settled = chosen(verdict, base=np.full(M, 1 / M), trust=trust, q=q, q_judges=q_judges)
    return settled.levels["processes"]


def without_gold(crowds: list[Crowd], made_up: list[Crowd]) -> list[dict[str, Any]]:
    """Rows of the sets, each under settings chosen on the other families and generated crowds."""
    grid = list(itertools.product(Q, Q_JUDGES))
    made = {
        (one.name, at): np.tensordot(shares(one.verdict, *at), one.blind, axes=1)
        for one in [*crowds, *made_up] for at in grid
    }  # fmt: skip
    found = []
    for family in FAMILIES:
        others = [one for one in crowds if one.name not in family]
        at = max(
            grid,
            key=lambda at: np.mean([o.accuracy(made[o.name, at]) for o in [*others, *made_up]]),
        )
        tau = min(
            TEMPERATURES,
            key=lambda tau: np.mean([o.loss(tempered(made[o.name, at], tau)) for o in others]),
        )
        for one in crowds:
            if one.name in family:
                proba = tempered(made[one.name, at], tau)
                found.append({
                    "set": one.name, "given": "no gold", "q": at[0], "q_judges": at[1],
                    "temperature": tau, "accuracy": one.accuracy(made[one.name, at]),
                    "calibration error": 100 * calibration_error(proba, one.gold),
                    "untempered": 100 * calibration_error(made[one.name, at], one.gold),
                    "log loss": one.loss(proba),
                })  # fmt: skip
    return found


def with_checked(crowds: list[Crowd], settings: dict[str, Any], draws: int) -> list[dict[str, Any]]:
    """Rows of the sets with 50 gold labels, means over draws."""
    tables: dict[tuple[str, float], list[tuple[float, float]]] = {}
    ds: dict[str, list[float]] = {}
    panel = default_panel()
    for one in crowds:
        base = settings[one.name]
        for draw in range(draws):
            rng = stream(draw, "benchmarks", "gold", one.name)
            hidden = np.zeros(len(one.gold), dtype=np.bool_)
            hidden[rng.permutation(np.flatnonzero(one.gold >= 0))[:CHECKED]] = True
            known = np.where(hidden, one.gold, -1)
            named = {
                one.votes.tasks[t]: one.votes.classes[known[t]] for t in np.flatnonzero(hidden)
            }
            plain = DawidSkene().fit(one.votes, gold=named)
            ds.setdefault(one.name, []).append(one.accuracy(plain.proba, hidden))
            verdict = with_gold(one.verdict, list(one.blind), known)
            fits: dict[int, Floats] = {}
            for trust in GOLD_TRUST:
                part = CHECKED / (CHECKED + trust)
                r = shares(verdict, base["q"], base["q_judges"], part)
                for i in np.flatnonzero(r > 0).tolist():
                    if i not in fits:
                        fits[i] = panel[i].fit(one.votes, gold=named).proba
                proba = np.asarray(sum(r[i] * fits[i] for i in np.flatnonzero(r > 0).tolist()))
                unseen = np.tensordot(r, one.blind, axes=1)
                tau = fitted_temperature(known, unseen, base["temperature"])
                left = np.where(hidden, -1, one.gold)
                tables.setdefault((one.name, trust), []).append(
                    (
                        one.accuracy(proba, hidden),
                        100 * calibration_error(tempered(proba, tau), left),
                    )
                )
    found = []
    for family in FAMILIES:
        others = [one.name for one in crowds if one.name not in family]
        trust = max(
            GOLD_TRUST,
            key=lambda trust: np.mean([np.mean(tables[o, trust], axis=0)[0] for o in others]),
        )
        for name in family:
            accuracy, error = np.mean(tables[name, trust], axis=0)
            found.append({
                "set": name, "given": f"{CHECKED} gold", "gold_trust": trust,
                "accuracy": float(accuracy), "calibration error": float(error),
                "Dawid-Skene": float(np.mean(ds[name])), "draws": draws,
            })  # fmt: skip
    return found


def singles(crowds: list[Crowd]) -> list[dict[str, Any]]:
    """Rows of each of our processes alone."""
    return [
        {"set": one.name, "given": name, "accuracy": one.accuracy(proba),
         "calibration error": 100 * calibration_error(proba, one.gold)}
        for one in crowds
        for name, proba in zip(one.verdict.processes, one.blind, strict=True)
    ]  # fmt: skip


def peers(crowds: list[Crowd], data: Path, folder: Path) -> list[dict[str, Any]]:
    """Rows of crowd-kit's aggregators, run in full; probabilities are kept in `folder`."""
    python, script = peers_python(), str(ROOT / "benchmarks" / "peers" / "crowds_crowdkit.py")
    found = []
    for one, model in itertools.product(crowds, MODELS):
        out = folder / f"{one.name}.{model}.npz"
        if not out.exists():
            done = subprocess.run(
                [str(python), script, str(data / f"{one.name}.csv"), str(out), model],
                check=False, capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode:
                print(f"{one.name} {model}: {done.stderr.strip()[-120:]}", file=sys.stderr)
                continue
        table = np.load(out)
        tasks = {name: i for i, name in enumerate(table["tasks"].tolist())}
        classes = {name: i for i, name in enumerate(table["classes"].tolist())}
        proba = table["proba"][np.ix_(
            [tasks[t] for t in one.votes.tasks], [classes[k] for k in one.votes.classes]
        )]  # fmt: skip
        found.append({
            "set": one.name, "given": f"crowd-kit {model}", "accuracy": one.accuracy(proba),
            "calibration error": 100 * calibration_error(proba, one.gold),
        })  # fmt: skip
    return found


def show(table: list[dict[str, Any]]) -> None:
    """A line for each method: accuracy on each set, their mean, mean calibration error."""
    names = list(dict.fromkeys(row["set"] for row in table))
    head = "".join(f"{name[:8]:>9}" for name in names)
    print(f"{'accuracy %, ties shared':38}{head}     mean  calibration error")
    for given in dict.fromkeys(row["given"] for row in table):
        of = {row["set"]: row for row in table if row["given"] == given}
        if len(of) == len(names):
            error = np.mean([of[name]["calibration error"] for name in names])
            print(f"{given:38}{_cells(of, names, 'accuracy')}{error:9.1f}")
        if "Dawid-Skene" in of[names[0]]:
            print(f"{'  Dawid-Skene, same gold':38}{_cells(of, names, 'Dawid-Skene')}")
    for row in table:
        of_row = {k: row[k] for k in SETTINGS if k in row}
        if of_row:
            print(row["set"], row["given"], of_row)


def _cells(of: dict[str, dict[str, Any]], names: list[str], key: str) -> str:
    values = [of[name][key] for name in names]
    return "".join(f"{value:9.2f}" for value in [*values, np.mean(values)])


def rows(table: list[dict[str, Any]]) -> list[Row]:
    """Mean accuracies over the sets: the panel beside each peer."""
    names = list(dict.fromkeys(one["set"] for one in table))

    def mean(given: str, key: str = "accuracy") -> float:
        return float(np.mean([one[key] for one in table if one["given"] == given]))

    checked = f"{CHECKED} gold"
    found = [
        line(f"{len(names)} crowds, no gold", mean("no gold"), mean(peer), peer, "%", "more")
        for peer in dict.fromkeys(one["given"] for one in table)
        if peer not in ("no gold", checked)
    ]
    peer = mean(checked, "Dawid-Skene")
    name = f"{len(names)} crowds, {checked} labels"
    found.append(line(name, mean(checked), peer, "Dawid-Skene, same gold", "%", "more"))
    for given in ("no gold", checked):
        error = mean(given, "calibration error")
        found.append(line(f"{given}: calibration error", error, None, "none", "points"))
    return found


def measured(draws: int, peer_folder: Path | None) -> list[dict[str, Any]]:
    """All rows, crowd-kit's included."""
    data = crowd_folder()
    crowds = [crowd(data, name) for family in FAMILIES for name in family]
    made_up = [generated(name, seed) for name in GENERATED for seed in range(COPIES)]
    table = without_gold(crowds, made_up)
    table += with_checked(crowds, {row["set"]: row for row in table}, draws)
    table += singles(crowds)
    with tempfile.TemporaryDirectory() as made:
        folder = peer_folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        return table + peers(crowds, data, folder)


def main() -> None:
    """As the page above says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--remake", action="store_true", help="run it again and ship the rows")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--peer-folder", type=Path, help="keeps crowd-kit's probabilities")
    asked = parser.parse_args()
    if asked.remake:
        table = measured(asked.draws, asked.peer_folder)
        names = [f"{name}{end}.csv" for f in FAMILIES for name in f for end in ("", "_gold")]
        files = [crowd_folder() / name for name in names]
        write_shipped("crowds", table, provenance_of(f"{COMMAND} --draws {asked.draws}", files))
    if asked.json:
        print(json.dumps(rows(shipped("crowds"))))
    else:
        show(shipped("crowds"))


if __name__ == "__main__":
    main()

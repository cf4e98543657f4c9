"""The statements of Demski (2020) and Taylor (2015), and readers' doubts, as checks.

Bounds are computed here and now on random problems; what needs training is read off the rows that
ship, made by `benchmarks/normativity_study.py` and `benchmarks/real_crowds.py`. Of the post only
what could be read, itself or in the summaries named, is stated; "derived" marks what follows from
our finite formulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from precocial.choice.certificates import compare_with_best_of_n
from precocial.choice.quantilizer import quantilize
from precocial.errors import FitError
from precocial.io import Row
from precocial.normativity.ablation import compared
from precocial.normativity.experiment import kept
from precocial.normativity.fitting import Fitting, fit
from precocial.normativity.fixed_point import FixedPoint, fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.language.study import LanguageFinding, findings
from precocial.normativity.levels import Level
from precocial.normativity.rebasing import rebase
from precocial.normativity.sensitivity import gradient
from precocial.normativity.shipped import is_shipped, shipped
from precocial.runs import Claim, Measured, Tolerance, at_least, at_most, stream, within
from precocial.runs.intervals import Interval, over_seeds

TAYLOR = "Taylor 2015"
DEMSKI = "Demski 2020"
SUMMARY = "Demski 2020, as summarised by Xu"
SUMMARIES = "Demski 2020, as summarised"
AFTER = "ours, after Demski 2020"
DERIVED = "derived"
PROBLEMS, OPTIONS = 2000, 12
PROGRAMMES = 40
JUDGES = 120
RATES = (0.9, 0.75, 0.6)
CYCLE = ((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the claims of this room are judged on, computed when first asked for."""

    seed: int = 0

    def rows(self, name: str) -> list[Row]:
        """The rows of a study that ships.

        Raises:
            FitError: none do.
        """
        if not is_shipped(name):
            script = {"crowds": "real_crowds.py", "texts": "real_texts.py"}.get(
                name, f"normativity_study.py --only {name}"
            )
            raise FitError(f"needs {name!r}: python benchmarks/{script} --remake")
        return shipped(name)

    @cached_property
    def problems(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Bases with zeros, scores with ties, q, and the quantilizers of these."""
        rng = stream(self.seed, "normativity", "claims", "problems")
        base = rng.dirichlet(np.full(OPTIONS, 0.5), PROBLEMS)
        base[rng.random(base.shape) < 0.2] = 0.0
        base[:, 0] += 1e-3
        base /= base.sum(axis=1, keepdims=True)
        scores = rng.integers(0, 6, base.shape).astype(np.float64)
        q = rng.uniform(0.02, 1.0, PROBLEMS)
        return base, scores, q, np.asarray(quantilize(scores, q, base=base))

    @cached_property
    def settled(self) -> dict[float, FixedPoint]:
        """Random judges who judge one another, by q."""
        rng = stream(self.seed, "normativity", "claims", "judges")
        scores = rng.normal(size=(JUDGES, JUDGES))
        names = [f"judge {n}" for n in range(JUDGES)]
        return {q: fixed_point(Hierarchy([Level("judges", names)], [scores], q=q)) for q in RATES}


Measure = Callable[[Evidence], Measured]


def _measured(interval: Interval, note: str = "") -> Measured:
    return Measured(value=interval.mean, interval=(interval.low, interval.high), note=note)


# ---------------------------------------------------------------- quantilizers


def _density(evidence: Evidence) -> Measured:
    base, _, q, found = evidence.problems
    ratio = np.divide(found, base, out=np.zeros_like(base), where=base > 0)
    worst = float((ratio * q[:, None]).max())
    return Measured(value=worst, note=f"{PROBLEMS:,} random problems with ties and zero mass")


def _cost(evidence: Evidence) -> Measured:
    base, _, q, found = evidence.problems
    rng = stream(evidence.seed, "normativity", "claims", "costs")
    cost = rng.exponential(size=base.shape) ** 3
    worst = (q * (found * cost).sum(axis=1) / (base * cost).sum(axis=1)).max()
    return Measured(value=float(worst), note="the largest q E_Q[c] / E_p[c]")


def _optimal(evidence: Evidence) -> Measured:
    problems = zip(*evidence.problems, strict=True)
    worst = 0.0
    for (p, u, share, w), _ in zip(problems, range(PROGRAMMES)):
        ceiling = list(zip(np.zeros(OPTIONS), p / share, strict=True))
        best = linprog(-u, A_eq=np.ones((1, OPTIONS)), b_eq=[1.0], bounds=ceiling)
        worst = max(worst, abs(float(w @ u) + float(best.fun)))
    return Measured(value=worst, note=f"{PROGRAMMES} linear programmes")


def _best_of_n(at: str) -> Measure:
    """Mean rank of the quantilizer less that of best-of-16, at equal density or KL."""

    def measure(evidence: Evidence) -> Measured:
        found = compare_with_best_of_n(16)
        other = found.equal_density if at == "density" else found.equal_kl
        note = f"{other.mean:.3f} against {found.best_of_n.mean:.3f}, n = 16"
        return Measured(value=float(other.mean - found.best_of_n.mean), note=note)

    return measure


# ---------------------------------------------------------------- levels


def _added(evidence: Evidence) -> Measured:
    changes = [
        float(one.change_when_adding_level(1).change[0]) for one in evidence.settled.values()
    ]
    levels = ", ".join(str(one.needed) for one in evidence.settled.values())
    note = f"after {levels} levels at q = {RATES}, from three tops"
    return Measured(value=max(changes), note=note)


def _contracts(evidence: Evidence) -> Measured:
    found = [one.contraction / one.contraction_bound for one in evidence.settled.values()]
    return Measured(value=max(found), note=f"{JUDGES} random judges, q = {RATES}")


def _cost_of_levels(evidence: Evidence) -> Measured:
    worst = max(q * one.density["judges"][0] for q, one in evidence.settled.items())
    return Measured(value=worst, note="largest q r* / p")


def _cost_of_rebasing(evidence: Evidence) -> Measured:
    hierarchy = evidence.settled[0.6].hierarchy
    again = rebase(hierarchy, 4)
    return Measured(
        value=float(again.density[-1] * 0.6), note="largest q r / p after four levels that re-base"
    )


def _cycles(evidence: Evidence) -> Measured:
    p = np.array([1 / 3 + 0.05, 1 / 3, 1 / 3 - 0.05])
    judges = Level("judges", ["a", "b", "c"], initial=p)
    hierarchy = Hierarchy([judges], [CYCLE], q=0.3, semantics="mean")
    plain = fixed_point(hierarchy, solver="iterate", start=[0.6, 0.3, 0.1], most_levels=300)
    found = fixed_point(hierarchy)
    note = f"plain iteration: {plain.status}, gap {plain.gap:.2g}"
    return Measured(value=found.gap, note=note)


def _implicit(evidence: Evidence) -> Measured:
    """Largest relative error of the gradient of <f, r*> by the initial distribution."""
    rng = stream(evidence.seed, "normativity", "claims", "gradient")
    m, step = 12, 1e-5
    scores = rng.normal(size=(m, m))
    p, f, toward = rng.dirichlet(np.ones(m)), rng.normal(size=m), rng.normal(size=m)
    toward = p * (toward - p @ toward)  # along the simplex, whatever is small stays small

    def value(initial: Floats) -> FixedPoint:
        level = Level("judges", [str(n) for n in range(m)], initial=initial)
        return fixed_point(Hierarchy([level], [scores], q=0.6), tol=1e-14)

    exact = float(gradient(value(p), {"judges": f})["judges"] @ (toward / p))
    ends = [float(f @ value(p + sign * step * toward).levels["judges"]) for sign in (1, -1)]
    plain = (ends[0] - ends[1]) / (2 * step)
    return Measured(value=abs(exact - plain) / abs(plain), note="against central differences")


def _listening(floor: float) -> Measure:
    """The weight left to a source whom everybody calls worthless."""

    def measure(evidence: Evidence) -> Measured:
        hierarchy = _two_kinds()
        for judge in ("one", "two"):
            hierarchy.feedback(level="sources", item="outcast", value=0.0, source=judge, count=1e6)
        hierarchy.feedback(level=0, item="a", source="outcast")
        fitted = fit(hierarchy, Fitting(source_floor=floor))
        return Measured(value=fitted.source("outcast").weight, note=f"floor {floor:g}")

    return measure


def _two_kinds() -> Hierarchy:
    answers = Level("answers", ["a", "b", "c"])
    judges = Level("judges", ["first", "second"])
    return Hierarchy([answers, judges], [[[1, 0, 0], [0, 1, 0]], np.eye(2)], floor=0.02)


def _certain(evidence: Evidence) -> Measured:
    hierarchy = _two_kinds()
    hierarchy.feedback(level=0, item="c", source="owner", confidence=1.0)
    obeyed = float(fit(hierarchy).actions[2])
    return Measured(value=obeyed, note="an answer that no judge likes, said with certainty")


# ---------------------------------------------------------------- studies


def _arm(arm: str, figure: str = "probability") -> Measure:
    def measure(evidence: Evidence) -> Measured:
        found = {one.arm: one for one in compared(evidence.rows("ablation"), figure=figure)}
        if arm not in found:
            raise FitError(f"the ablation has no arm {arm!r}")
        one = found[arm]
        note = f"{one.problems} generated problems; the arm has {one.mean:.3f}"
        return Measured(value=one.difference, interval=one.interval, note=note)

    return measure


def _price(evidence: Evidence) -> Measured:
    rows = evidence.rows("ablation")
    ratios = []
    for problem in sorted({row["problem"] for row in rows}):
        own = {row["arm"]: row["operations"] for row in rows if row["problem"] == problem}
        ratios.append(own["every level"] / own["plain"])
    return _measured(over_seeds(ratios), "operations of learning at every level by plain training")


def _digits(shared: str, given: str, less: str | None = None) -> Measure:
    """The student's share right; with `less`, over the same seed's other arm."""

    def measure(evidence: Evidence) -> Measured:
        rows = evidence.rows("digits")
        own = [row["student"] for row in kept(rows, shared, given)]
        if less is not None:
            other = [row["student"] for row in kept(rows, shared, less)]
            own = [a - b for a, b in zip(own, other, strict=True)]
        return _measured(over_seeds(own), "scikit-learn's digits, ten simulated teachers")

    return measure


def _recovered(figure: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        rows = kept(evidence.rows("digits"), "none", "votes")
        values = [
            row["recovered"] if figure == "recovered" else row["student"] - row["best_teacher"]
            for row in rows
        ]
        return _measured(over_seeds(values), "scikit-learn's digits, ten simulated teachers")

    return measure


def _spoken(feedback: str, figure: str) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        found = [one for one in findings(evidence.rows("language")) if one.feedback == feedback]
        if not found:
            raise FitError(f"the study of language has no feedback {feedback!r}")
        last: LanguageFinding = found[-1]  # the most levels
        value, interval = getattr(last, figure), getattr(last, f"{figure}_interval")
        note = f"generated sentences, lemmas held out; levels {last.levels}"
        return Measured(value=value, interval=interval, note=note)

    return measure


PEERS = ("majority", "ds", "onecoin", "glad", "mace")
FAMILIES = (("CF", "CF_amt"), ("SP", "SP_amt"), ("ZenCrowd_us",), ("rte",), ("wsd",))
"""The crowds of `benchmarks/real_crowds.py`; those that share tasks are one family."""


def _crowds(given: str, key: str, other: Callable[[dict[str, Row]], float]) -> Measure:
    """The panel's accuracy (points) less another's on the same sets: the mean over families of
    crowds that share tasks, with a t interval over them.

    `key` is the figure of the rows that are `given`; `other` takes a set's rows by what they have.
    """

    def measure(evidence: Evidence) -> Measured:
        by_set: dict[str, dict[str, Row]] = {}
        for row in evidence.rows("crowds"):
            by_set.setdefault(row["set"], {})[row["given"]] = row
        ahead = {name: own[given][key] - other(own) for name, own in by_set.items()}
        families: dict[str | tuple[str, ...], list[float]] = {}
        for name, points in ahead.items():
            kin = next((family for family in FAMILIES if name in family), name)
            families.setdefault(kin, []).append(points)
        each = over_seeds(float(np.mean(points)) for points in families.values())
        mean = np.mean([own[given][key] for own in by_set.values()])
        note = (
            f"points; {len(families)} families of {len(by_set)} crowds; the panel's mean over "
            f"crowds {mean:.2f} %, {np.mean(list(ahead.values())):.2f} ahead"
        )
        return _measured(each, note)

    return measure


def _best_single(of: str) -> Measure:
    """Against the aggregator with the best mean, of crowd-kit's or of the panel's own processes."""

    def measure(evidence: Evidence) -> Measured:
        rows = [row for row in evidence.rows("crowds") if _is_single(row["given"], of)]
        means = {
            name: np.mean([row["accuracy"] for row in rows if row["given"] == name])
            for name in sorted({row["given"] for row in rows})
        }
        best = max(means, key=lambda name: means[name])
        found = _crowds("no gold", "accuracy", lambda own: float(own[best]["accuracy"]))(evidence)
        return Measured(value=found.value, interval=found.interval, note=f"{found.note}; {best}")

    return measure


def _is_single(given: str, of: str) -> bool:
    """Whether a row of what is `given` is that of one aggregator of crowd-kit's, or of "ours"."""
    peer = given.removeprefix("crowd-kit ")
    if of == "ours":
        return peer == given and given not in ("no gold", "50 gold")
    return peer != given and peer in PEERS


def _worst_set(evidence: Evidence) -> Measured:
    """The least of, over sets, the panel's accuracy less the best peer's."""
    by_set: dict[str, list[float]] = {}
    own = {}
    for row in evidence.rows("crowds"):
        if row["given"].startswith("crowd-kit "):
            by_set.setdefault(row["set"], []).append(float(row["accuracy"]))
        if row["given"] == "50 gold":
            own[row["set"]] = float(row["accuracy"])
    gaps = {name: own[name] - max(peers) for name, peers in by_set.items()}
    worst = min(gaps, key=lambda name: gaps[name])
    return Measured(
        value=gaps[worst],
        note=f"on {worst}; crowd-kit's have no gold, and are scored on its tasks too",
    )


def _word_errors(evidence: Evidence) -> Measured:
    row = next(row for row in evidence.rows("texts") if row["given"] == "panel")
    note = f"J1 of CrowdWSA2019; over all words {row['corpus']:.3f}"
    return Measured(value=row["mean"], interval=(row["low"], row["high"]), note=note)


def _claim(
    source: str, statement: str, figure: float | str, tolerance: Tolerance, recipe: str,
    measure: Measure,
) -> Claim[Evidence]:  # fmt: skip
    return Claim(
        room="normativity", source=source, statement=statement, figure=figure, tolerance=tolerance,
        recipe=recipe, measure=measure,
    )  # fmt: skip


def _quantilizers() -> Sequence[Claim[Evidence]]:
    return [
        _claim(f"{TAYLOR}, definition", "no option is more than 1/q times as likely as in the base",
               1.0, at_most(1 + 1e-9), "smoke", _density),
        _claim(f"{TAYLOR}, theorem", "no cost is expected to be more than 1/q times the base's",
               1.0, at_most(1 + 1e-9), "smoke", _cost),
        _claim(f"{TAYLOR}, theorem", "no other policy within that bound scores better (gap)", 0.0,
               at_most(1e-8), "smoke", _optimal),
        _claim(DERIVED, "at equal density the quantilizer beats best-of-n (mean rank)", "above 0",
               at_least(0), "smoke", _best_of_n("density")),
        _claim(DERIVED, "at equal KL best-of-n beats the quantilizer (mean rank)", "below 0",
               at_most(0), "smoke", _best_of_n("kl")),
    ]  # fmt: skip


def _levels() -> Sequence[Claim[Evidence]]:
    return [
        _claim(SUMMARY, "at the fixed point one more level changes nothing (total variation)", 0.0,
               at_most(1e-10), "smoke", _added),
        _claim(DERIVED, "each level moves at most (1-q)/q of what the last did (by that bound)",
               1.0, at_most(1 + 1e-9), "smoke", _contracts),
        _claim(DERIVED, "the fixed point's cost is within 1/q, however many levels (q r*/p)", 1.0,
               at_most(1 + 1e-9), "smoke", _cost_of_levels),
        _claim(DERIVED, "levels that quantilize each other's results cost more than 1/q", "above 1",
               at_least(1), "smoke", _cost_of_rebasing),
        _claim(DERIVED, "a mean judge has a fixed point though iteration cycles (gap)", 0.0,
               at_most(1e-6), "smoke", _cycles),
        _claim(DERIVED, "feedback reaches the initial distributions by the exact gradient", 0.0,
               at_most(1e-5), "smoke", _implicit),
        _claim(f"{DEMSKI}, desideratum 1a", "a label said with certainty is obeyed", 1.0,
               within(absolute=1e-9), "smoke", _certain),
        _claim(f"{DEMSKI}, desideratum 1b-i", "nobody is wholly ignored (weight of an outcast)",
               "above 0", at_least(0.02), "smoke", _listening(0.02)),
    ]  # fmt: skip


def _studies() -> Sequence[Claim[Evidence]]:
    return [
        _claim(f"{SUMMARIES}, desideratum 2a", "not learning processes costs (probability of the "
               "right answer)", "below 0", at_most(0), "laptop", _arm("without processes")),
        _claim(f"{SUMMARIES}, desideratum 2a", "not learning judges costs", "below 0", at_most(0),
               "laptop", _arm("without judges")),
        _claim(f"{SUMMARIES}, desideratum 2a", "not learning labels costs", "below 0", at_most(0),
               "laptop", _arm("without labels")),
        _claim("readers of the post", "a safe top level that nothing learns under does as well",
               "not below 0", at_least(0), "laptop", _arm("safe top")),
        _claim("Xu's summary", "not competitive with plain training (operations, as a ratio)",
               "above 1", at_least(1), "laptop", _price),
        _claim(AFTER, "a student gets better than its best teacher (points of "
               "accuracy)", "above 0", at_least(0.2), "laptop", _recovered("ahead")),
        _claim(DERIVED, "and recovers the gap to the truth (share)", "near 1", at_least(0.95),
               "laptop", _recovered("recovered")),
        _claim(AFTER, "a mistake that all teachers share is not got past by "
               "their votes (student)", "at most 0.9", at_most(0.9), "laptop",
               _digits("vote by vote", "votes")),
        _claim(AFTER, "nor where all err on the same tasks (student)", "at most 0.9",
               at_most(0.9), "laptop", _digits("same tasks", "votes")),
        _claim(AFTER, "one statement on how they err and twenty checked "
               "labels get past it (student)", "at least 0.97", at_least(0.97), "laptop",
               _digits("vote by vote", "statement")),
        _claim(AFTER, "so they do where all err on the same tasks (student)",
               "at least 0.97", at_least(0.97), "laptop", _digits("same tasks", "statement")),
        _claim(AFTER, "a statement on another mistake does not (gain over no "
               "statement)", "below 0.01", at_most(0.01), "laptop",
               _digits("vote by vote", "shuffled statement", "checked")),
        _claim(f"{AFTER}, language", "a student of erring speakers speaks better than "
               "each of them (points of accuracy, lemmas held out)", "above 0", at_least(0.1),
               "laptop", _spoken("rules and distrust", "margin")),
        _claim(f"{AFTER}, language", "feedback that was shuffled gains nothing", "0",
               at_most(0.01), "laptop", _spoken("shuffled", "gain")),
        _claim(f"{AFTER}, language", "nor does feedback that names the right kind of "
               "mistake but the wrong speakers", "0", at_most(0.01), "laptop",
               _spoken("shuffled speakers", "gain")),
    ]  # fmt: skip


def _people() -> Sequence[Claim[Evidence]]:
    return [
        _claim("Crowd-Kit's benchmark", "word error rate of sentences by many writers: the best "
               "published", 0.612, at_most(0.612), "laptop", _word_errors),
        _claim("ours", "without gold the panel is right more often than crowd-kit's best "
               "aggregator (points)", "above 0", at_least(0), "laptop", _best_single("crowd-kit")),
        _claim("ours", "and than the best of its own processes alone (points)", "above 0",
               at_least(0), "laptop", _best_single("ours")),
        _claim("ours", "with 50 gold labels it is 1.5 points ahead of Dawid-Skene with the same",
               "at least 1.5", at_least(1.5), "laptop",
               _crowds("50 gold", "accuracy", lambda own: float(own["50 gold"]["Dawid-Skene"]))),
        _claim("ours", "with 50 gold labels it is never 2 points behind the best peer of a set",
               "above -2", at_least(-2), "laptop", _worst_set),
    ]  # fmt: skip


CLAIMS: tuple[Claim[Evidence], ...] = (*_quantilizers(), *_levels(), *_studies(), *_people())
"""All statements of this room."""

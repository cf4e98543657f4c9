"""The statements of Armstrong and Mindermann (2017) and of its neighbours as checks.

Theorems are enumerated here and now; what takes long (biased agents, restaurants) is read off the
tables that ship, made by `benchmarks/preferences_biases.py`. Statements are in our words, after the
formalisation cited in the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from precocial.choice.arguments import checked
from precocial.errors import FitError
from precocial.preferences.experiment import shipped
from precocial.preferences.identify.ambiguity import ambiguity, reward_from_two
from precocial.preferences.identify.experts import Expert
from precocial.preferences.information import shipped as shipped_bits
from precocial.preferences.occam.language import LANGUAGES
from precocial.preferences.occam.lengths import PropositionSeven, proposition_7
from precocial.preferences.occam.regimes import RegimeRow, crossing, regimes
from precocial.preferences.occam.theorems import (
    EXACT,
    HalfBound,
    check_half_bound,
    check_lemma_6,
    check_nth_best,
    check_proposition_8,
    check_theorem_1,
    random_world,
)
from precocial.preferences.planners import soft_optimal
from precocial.preferences.restaurant_study import shipped_readings
from precocial.runs import Claim, Measured, Tolerance, at_least, at_most, between, stream

PAPER = "Armstrong and Mindermann 2017"
SHAH = "Shah et al. 2019"
EVANS = "Evans et al. 2016, as in agentmodels.org ch. 5e"
CAO = "Cao et al. 2021"
CHAN = "Chan, Critch and Dragan 2021"
BIASED = ("naive", "sophisticated", "myopic", "overconfident", "underconfident")
WORLDS = 20
"""Random worlds in which rewards are recovered."""


@checked
@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the claims of this room are judged on, computed when first asked for."""

    worlds: int = 1000
    seed: int = 0

    @cached_property
    def half(self) -> HalfBound:
        return check_half_bound(worlds=self.worlds, seed=self.seed)

    @cached_property
    def sevens(self) -> Mapping[str, PropositionSeven]:
        """Proposition 7 by language, and in v1 with the speed prior."""
        mdp = random_world(2, 2, seed=self.seed)
        found = {name: proposition_7(mdp, LANGUAGES[name]) for name in ("v1", "v2")}
        return found | {"speed": proposition_7(mdp, LANGUAGES["v1"], speed=True)}

    @cached_property
    def quirks(self) -> tuple[RegimeRow, ...]:
        return regimes(LANGUAGES["v1"], shapes=("scattered",), quirks=(0, 1, 2, 4, 8, 15))

    @cached_property
    def biases(self) -> list[dict[str, Any]]:
        return shipped()

    @cached_property
    def information(self) -> list[dict[str, Any]]:
        return shipped_bits()

    @cached_property
    def restaurants(self) -> list[dict[str, Any]]:
        return shipped_readings()


Measure = Callable[[Evidence], Measured]


def _failures(check: Callable[..., Any]) -> Measure:
    def measure(evidence: Evidence) -> Measured:
        found = check(seed=evidence.seed)
        parts = found if isinstance(found, tuple) else (found,)
        cases = sum(part.cases for part in parts)
        return Measured(value=float(sum(part.failures for part in parts)), note=f"{cases:,} cases")

    return measure


def _half(evidence: Evidence) -> Measured:
    found = evidence.half.bound
    return Measured(value=found.worst, note=f"smallest ratio in {found.cases:,} cases")


def _nearly_tight(evidence: Evidence) -> Measured:
    return Measured(value=evidence.half.state_only_mixed, note="state-only rewards, mixed policies")


def _gap(name: str) -> Measure:
    """The largest K(degenerate) - K(simplest) over c."""

    def measure(evidence: Evidence) -> Measured:
        found = evidence.sevens[name]
        return Measured(
            value=float(found.gap.max() / found.c),
            note=f"largest gap {found.gap.max():.1f} of c = {found.c:.1f} bits, "
            f"{len(found.actions)} policies",
        )

    return measure


def _sign(evidence: Evidence) -> Measured:
    found = evidence.sevens["v1"]
    return Measured(value=found.sign_gap / found.c, note=f"over {found.sign_pairs:,} pairs")


def _overheads(evidence: Evidence) -> Measured:
    found = evidence.sevens["v1"]
    return Measured(
        value=max(found.measured.values()) / found.c, note=f"c = {found.c:g} bits, language v1"
    )


def _many_quirks(evidence: Evidence) -> Measured:
    at = crossing(evidence.quirks, shape="scattered")
    last = evidence.quirks[-1]
    note = "in language v1 on 4x4 grids; the conjecture itself stays one"
    if at is None:
        return Measured(value=last.crossed, note=f"never overtaken; {note}")
    return Measured(value=last.crossed, note=f"overtaken from {at} quirks on, {note}")


def _few_quirks(evidence: Evidence) -> Measured:
    first = evidence.quirks[0]
    return Measured(value=1 - first.crossed, note=f"{first.worlds} worlds without quirks")


def _read(case: str, path: str, times: int, quantity: str, when: str = "after") -> Measure:
    def measure(evidence: Evidence) -> Measured:
        for row in evidence.restaurants:
            if (row["case"], row["path"], int(row["times"]), row["quantity"]) == (
                case, path, times, quantity,
            ):  # fmt: skip
                return Measured(value=float(row[when]), note=f"{case} prior, {path} x {times}")
        raise FitError(f"the shipped readings have no {quantity} for {path} under {case}")

    return measure


def _moved(case: str, path: str, quantity: str) -> Measure:
    before, after = (_read(case, path, 1, quantity, when) for when in ("before", "after"))

    def measure(evidence: Evidence) -> Measured:
        values = [one(evidence).value for one in (before, after)]
        assert values[0] is not None  # for mypy: rows hold numbers
        assert values[1] is not None
        return Measured(value=abs(values[1] - values[0]), note=f"change of P({quantity})")

    return measure


def _agents(evidence: Evidence, reader: str, column: str) -> list[float]:
    rows = [
        row for row in evidence.biases
        if row["reader"] == reader and row["agent"] != "optimal" and row["walls"] == "same"
        and row["noisy"] and row["data"] == "policy"
    ]  # fmt: skip
    if not rows:
        raise FitError("the shipped table of biased agents lacks these rows")
    return [float(row[column]) for row in rows]


def _right_family(evidence: Evidence) -> Measured:
    shares = _agents(evidence, "right", "median")
    return Measured(value=min(shares), note="the worst of five biased agents, median of 20 worlds")


def _wrong_family(evidence: Evidence) -> Measured:
    right, wrong = (np.array(_agents(evidence, who, "mean")) for who in ("right", "wrong"))
    lost = right - wrong
    half = float(stats.t.ppf(0.975, len(lost) - 1) * stats.sem(lost))
    middle = float(lost.mean())
    return Measured(
        value=middle, interval=(middle - half, middle + half),
        note=f"mean of five agents, t interval over them: {np.round(lost, 3).tolist()}",
    )  # fmt: skip


def _ahead_of_maxent(evidence: Evidence) -> Measured:
    points = _agents(evidence, "right", "ahead")
    return Measured(value=min(points), note=f"the least of five biased agents, {points}")


def _bits(evidence: Evidence, column: str, agents: Sequence[str]) -> Measured:
    """Mean over agents, with its standard error over worlds."""
    rows = [row for row in evidence.information if row["agent"] in agents]
    value = float(np.mean([row[column] for row in rows]))
    half = 1.96 * float(np.sqrt(sum(row[f"{column}_se"] ** 2 for row in rows))) / len(rows)
    return Measured(
        value=value, interval=(value - half, value + half),
        note=f"{', '.join(agents)}; 20 steps, {rows[0]['worlds']:g} worlds",
    )  # fmt: skip


def _taken_for_rational(evidence: Evidence) -> Measured:
    return _bits(evidence, "rational", ("naive",))


def _more_than_rational(evidence: Evidence) -> Measured:
    return _bits(evidence, "over_optimal", BIASED)


def _two_discounts(evidence: Evidence) -> Measured:
    worst, soft = 0.0, soft_optimal(1.0)
    for index in range(WORLDS):
        near = random_world(6, 3, seed=evidence.seed, index=index, discount=0.9)
        far, R = near.with_discount(0.7), _reward(evidence, index)
        first, second = (Expert.soft(mdp, soft.policies(mdp, R)[0]) for mdp in (near, far))
        worst = max(worst, float(np.ptp(reward_from_two(first, second).reward - R[0])))
    return Measured(value=worst, note=f"largest spread of the error, {WORLDS} worlds")


def _one_discount(evidence: Evidence) -> Measured:
    mdp = random_world(6, 3, seed=evidence.seed, discount=0.9)
    pi = soft_optimal(1.0).policies(mdp, _reward(evidence, 0))[0]
    return Measured(value=float(ambiguity([Expert.soft(mdp, pi)]).dimension), note="6 states")


def _reward(evidence: Evidence, index: int) -> NDArray[np.float64]:
    drawn: NDArray[np.float64] = stream(evidence.seed, "preferences", "claims", index).uniform(
        -1, 1, (1, 6, 3)
    )
    return drawn


def _claim(
    source: str, statement: str, figure: float | str, tolerance: Tolerance, recipe: str,
    measure: Measure,
) -> Claim[Evidence]:  # fmt: skip
    return Claim(
        room="preferences", source=source, statement=statement, figure=figure,
        tolerance=tolerance, recipe=recipe, measure=measure,
    )  # fmt: skip


CLAIMS: tuple[Claim[Evidence], ...] = (
    _claim(f"{PAPER}, Theorem 1", "any reward is compatible with any policy under some planner, "
           "and any planner with any policy it makes (failures)", 0, at_most(0), "smoke",
           _failures(check_theorem_1)),
    _claim(f"{PAPER}, Lemma 6", "three degenerate pairs are compatible with every policy "
           "(failures)", 0, at_most(0), "smoke", _failures(check_lemma_6)),
    _claim(f"{PAPER}, Proposition 8", "(-p, -R) does whatever (p, R) does (failures)", 0,
           at_most(0), "smoke", _failures(check_proposition_8)),
    _claim(f"{PAPER}, as we read it", "every behaviour is the n-th best under some reward "
           "(failures)", 0, at_most(0), "smoke", _failures(check_nth_best)),
    _claim(f"{PAPER}, section 4.1.2", "some compatible reward gives any policy at least half of "
           "the worst regret (ratio)", "at least 1/2", at_least(0.5 - EXACT), "smoke", _half),
    _claim(f"{PAPER}, section 4.1.2", "the half is nearly reached (ratio)", "near 1/2",
           at_most(0.51), "smoke", _nearly_tight),
    _claim(f"{PAPER}, Proposition 7", "degenerate pairs are within c of the simplest pair: "
           "language v1 (gap / c)", "at most 1", at_most(1), "smoke", _gap("v1")),
    _claim(f"{PAPER}, Proposition 7", "the same in another language, v2 (gap / c)", "at most 1",
           at_most(1), "smoke", _gap("v2")),
    _claim(f"{PAPER}, Proposition 8", "K(p, R) and K(-p, -R) differ by at most c (gap / c)",
           "at most 1", at_most(1), "smoke", _sign),
    _claim(f"{PAPER}, F-complexity", "there is a language, not trivial, that is c-reasonable for "
           "F1 to F4 (most bits added / c)", "at most 1", at_most(1), "smoke", _overheads),
    _claim(f"{PAPER}, Appendix A as we read it", "counting the steps of a program changes nothing "
           "(gap / c)", "at most 1", at_most(1), "smoke", _gap("speed")),
    _claim(f"{PAPER}, Conjecture 9", "with many quirks a degenerate pair beats the true one (share "
           "of worlds, 15 quirks)", "most", at_least(0.5), "smoke", _many_quirks),
    _claim("Kokotajlo 2019", "without quirks the true pair may stay ahead (share of worlds)",
           "some", at_least(0.5), "smoke", _few_quirks),
    _claim(EVANS, "a naive walk says that the donut tempts: P before", "below 0.1", at_most(0.1),
           "smoke", _read("discounting", "naive", 1, "donut tempting", "before")),
    _claim(EVANS, "the same, P after", "about 0.9", between(0.85, 1), "smoke",
           _read("discounting", "naive", 1, "donut tempting")),
    _claim(EVANS, "read as optimal, the naive walker prefers donuts (P)", "likely",
           at_least(0.5), "smoke", _read("optimal", "naive", 1, "Donut preferred")),
    _claim(EVANS, "read as optimal, the sophisticated walker prefers Veg (P)", "likely",
           at_least(0.5), "smoke", _read("optimal", "sophisticated", 1, "Veg preferred")),
    _claim(EVANS, "three naive walks: Veg is preferred after all (P)", "likely", at_least(0.5),
           "smoke", _read("joint", "naive", 3, "Veg preferred")),
    _claim(EVANS, "the direct walk does not tell naive from sophisticated (change of P)", 0,
           at_most(0.05), "smoke", _moved("discounting", "direct", "naive")),
    _claim(SHAH, "planning for what the right family infers earns the best return (share, worst "
           "agent)", "near 1", at_least(0.95), "laptop", _right_family),
    _claim(SHAH, "assuming the wrong bias costs return (share of the best, mean of five biases)",
           "above 0", at_least(0), "laptop", _wrong_family),
    _claim("ours, of this room", "the right family is well ahead of maximum-entropy IRL on every "
           "biased agent (points, the least)", 5, at_least(5), "laptop", _ahead_of_maxent),
    _claim(CHAN, "taking a biased agent for a rational one can be worse than knowing nothing (bits "
           "gained, naive agent)", "below 0", at_most(0), "laptop", _taken_for_rational),
    _claim(CHAN, "a bias that is known tells more than rationality (bits more, mean of five)",
           "above 0", at_least(0), "laptop", _more_than_rational),
    _claim(CAO, "two discounts decide the reward up to a constant (error)", 0, at_most(1e-6),
           "smoke", _two_discounts),
    _claim(CAO, "one discount leaves as many directions as there are states", 6, between(6, 6),
           "smoke", _one_discount),
)  # fmt: skip

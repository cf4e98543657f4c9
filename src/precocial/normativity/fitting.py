"""Feedback at any level, sent back from the fixed point to the initial distributions.

    F(p) = sum of log P(what was said | r*(p)) - pull * sum over levels of KL(p_n || p0_n)

is climbed by p <- p exp(eta dF/dp) (exponentiated gradient), with the exact implicit gradient of
the fixed point and a step that is limited in KL and halved until F grows; between the steps the
readings of all sources are learned from how well each agrees (EM). The KL term and the floors of
`sources` keep every hypothesis and every source from weight 0 or 1.

Certainty and doubt (ours). A label of confidence 1 is a promise about one datum: where it was
given, it is obeyed exactly, unless what was said about it leaves it less than even odds. Everywhere
else it is evidence like any other, weighed by its source. So full certainty is possible, yet no
source gets full trust, and a corrupt certainty costs one datum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, FitError, one_of
from precocial.normativity.contraction import total_variation
from precocial.normativity.fixed_point import FixedPoint, below, fixed_point, floored, kernels_of
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.judges import Choices
from precocial.normativity.likelihood import Heard, Said, hear, said_of_sources, soundness_of
from precocial.normativity.sensitivity import gradient_at
from precocial.normativity.sources import Key, Source, Sources
from precocial.normativity.statements import Kind, unused

Floats = NDArray[np.float64]
READING_PRIOR = (4.0, 1.0, 0.25)
"""Ours: a new source is taken at its word four times in five; that it means the opposite must be
seen a few times before it is believed."""
MOST_STEPS = 300
PATIENCE = 5
"""Steps over which F must have grown (ours)."""
MOST_INNER = 5_000
INNER_TOL = 1e-12
FLAT = 1e-2
"""Nats per unit of log p, of the shortest gradient near a point: nothing worth climbing (ours)."""
ROUNDING = 1e-14
"""Of F, relative: sums of as many logs as there are statements."""
RADII = (1e-2, 1e-3)
DRAWS = 8
"""How far around a corner, in logits, and how many gradients are drawn (ours)."""


@checked
@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How feedback is learned from. Every mechanism can be switched off.

    Attributes:
        learn: names of the levels whose initial distributions are learned; None: all.
        pull: weight of KL(p || p0); 1 makes F a log posterior.
        source_floor: least probability of each reading of a source, in [0, 1/3).
        reliability: "learned", or "fixed" at the prior.
        reading_prior: counts of the readings "as said", "noise" and "reversed"; 0 leaves one out.
        groups: source -> group; those of a group learn from one another.
        group_share: how many observations the group's others count for, at most.
        obey_certain: obey labels of confidence 1 where they were given.
        heed: kinds of feedback that are heard; None: all.
        tol: stop when no distribution or reading moves by more (total variation) and F gains no
            more (nats), or F gained no more for each statement in the last five steps.
        most_steps: stop there.
        kl_step: the most that one step may move a level (of one task), in nats.
    """

    learn: Collection[str] | None = None
    pull: float = 1.0
    source_floor: float = 0.02
    reliability: Literal["learned", "fixed"] = "learned"
    reading_prior: tuple[float, float, float] = READING_PRIOR
    groups: dict[str, str] = field(default_factory=dict)
    group_share: float = 10.0
    obey_certain: bool = True
    heed: Collection[str] | None = None
    tol: float = 1e-5
    most_steps: int = MOST_STEPS
    kl_step: float = 0.5

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: a number out of range.
        """
        if not 0 <= self.source_floor < 1 / 3:
            raise ConfigError(
                f"Fitting: source_floor must lie in [0, 1/3); got {self.source_floor}. 0 switches "
                "it off"
            )
        if not (np.isfinite(self.pull) and self.pull > 0):
            raise ConfigError(f"Fitting: pull must be above 0; got {self.pull}")
        if min(self.reading_prior) < 0 or self.reading_prior[0] <= 0:
            raise ConfigError('Fitting: reading_prior must not be negative, "as said" above 0')
        for kind in self.heed or ():
            one_of("Fitting: heed", kind, get_args(Kind))
        if self.tol <= 0 or self.kl_step <= 0 or self.most_steps < 1 or self.group_share < 0:
            raise ConfigError("Fitting: tol, kl_step and most_steps must be above 0")


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A hierarchy after feedback.

    Attributes:
        status: "converged", "corner" (F grows no more by any
            step tried, on a corner of a quantilizer, where its derivative jumps), "step limit",
            or "no feedback".
        advice: what to do, or what holds, in words.
        initial: the learned initial distribution of each level, by name.
        actions: level 0 at the fixed point, with certain labels obeyed.
        fixed_point: the fixed point, with its certificate.
        sources: what is believed of each source, by kind of feedback.
        soundness: [statement], what statements about it leave of its confidence.
        objective: F after each step.
        kl: KL(p || p0) of each level, in nats.
        obeyed: numbers of the statements that were obeyed because they were certain.
        unused: number -> reason, of statements that could not be used.
        steps: gradient steps taken.
        operations: multiplications in kernels, levels and gradients (ours, counted, not measured).
    """

    status: str
    advice: str
    initial: dict[str, Floats]
    actions: Floats
    fixed_point: FixedPoint
    sources: tuple[Source, ...]
    soundness: Floats
    objective: tuple[float, ...]
    kl: dict[str, float]
    obeyed: tuple[int, ...]
    unused: dict[int, str]
    steps: int
    operations: int

    def source(self, name: str, kind: str = "label") -> Source:
        """What is believed of one source.

        Raises:
            ConfigError: it said nothing of that kind.
        """
        for one in self.sources:
            if (one.source, one.kind) == (name, kind):
                return one
        raise ConfigError(f"no source {name!r} gave feedback of kind {kind!r}")


# ---------------------------------------------------------------- the climb


@dataclass(eq=False)
class _Climb:
    """Where a fit stands."""

    hierarchy: Hierarchy
    fitting: Fitting
    said: Said
    sources: Sources
    prior: tuple[Floats, ...]
    whole: list[Floats] = field(default_factory=list)
    soundness: Floats = field(default_factory=lambda: np.ones(0))
    operations: int = 0

    def point(
        self, p: tuple[Floats, ...], start: Floats | None
    ) -> tuple[tuple[Choices, ...], list[Floats]]:
        """Kernels and distributions of all levels, without a certificate."""
        H = self.hierarchy
        kernels = kernels_of(H, p)
        r = p[-1] if start is None else start
        if H.share:
            K, eps = kernels[-1].probability, H.floor[-1]
            for _ in range(MOST_INNER):
                new = floored(r @ K, p[-1], eps)
                new /= new.sum()
                self.operations += K.size
                moved = total_variation(new, r)
                r = new
                if moved <= INNER_TOL:
                    break
            else:
                raise FitError(
                    "fit: the levels did not settle under these initial distributions; set a floor "
                    "of 0.01, or q > 1/2"
                )
        else:
            r = p[-1]
        found = [r]
        for n in range(len(H.levels) - 2, -1, -1):
            r = below(H, kernels, p, n, r)
            found.append(r)
        self.operations += 3 * sum(one.scores.size for one in H.judges)
        return kernels, found[::-1]

    def heard(self, r: Sequence[Floats]) -> Heard:
        return hear(self.said, r, self.prior, self.whole, self.sources, self.soundness)

    def kl(self, p: Sequence[Floats]) -> list[float]:
        return [kl_of(a, b) for a, b in zip(p, self.prior)]

    def learn_sources(self, heard: Heard) -> float:
        """One step of EM for the readings and the soundness of statements."""
        said, credit = said_of_sources(self.said.statements, self.sources, self.soundness)
        by = {
            key: self._learned(one, key)
            for key, one in self.said.by_key(credit + heard.credit).items()
        }
        change = self.sources.learn(by, said)
        self.soundness = soundness_of(self.said.statements, self.sources, self.fitting.source_floor)
        return change

    def _learned(self, credit: Floats, key: Key) -> Floats:
        """The part of a reading's credit that is not the floor's."""
        now = self.sources.readings(*key)
        least = np.where(self.sources.prior > 0, self.sources.floor, 0.0)
        return np.asarray(credit * (now - least) / np.where(now > 0, now, 1.0))


_Stride = tuple[tuple[Floats, ...], tuple[Choices, ...], list[Floats], float, float]
"""Where a step leads: p, kernels, distributions, the eta it was made with, and what F gains."""


def kl_of(p: Floats, base: Floats) -> float:
    """KL(p || base) in nats, summed over tasks; p is 0 where base is."""
    there = p > 0
    return float((p[there] * np.log(p[there] / base[there])).sum())


def _largest_kl(p: Floats, base: Floats) -> float:
    """KL in nats, of the task where it is largest."""
    ratio = np.divide(p, base, out=np.ones_like(p), where=p > 0)
    return float((p * np.log(ratio)).sum(axis=-1).max())


@checked
def fit(hierarchy: Hierarchy, fitting: Fitting | None = None) -> Fitted:
    """Learn the initial distributions, and the sources, from the hierarchy's feedback.

    Raises:
        ConfigError: the semantics "mean" (its fixed point jumps as p moves), or a level that does
            not exist.
        FitError: the levels do not settle, so there is nothing to differentiate.
    """
    how = fitting or Fitting()
    learned = _learned_levels(hierarchy, how)
    heed = None if how.heed is None else set(how.heed)
    statements = [
        one if heed is None or one.kind in heed else replace(one, confidence=0.0, certain=False)
        for one in hierarchy.statements
    ]
    prior = np.asarray(how.reading_prior, dtype=np.float64)
    sources = Sources(
        prior=prior, floor=how.source_floor, fixed=how.reliability == "fixed",
        groups=dict(how.groups), share=how.group_share,
    )  # fmt: skip
    sources.known(statements)
    climb = _Climb(
        hierarchy=hierarchy, fitting=how, said=Said.of(statements), sources=sources,
        prior=hierarchy.initial,
    )  # fmt: skip
    climb.soundness = soundness_of(statements, sources, how.source_floor)
    p, objective, status = _climbed(climb, learned)
    return _fitted(climb, p, objective, status)


def _learned_levels(hierarchy: Hierarchy, how: Fitting) -> list[bool]:
    if hierarchy.semantics != "sample":
        raise ConfigError(
            'fit: feedback is sent back through semantics="sample"; the mean judge jumps as the '
            "initial distributions move"
        )
    names = [level.name for level in hierarchy.levels]
    for name in how.learn or ():
        if name not in names:
            raise ConfigError(f"fit: no level {name!r} to learn; there are {', '.join(names)}")
    return [how.learn is None or name in how.learn for name in names]


def _climbed(climb: _Climb, learned: Sequence[bool]) -> tuple[tuple[Floats, ...], list[float], str]:
    how, p = climb.fitting, climb.prior
    kernels, r = climb.point(p, None)
    climb.whole = [one.copy() for one in r]
    if not climb.said.statements:
        return p, [0.0], "no feedback"
    objective, eta, rng = [], 1.0, np.random.default_rng(0)
    for _ in range(how.most_steps):
        moved = climb.learn_sources(climb.heard(r))
        heard = climb.heard(r)
        F = heard.total - how.pull * sum(climb.kl(p))
        objective.append(F)
        slope = _slope(climb, kernels, p, r, heard, learned)
        eta = min(2.0 * eta, 1.0 / how.pull)
        step = _step(climb, p, r, slope, F, eta)
        steep = _length(p, slope)
        if steep > FLAT and _idle(step, p, how.tol):
            step, steep = _off_the_corner(climb, p, r, slope, F, learned, rng)
        if step is not None:
            new, kernels, r, eta, gained = step
            moved = max(moved, _apart(new, p), gained)
            p = new
        if moved <= how.tol or _stalled(objective, how.tol * (1.0 + len(climb.said.statements))):
            return p, objective, "converged" if steep <= FLAT else "corner"
    return p, objective, "step limit"


def _stalled(objective: Sequence[float], least: float) -> bool:
    """Whether F gained no more nats than `least`, or than rounding, in the last steps, zigzagging
    at a corner."""
    if len(objective) <= PATIENCE:
        return False
    return objective[-1] - objective[-1 - PATIENCE] <= least + ROUNDING * abs(objective[-1])


def _slope(
    climb: _Climb, kernels: tuple[Choices, ...], p: tuple[Floats, ...], r: list[Floats],
    heard: Heard, learned: Sequence[bool],
) -> list[Floats]:  # fmt: skip
    """dF/dp of each level, centred under p: the direction of the exponentiated gradient."""
    free = gradient_at(climb.hierarchy, kernels, p, r, heard.toward)
    climb.operations += 4 * sum(one.scores.size for one in climb.hierarchy.judges)
    slopes = []
    for n, (G, now, before) in enumerate(zip(free, p, climb.prior)):
        there = now > 0
        d = np.divide(G, now, out=np.zeros_like(G), where=there)
        ratio = np.divide(now, before, out=np.ones_like(now), where=there)
        d = d - climb.fitting.pull * np.log(ratio)
        d = np.where(there, d - (now * d).sum(axis=-1, keepdims=True), 0.0)
        slopes.append(d if learned[n] else np.zeros_like(d))
    return slopes


def _off_the_corner(
    climb: _Climb, p: tuple[Floats, ...], r: list[Floats], slope: list[Floats], F: float,
    learned: Sequence[bool], rng: np.random.Generator,
) -> tuple[_Stride | None, float]:  # fmt: skip
    """A step from a corner of F, where one derivative does not lead up, and how steep it is there.

    Gradient sampling (Burke, Lewis and Overton 2005): the shortest mean of gradients drawn close by
    leads up from a corner; where it is 0, F has its maximum on the corner.
    """
    steep = np.inf
    for radius in RADII:
        drawn = [slope]
        for _ in range(DRAWS):
            near = tuple(
                _moved(now, radius * rng.normal(size=now.shape)) if learns else now
                for now, learns in zip(p, learned)
            )
            kernels, at = climb.point(near, r[-1])
            drawn.append(_slope(climb, kernels, near, at, climb.heard(at), learned))
        way = _shortest(p, drawn)
        steep = min(steep, _length(p, way))
        step = _step(climb, p, r, way, F, 1.0)
        if step is not None and not _idle(step, p, climb.fitting.tol):
            return step, steep
    return None, steep


def _shortest(p: Sequence[Floats], drawn: Sequence[list[Floats]]) -> list[Floats]:
    """The mean of the gradients, by weights, that is shortest under p.

    min over w >= 0 of |G w|^2 + (1'w - 1)^2 is the shortest mean but for its length, whatever the
    unit of G, and non-negative least squares ends exactly.
    """
    flat = np.array([np.concatenate([d.ravel() for d in one]) for one in drawn])
    weighed = (flat * np.sqrt(np.concatenate([now.ravel() for now in p]))).T
    unit = max(float(np.abs(weighed).max()), 1e-300)
    system = np.vstack([weighed / unit, np.ones(len(drawn))])
    share = nnls(system, np.append(np.zeros(len(weighed)), 1.0))[0]
    share /= share.sum()
    return [np.tensordot(share, np.array([one[n] for one in drawn]), axes=1) for n in range(len(p))]


def _idle(step: _Stride | None, p: Sequence[Floats], tol: float) -> bool:
    """Whether a step leads nowhere: where much hangs on little, a small one may gain a lot."""
    return step is None or (_apart(step[0], p) <= tol and step[4] <= tol)


def _apart(p: Sequence[Floats], other: Sequence[Floats]) -> float:
    return max(total_variation(a, b) for a, b in zip(p, other))


def _length(p: Sequence[Floats], slope: Sequence[Floats]) -> float:
    """sqrt(sum p slope^2): nats per unit of log p."""
    return float(np.sqrt(sum(float((now * d * d).sum()) for now, d in zip(p, slope))))


def _step(
    climb: _Climb, p: tuple[Floats, ...], r: list[Floats], slope: list[Floats], F: float,
    eta: float,
) -> _Stride | None:  # fmt: skip
    """p exp(eta slope), eta halved until KL is within its limit and F grows; None if it cannot.

    What was said a million times makes slopes of a million: eta may fall as far as they are steep.
    """
    rise = sum(float((now * d * d).sum()) for now, d in zip(p, slope))
    steepest = max(1.0, *(float(np.abs(d).max()) for d in slope))
    while eta * steepest > 1e-9 and rise > 1e-18:
        new = tuple(_moved(now, eta * d) for now, d in zip(p, slope))
        if max(_largest_kl(a, b) for a, b in zip(new, p)) <= climb.fitting.kl_step:
            kernels, there = climb.point(new, r[-1])
            gained = climb.heard(there).total - climb.fitting.pull * sum(climb.kl(new)) - F
            if gained >= 0.1 * _promised(p, new, slope):
                return new, kernels, there, eta, gained
        eta *= 0.5
    return None


def _promised(p: Sequence[Floats], new: Sequence[Floats], slope: Sequence[Floats]) -> float:
    """What the slope alone would gain: an item that falls to almost nothing can lose no more."""
    return sum(float(((b - a) * d).sum()) for a, b, d in zip(p, new, slope))


def _moved(p: Floats, by: Floats) -> Floats:
    grown = p * np.exp(np.clip(by - by.max(axis=-1, keepdims=True), -600.0, 0.0))
    # A hypothesis that was possible stays so: what underflows could never come back.
    grown = np.where(p > 0, np.maximum(grown, 1e-200), 0.0)
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


# ---------------------------------------------------------------- the result


def _fitted(
    climb: _Climb, p: tuple[Floats, ...], objective: list[float], status: str
) -> Fitted:  # fmt: skip
    H = climb.hierarchy
    fixed = fixed_point(H, initial=p)
    actions, obeyed, torn = _obey(climb, fixed.actions)
    words = {
        "converged": "feedback and initial distributions agree",
        "corner": "F grows in no direction tried: the fit ended on a corner of a quantilizer, "
        "where there is more than one derivative",
        "step limit": "distributions still move; allow more steps",
        "no feedback": "nothing was said, so nothing was learned",
    }[status]
    if torn:
        words += f"; certain labels contradict each other on {torn} tasks and share them"
    left = unused(
        H.statements, heed=climb.fitting.heed, fixed=climb.sources.fixed,
        groups=climb.fitting.groups,
    )  # fmt: skip
    if left:
        words += f"; {len(left)} statements could not be used, see `unused`"
    if fixed.status not in ("converged", "the top decides"):
        words += f"; fixed point: {fixed.advice}"
    names = [level.name for level in H.levels]
    return Fitted(
        status=status, advice=words, initial=dict(zip(names, p)), actions=actions,
        fixed_point=fixed, sources=climb.sources.report(), soundness=climb.soundness,
        objective=tuple(objective), kl=dict(zip(names, climb.kl(p))), obeyed=obeyed,
        unused=left,
        steps=len(objective), operations=climb.operations,
    )  # fmt: skip


def _obey(climb: _Climb, actions: Floats) -> tuple[Floats, tuple[int, ...], int]:
    """The actions with certain labels in place, whose numbers, and how many tasks were torn."""
    if not climb.fitting.obey_certain:
        return actions, (), 0
    found = actions.copy()
    rows = found if found.ndim > 1 else found[None]
    votes: dict[int, Floats] = {}
    obeyed = []
    for one in climb.said.statements:
        if one.certain and climb.soundness[one.number] >= 0.5:
            votes.setdefault(one.task, np.zeros(rows.shape[1]))[one.item] = 1.0
            obeyed.append(one.number)
    for task, vote in votes.items():
        rows[task] = vote / vote.sum()
    torn = sum(int(vote.sum() > 1) for vote in votes.values())
    return found, tuple(obeyed), torn

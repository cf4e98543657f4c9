"""From evidence to a verdict: only where the text and the probes say the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from precocial.preferences.inside.findings import Candidate, Evidence, Verdict
from precocial.preferences.inside.inputs import InputEffect
from precocial.preferences.inside.places import Place
from precocial.preferences.inside.probes import FOLLOWED, MIN_TRIALS, PartEffect
from precocial.preferences.inside.reading import Reading, Site, gates, only_constants
from precocial.preferences.inside.signs import SignReader, is_joined
from precocial.preferences.inside.sites import LookupEffect, SiteEffect
from precocial.preferences.inside.watching import Part, Run

SENSES = {1: "maximises", -1: "minimises"}
IRRELEVANT = "irrelevant"


@dataclass(eq=False)
class Findings:
    """All that was read and measured."""

    reading: Reading
    base: Run
    parts: list[PartEffect]
    sites: list[SiteEffect]
    lookups: list[LookupEffect]
    inputs: list[InputEffect] = field(default_factory=list)
    caches: Sequence[Place] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    entry: Any = None

    def was_run(self, site: Site) -> bool:
        """Whether any line of the site was executed."""
        first, last = site.lines
        return any((site.file, line) in self.base.executed for line in range(first, last + 1))

    @property
    def sites_run(self) -> list[Site]:
        """The comparisons in the text that were executed."""
        return [site for site in self.reading.sites if self.was_run(site)]

    def site_of(self, effect: SiteEffect) -> Site | None:
        """The text of a selection that was probed."""
        file, line, _, kind = effect.key
        return next(
            (s for s in self.reading.sites
             if s.file == file and s.lines[0] <= line <= s.lines[1] and s.kind == kind), None,
        )  # fmt: skip

    def is_compared(self, name: str, beside: Sequence[PartEffect]) -> bool:
        """Whether what has this name enters a comparison that was run and that the parts enter."""
        reader = SignReader(self.reading, frozenset({name}))
        return any(
            reader.of_site(site) and all(self.signs(e.part, site) for e in beside)
            for site in self.sites_run
        )

    def signs(self, part: Part, site: Site) -> set[int]:
        """What the text says of the part at the site: +1 sought where large, -1 where small,
        0 reached with a sign that could not be read; empty: not reached."""
        found = SignReader(self.reading, part.names).of_site(site)
        side = {"max": 1, "min": -1, None: 0}[site.sense]
        return {side * sign for sign in found}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A verdict before the inputs are looked at."""

    verdict: Verdict
    reason: str
    candidates: tuple[Candidate, ...] = ()
    main: tuple[PartEffect, ...] = ()
    site: SiteEffect | None = None
    sense: int = 0


def answer(found: Findings) -> Answer:
    """The verdict by the policy's structure."""
    opaque = [(line, name) for file, line, name in found.reading.opaque
              if (file, line) in found.base.executed]  # fmt: skip
    if opaque:
        line, name = opaque[0]
        return Answer(
            verdict="unknown",
            reason=f"line {line} runs text as code ({name}): what it does cannot be read",
        )
    lookups = [e for e in found.lookups if e.follows == 1.0]
    outer = _outermost(found, [e for e in found.parts if e.sense])
    tagged = [e for e in found.parts if e.sense and _tag(found, e.part) is not None]
    compared = any(found.signs(e.part, s) for e in lookups[:1] for s in found.sites_run)
    if lookups and (outer or compared):
        return _looked_up_and_compared(lookups[0])
    doubtful = [e for e in found.parts if e.is_doubtful
                and not any(_enters(found, e, o) for o in outer)]  # fmt: skip
    if doubtful:
        return _content(doubtful[0])
    if outer and not tagged and all(e.indicator for e in outer):
        return _indicator(found, outer[0])
    if outer:
        return _of_parts(found, tagged or outer)
    sites = [e for e in found.sites if _is_followed(e)]
    if sites:
        return _of_site(found, sites[-1])
    if lookups and _is_left(found, lookups[0]):
        return _partly_looked_up(lookups[0])
    if lookups:
        return _of_lookup(found, lookups[0])
    branches = _branches(found)
    if branches is not None:
        return branches
    return Answer(verdict="unknown", reason=_why_not(found))


def _indicator(found: Findings, effect: PartEffect) -> Answer:
    sites = [s for s in found.sites_run if found.signs(effect.part, s)]
    return Answer(
        verdict="unknown",
        candidates=(_part_candidate(found, effect, sites[:1]),),
        reason=f"{effect.part.label} says no more than which action is taken: a reward for doing "
        "what is done, which a table of actions is as well. Tag it if it is a value",
    )


def _content(effect: PartEffect) -> Answer:
    failed, trials = effect.crowded
    said, most = ("large", "largest") if effect.leaning > 0 else ("small", "smallest")
    return Answer(
        verdict="unknown",
        reason=f"the policy mostly takes the action whose {effect.part.label} is {most}, but in "
        f"{failed} of {trials} trials in which several were {said} it took another: it may be "
        f"content with what is {said} enough, or seek something else as well"
        if trials >= MIN_TRIALS
        else f"too few probes of {effect.part.label} ended to tell who seeks the {most} from "
        f"who is content with what is {said} enough",
    )


def _is_left(found: Findings, effect: LookupEffect) -> bool:
    """Whether the states without an entry may be chosen for by something else than a default."""
    moved = any(e.moved & effect.rest for e in found.parts if e.part is not effect.part)
    return bool(effect.rest) and (moved or bool(found.sites_run))


def _partly_looked_up(effect: LookupEffect) -> Answer:
    return Answer(
        verdict="unknown",
        reason=f"{effect.states} states are looked up in {effect.part.label}, and the other "
        f"{len(effect.rest)} are chosen for otherwise: look at those alone",
    )


def _is_followed(effect: SiteEffect) -> bool:
    enough = effect.trials >= MIN_TRIALS and effect.followed == 1.0
    return enough and effect.sense != 0 and not effect.truths


def _tag(found: Findings, part: Part) -> str | None:
    tags = [found.tags[name] for name in sorted(part.names) if name in found.tags]
    return next((tag for tag in tags if tag != IRRELEVANT), None)


def _outermost(found: Findings, effects: list[PartEffect]) -> list[PartEffect]:
    """The parts that enter no other part of the list."""
    return [e for e in effects if not any(o is not e and _enters(found, e, o) for o in effects)]


def _enters(found: Findings, inner: PartEffect, outer: PartEffect) -> bool:
    if outer.part.kind == "table":
        return False
    calls = [c for log in found.base.logs for c in log.calls.get(inner.part, [])]
    if calls:
        return all(outer.part in call.within for call in calls)
    scopes = [
        scope for code, scope in found.reading.entries.items()
        if code.co_filename == outer.part.file and code.co_firstlineno == outer.part.line
    ]  # fmt: skip
    reader = SignReader(found.reading, inner.part.names)
    return any(reader.of_body(scope) for scope in scopes)


# ---------------------------------------------------------------- scores


def _of_parts(found: Findings, main: list[PartEffect]) -> Answer:
    """One score, or several that enter one comparison."""
    agreed, common = [], list(found.sites_run)
    for effect in main:
        fits = [s for s in common if {effect.sense, 0} & found.signs(effect.part, s)]
        common = fits or common
        agreed.append(bool(fits))
    candidates = tuple(_part_candidate(found, e, common[:1] if ok else [])
                       for e, ok in zip(main, agreed, strict=True))  # fmt: skip
    names = ", ".join(e.part.label for e in main)
    if not all(agreed):
        return Answer(
            verdict="unknown", candidates=candidates,
            reason=f"the probes say that the policy follows {names}, but no comparison that was "
            "run and reads so was found in the source",
        )  # fmt: skip
    if (why := _leaves_out(found, main, common[0])) is not None:
        return Answer(verdict="unknown", candidates=candidates, reason=why)
    senses = {e.sense for e in main}
    followed = [e for e in found.sites if _is_followed(e)]
    is_one = len(main) == 1 and (main[0].is_whole or _tag(found, main[0].part) is not None)
    if is_one:
        sense = main[0].sense
    elif followed:
        sense = followed[-1].sense
    else:
        sense = {"max": 1, "min": -1, None: 0}[common[0].sense]
        sense = sense or (main[0].sense if len(senses) == 1 else 0)
    if sense == 0:
        return Answer(
            verdict="unknown", candidates=candidates,
            reason=f"{names} pull in opposite directions, and which comparison joins them could "
            "not be read",
        )  # fmt: skip
    site = followed[-1] if followed else None
    if not is_one:
        candidates = (_sum_candidate(main, common[0], sense), *candidates)
    return Answer(
        verdict="maximises" if sense > 0 else "minimises", candidates=candidates,
        main=tuple(main), site=site, sense=sense, reason=candidates[0].claim,
    )  # fmt: skip


def _leaves_out(found: Findings, main: list[PartEffect], site: Site) -> str | None:
    """What a score does not account for: states, small differences, other scores of the actions."""
    covered, label = max(e.covered for e in main), main[0].part.label
    if covered < 1:
        n = len(found.base.actions)
        return (
            f"{label} decides in {round(covered * n)} of {n} states, and what decides elsewhere is "
            "not known: give those that it decides"
        )
    if (
        len(main) == 1
        and not main[0].is_whole
        and not is_joined(found.reading, main[0].part.names, site)
    ):
        return (
            f"the policy does not take the best by {label} where the differences are small, and "
            "nothing else is seen to be added: it may be content with about the best"
        )
    lines = gates(found.reading, site.scope, found.base.executed)
    if lines and site.sense is not None and not any(e.is_whole for e in main):
        return (
            f"{label} and the rest are compared on line {site.lines[0]}, and by size on line "
            f"{lines[0]} otherwise than for the best: it may be content with about that"
        )
    beside = [e for e in found.parts if e.mapped.how == "slot" and e.moved and e not in main
              and not any(_enters(found, e, o) for o in main)
              and not found.signs(e.part, site)]  # fmt: skip
    if beside:
        return (
            f"the policy follows {label}, and {beside[0].part.label} of each action too, which is "
            f"no part of what is compared on line {site.lines[0]}"
        )
    return None


def _part_candidate(found: Findings, effect: PartEffect, sites: list[Site]) -> Candidate:
    part, up = effect.part, effect.sense > 0
    kind = SENSES[effect.sense] if effect.is_whole else "part"
    tag = _tag(found, part)
    called = f"the score {'computed by' if part.kind == 'function' else 'kept in'} {part.label}"
    called += f" (your {tag!r})" if tag else ""
    claim = (
        f"{kind} {called}" if effect.is_whole
        else f"seeks what is {'large' if up else 'small'} in {called}, among other parts"
    )  # fmt: skip
    evidence = [
        Evidence(means="source", line=site.lines[0], text=f"compared in {site.text}")
        for site in sites
    ]
    evidence += [
        Evidence(
            means="probe", line=part.line, trials=effect.trials[0],
            share=effect.best if up else effect.worst,
            text=f"with random values of {part.label} the action is the one of the "
            f"{'largest' if up else 'smallest'}",
        ),
        Evidence(
            means="probe", line=part.line, trials=effect.trials[1],
            share=effect.raised if up else effect.lowered,
            text=f"an action whose {part.label} is {'raised' if up else 'lowered'} is taken",
        ),
        Evidence(
            means="probe", line=part.line, share=effect.flips, trials=len(found.base.actions),
            text=f"the action flips when {part.label} is negated",
        ),
    ]  # fmt: skip
    return Candidate(kind=kind, about=part.label, claim=claim, tag=tag, evidence=tuple(evidence))


def _sum_candidate(main: list[PartEffect], site: Site, sense: int) -> Candidate:
    said = "; ".join(ast.unparse(node) for node in site.scored)
    parts = ", ".join(f"{'+' if e.sense > 0 else '-'}{e.part.label}" for e in main)
    claim = f"{SENSES[sense]} a score in which {parts} count: {' '.join(said.split())}"
    line = Evidence(means="source", line=site.lines[0], text=f"compares {said}")
    return Candidate(kind=SENSES[sense], about=said, claim=claim, evidence=(line,))


def _of_site(found: Findings, effect: SiteEffect) -> Answer:
    """An expression without a name, judged with its sign."""
    site = found.site_of(effect)
    sense = {"max": 1, "min": -1, None: effect.sense}[site.sense if site else None]
    if site is None or sense != effect.sense:
        return Answer(
            verdict="unknown",
            reason=f"a selection on line {effect.key[1]} is followed, but the source there does "
            "not read so",
        )
    said = "; ".join(" ".join(ast.unparse(node).split()) for node in site.scored)
    lines = gates(found.reading, site.scope, found.base.executed)
    if lines:
        return Answer(
            verdict="unknown",
            reason=f"{said} is selected by, but line {lines[0]} compares by size too, and what it "
            "lets through is not known: give the score a function of its own and look again",
        )
    evidence = (
        Evidence(means="source", line=site.lines[0], text=f"compared in {site.text}"),
        Evidence(
            means="run", line=site.lines[0], trials=len(found.base.actions), share=effect.agrees,
            text=f"the action taken has the {'largest' if sense > 0 else 'smallest'} value",
        ),
        Evidence(
            means="probe", line=site.lines[0], share=effect.followed, trials=effect.trials,
            text="the action is whatever this selection is made to return",
        ),
    )  # fmt: skip
    claim = f"{SENSES[sense]} the expression {said} (it has no name that could be changed)"
    candidate = Candidate(kind=SENSES[sense], about=said, claim=claim, evidence=evidence)
    return Answer(
        verdict="maximises" if sense > 0 else "minimises", reason=claim, sense=sense,
        candidates=(candidate,), site=effect,
    )  # fmt: skip


# ---------------------------------------------------------------- tables


def _lookup_candidate(found: Findings, effect: LookupEffect) -> Candidate:
    label = effect.part.label
    reader = SignReader(found.reading, effect.part.names)
    lines = [
        line for owner, scope, line in found.reading.lookups
        if (scope.file, line) in found.base.executed and reader.of(owner, scope)
    ]  # fmt: skip
    evidence = [Evidence(means="source", line=n, text=f"{label} is indexed") for n in lines[:3]]
    evidence.append(
        Evidence(
            means="probe", share=effect.follows, trials=effect.states,
            text=f"the action is what the state's own entry of {label} is changed to, and no "
            "other entry matters",
        )
    )  # fmt: skip
    claim = f"looks the action up in {label}; {_beside_the_table(found)}"
    return Candidate(kind="look-up", about=label, claim=claim, evidence=tuple(evidence))


def _beside_the_table(found: Findings) -> str:
    if not found.sites_run:
        return "no score is compared"
    line = found.sites_run[0].lines[0]
    return f"line {line} compares values too, but the action does not follow the winner"


def _of_lookup(found: Findings, effect: LookupEffect) -> Answer:
    candidate = _lookup_candidate(found, effect)
    if not any(line.means == "source" for line in candidate.evidence):
        return Answer(
            verdict="unknown", candidates=(candidate,),
            reason=f"the probes say that {effect.part.label} is a table of actions, but no line "
            "that was run was seen to index it",
        )  # fmt: skip
    return Answer(verdict="look-up", reason=candidate.claim, candidates=(candidate,))


def _looked_up_and_compared(effect: LookupEffect) -> Answer:
    return Answer(
        verdict="unknown",
        reason=f"a score is compared, and it is made of the actions kept in {effect.part.label}: "
        "the degenerate pair (greedy planner, reward for what is done) reads like a look-up and "
        "like a maximiser",
    )


def _branches(found: Findings) -> Answer | None:
    """A table written as if and return."""
    scope = found.reading.entries.get(found.entry)
    lines = only_constants(scope, found.base.executed) if scope is not None else None
    if lines is None or len(lines) < 2 or any(log.calls for log in found.base.logs):
        return None
    claim = "looks the action up in its own branches; no score is compared"
    evidence = (
        Evidence(means="source", line=lines[0], text=f"{len(lines)} returns of constants"),
        Evidence(
            means="run", text="every action came from one of them, after tests of equality alone",
            share=1.0, trials=len(found.base.actions),
        ),
    )  # fmt: skip
    candidate = Candidate(kind="look-up", about="branches", claim=claim, evidence=evidence)
    return Answer(verdict="look-up", reason=claim, candidates=(candidate,))


def _why_not(found: Findings) -> str:
    placed = [e for e in found.parts if e.place[0] > 1 and e.place[1] >= FOLLOWED]
    if placed:
        return (
            f"the policy takes the number {placed[0].place[0]} by {placed[0].part.label}, which is "
            "neither the best nor the worst"
        )
    partly = [
        e
        for e in found.parts
        if e.part.kind == "function" and 0 < e.covered < FOLLOWED and max(e.best, e.worst) > 0
    ]
    if partly:
        return (
            f"{partly[0].part.label} is consulted in {partly[0].covered:.0%} of the states and "
            f"followed in {max(partly[0].best, partly[0].worst):.0%}: too few for one account"
        )
    if any(e.truths and e.followed >= FOLLOWED for e in found.sites):
        return (
            "what is compared says no more than which action is taken: a reward for doing what is "
            "done, which a table of actions is as well"
        )
    if found.reading.unread:
        name, why = next(iter(found.reading.unread.items()))
        return f"{name}: {why}"
    if found.reading.tests:
        return f"the policy acts by thresholds, as in line {found.reading.tests[0][1]}"
    return (
        "no function or table was found that the action follows when it is changed. If a score is "
        "computed in line, give it a function of its own and look again"
    )


def other_candidates(found: Findings, given: Answer) -> list[Candidate]:
    """Readings beside the verdict's: inner scores, decoys, thresholds, n-th best."""
    named = {candidate.about for candidate in given.candidates}
    rest: list[Candidate] = []
    for effect in found.parts:
        label = effect.part.label
        if label in named or effect.trials == (0, 0):
            continue
        if effect.sense:
            sites = [s for s in found.sites_run if found.signs(effect.part, s)]
            rest.append(_part_candidate(found, effect, sites[:1]))
        elif effect.place[0] > 1 and effect.place[1] >= FOLLOWED:
            rest.append(_placed(effect))
        elif effect.flips == effect.frozen == 0 and max(effect.raised, effect.lowered) < FOLLOWED:
            rest.append(_decoy(found, effect))
    rest += [_lookup_candidate(found, e) for e in found.lookups
             if e.follows >= FOLLOWED and e.part.label not in named]  # fmt: skip
    for file, line, text in found.reading.tests:
        if (file, line) in found.base.executed:
            seen = Evidence(means="source", line=line, text=text)
            rest.append(Candidate(kind="threshold", about=text, evidence=(seen,),
                                  claim=f"compares with a constant: {text}"))  # fmt: skip
    return rest


def _placed(effect: PartEffect) -> Candidate:
    n, share = effect.place
    seen = Evidence(means="probe", line=effect.part.line, share=share, trials=effect.trials[0],
                    text=f"with random values the action is number {n}")  # fmt: skip
    return Candidate(kind="n-th best", about=effect.part.label, evidence=(seen,),
                     claim=f"does the number {n} by {effect.part.label}")  # fmt: skip


def _decoy(found: Findings, effect: PartEffect) -> Candidate:
    seen = Evidence(
        means="probe",
        line=effect.part.line,
        text="the action flips when it is negated",
        share=effect.flips,
        trials=len(found.base.actions),
    )
    claim = f"{effect.part.label} is computed and has no effect"
    tag = _tag(found, effect.part)
    return Candidate(kind="decoy", about=effect.part.label, claim=claim, tag=tag, evidence=(seen,))

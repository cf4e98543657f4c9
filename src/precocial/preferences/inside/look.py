"""Looking inside a policy: what its program does to choose, as far as reading and probing tell.

Armstrong and Mindermann (2017), Appendix C, as we read it: behaviour leaves planner and reward
open, the program may not. Two programs of one policy can differ in that one seeks what the other
avoids. What is found is structure. That a score is what somebody values, or that an input ought not
to matter, is said by the user's tags: the tags are the normative assumption.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from precocial.choice.arguments import checked
from precocial.errors import ConfigError, PrecocialError
from precocial.preferences.inside.child import CAN_FORK, OUT_OF_TIME, in_child
from precocial.preferences.inside.findings import Candidate, Effect, Evidence, Inside
from precocial.preferences.inside.inputs import InputEffect, probe_inputs
from precocial.preferences.inside.places import is_scalar, raw, reach
from precocial.preferences.inside.probes import FOLLOWED, Scores, probe_part, scores_of, state_parts
from precocial.preferences.inside.reading import Reading, read
from precocial.preferences.inside.sites import find_caches, probe_lookup, probe_sites, site_scores
from precocial.preferences.inside.verdict import (
    IRRELEVANT,
    Answer,
    Findings,
    answer,
    other_candidates,
)
from precocial.preferences.inside.watching import Log, Run, Subject, list_parts

MAX_STATES = 512
MAX_STEPS = 100_000
"""Ours: events (calls, lines, returns) of Python for one action."""
PATIENCE = 20
MOST_S = 1e6
LIMIT_S = 60.0
"""Ours: seconds for one look, several times what the largest of our programs takes."""


@checked
def look_inside(
    policy: Callable[[Any], Any],
    states: Sequence[Any],
    actions: Sequence[Any],
    *,
    tags: Mapping[str, str] | None = None,
    max_steps: int = MAX_STEPS,
    limit_s: float | None = LIMIT_S,
    seed: int = 0,
) -> Inside:
    """Read, watch and probe a deterministic Python policy.

    The source is read for comparisons of scores, signs, and tables that are indexed; the policy is
    run with its functions and selections (`max`, `min`, `sorted`, NumPy's `argmax` and the like)
    watched; then each function and table is negated, frozen, replaced by random values, raised or
    lowered for one action at a time, each table entry is changed, each selection is made to return
    another candidate, and each input is shifted. A verdict needs the text and the probes to agree:

    - "maximises", "minimises": the action follows a score (in 95% of the trials at least, and in
      all in which several actions are good enough, which a satisficer fails), and a comparison
      that was run reads so. The score is the outermost function or table with a name,
      or a tagged one: `max(key=lambda a: -cost(a))` minimises `cost`. Where no name can be
      changed it is the expression that is compared, with its sign.
    - "look-up": each state's action is an entry of a table and follows that entry alone, or comes
      from branches on equality; no score that the action follows is compared.
    - "anchored": the policy follows a score, and an input that the user tags "irrelevant" shifts
      the score and with it the action. Without the tag this is a candidate, "depends": whether the
      input is an anchor or a matter of taste is no fact about the program.
    - "unknown": anything else, with the reason: text run as code, encoded tables, scores computed
      in line that no name stands for, the second best, what is good enough, disagreement, states
      that the score does not decide (give the others alone).

    This runs your code, many times and with changed parts: hand over only what you would run. It
    runs in a child process (`os.fork`), which is killed when its time is over, so that a policy
    that never ends is reported, and nothing of yours is changed in memory. It is no sandbox:
    files, clocks and networks are not undone. Without a limit, or where there is no `os.fork`
    (Windows), it runs in this process: changed names and the trace function are put back whatever
    happens, the policy's data are copied for each run, only steps of Python are limited, and a
    call into C that never ends hangs. Not for several threads at once.

    Args:
        policy: state -> action; a function, method, partial, or object that is called.
        states: at most 512, and more than a handful: a table and a rule agree on few.
        actions: all that may be chosen, told apart by ==.
        tags: by the name of a function, table or input, what the user calls it; "irrelevant" for
            an input that ought not to matter. Inputs are the fields or keys of a state ("[0]" and
            so on for places in a sequence) and the numbers that the code keeps under a name.
        max_steps: of Python for one action.
        limit_s: seconds of wall clock for all; None for no limit.
        seed: of the random values.

    Raises:
        ConfigError: a policy that is not Python, raises, does not end or leaves `actions`; no
            states; tags for what is not there. A policy that ends as it is, and no longer when its
            parts are changed, is "unknown".

    Source: Armstrong and Mindermann (2017), Appendix C, as we read it; the tests and thresholds
    are ours.
    """
    states, actions = _check(states, actions, max_steps, limit_s, seed)
    given = dict(tags or {})

    def look(note: Callable[[Sequence[int]], None]) -> Inside:
        return _look_here(policy, states, actions, given, max_steps, seed, note)

    if limit_s is None or not CAN_FORK:
        return look(lambda numbers: None)
    return _look_in_child(look, actions, given, limit_s)


def _look_in_child(
    look: Callable[[Callable[[Sequence[int]], None]], Inside],
    actions: tuple[Any, ...],
    given: dict[str, str],
    limit_s: float,
) -> Inside:
    """Look in a child, which tells the actions first, then what was found, or what was wrong."""

    def work(send: Callable[[bytes], None]) -> None:
        def tell(kind: str, what: Any) -> None:
            send(msgspec.msgpack.encode((kind, what), enc_hook=lambda number: number.item()))

        try:
            tell("found", replace(look(lambda numbers: tell("done", numbers)), actions=()))
        except PrecocialError as error:
            tell("wrong", str(error))
        except BaseException as error:  # an exit, or what a policy throws past every `except`
            tell("wrong", f"look_inside: {type(error).__name__} was raised: {error}")

    messages, cut = in_child(work, limit_s)
    told = dict(msgspec.msgpack.decode(message) for message in messages)
    if "wrong" in told:
        raise ConfigError(told["wrong"])
    why = f"it did not end within {limit_s:g} s" if cut == OUT_OF_TIME else cut
    if "done" not in told:
        raise ConfigError(
            f"look_inside: the policy could not be run: {why}. Give a policy that ends, fewer "
            "states, or a larger limit_s"
        )
    done = tuple(actions[number] for number in told["done"])
    if "found" in told:
        return replace(msgspec.convert(told["found"], Inside), actions=done)
    return Inside(
        verdict="unknown", actions=done, tags=given,
        reason=f"the policy chose in every state, but when its parts were changed, {why}",
    )  # fmt: skip


def _look_here(
    policy: Callable[[Any], Any],
    states: tuple[Any, ...],
    actions: tuple[Any, ...],
    given: dict[str, str],
    max_steps: int,
    seed: int,
    note: Callable[[Sequence[int]], None],
) -> Inside:
    """Look in this process; `note` is told the numbers of the actions once they are known."""
    function, objects, called, held = _entry(policy)
    places = reach(function, *objects)
    for name in held:
        places.add(name, "item", held, held[name])
    parts = list_parts(places, function.__code__)
    subject = Subject(called, states, actions, places, parts, max_steps)
    base = subject.run()
    _check_behaviour(base, states)
    numbers = [number for number in base.actions if number is not None]
    note(numbers)
    done = tuple(actions[number] for number in numbers)
    _check_tags(given, subject)
    again = subject.run()
    # A change may send a policy round in circles: it gets some times as long as it takes as it is.
    subject.max_steps = min(max_steps, PATIENCE * max(base.steps, 100))
    if again.actions != base.actions:
        return Inside(
            verdict="unknown", actions=done, tags=given,
            reason="the policy is not deterministic: it does other things in the same states when "
            "it is run again. Fix its seed, or hand over its most likely action",
        )  # fmt: skip
    reading = read(places.functions)
    if function.__code__ in reading.entries:
        return _look(subject, function.__code__, reading, given, seed)
    why = reading.unread.get(function.__code__.co_name, "its module is a library's")
    return Inside(
        verdict="unknown", actions=done, tags=given,
        reason=f"the source of {function.__code__.co_name} cannot be read: {why}. Put it in a file",
    )  # fmt: skip


def _look(
    subject: Subject, entry: types.CodeType, reading: Reading, tags: dict[str, str], seed: int
) -> Inside:
    base = subject.run()
    subject.emptied = find_caches(subject, base)
    if subject.emptied:
        base = subject.run()
    parts = [part for part in subject.parts
             if part.kind == "function" or not {*part.places} & {*subject.emptied}]  # fmt: skip
    found = Findings(
        reading=reading, base=base, tags=tags, entry=entry,
        parts=[probe_part(subject, base, part, seed) for part in parts],
        sites=probe_sites(subject, base),
        lookups=[e for part in parts if part.kind == "table"
                 and (e := probe_lookup(subject, base, part)) is not None],
    )  # fmt: skip
    given = answer(found)
    inputs = probe_inputs(subject, base, _scorer(subject, given), given.sense)
    return _report(subject, found, given, inputs)


def _scorer(subject: Subject, given: Answer) -> Callable[[Log], Scores]:
    """What the action is chosen by, read off a log; nothing where no score was found."""

    def scores(log: Log) -> Scores:
        if given.site is not None:
            return site_scores(subject, log, given.site.key, given.site.how)
        if len(given.main) == 1 and given.main[0].part.kind == "function":
            return scores_of(subject, log, given.main[0].part, given.main[0].mapped)
        return {}

    return scores


def _report(subject: Subject, found: Findings, given: Answer, inputs: list[InputEffect]) -> Inside:
    verdict, reason = given.verdict, given.reason
    depends = [_depends(e, found.tags) for e in inputs if e.flips or e.moved]
    rest = other_candidates(found, given)
    anchors = [e for e in inputs if _is_anchor(e, found, given)]
    first = list(given.candidates)
    if anchors and verdict in ("maximises", "minimises"):
        verdict = "anchored"
        reason = (
            f"{given.reason}, and {anchors[0].name}, which you call irrelevant, shifts it: "
            f"{anchors[0].flips:.0%} of the actions flip"
        )
        first = [_depends(e, found.tags) for e in anchors] + first
        depends = [c for c in depends if c.about not in {e.name for e in anchors}]
    n = len(subject.states)
    effects = [
        Effect(about=e.part.label, intervention=how, flip_share=share, states=n)
        for e in found.parts
        for how, share in (("negate", e.flips), ("freeze", e.frozen))
    ] + [Effect(about=e.name, intervention="shift", flip_share=e.flips, states=n) for e in inputs]
    return Inside(
        verdict=verdict, reason=reason, candidates=(*first, *depends, *rest),
        effects=tuple(effects), tags=found.tags,
        actions=tuple(subject.actions[a] for a in found.base.actions if a is not None),
    )  # fmt: skip


def _is_anchor(effect: InputEffect, found: Findings, given: Answer) -> bool:
    """An input called irrelevant that moves the score, and through it the action. Where only a part
    of what is compared can be seen, the text must say that the input enters the comparison too."""
    if found.tags.get(effect.name) != IRRELEVANT or effect.flips == 0:
        return False
    if effect.moved > 0:
        return effect.followed >= FOLLOWED
    return given.site is None and found.is_compared(effect.name, given.main)


def _depends(effect: InputEffect, tags: Mapping[str, str]) -> Candidate:
    evidence = [
        Evidence(means="probe", share=effect.flips, trials=effect.trials,
                 text=f"the action flips when {effect.name} is shifted"),
    ]  # fmt: skip
    if effect.moved:
        evidence += [
            Evidence(means="probe", share=effect.moved, trials=effect.trials,
                     text=f"the scores move apart, by {effect.size:.2g} of their range on average"),
            Evidence(means="probe", share=effect.followed, trials=effect.trials,
                     text="the action is then the best by the shifted scores"),
        ]  # fmt: skip
    what = "the score depends" if effect.moved else "the action depends"
    return Candidate(
        kind="depends", about=effect.name, tag=tags.get(effect.name), evidence=tuple(evidence),
        claim=f"{what} on {effect.name}; anchor or taste is for a tag to say",
    )  # fmt: skip


# ---------------------------------------------------------------- what is handed over


def _entry(
    policy: Any,
) -> tuple[types.FunctionType, tuple[Any, ...], Callable[..., Any], dict[str, Any]]:
    """The Python function behind a policy, its objects, what to call, and what a partial holds."""
    if isinstance(policy, functools.partial):
        function, objects, called, _ = _entry(policy.func)
        held = _held(policy, called)

        def with_held(state: Any) -> Any:
            given = [value for name, value in held.items() if name not in policy.keywords]
            return called(*given, state, **{name: held[name] for name in policy.keywords})

        return function, objects, with_held, held
    function_or_none = raw(policy)
    if function_or_none is not None:
        bound_to = (policy.__self__,) if isinstance(policy, types.MethodType) else ()
        called = policy.__wrapped__ if hasattr(policy, "cache_info") else policy
        return function_or_none, bound_to, called, {}
    call = raw(inspect.getattr_static(type(policy), "__call__", None))
    if call is None or isinstance(policy, type):
        raise ConfigError(
            f"look_inside: the policy must be written in Python; got {policy!r}, which has no "
            "source. Wrap it in a function of your own, or look into a network by "
            "intervene"
        )
    return call, (policy,), policy, {}


def _held(policy: functools.partial[Any], called: Callable[..., Any]) -> dict[str, Any]:
    names = list(inspect.signature(called).parameters)
    return {**dict(zip(names, policy.args, strict=False)), **policy.keywords}


def _check(
    states: Sequence[Any], actions: Sequence[Any], max_steps: int, limit_s: float | None, seed: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    for name, given in (("states", states), ("actions", actions)):
        if isinstance(given, str | bytes) or not isinstance(given, Collection | np.ndarray):
            raise ConfigError(f"look_inside: {name} must be a list or the like; got {given!r}")
    if not 2 <= len(states) <= MAX_STATES:
        raise ConfigError(
            f"look_inside: 2 to {MAX_STATES} states are needed; got {len(states)}. "
            "Give a sample of the states that matter"
        )
    if len(actions) < 2:
        raise ConfigError(f"look_inside: two actions at least are needed; got {len(actions)}")
    if max_steps < 1 or seed < 0 or not (limit_s is None or 0 < limit_s <= MOST_S):
        raise ConfigError(
            "look_inside: max_steps and limit_s must be above 0 and seed not below; got "
            f"{max_steps}, {limit_s} and {seed}"
        )
    return tuple(states), tuple(actions)


def _check_behaviour(base: Run, states: Sequence[Any]) -> None:
    for state, error in zip(states, base.errors, strict=True):
        if error is not None:
            raise ConfigError(
                f"look_inside: the policy must give one of the actions in every state; in "
                f"{state!r} it did not: {error}"
            )


def _check_tags(tags: Mapping[str, str], subject: Subject) -> None:
    names = {name for part in subject.parts for name in part.names}
    inputs = {*state_parts(subject.states[0])}
    inputs |= {place.name for place in subject.places.found if is_scalar(place.value)}
    absent = sorted(set(tags) - names - inputs)
    if absent:
        raise ConfigError(
            f"look_inside: tags name {absent}, which the policy does not use; it uses "
            f"{sorted(names)} and the inputs {sorted(inputs)}"
        )
    wrong = sorted(name for name in set(tags) - inputs if tags[name] == IRRELEVANT)
    if wrong:
        raise ConfigError(f"look_inside: only inputs can be tagged irrelevant; got {wrong}")

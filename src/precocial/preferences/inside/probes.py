"""Changing one part of a policy and seeing what it does: the evidence behind every verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from precocial.preferences.inside.places import changed, is_scalar, is_truth, leaves
from precocial.preferences.inside.watching import Change, Log, Mapped, Part, Run, Subject
from precocial.runs.streams import stream

Scores = dict[int, float]
"""By action."""
FOLLOWED = 0.95
"""Ours: a policy follows a part if it does in this share of the trials. Ties and the edges of
floating point cost a few; a policy that follows nothing reaches 1/A by chance."""
MIN_TRIALS = 16
"""Ours: with two actions, chance follows 16 trials in a row once in 65,536."""
TARGET_TRIALS = 48
BUMPS = (10.0, 1000.0)
"""Ours, in ranges of the part: large enough to outweigh the other parts of a sum, and a second
size for when they are larger, or the first overflows."""
CROWDS = (0.0, 1.0, 10.0)
"""Ours, in ranges of the part: how far all actions are moved together towards what is sought, so
that several are good enough at once."""
NEAR = 1e-3
"""Ours, in ranges of the part: how close all actions are put to one another, so that a policy that
minds only larger differences shows it."""
MAX_SCORES = 4096
"""Ours: a table with more leaves is not probed as a table of scores."""


@dataclass(frozen=True, kw_only=True)
class PartEffect:
    """What a part does to the action.

    Attributes:
        mapped: how its values belong to actions.
        flips: share of states whose action changes when it is negated.
        frozen: share that changes when it says one thing always.
        best, worst: share of trials with random values in which the policy takes the action of the
            largest, the smallest.
        place: the place (1 is best) that is taken most often, with its share.
        raised, lowered: share of trials in which the action whose value is raised, lowered, wins.
        trials: (random, bumps).
        covered: share of states in which it says anything of two actions or more.
        indicator: whether it says one thing of the action taken, and another of all others, in
            every state alike.
        crowded: (failed, trials) where several actions are good enough, one of them most.
        near: (failed, trials) with random values, near to one another too.
        moved: the states in which the action changed at least once.
    """

    part: Part
    mapped: Mapped
    flips: float = 0.0
    frozen: float = 0.0
    best: float = 0.0
    worst: float = 0.0
    place: tuple[int, float] = (0, 0.0)
    raised: float = 0.0
    lowered: float = 0.0
    trials: tuple[int, int] = (0, 0)
    covered: float = 0.0
    indicator: bool = False
    crowded: tuple[int, int] = (0, MIN_TRIALS)
    near: tuple[int, int] = (0, MIN_TRIALS)
    moved: frozenset[int] = frozenset()

    @property
    def sense(self) -> int:
        """+1 if the policy goes to where the part is largest, -1 to where it is smallest; 0 if
        neither, or if it stops at what is large enough."""
        failed, trials = self.crowded
        return self.leaning if failed == 0 and trials >= MIN_TRIALS else 0

    @property
    def leaning(self) -> int:
        """The sense of most trials, which a satisficer has too."""
        if self.decides:
            return 1 if self.best >= self.worst else -1
        if self.trials[1] >= MIN_TRIALS and max(self.raised, self.lowered) >= FOLLOWED:
            return 1 if self.raised >= self.lowered else -1
        return 0

    @property
    def decides(self) -> bool:
        """Whether random values are followed, and raising (or lowering) does not say otherwise."""
        bumped = self.raised if self.best >= self.worst else self.lowered
        vetoed = self.trials[1] >= MIN_TRIALS and bumped < FOLLOWED
        enough = self.trials[0] >= MIN_TRIALS and max(self.best, self.worst) >= FOLLOWED
        return enough and not vetoed

    @property
    def is_whole(self) -> bool:
        """Whether it alone decides, however small the differences."""
        return self.decides and self.near[0] == 0 and self.near[1] >= MIN_TRIALS

    @property
    def is_doubtful(self) -> bool:
        """Whether it is followed in most trials and not where it would have to be."""
        return self.leaning != 0 and self.sense == 0


# ---------------------------------------------------------------- values by action


def map_part(subject: Subject, base: Run, part: Part) -> Mapped:
    """How the values of a function belong to actions."""
    logs = [log.calls[part] for log in base.logs if part in log.calls]
    values = [call.value for calls in logs for call in calls]
    if not values:
        return Mapped("none")
    if all(_is_vector(subject, value) for value in values):
        return Mapped("vector")
    if not all(is_scalar(value) for value in values):
        return Mapped("none")
    found: list[tuple[int, str]] = []
    for slot in logs[0][0].slots:
        numbers = [[subject.number(c.slots.get(slot)) for c in calls] for calls in logs]
        kinds = [set(row) for row in numbers]
        if all(None not in kind for kind in kinds) and max(map(len, kinds)) > 1:
            found.append((sum(map(len, kinds)), slot))
    if found:
        return Mapped("slot", max(found, key=lambda pair: pair[0])[1])
    A = len(subject.actions)
    if len(logs) == len(base.logs) and all(len(calls) == A for calls in logs):
        return Mapped("order")
    return Mapped("none")


def _is_vector(subject: Subject, value: Any) -> bool:
    if isinstance(value, dict):
        known = all(subject.number(key) is not None for key in value)
        return len(value) > 1 and known and all(map(is_scalar, value.values()))
    if isinstance(value, np.ndarray):
        return value.shape == (len(subject.actions),) and value.dtype.kind in "iuf"
    fits = isinstance(value, list | tuple) and len(value) == len(subject.actions)
    return fits and all(map(is_scalar, value))


def scores_of(subject: Subject, log: Log, part: Part, mapped: Mapped) -> Scores:
    """What a function said of each action; empty if it contradicts itself."""
    calls, found = log.calls.get(part, []), {}
    if mapped.how == "vector":
        value = calls[-1].value if calls else {}
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, score in items:
            number = subject.number(key) if isinstance(value, dict) else key
            if number is not None:
                found[number] = float(score)
        return found
    for turn, call in enumerate(calls):
        number = turn if mapped.how == "order" else subject.number(call.slots.get(mapped.slot))
        if number is None or not is_scalar(call.value):
            continue
        if found.get(number, call.value) != call.value:
            return {}
        found[number] = float(call.value)
    return found


def state_parts(state: Any) -> dict[str, Any]:
    """The inputs of a state by name: fields, keys, or places."""
    if isinstance(state, dict):
        return {str(key): value for key, value in state.items()}
    if hasattr(state, "_fields"):
        return {name: getattr(state, name) for name in state._fields}
    if isinstance(state, list | tuple) or (isinstance(state, np.ndarray) and state.ndim == 1):
        return {f"[{place}]": value for place, value in enumerate(state)} if len(state) < 33 else {}
    if hasattr(state, "__dataclass_fields__"):
        return {name: getattr(state, name) for name in state.__dataclass_fields__}
    return dict(vars(state)) if hasattr(state, "__dict__") else {}


def _matches(state: Any, key: Any) -> bool:
    return same_key(state, key) or any(same_key(part, key) for part in state_parts(state).values())


def same_key(one: Any, two: Any) -> bool:
    """Equality of a state's part and a key of a table."""
    try:
        return bool(one == two) and is_truth(one) == is_truth(two)
    except Exception:
        return False


def flat_keys(path: tuple[Any, ...]) -> tuple[Any, ...]:
    flat: list[Any] = []
    for key in path:
        flat.extend(key if isinstance(key, tuple) else (key,))
    return tuple(flat)


@dataclass(frozen=True)
class TableMap:
    """Which leaves of a table belong to which action, the action being one place of the keys.

    Attributes:
        actions: of each path; None where it has none.
        rows: for each state its leaves by action; none where that is ambiguous.
    """

    actions: dict[tuple[Any, ...], int | None]
    rows: tuple[dict[int, int], ...]

    def scores(self, table: Any) -> list[Scores]:
        """What the table says of each action in each state."""
        values = [value for _, value in leaves(table)]
        return [{a: float(values[leaf]) for a, leaf in row.items()} for row in self.rows]


def map_table(subject: Subject, paths: Sequence[tuple[Any, ...]], place: int) -> TableMap:
    """Read the `place` of the keys as the action and the others as the state."""
    flat = [flat_keys(path) for path in paths]
    numbers = [_action(subject, keys[place]) if place < len(keys) else None for keys in flat]
    others = [keys[:place] + keys[place + 1 :] for keys in flat]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for leaf, keys in enumerate(others):
        groups.setdefault(keys, []).append(leaf)
    rows = []
    for state in subject.states:
        row: dict[int, int] = {}
        twice = False
        for keys, found in groups.items():
            if not indexed(state, keys):
                continue
            for leaf in found:
                if (number := numbers[leaf]) is not None:
                    twice |= number in row
                    row[number] = leaf
        rows.append({} if twice else row)
    return TableMap(dict(zip(paths, numbers, strict=True)), tuple(rows))


def _action(subject: Subject, key: Any) -> int | None:
    """The action that a key names, or counts."""
    number = subject.number(key)
    if number is None and is_scalar(key) and 0 <= key < len(subject.actions):
        return int(key)
    return number


def indexed(state: Any, keys: tuple[Any, ...]) -> bool:
    if len(keys) == 1 and same_key(state, keys[0]):
        return True
    parts = tuple(state_parts(state).values())
    if len(keys) == len(parts):
        return all(same_key(part, key) for part, key in zip(parts, keys, strict=True))
    return all(_matches(state, key) for key in keys)


# ---------------------------------------------------------------- parts


def probe_part(subject: Subject, base: Run, part: Part, seed: int) -> PartEffect:
    """Negate, freeze, randomise and bump one function or table."""
    if part.kind == "table":
        return _probe_table(subject, base, part, seed)
    mapped = map_part(subject, base, part)
    values = [v for log in base.logs for c in log.calls.get(part, []) for v in _numbers(c.value)]
    if not values:
        return PartEffect(part=part, mapped=mapped)

    def run(change: Change) -> Run:
        said: dict[Any, Any] = {}

        def once(action: int | None, value: Any) -> Any:
            """A function says one thing of one action, however often it is asked."""
            key = (subject.turn, action, value)
            return said[key] if key in said else said.setdefault(key, change(action, value))

        return subject.run(watched=[part], changes={part: (mapped, once)})

    def scores(done: Run) -> list[Scores]:
        return [scores_of(subject, log, part, mapped) for log in done.logs]

    return _probe(subject, base, part, mapped, values, run, scores, seed)


def _numbers(value: Any) -> list[float]:
    if is_scalar(value):
        return [float(value)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
        return [float(v) for v in value.ravel()]
    if isinstance(value, list | tuple) and all(map(is_scalar, value)):
        return [float(v) for v in value]
    return []


def _probe_table(subject: Subject, base: Run, part: Part, seed: int) -> PartEffect:
    table = leaves(part.value)
    values = [float(value) for _, value in table if is_scalar(value)]
    none = PartEffect(part=part, mapped=Mapped("none"))
    if len(values) < len(table) or len(values) > MAX_SCORES:
        return none
    best = none
    for place in range(len(flat_keys(table[0][0]))):
        where = map_table(subject, [path for path, _ in table], place)
        # What says nothing of some action (a goal's coordinates, say) scores no actions.
        if len({*where.actions.values()} - {None}) < len(subject.actions):
            continue
        mapped, last = Mapped("table", str(place)), [part.value]

        def run(change: Change, where: TableMap = where, last: list[Any] = last) -> Run:
            last[0] = changed(part.value, lambda key, v: change(where.actions[key], v))
            return subject.run(watched=[], values=dict.fromkeys(part.places, last[0]))

        def scores(done: Run, where: TableMap = where, last: list[Any] = last) -> list[Scores]:
            return where.scores(last[0])

        different = len({frozenset(row.items()) for row in where.rows})
        effect = _probe(subject, base, part, mapped, values, run, scores, seed, different)
        if _strength(effect) > _strength(best):
            best = effect
    return best


def _strength(effect: PartEffect) -> tuple[bool, float, float]:
    return (
        effect.sense != 0,
        max(effect.best, effect.worst, effect.raised, effect.lowered),
        effect.flips,
    )


def _probe(
    subject: Subject,
    base: Run,
    part: Part,
    mapped: Mapped,
    values: Sequence[float],
    changing: Callable[[Change], Run],
    scores: Callable[[Run], list[Scores]],
    seed: int,
    different: int | None = None,
) -> PartEffect:
    """`different`: how many states have values of their own, where not all of them do: one draw
    is then no more than so many trials."""
    low, high = min(values), max(values)
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = [value for value in values if np.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
    if high == low:
        low, high = low - 1.0, high + 1.0
    moved: set[int] = set()

    def run(change: Change) -> Run:
        done = changing(change)
        moved.update(s for s, a in enumerate(done.actions) if a != base.actions[s])
        return done

    negated = run(lambda action, value: -value)
    frozen = run(lambda action, value: (low + high) / 2)
    flips = flip_share(base, negated)
    if mapped.how == "none":
        return PartEffect(part=part, mapped=mapped, flips=flips, frozen=flip_share(base, frozen),
                          moved=frozenset(moved))  # fmt: skip
    said = scores(base)
    covered = float(np.mean([len(row) != 0 for row in said]))
    rng = stream(seed, "preferences", "inside", part.label)
    places: list[tuple[int, int]] = []
    draws = max(2, -(-TARGET_TRIALS // (different or len(subject.states))))
    for _ in range(draws):
        done = run(lambda action, value: float(rng.uniform(low, high)))
        for action, row in zip(done.actions, scores(done), strict=True):
            if len(row) != 1:  # with nothing to choose there is nothing to follow
                places.append(_place(row, action))
    rank = [place for place, _ in places]
    usual = max(set(rank), key=rank.count) if rank else 0
    raised, lowered, bumps = _bump(subject, run, scores, high - low)
    total = max(len(rank), 1)
    found = PartEffect(
        part=part, mapped=mapped, flips=flips, frozen=flip_share(base, frozen),
        best=rank.count(1) / total, worst=sum(p == n > 0 for p, n in places) / total,
        place=(usual, rank.count(usual) / total), raised=raised, lowered=lowered,
        trials=(len(rank), bumps),
        covered=covered,
        indicator=is_indicator(base, said),
    )  # fmt: skip
    if found.leaning:
        crowded, near = _separate(subject, found, said, run, scores, (low, high), rng)
        found = replace(found, crowded=crowded, near=near)
    return replace(found, moved=frozenset(moved))


def _separate(
    subject: Subject,
    found: PartEffect,
    said: Sequence[Scores],
    run: Callable[[Change], Run],
    scores: Callable[[Run], list[Scores]],
    ends: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Trials that tell seeking the most from being content with enough: (failed, trials), of those
    with one action well above the others, and of those with random values.

    Who stops at the first action that is good enough, or stays unless the gain is worth it, does
    as a maximiser does while one action at most is good enough and no two are close. So all
    actions are made good together (CROWDS), or close to one another (NEAR), and one of them better
    still. To take that one is then no accident, and another choice is a refutation; so is not to
    ask about an action that is asked about in this state at other times. What raises an error, or
    leaves nothing to choose, is no trial.
    """
    (low, high), sense, A = ends, found.leaning, len(subject.actions)
    width, middle = high - low, (low + high) / 2
    seen = [set(row) for row in said]
    tried: list[tuple[int, Run, list[Scores]]] = []

    def attempt(change: Change, number: int = -1) -> None:
        done = run(change)
        tried.append((number, done, rows := scores(done)))
        for known, row in zip(seen, rows, strict=True):
            known |= row.keys()

    for crowd in CROWDS:
        shift = sense * crowd * width
        for number in range(A):
            step = sense * (crowd + max(BUMPS)) * width
            attempt(lambda a, v, n=number, d=step, e=shift: v + (d if a == n else e), number)  # type: ignore[misc]
        if found.decides:
            attempt(lambda a, v, e=shift: float(rng.uniform(low, high)) + e)  # type: ignore[misc]
            attempt(lambda a, v, e=shift: middle + e + NEAR * width * float(rng.uniform()))  # type: ignore[misc]
    counts = {True: [0, 0], False: [0, 0]}
    for number, done, rows in tried:
        count = counts[number >= 0]
        for known, row, action in zip(seen, rows, done.actions, strict=True):
            if action is None or len(known) < 2 or (number >= 0 and number not in known):
                continue
            count[1] += 1
            count[0] += action != number if number >= 0 else not _is_best(row, known, action, sense)
    return (counts[True][0], counts[True][1]), (counts[False][0], counts[False][1])


def _is_best(row: Scores, known: set[int], action: int, sense: int) -> bool:
    best = max((sense * value for value in row.values()), default=np.inf)
    return row.keys() == known and action in row and sense * row[action] == best


def is_indicator(base: Run, rows: Sequence[Scores]) -> bool:
    """Whether scores say no more than which action is taken: the reward R_pi of Lemma 6."""
    taken, others = set(), set()
    for action, row in zip(base.actions, rows, strict=True):
        taken |= {row[a] for a in row if a == action}
        others |= {row[a] for a in row if a != action}
    return len(taken) == len(others) == 1 and taken != others


def _place(said: Scores, action: int | None) -> tuple[int, int]:
    """(place of the action, 1 is best, 0 for none; number of candidates)."""
    if action is None or action not in said:
        return 0, len(said)
    return 1 + sum(value > said[action] for value in said.values()), len(said)


def _bump(
    subject: Subject,
    run: Callable[[Change], Run],
    scores: Callable[[Run], list[Scores]],
    width: float,
) -> tuple[float, float, int]:
    """Raise, then lower, one action's value in turn; the share in which that action wins."""
    best = (0.0, 0.0, 0)
    for size in BUMPS:
        counts: list[list[bool]] = [[], []]
        for sign, seen in zip((1.0, -1.0), counts, strict=True):
            for number in range(len(subject.actions)):
                step = sign * size * width
                done = run(lambda a, v, n=number, d=step: v + d if a == n else v)  # type: ignore[misc]
                for action, row in zip(done.actions, scores(done), strict=True):
                    if not row or (number in row and len(row) > 1):
                        seen.append(bool(row) and action == number)
        up, down = (sum(seen) / max(len(seen), 1) for seen in counts)
        best = max(best, (up, down, min(map(len, counts))), key=lambda three: max(three[:2]))
        if max(best[:2]) >= FOLLOWED:
            break
    return best


def flip_share(base: Run, done: Run) -> float:
    """The share of states whose action is another, or none."""
    return float(np.mean([a != b for a, b in zip(base.actions, done.actions, strict=True)]))

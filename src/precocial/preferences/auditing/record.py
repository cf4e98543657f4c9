"""What an audit found, as plain values: what is written to audit.json and read by a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from precocial import io
from precocial.errors import DataError
from precocial.runs.findings import read_record, write_record

AUDIT = "audit.json"
FORMAT = 2
MAX_SIDE = 1000
LARGEST = 1e100
LONGEST = 10_000
"""Bounds on what a page can draw: a record with more was not written here."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Size and shape; `grid` holds row and column of each state, if it is a grid."""

    states: int
    actions: int
    discount: float
    terminal: list[int]
    state_names: list[str]
    action_names: list[str]
    grid: list[tuple[int, int]] | None


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was seen; `visits` by state, entropies of the choice of action in bits."""

    episodes: int
    steps: int
    states: int
    visited: int
    visits: list[int]
    choice_entropy_bits: float
    largest_entropy_bits: float


@dataclass(frozen=True, kw_only=True)
class Family:
    """A planner with the reward that suits it best; nats are per action.

    `held_out_nats` is of `held_out_reward`, the best on the other episodes.
    """

    planner: str
    reward: str
    probability: float
    held_out_reward: str | None
    held_out_nats: float | None
    uniform_nats: float
    bits: float | None


@dataclass(frozen=True, kw_only=True)
class StateValue:
    """Mean reward of the moves that lead to a state, beside the first visited one's."""

    state: str
    visits: int
    low: float
    median: float
    high: float
    more_than_first: float
    less_than_first: float


Over = Literal["every reward", "every weighting", "the list"]
"""Over which rewards an interval reaches."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """How far a state's reward may lie from the anchor's, over one set of rewards.

    Attributes:
        over: "every reward" in the box and "every weighting" of the listed features are exact, from
            linear programmes: no reward of that set outside of the interval can have given what was
            seen, the planner taken as known. "the list" is the 95 % interval of the posterior over
            the rewards that were listed: it is no wider than the list lets it be.
        settles: whether 0 lies outside.
    """

    state: str
    over: Over
    low: float
    high: float
    settles: bool


@dataclass(frozen=True, kw_only=True)
class FreeDirections:
    """How many dimensions of the reward what was seen leaves free, the planner taken as known.

    Attributes:
        rewards: of the `numbers` R(s, a) where one can act.
        unseen: of them, actions that were never seen.
        numbers: how many R(s, a) there are.
        weightings: of the `features`.
        features: how many there are.
    """

    rewards: int
    unseen: int
    numbers: int
    weightings: int
    features: int


@dataclass(frozen=True, kw_only=True)
class Settled:
    """By what it is settled whether a state's reward is above the anchor's, of so many `states`:
    by every reward in the box, by every weighting of the features besides, or by the list alone."""

    behaviour: int
    features: int
    by_list: int
    states: int


@dataclass(frozen=True, kw_only=True)
class Ambiguous:
    """What behaviour leaves open about the reward, the planner taken as known.

    Attributes:
        status: "exact"; "refuted" where no reward in the box makes this planner do what was seen;
            "no exact tool" where none knows any likely planner; "too large".
        why: the reason, where it is not "exact".
        planner: which is taken as known; "" if none.
        probability: of that planner, and its negation where both signs are likely.
        both_signs: whether the negation was let in: intervals then hold those of both.
        bound: of the box, |R(s, a)| at most.
        confidence: that the exact sets hold the reward, whatever the counts' luck.
        free: null spaces; None where they were not computed.
        rows: the intervals.
        settled: what they say together.
    """

    status: Literal["exact", "refuted", "no exact tool", "too large"]
    why: str
    planner: str
    probability: float
    both_signs: bool
    bound: float
    confidence: float
    free: FreeDirections | None
    rows: list[Interval]
    settled: Settled


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """An action that was seen far oftener, or more seldom, than the best pair foretells; shares of
    the `visits` to the state."""

    state: str
    action: str
    visits: int
    seen: float
    foretold: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Whether even the best pair explains what was seen: see `fitting.goodness_of_fit`.

    Attributes:
        planner: of the pair that fits best, and its `reward`.
        p_value: how often that pair itself would look at least so far off.
        replicates: of the bootstrap.
        threshold: the pair is said not to explain below this.
        misfit_nats: nats an action beyond what chance alone would leave it short of the policy that
            fits perfectly.
        random_nats: nats an action that choosing at random is short of it.
        rows: where it is most off.
    """

    planner: str
    reward: str
    p_value: float
    replicates: int
    threshold: float
    misfit_nats: float
    random_nats: float
    rows: list[Misfit]

    @property
    def explains(self) -> bool:
        """Whether the best pair passes."""
        return self.p_value >= self.threshold


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A main answer in the mean world, and the least and most of it among the worlds drawn."""

    what: str
    here: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """Where the world comes from, and how much the main answers hang on it.

    Attributes:
        source: "given", "counted" and drawn again, or "counted, taken as exact".
        worlds: how many were drawn.
        unvisited: share of states and actions whose transitions are the prior's alone.
        best_stays: in how many of the worlds drawn the likeliest pair stays the likeliest.
        rows: what moves by how much.
    """

    source: Literal["given", "counted", "counted, taken as exact"]
    worlds: int
    unvisited: float
    best_stays: int
    rows: list[Moved]


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How far apart the rewards are that fit, in STARC distance: 0 where two differ by scale and
    shaping alone, 1 where they are opposite.

    Attributes:
        mean: of two rewards drawn from the posterior.
        far: the chance that two are more than a half apart: they rank policies rather oppositely.
        rewards: how many were compared.
    """

    mean: float
    far: float
    rewards: int


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What would be done, and the share of the posterior that finds it optimal."""

    state: str
    action: str
    optimal_for: float


@dataclass(frozen=True, kw_only=True)
class Regret:
    """Of the policy that would be deployed, as shares of best minus worst.

    Attributes:
        expected: over the pairs that were kept.
        worst: under the worst pair that is at least `threshold` times as likely as the likeliest.
        worst_probability: of that pair.
        expected_of_uniform: of choosing at random.
        threshold: see `worst`.
        kept: the share of the posterior that the kept pairs hold.
    """

    expected: float
    worst: float
    worst_probability: float
    expected_of_uniform: float
    threshold: float
    kept: float


@dataclass(frozen=True, kw_only=True)
class RegretPart:
    """A part of the expected regret, in returns and as a share of all of it."""

    part: Literal["sampling", "planner", "reward"]
    regret: float
    share: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """One more datum, or an assumption: bits about the pair that it would give, and its cost.

    Attributes:
        bits: expected; of an assumption, between the posteriors with and without it.
        standard_error: of the bits, where they are a mean over simulated episodes.
        directions_left: of R(s, a) that endless behaviour in both worlds would leave open to who
            knows that the planner is noisily rational; a constant is one.
        worst_regret_removed: of assumptions: by how much the worst regret falls, as a share.
    """

    what: str
    bits: float
    cost: float
    kind: Literal[
        "behaviour", "demonstration", "second world", "known reward", "comparison", "assumption"
    ]
    standard_error: float | None = None
    directions_left: int | None = None
    worst_regret_removed: float | None = None


@dataclass(frozen=True, kw_only=True)
class Open:
    """What no behaviour in this world can decide."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One pair and its posterior probability."""

    planner: str
    reward: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """An audit as it is kept in a file; see `audit`.

    `without_twin` counts planners that have no negation beside them: for these the list, not
    behaviour, settles the sign. `anchor` is the state that `values` are beside.
    """

    format: int
    world: World
    planners: int
    without_twin: int
    rewards: int
    assumptions: list[str]
    entropy_bits: float
    prior_bits: float
    pairs: list[Pair]
    coverage: Coverage
    families: list[Family]
    anchor: str
    values: list[StateValue]
    ambiguous: Ambiguous
    fit: Fit
    resampled: Resampled
    apart: Apart
    policy: list[Deployed]
    regret: Regret
    split: list[RegretPart]
    decides: list[Deciding]
    undecidable: list[Open]
    notes: list[str]
    seed: int
    command: str = ""

    def write(self, path: io.PathLike) -> None:
        """As JSON, atomically."""
        write_record(path, self)

    @classmethod
    def read(cls, path: io.PathLike) -> AuditRecord:
        """From JSON.

        Raises:
            DataError: not an audit, another format, or a field that is missing or of a wrong type.
        """
        record = read_record(path, cls, format=FORMAT, what="an audit")
        for problem in _problems(record):
            raise DataError(f"is a damaged audit: {problem}", path=path)
        return record


def _problems(record: AuditRecord) -> Iterator[str]:
    """What types alone do not say."""
    world, names = record.world, len(record.world.state_names)
    if not (record.pairs and record.families and record.values and record.decides):
        yield "a list that must not be empty is"
    if not world.states == names == len(record.coverage.visits) == len(record.values):
        yield f"the world has {world.states} states, but lists of states differ in length"
    if world.grid is not None and (
        len(world.grid) != names or not all(0 <= x < MAX_SIDE for cell in world.grid for x in cell)
    ):
        yield f"the grid must give each state a row and a column from 0 to {MAX_SIDE - 1}"
    if any(not 0 <= s < names for s in world.terminal):
        yield "a terminal state is not in the world"
    for row in record.values:
        if not -LARGEST < row.low <= row.median <= row.high < LARGEST:
            yield f"the interval of state {row.state[:40]!r} is none"
    for interval in record.ambiguous.rows:
        if not -LARGEST < interval.low <= interval.high < LARGEST:
            yield f"the interval of state {interval.state[:40]!r} is none"
    shares = [record.fit.p_value, record.ambiguous.probability, record.resampled.unvisited]
    shares += [record.regret.expected, record.regret.worst, record.regret.expected_of_uniform]
    shares += [pair.probability for pair in record.pairs]
    shares += [family.probability for family in record.families]
    if not all(-1e-6 <= share <= 1 + 1e-6 for share in shares):
        yield "a probability or a share is not between 0 and 1"
    if max(map(len, _texts(dataclasses.asdict(record)))) > LONGEST:
        yield f"a text is longer than {LONGEST} characters"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)

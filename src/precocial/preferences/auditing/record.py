"""What an audit found, as plain values: what is written to audit.json and read by a report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from precocial import io
from precocial.errors import DataError

AUDIT = "audit.json"
FORMAT = 1


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
    """A planner with the reward that suits it best; nats are per action."""

    planner: str
    reward: str
    probability: float
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
    """Of the policy that would be deployed, as shares of best minus worst."""

    expected: float
    worst: float
    worst_probability: float
    expected_of_uniform: float
    threshold: float


@dataclass(frozen=True, kw_only=True)
class RegretPart:
    """A part of the expected regret, in returns and as a share of all of it."""

    part: Literal["sampling", "planner", "reward"]
    regret: float
    share: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """One more datum, or an assumption: bits about the pair that it would give, and its cost."""

    what: str
    bits: float
    cost: float
    kind: Literal["behaviour", "known reward", "comparison", "assumption"]


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
    """An audit as it is kept in a file; see `audit`."""

    format: int
    world: World
    planners: int
    rewards: int
    assumptions: list[str]
    entropy_bits: float
    prior_bits: float
    pairs: list[Pair]
    coverage: Coverage
    families: list[Family]
    values: list[StateValue]
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
        io.write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: io.PathLike) -> AuditRecord:
        """From JSON.

        Raises:
            DataError: not an audit, another format, or a field that is missing or of a wrong type.
        """
        values: Any = io.read_json(path)
        try:
            record = msgspec.convert(values, cls)
        except (msgspec.ValidationError, TypeError) as error:
            raise DataError(f"is not an audit ({error})", path=path) from error
        if record.format != FORMAT:
            raise DataError(
                f"is an audit of format {record.format}; this version reads {FORMAT}", path=path
            )
        return record

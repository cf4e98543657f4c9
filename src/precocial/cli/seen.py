"""The flags that say how demonstrations are read and what may explain them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from precocial.cli.words import Numbers, Words


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The world, how a file of demonstrations is read, and what may explain it."""

    env: str | None = None
    """Gymnasium environment with a table of transitions (FrozenLake-v1, Taxi-v4, ...); none: the
    world is counted from what followed what"""
    env_options: Words = ()
    """NAME=VALUE given to the environment:
    is_slippery=false map_name=8x8 desc='["SFF","FFG"]'"""
    discount: float = 0.95
    """gamma, how much a reward one step later counts"""
    column: Words = ()
    """NAME=COLUMN, what a table calls its columns; names are
    state action episode step next_state terminal. Name
    state, action or next_state again for more numbers"""
    bins: int = 0
    """cut each measured number of an observation (and of an action) into so many intervals"""
    rewards: Path | None = None
    """table of candidate rewards: a column state, a reward in
    each further column, paid on arriving; or, with a column
    action, on acting. Opposites are weighed too. None:
    arriving at one state is good, or bad"""
    features: Path | None = None
    """table of features, laid out like --rewards; each
    combination of weights is a candidate"""
    weights: Numbers = ()
    """that a feature may have; none: -1 0 1"""
    assume: Words = ()
    """normative assumptions to make, with fields as in
    rational-on:states=3,4:slack=0.1
    better-than-random: slope
    monotone: probes
    rational-on: states, beta, slack
    known-reward: state, action, value, sd, tolerance
    sign-anchor: better=STATE/ACTION, worse, margin;
      or feature, sign
    sparse: scale
    same-planner: demos=FILE, reward=FILE (known there)
    same-reward: demos=FILE,FILE (other people's)"""


SEEN = Seen()

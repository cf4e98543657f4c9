"""Occam's prior: 2^-bits of a pair's program, or of its compressed text, or bits plus log steps."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from precocial.choice.arguments import checked
from precocial.errors import one_of
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.occam.codes import encode_choice, encode_number
from precocial.preferences.occam.language import LANGUAGES, Language, Term, evaluated, pair
from precocial.preferences.occam.literals import Sizes
from precocial.preferences.occam.terms import (
    GREEDY,
    planner_term,
    sizes_of,
    steps,
    table_terms,
    weights_term,
)
from precocial.preferences.planners import Constant, Negated, Override, Planner, Plans
from precocial.preferences.planning.values import solve
from precocial.preferences.posterior import BLOCK
from precocial.preferences.rewards import Rewards

Floats = NDArray[np.float64]
COMPRESSORS = ("zlib", "lzma")
SAME = 1e-9
"""Probabilities closer than this are the same policy (ours: rounding is far below it)."""
_RAW_LZMA = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
"""The texts are far shorter than the smallest dictionary; the default one costs 64 MiB a call."""


def compressed_bits(text: str, compressor: str = "zlib") -> int:
    """8 times the bytes that zlib (raw deflate, level 9) or LZMA (raw LZMA2) makes of a text.

    Both compress short texts badly: this is a third opinion on a ranking, not a code length that
    any grammar has, and no theorem bounds it.
    """
    one_of("compressed_bits: compressor", compressor, COMPRESSORS)
    if compressor == "zlib":
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return 8 * len(squeeze.compress(text.encode()) + squeeze.flush())
    return 8 * len(lzma.compress(text.encode(), lzma.FORMAT_RAW, filters=_RAW_LZMA))


@checked
@dataclass(frozen=True, kw_only=True)
class DescriptionLength:
    """A `Prior`: log P(p, R) = -ln 2 * (K(p) + K(R)), not normalised.

    K is the length of the shortest program among those tried: a planner and a reward spelled out
    (`terms`), and for a `Constant` also const(eval(q, R)) by any other planner q and any
    reward of the lists that give its policy. It is an upper bound of the least length.

    Attributes:
        language: a name of `LANGUAGES`, a `Language`, or "zlib" or "lzma" (`compressed_bits` of
            the canonical texts of planner and reward).
        speed: add log2 of the steps that the pair takes (Interpreter's count): a speed prior.
        features: "given": the features of `Rewards` are part of the world, and a reward costs its
            weights; "spelled": a reward must be spelled out as zero, goal, ind or table. A reward
            list made by `Rewards.tables` gives every table away for the price of its number under
            "given".

    Source: Armstrong and Mindermann (2017) use Kolmogorov complexity; a fixed language is our
    computable stand-in.
    """

    language: str | Language = "v1"
    speed: bool = False
    features: Literal["given", "spelled"] = "given"

    def __post_init__(self) -> None:
        if isinstance(self.language, str):
            one_of("DescriptionLength: language", self.language, (*LANGUAGES, *COMPRESSORS))
        one_of("DescriptionLength: features", self.features, ("given", "spelled"))

    def term_bits(self, term: Term, sizes: Sizes) -> int:
        """K of one program."""
        if isinstance(self.language, Language):
            return self.language.bits(term, sizes)
        if self.language in COMPRESSORS:
            return compressed_bits(str(term), self.language)
        return LANGUAGES[self.language].bits(term, sizes)

    def log_prior(self, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> Floats:
        """(P, R) in nats.

        Raises:
            ConfigError: a planner that the language has no words for.
        """
        return np.asarray(-np.log(2) * self.bits(mdp, planners, rewards))

    def bits(self, mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards) -> Floats:
        """(P, R) K(p) + K(R), plus log2 steps under `speed`."""
        features = rewards.features if self.features == "given" else None
        sizes = sizes_of(mdp, features)
        K_R = self._reward_bits(mdp, rewards, sizes)
        programs = [planner_term(planner) for planner in planners]
        K_p = np.array([self.term_bits(term, sizes) for term in programs], dtype=np.float64)
        run = np.zeros((len(planners), len(rewards)))
        read = np.zeros(len(rewards))
        if self.speed:
            for h in range(len(rewards)):
                read[h] = steps(self._reward_term(mdp, rewards, h, sizes), mdp, features)
            for low in range(0, len(rewards), BLOCK):
                R = rewards.block(low, low + BLOCK)
                for row, planner in enumerate(planners):
                    run[row, low : low + len(R)] = _planner_steps(mdp, planner, R)
        cost = K_p[:, None] + K_R + (np.log2(read + run) if self.speed else 0.0)
        total = cost.copy()
        for row, (q, h) in _evaluations(mdp, planners, rewards, cost).items():
            word = self._reward_term(mdp, rewards, h, sizes)
            term = Term("planner", "const", (evaluated(pair(programs[q], word)),))
            bits = self.term_bits(term, sizes) + K_R
            if self.speed:
                table = mdp.n_states * mdp.n_actions
                bits = bits + np.log2(read + table + read[h] + run[q, h])
            total[row] = np.minimum(total[row], bits)
        return np.asarray(total)

    def _reward_term(self, mdp: TabularMDP, rewards: Rewards, h: int, sizes: Sizes) -> Term:
        """The shortest program tried for one reward."""
        table = rewards.block(h, h + 1)[0]
        if self.features == "spelled":
            ways = table_terms(mdp, table)
            return min(ways, key=lambda term: self.term_bits(term, sizes))
        return weights_term(rewards.weights[h]) if table.any() else Term("reward", "zero")

    def _reward_bits(self, mdp: TabularMDP, rewards: Rewards, sizes: Sizes) -> Floats:
        """(R,) K of every reward."""
        language = LANGUAGES.get(self.language) if isinstance(self.language, str) else self.language
        if language is None or self.features == "spelled":
            words = (self._reward_term(mdp, rewards, h, sizes) for h in range(len(rewards)))
            return np.array([self.term_bits(term, sizes) for term in words], dtype=np.float64)
        # The sum of `weights` codes, without writing out a program for each of many rewards.
        integer = language.style.integer
        values, place = np.unique(rewards.weights, return_inverse=True)
        told = rewards.weights != 0
        each = np.array([len(encode_number(float(value), integer)) for value in values])
        names = np.array([len(encode_choice(f, sizes.features)) for f in range(sizes.features)])
        count = np.array([len(integer(max(n, 1))) for n in range(sizes.features + 1)])
        spent = np.where(told, each[place.reshape(told.shape)] + names, 0).sum(axis=1)
        opcodes = language.opcodes["reward"]
        linear = opcodes["linear"] + count[told.sum(axis=1)] + spent
        nothing = [
            ~rewards.block(low, low + BLOCK).any(axis=(1, 2))
            for low in range(0, len(rewards), BLOCK)
        ]
        return np.where(np.concatenate(nothing), opcodes["zero"], linear).astype(np.float64)


def _planner_steps(mdp: TabularMDP, planner: Plans, R: Floats) -> Floats:
    """(H,) steps as `Interpreter` counts them, of a planner for R[h, s, a]."""
    table = float(R[0].size)
    match planner:
        case Planner() if (planner.backup, planner.rule) != (GREEDY.backup, GREEDY.rule):
            sweeps = solve(mdp, R, planner.backup).sweeps
            return np.asarray(sweeps * table * (planner.backup.delays + 1))
        case Negated():
            return table + _planner_steps(mdp, planner.planner, -R)
        case Constant():
            return np.full(len(R), 2 * table)
        case Override():
            return table + _planner_steps(mdp, planner.planner, R)
        case _:
            return np.full(len(R), table)


def _evaluations(
    mdp: TabularMDP, planners: Sequence[Plans], rewards: Rewards, cost: Floats
) -> dict[int, tuple[int, int]]:
    """For each constant planner the cheapest other planner and reward that do the same."""
    constants = {
        row: planner.policy for row, planner in enumerate(planners) if isinstance(planner, Constant)
    }
    others = [row for row, planner in enumerate(planners) if row not in constants]
    found: dict[int, tuple[int, int]] = {}
    live = ~mdp.terminal
    for low in range(0, len(rewards) if constants else 0, BLOCK):
        R = rewards.block(low, low + BLOCK)
        for q in others:
            policies = planners[q].policies(mdp, R)[:, live]
            for row, policy in constants.items():
                for h in np.flatnonzero((np.abs(policies - policy[live]) < SAME).all(axis=(1, 2))):
                    place = (q, low + int(h))
                    if row not in found or cost[place] < cost[found[row]]:
                        found[row] = place
    return found

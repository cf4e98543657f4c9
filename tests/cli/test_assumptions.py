"""`--assume` and `--consider`: from words to assumptions, and a line for what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli.assumptions import FIELDS, assumptions
from precocial.cli.cases import Case
from precocial.errors import ConfigError, DataError
from precocial.preferences import (
    BetterThanRandom,
    Demonstrations,
    KnownReward,
    MonotoneInReward,
    Negated,
    RationalOn,
    Rewards,
    SamePlanner,
    SameReward,
    SignAnchor,
    Sparse,
    TabularMDP,
    Task,
    boltzmann,
    infer,
    read_demonstrations,
)
from precocial.preferences.posterior import Assumption, Block

PLANNERS = (boltzmann(2.0), Negated(planner=boltzmann(2.0)))


def world() -> TabularMDP:
    """Three states in a row and an end; "on" goes on, "stay" stays."""
    P = np.zeros((4, 2, 4))
    for s in range(3):
        P[s, 0, s + 1] = P[s, 1, s] = 1.0
    P[3, :, 3] = 1.0
    return TabularMDP.from_arrays(
        P, discount=0.9, terminal=np.arange(4) == 3, actions=("on", "stay"),
        states=("S(0,0)", "F(0,1)", "F(0,2)", "G(0,3)"),
    )  # fmt: skip


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A case with two more files of demonstrations and a known reward."""
    monkeypatch.chdir(tmp_path)
    io.write_csv("ann.csv", [{"state": 0, "action": 0}, {"state": 1, "action": 0}])
    io.write_csv("bob.csv", [{"state": 1, "action": 1}])
    io.write_csv("one.csv", [{"state": 3, "goal": 1}])
    io.write_csv("two.csv", [{"state": 3, "goal": 1, "other": 2}])
    io.write_csv("far.csv", [{"state": 9, "action": 0}])
    mdp = world()
    return Case(
        world=mdp, demos=Demonstrations.from_arrays([0], [0]), planners=PLANNERS,
        rewards=Rewards.goals(mdp).with_opposites(), ends=(), notes=[],
        read=lambda path: read_demonstrations(path).check(mdp),
    )  # fmt: skip


def factors(assumption: Assumption, case: Case) -> np.ndarray:
    """(P, R) log factors."""
    found = infer(case.mdp, None, case.planners, case.rewards)
    return np.stack([
        assumption.log_factor(Block(
            mdp=case.mdp, planner=planner, rewards=case.rewards.block(),
            policies=planner.policies(case.mdp, case.rewards.block()),
            weights=case.rewards.weights,
        ))
        for planner in found.planners
    ])  # fmt: skip


def expected() -> dict[str, Assumption]:
    """Words, and what they stand for."""
    mdp = world()
    goals = np.eye(4)[3]
    ann, bob = (
        Demonstrations.from_arrays(states, actions)
        for states, actions in (([0, 1], [0, 0]), ([1], [1]))
    )
    known = Task(mdp=mdp, reward=mdp.on_arrival(goals), demos=ann)
    return {
        "better-than-random": BetterThanRandom(),
        "better-than-random:slope=3": BetterThanRandom(slope=3.0),
        "monotone": MonotoneInReward(),
        "monotone:probes=8": MonotoneInReward(probes=8),
        "rational-on:states=F(0,1),0:slack=0.4": RationalOn(states=(1, 0), slack=0.4),
        "rational-on:states=1:beta=2:slack=0.1": RationalOn(states=(1,), beta=2.0, slack=0.1),
        "known-reward:state=F(0,2),0:action=on,stay:value=1,0": KnownReward(
            pairs=((2, 0), (0, 1)), values=(1.0, 0.0)
        ),
        "known-reward:state=2:action=0:value=0.5:sd=0.2": KnownReward(
            pairs=((2, 0),), values=(0.5,), sd=0.2
        ),
        "known-reward:state=2:action=0:value=0.5:tolerance=0.6": KnownReward(
            pairs=((2, 0),), values=(0.5,), tolerance=0.6
        ),
        "sign-anchor:better=2/on:worse=S(0,0)/stay": SignAnchor.between(mdp, (2, 0), (0, 1)),
        "sign-anchor:better=2/on:worse=0/1:margin=1.5": SignAnchor.between(
            mdp, (2, 0), (0, 1), margin=1.5
        ),
        "sign-anchor:feature=goal F(0,2):sign=-1": SignAnchor.of_feature(2, 4, sign=-1),
        "sign-anchor:feature=2": SignAnchor.of_feature(2, 4),
        "sparse": Sparse(),
        "sparse:scale=0.5": Sparse(scale=0.5),
        "same-planner:demos=ann.csv:reward=one.csv": SamePlanner(tasks=(known,)),
        "same-reward:demos=ann.csv,bob.csv": SameReward(people=(ann, bob), planners=PLANNERS),
    }


def test_every_assumption_of_the_library_has_words() -> None:
    assert {word.partition(":")[0] for word in expected()} == set(FIELDS)
    fields = {name: set[str]() for name in FIELDS}
    for word in expected():
        name, *parts = word.split(":")
        fields[name] |= {part.partition("=")[0] for part in parts}
    assert fields == {name: set(known) for name, known in FIELDS.items()}


@pytest.mark.parametrize("word", expected())
def test_words_become_assumptions(word: str, case: Case) -> None:
    (found,) = assumptions([word], case)
    want = expected()[word]
    assert type(found) is type(want)
    np.testing.assert_array_equal(factors(found, case), factors(want, case))


def test_one_assumption_about_two_things_has_two_names(case: Case) -> None:
    # `infer` refuses two of one name.
    words = [f"known-reward:state={s}:action=0:value=0" for s in (0, 1)]
    words += [f"rational-on:states={s}" for s in (0, 1)]
    words += [f"sign-anchor:better=2/0:worse={s}/0" for s in (0, 1)]
    found = assumptions(words, case)
    assert len({one.name for one in found}) == 6


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("better", "must be one of 'better-than-random'"),
        ("", "must be one of 'better-than-random'"),
        ("sparse:size=1", "assumption sparse takes scale=...; got 'size=1'"),
        ("sparse:scale", "scale needs one value"),
        ("sparse:scale=", "scale needs one value"),
        ("sparse:scale=1:scale=2", "scale needs one value"),
        ("sparse:scale=0", "scale must be a number above 0; got '0'"),
        ("sparse:scale=nan", "scale must be a number above 0; got 'nan'"),
        ("better-than-random:slope=steep", "slope must be a number above 0; got 'steep'"),
        ("monotone:probes=1", "probes must be a number above 1; got '1'"),
        ("rational-on", r"assumption rational-on: states=... is needed"),
        ("rational-on:states=4", "state must be 0 to 3, or a name such as S"),
        ("rational-on:states=0:slack=1", r"slack must lie in \[0, 1\); got 1"),
        ("known-reward:state=0:action=0", "value=... is needed"),
        ("known-reward:state=0,1:action=0:value=1", "equally many items; got 2, 1 and 1"),
        ("known-reward:state=0:action=up:value=1", "action must be 0 to 1, or a name such as on"),
        ("known-reward:state=0:action=0:value=1:sd=-1", "sd must be a number above 0"),
        ("known-reward:state=0:action=0:value=1:tolerance=-1", "tolerance must be at least 0"),
        ("known-reward:state=3:action=0:value=1", r"state G\(0,3\) is terminal"),
        ("sign-anchor", "better=... is needed"),
        ("sign-anchor:better=0:worse=1/0", "better must be STATE/ACTION"),
        ("sign-anchor:better=3/0:worse=1/0", "is terminal"),
        ("sign-anchor:better=0/0:worse=1/0:feature=1", "better and worse, or feature"),
        ("sign-anchor:better=0/0:worse=1/0:sign=1", "sign is that of a feature"),
        ("sign-anchor:feature=9", "feature must be one of goal S"),
        ("sign-anchor:feature=1:sign=2", "sign must be 1 or -1; got 2"),
        ("same-planner:demos=ann.csv", "reward=... is needed"),
        ("same-planner:demos=ann.csv:reward=two.csv", "the one reward that was known there"),
    ],
)
def test_what_is_no_assumption_is_told(word: str, said: str, case: Case) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        assumptions([word], case)
    if ":" in word:
        assert str(told.value).startswith("assumption ")


@pytest.mark.parametrize("word", ["same-reward:demos=far.csv", "same-reward:demos=none.csv"])
def test_files_that_an_assumption_names_are_checked(word: str, case: Case) -> None:
    with pytest.raises(DataError, match=r"state 9 is not in this world|none\.csv: no such file"):
        assumptions([word], case)

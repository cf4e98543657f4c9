"""The desiderata of Demski's Learning Normativity (2020), as far as they could be read, one test
each: 1, 1a, 1b, 1b-i, 1b-ii, 2, 2a, 2b, 3, 3a, 3b.

Every test asserts twice: the property holds, and it fails when the mechanism that gives it is
switched off. The properties are our finite reading of the words.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from precocial.normativity.contraction import total_variation
from precocial.normativity.fitting import Fitted, Fitting, fit
from precocial.normativity.fixed_point import fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.levels import Level
from tests.normativity.worlds import crowd

TRUTH = [0, 1, 2, 1, 0, 2, 0, 1, 2, 0, 1, 2]
LABELS = "abc"
ABOVE = Fitting(learn={"processes"})


def told(H: Hierarchy, tasks: range, source: str, *, wrong: int = 0, sure: float = 0.9) -> None:
    """Labels of these tasks from one source, off by `wrong`."""
    for t in tasks:
        label = LABELS[(TRUTH[t] + wrong) % 3]
        H.feedback(level=0, task=f"task {t}", item=label, source=source, confidence=sure)


def right(actions: np.ndarray, tasks: range = range(len(TRUTH))) -> float:
    """Mean probability of the true label."""
    return float(np.mean([actions[t, TRUTH[t]] for t in tasks]))


def voters(
    right_ones: int, wrong_ones: int, trust: list[float] | None = None, q: float = 0.3
) -> Hierarchy:  # fmt: skip
    """Processes that are always right, then ones that always give the next label; no judges."""
    m = right_ones + wrong_ones
    votes = np.zeros((m, len(TRUTH), 3))
    for t, k in enumerate(TRUTH):
        votes[:right_ones, t, k] = votes[right_ones:, t, (k + 1) % 3] = 1.0
    tasks = [f"task {t}" for t in range(len(TRUTH))]
    levels = [
        Level("labels", list(LABELS), tasks=tasks, q=q),
        Level("processes", [f"process {h}" for h in range(m)], trust),
    ]
    return Hierarchy(levels, [votes, np.zeros((m, m))], q=0.6, floor=0.02)


def three_levels(each: int = 4) -> Hierarchy:
    """Processes, the first half careful and right, the rest popular and wrong; a judge who likes
    care and one who likes popularity, without a view of each other."""
    care = np.repeat(np.eye(2), each, axis=1)
    votes = voters(each, each)
    levels = [*votes.levels[:2], Level("judges", ["care", "popularity"])]
    return Hierarchy(levels, [votes.judges[0].scores, care, np.zeros((2, 2))], q=0.6, floor=0.02)


def test_1_no_piece_of_feedback_is_perfect_so_a_corrupt_one_has_a_bounded_effect() -> None:
    def cranks_weight(fitting: Fitting) -> float:
        H = voters(right_ones=4, wrong_ones=1, trust=[0.25 - 2.5e-7] * 4 + [1e-6])
        told(H, range(5), "expert")
        told(H, range(7, 8), "expert", wrong=1, sure=1 - 1e-12)
        return float(fit(H, fitting).initial["processes"][4])

    # One slip of a trusted expert agrees with a crank whom nobody believed.
    assert cranks_weight(ABOVE) < 0.02
    assert cranks_weight(replace(ABOVE, reading_prior=(1, 0, 0), source_floor=0)) > 0.04


def test_1a_certainty_is_possible_and_much_is_learned_without_it() -> None:
    H = crowd([0.9, 0.9, 0.4, 0.4, 0.4], TRUTH)
    wrong = LABELS[(TRUTH[0] + 1) % 3]
    H.feedback(level=0, task="task 0", item=wrong, source="owner", confidence=1.0)
    for _ in range(5):
        H.feedback(level="sources", item="owner", value=0.0, source="rival")
    obeyed = fit(H)
    assert obeyed.actions[0] == pytest.approx(np.eye(3)[LABELS.index(wrong)])
    assert obeyed.source("owner").weight < 0.5
    assert fit(H, Fitting(obey_certain=False)).actions[0, LABELS.index(wrong)] < 0.9

    doubtful = crowd([0.9, 0.9, 0.4, 0.4, 0.4], TRUTH)
    told(doubtful, range(6), "owner", sure=0.7)
    rest = range(6, len(TRUTH))
    before = right(fixed_point(doubtful).actions, rest)
    assert right(fit(doubtful, ABOVE).actions, rest) > before + 0.05
    assert right(fit(doubtful, replace(ABOVE, heed=())).actions, rest) == pytest.approx(before)


def test_1b_feedback_is_reinterpreted_when_its_source_turns_out_to_be_corrupt() -> None:
    def harmed(fitting: Fitting) -> tuple[float, Fitted]:
        H = voters(right_ones=4, wrong_ones=2)
        for _ in range(2):
            told(H, range(12), "expert")
        clean = right(fit(H, fitting).actions)
        for _ in range(2):
            told(H, range(8), "broken", wrong=1)
        ended = fit(H, fitting)
        return clean - right(ended.actions), ended

    harm, ended = harmed(ABOVE)
    assert ended.source("broken").weight < 0.4
    assert ended.source("expert").weight > 0.8
    assert harm < 0.05
    taken, _ = harmed(replace(ABOVE, reliability="fixed"))
    assert taken > 0.2


def test_1b_i_nobody_is_ever_wholly_ignored() -> None:
    def heard(floor: float) -> tuple[float, float]:
        H = crowd([0.9, 0.8, 0.8, 0.7], TRUTH)
        for judge in ("one", "two"):
            H.feedback(level="sources", item="outcast", value=0.0, source=judge, count=1e6)
        told(H, range(3), "outcast")
        how = Fitting(source_floor=floor)
        before = fit(H, how)
        for _ in range(40):
            H.feedback(level=0, task="task 11", item="a", source="outcast")
        after = fit(H, how)
        task = H.levels[0].task_where["task 11"]
        weight = after.source("outcast").weight
        return weight, float(after.actions[task, 0] - before.actions[task, 0])

    weight, moved = heard(0.05)
    assert weight >= 0.05
    assert moved > 0.05
    weight, moved = heard(0.0)
    assert weight < 1e-4
    assert moved < 1e-3


def test_1b_ii_what_a_source_says_may_be_taken_for_its_opposite() -> None:
    def opinion(reading_prior: tuple[float, float, float]) -> tuple[float, Fitted]:
        H = three_levels()
        for _ in range(3):
            told(H, range(len(TRUTH)), "expert", sure=0.99)
        how = replace(ABOVE, reading_prior=reading_prior)
        for h in range(3):
            H.feedback(level=1, item=f"process {h}", value=0.0, source="imp", count=3)
            H.feedback(level=1, item=f"process {h + 4}", value=1.0, source="imp", count=3)
        before = fit(H, how).initial["processes"][3]
        H.feedback(level=1, item="process 3", value=0.0, source="imp", count=3)
        ended = fit(H, how)
        return float(ended.initial["processes"][3] - before), ended

    gained, ended = opinion((4.0, 1.0, 0.25))
    assert ended.source("imp", "score").readings["reversed"] > 0.5
    assert gained > 0
    gained, ended = opinion((4.0, 1.0, 0.0))
    assert ended.source("imp", "score").readings["reversed"] == 0
    assert gained < 0


def test_2_no_loss_function_is_perfect_so_none_decides_alone() -> None:
    def most(q: float) -> float:
        S = np.random.default_rng(0).normal(size=(10, 10))
        S[:, 7] = 1e9  # a process that has found out how to please every loss
        return float(fixed_point(Hierarchy(processes(10), [S], q=q)).levels["processes"][7])

    assert most(0.5) <= 0.1 / 0.5 + 1e-12
    assert most(1e-6) == pytest.approx(1.0)


def processes(m: int) -> list[Level]:
    return [Level("processes", [f"process {h}" for h in range(m)])]


def after_praise(fitting: Fitting) -> np.ndarray:
    """The processes after three careful ones of ten were praised and three popular ones blamed."""
    H = three_levels(10)
    for h in range(3):
        H.feedback(level=1, item=f"process {h}", value=1.0, source="critic")
        H.feedback(level=1, item=f"process {h + 10}", value=0.0, source="critic")
    return fit(H, fitting).fixed_point.levels["processes"]


@pytest.mark.parametrize("level", ["labels", "processes", "judges"])
def test_2a_every_level_is_worth_learning(level: str) -> None:
    def outcome(learn: set[str]) -> float:
        H = three_levels()
        if level == "labels":
            learn = learn - {"judges"}  # there are none here
            # where every process is wrong, only the answer itself can be taught
            H = voters(0, 4, q=0.5)
            for name in ("expert", "other expert"):
                told(H, range(1), name)
            return right(fit(H, Fitting(learn=learn)).actions, range(1))
        if level == "processes":
            told(H, range(6), "expert")
            return float(fit(H, Fitting(learn=learn)).initial["processes"][:4].sum())
        found = after_praise(Fitting(learn=learn))
        return float(found[3:10].sum() / (found[3:10].sum() + found[13:].sum()))

    every = {"labels", "processes", "judges"}
    assert outcome(every) > outcome(every - {level}) + 0.02


def test_2b_feedback_on_one_level_is_feedback_on_all() -> None:
    def moved(share: bool) -> tuple[float, float]:
        H = crowd([0.9, 0.8, 0.8, 0.3], TRUTH, share=share)
        top = 7 if share else "processes+2"
        H.feedback(level=top, item="process 3", value=0.0, source="critic", count=5)
        fitted = fit(H)
        return fitted.kl["processes"], total_variation(fitted.actions, fixed_point(H).actions)

    kl, actions = moved(share=True)
    assert kl > 0.01
    assert actions > 0.02
    kl, alone = moved(share=False)
    assert kl == pytest.approx(0, abs=1e-12)
    assert alone < 0.5 * actions


def test_3_how_answers_are_reached_can_be_criticised_without_an_answer_at_hand() -> None:
    def gained(fitting: Fitting) -> float:
        H = three_levels()
        for h in range(4, 8):
            H.feedback(level=1, item=f"process {h}", value=0.0, source="critic")
        return right(fit(H, fitting).actions) - right(fixed_point(H).actions)

    assert gained(Fitting()) > 0.1
    assert gained(Fitting(heed={"label"})) == pytest.approx(0, abs=1e-9)


def test_3a_feedback_on_the_whole_spares_no_level() -> None:
    def moved(fitting: Fitting) -> dict[str, float]:
        H = crowd([0.9, 0.8, 0.3, 0.3], TRUTH, noise=0.1)
        H = Hierarchy(
            [*H.levels, Level("judges", ["x", "y", "z"])],
            [H.judges[0].scores, np.eye(3, 4), np.array([[2.0, 1, 0], [2, 0, 1], [1, 2, 0]])],
            q=0.6, floor=0.02,
        )  # fmt: skip
        H.feedback(level="whole", value=0.0, source="user", count=5)
        return fit(H, fitting).kl

    assert min(moved(Fitting()).values()) > 1e-3
    immune = moved(Fitting(learn={"labels"}))
    assert immune["processes"] == immune["judges"] == 0.0


def test_3b_feedback_on_processes_generalises_to_others_as_learned() -> None:
    def unmentioned(fitting: Fitting) -> float:
        found = after_praise(fitting)
        return float(np.log(found[3:10].sum() / found[13:].sum()))

    assert unmentioned(Fitting(learn={"judges"})) > 0.5
    assert unmentioned(Fitting(learn={"processes"})) < 0.1
    assert unmentioned(Fitting()) > unmentioned(Fitting(learn={"labels", "processes"})) + 0.1

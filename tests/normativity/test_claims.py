"""Claims: what is computed here holds, a broken part is contradicted, missing rows are said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from precocial.choice import greedy
from precocial.io import Row
from precocial.normativity import claims
from precocial.normativity.claims import CLAIMS, Evidence
from precocial.runs import judge


@dataclass(frozen=True, kw_only=True)
class Told(Evidence):
    """Rows that are given, in place of those that ship."""

    told: Any = None

    def rows(self, name: str) -> list[Row]:
        return list(self.told[name])


def verdicts(evidence: Evidence, recipe: str) -> dict[str, str]:
    chosen = [claim for claim in CLAIMS if claim.recipe == recipe]
    return {row["statement"]: row["verdict"] for row in judge(chosen, evidence)}


def test_there_are_enough_and_each_says_something_of_its_own() -> None:
    statements = [claim.statement for claim in CLAIMS]
    assert len(statements) == len(set(statements)) >= 14
    assert {claim.room for claim in CLAIMS} == {"normativity"}


def test_what_is_computed_here_is_reproduced() -> None:
    found = verdicts(Evidence(seed=3), "smoke")
    assert set(found.values()) == {"reproduced"}


def test_a_broken_quantilizer_is_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    def argmax(scores: Any, q: Any, *, base: Any) -> Any:
        return greedy(np.where(base > 0, scores, -np.inf))

    monkeypatch.setattr(claims, "quantilize", argmax)
    found = verdicts(Evidence(), "smoke")
    assert sum(verdict == "contradicted" for verdict in found.values()) == 3


def digits(statement: float, shuffled: float) -> list[Row]:
    students = {"votes": 0.88, "checked": 0.89, "statement": statement,
                "shuffled statement": shuffled}  # fmt: skip
    return [
        {"shared": shared, "given": given, "seed": seed, "student": student + 0.001 * seed,
         "best_teacher": 0.6, "recovered": 0.97}
        for shared in ("none", "same tasks", "vote by vote") for given, student in students.items()
        for seed in range(3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "shuffled", "expected"),
    [(0.98, 0.891, ("reproduced", "reproduced")), (0.93, 0.95, ("contradicted", "contradicted"))],
)
def test_verdicts_follow_the_rows(
    statement: float, shuffled: float, expected: tuple[str, str]
) -> None:
    told = Told(told={"digits": digits(statement, shuffled), "ablation": [], "language": []})
    words = ("all teachers share", "statement on", "same tasks")
    chosen = [c for c in CLAIMS if any(word in c.statement for word in words)]
    one, other, *said = (row["verdict"] for row in judge(chosen, told))
    assert one == other == "reproduced"
    assert (said[0], said[-1]) == expected


def crowds(panel: float, checked: float, single: float = 90.0) -> list[Row]:
    peers = {"majority": 88.0, "ds": 85.0, "onecoin": 90.0, "glad": 89.0, "mace": 87.0}
    rows: list[Row] = []
    for n in range(6):
        shift = 0.1 * n
        rows += [
            {"set": f"s{n}", "given": f"crowd-kit {name}", "accuracy": value + shift}
            for name, value in peers.items()
        ]
        rows.append({"set": f"s{n}", "given": "no gold", "accuracy": panel + shift})
        rows.append({"set": f"s{n}", "given": "GLAD", "accuracy": single + shift})
        rows.append({"set": f"s{n}", "given": "50 gold", "accuracy": checked + shift,
                     "Dawid-Skene": 86.0 + shift - 0.01 * n})  # fmt: skip
    return rows


@pytest.mark.parametrize(
    ("panel", "checked", "expected"),
    [
        (91.0, 92.0, ["reproduced"] * 4),
        (89.5, 87.0, ["contradicted"] * 4),  # ahead of all but the best peer is not ahead
    ],
)
def test_crowds_are_judged_by_the_best_peer(
    panel: float, checked: float, expected: list[str]
) -> None:
    told = Told(told={"crowds": crowds(panel, checked)})
    chosen = [c for c in CLAIMS if c.source == "ours"]
    assert [row["verdict"] for row in judge(chosen, told)] == expected


def test_a_panel_behind_one_of_its_own_is_told_so() -> None:
    told = Told(told={"crowds": crowds(91.0, 92.0, single=91.5)})
    said = judge([c for c in CLAIMS if c.source == "ours"], told)
    assert [row["verdict"] for row in said[:2]] == ["reproduced", "contradicted"]
    assert said[1]["note"].endswith("; GLAD")


def test_crowds_that_share_tasks_count_once() -> None:
    rows = crowds(91.0, 92.0)
    names = dict(zip(dict.fromkeys(row["set"] for row in rows), ("CF", "CF_amt", "rte", "wsd")))
    kin = [{**row, "set": names[row["set"]]} for row in rows if row["set"] in names]
    for row in kin:
        row["accuracy"] += 3.0 * (row["given"] == "50 gold" and row["set"] in ("CF", "CF_amt"))
    claim = next(c for c in CLAIMS if "50 gold labels it is 1.5" in c.statement)
    points = claim.measure(Told(told={"crowds": kin})).value
    each = {row["set"]: row["accuracy"] - row["Dawid-Skene"] for row in kin if "Dawid-Skene" in row}
    assert points == pytest.approx(
        np.mean([(each["CF"] + each["CF_amt"]) / 2, each["rte"], each["wsd"]])
    )


def test_missing_rows_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "is_shipped", lambda name: False)
    rows = judge([claim for claim in CLAIMS if claim.recipe == "laptop"], Evidence())
    assert {row["verdict"] for row in rows} == {"not tested at this scale"}
    assert all("--remake" in row["note"] for row in rows)


def test_the_worst_set_is_that_where_the_panel_is_furthest_behind() -> None:
    rows = crowds(91.0, 92.0)
    for row in rows:
        row["accuracy"] -= 5.0 * (row["set"] == "s2" and row["given"] == "50 gold")
    claim = next(c for c in CLAIMS if "never 2 points behind" in c.statement)
    found = claim.measure(Told(told={"crowds": rows}))
    assert found.value == pytest.approx(92.0 - 5.0 - 90.0)
    assert "on s2" in found.note


def test_language_is_judged_by_the_most_levels() -> None:
    rows = [
        {"kind": "student", "feedback": feedback, "levels": levels, "seed": seed, "labels": 0.9,
         "accuracy": accuracy, "longer": 0.9, "margin": accuracy - 0.7}
        for levels, gain in (("0", 0.005), ("fixed point", 0.04)) for seed in range(3)
        for feedback, accuracy in (("none", 0.8), ("rules and distrust", 0.8 + gain),
                                   ("shuffled", 0.8 + gain), ("shuffled speakers", 0.8 + gain))
    ]  # fmt: skip
    chosen = [c for c in CLAIMS if c.source.endswith("language")]
    values = [c.measure(Told(told={"language": rows})).value for c in chosen]
    assert values == pytest.approx([0.14, 0.04, 0.04])


def test_the_price_is_beside_plain_training() -> None:
    rows = [
        {"arm": arm, "problem": problem, "operations": operations * (1 + problem)}
        for arm, operations in (("nothing", 50), ("plain", 200), ("every level", 300))
        for problem in range(3)
    ]
    claim = next(c for c in CLAIMS if "plain training" in c.statement)
    assert claim.measure(Told(told={"ablation": rows})).value == pytest.approx(1.5)

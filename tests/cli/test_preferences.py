"""`precocial preferences`: answers, one clear line for bad input, and nothing else on stdout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli import main
from precocial.preferences import Rule, hyperbolic, mdp_from_gym, simulate

Capture = pytest.CaptureFixture[str]


@cache
def lake() -> tuple[dict[str, int], ...]:
    """Walks of a hyperbolic discounter on the frozen lake."""
    world = mdp_from_gym("FrozenLake-v1", discount=0.95)
    walker = hyperbolic(1.0, sophisticated=False, rule=Rule(kind="boltzmann", parameter=60.0))
    policy = walker.policies(world.mdp, world.rewards[None])[0]
    seen = simulate(world.mdp, policy, episodes=60, steps=60, seed=1)
    columns = zip(seen.episode, seen.state, seen.action, seen.arrived, strict=True)
    return tuple(
        {"episode": int(e), "state": int(s), "action": int(a), "next_state": int(t)}
        for e, s, a, t in columns
    )


def walks(folder: Path) -> str:
    path = folder / "walks.csv"
    io.write_csv(path, list(lake()))
    return str(path)


def said(capsys: Capture, *words: str) -> dict:
    assert main(["preferences", *words, "--json", "--quiet"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    found: dict = json.loads(out.out)
    return found


def test_pairs_come_with_their_twins_until_the_sign_is_assumed(
    tmp_path: Path, capsys: Capture
) -> None:
    lake_of = ("--env", "FrozenLake-v1")
    open_ = said(capsys, "infer", walks(tmp_path), *lake_of)
    first, second = open_["pairs"][:2]
    assert first["probability"] == pytest.approx(second["probability"])
    assert {first["planner"], second["planner"]} >= {f"-({first['planner']})"} or {
        first["planner"], second["planner"],
    } >= {f"-({second['planner']})"}  # fmt: skip
    assumed = ("--assume", "better-than-random")
    decided = said(capsys, "infer", walks(tmp_path), *lake_of, *assumed)
    assert decided["pairs"][0]["reward"] == "goal G(3,3)"
    assert decided["entropy_bits"] <= open_["entropy_bits"] - 0.9


def test_an_audit_is_a_page_and_a_record_that_report_reads(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "audit"
    lake_of = ("--env", "FrozenLake-v1", "--out", str(out))
    found = said(capsys, "audit", walks(tmp_path), *lake_of)
    assert "not the sign of what is wanted" in found["headline"]
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert found["audit"]["command"]
    assert min(row["bits"] for row in found["audit"]["families"]) > 0
    assert main(["report", str(out), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["headline"] == found["headline"]


def test_without_an_environment_the_world_is_counted(tmp_path: Path, capsys: Capture) -> None:
    found = said(capsys, "infer", walks(tmp_path))
    assert "counted from the same steps" in found["notes"][0]


def test_measured_observations_are_cut_into_boxes(tmp_path: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    rows = [{"state": x, "action": int(a)} for x, a in zip(rng.random(300), rng.random(300) < 0.5)]
    io.write_csv(tmp_path / "walk.csv", rows)
    found = said(capsys, "infer", str(tmp_path / "walk.csv"), "--bins", "4")
    assert "4 boxes" in found["notes"][1]
    assert main(["preferences", "infer", str(tmp_path / "walk.csv")]) == 2
    assert "Discretiser" in capsys.readouterr().err or "--bins" in capsys.readouterr().err


def test_choices_of_people_are_audited(tmp_path: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for trial in range(200):
        later, delay = rng.uniform(20, 60), rng.choice([5, 30, 90])
        gain = later / (1 + 0.02 * delay) - 10
        rows.append({
            "subjID": trial % 2, "delay_later": delay, "amount_later": later, "delay_sooner": 0,
            "amount_sooner": 10, "choice": int(rng.random() < 1 / (1 + np.exp(-gain))),
        })  # fmt: skip
    io.write_csv(tmp_path / "dd.csv", rows)
    out = str(tmp_path / "people")
    found = said(capsys, "audit", str(tmp_path / "dd.csv"), "--people", "delay", "--out", out)
    assert "other readings explain them as well" in found["headline"]
    assert {row["name"] for row in found["audit"]["undecided"]} >= {"sign", "scale", "bias"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["infer", "walk.csv", "--top", "-1"], "--top must be at least 1; got -1"),
        (["infer", "walk.csv", "--bins", "-3"], "--bins must be at least 0"),
        (["audit", "walk.csv", "--bins", "-3"], "--bins must be at least 0"),
        (["infer", "walk.csv"], "2 states x 300001 actions x 2 states is too large"),
        (["audit", "--people", "delay", "--bins", "4"], "--bins cannot be given beside it"),
        (["audit", "--people", "delay", "--env", "FrozenLake-v1"], "--env cannot be given"),
        (["audit", "--people", "delay", "--assume", "monotone"], "--assume cannot be given"),
    ],
)
def test_options_out_of_range_or_place_are_refused(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("walk.csv").write_text("state,action\n0,300000\n1,1\n")
    assert main(["preferences", *words]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_theorems_hold_and_the_crossing_is_drawn(tmp_path: Path, capsys: Capture) -> None:
    found = said(capsys, "theorems", "--quick", "--out", str(tmp_path))
    rows = found["rows"]
    assert len(rows) >= 13
    assert all(row["holds"] for row in rows if row["failures"] is not None)
    assert all(row["failures"] in (0, None) for row in rows)
    for curve in found["regimes"]:
        assert curve["true"][0] > 0.5 > curve["true"][-1]
    text = (tmp_path / "report.html").read_text()
    assert text.count("<svg") == 1
    assert "0 failures" in text
    (tmp_path / "theorems.json").write_text('{"format": 1}')
    assert main(["report", str(tmp_path)]) == 2
    assert "is not a record of theorems" in capsys.readouterr().err


PROGRAM = """
STATES = [(a, b) for a in range(5) for b in range(5)]
ACTIONS = [0, 1]
def score(state, action):
    return 3 * state[action] + action
def choose(state):
    return max(ACTIONS, key=lambda action: score(state, action))
"""


def test_a_program_is_looked_into(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "policy.py"
    file.write_text(PROGRAM)
    lists = ("--states", f"{file}:STATES", "--actions", f"{file}:ACTIONS")
    found = said(capsys, "inside", f"{file}:choose", *lists)
    assert found["verdict"] == "maximises"
    assert found["evidence"]
    for wrong, words in (
        ([f"{file}:absent", *lists], "has no name 'absent'"),
        ([f"{file}", *lists], "FILE.py:NAME"),
        ([f"{tmp_path}/no.py:choose", *lists], "is not a Python file"),
        ([f"{file}:choose", *lists, "--tag", "score"], "NAME=WORD"),
    ):
        assert main(["preferences", "inside", *wrong]) == 2
        assert words in capsys.readouterr().err


def test_what_a_policy_file_prints_stays_out_of_the_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # The program runs in a child process, which shares the files and not the memory.
    file = tmp_path / "talks.py"
    body = PROGRAM.replace("    return max", "    print('choosing')\n    return max")
    file.write_text("print('loading')\n" + body)
    lists = ("--states", f"{file}:STATES", "--actions", f"{file}:ACTIONS")
    assert main(["preferences", "inside", f"{file}:choose", *lists, "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["verdict"] == "maximises"
    assert "loading" in err
    assert "choosing" in err


def test_a_file_that_raises_is_told(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")
    words = ["inside", f"{file}:f", "--states", f"{file}:S", "--actions", f"{file}:A"]
    assert main(["preferences", *words]) == 2
    assert "raised ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said_"),
    [
        ("state,action\n0,1\n99,1\n", "state 99 is not in this world"),
        ("state,action\n0,1\n15,1\n", "cannot lead to state 15|terminal"),
        ("state,action\n0,1\nnan,1\n", "line 3"),
        ("state,action\n", "no demonstrations|no steps|holds no|empty"),
        ("", "empty"),
        ("action\n1\n", "state"),
    ],
)
def test_broken_demonstrations_give_one_line(
    tmp_path: Path, capsys: Capture, text: str, said_: str
) -> None:
    path = tmp_path / "walks.csv"
    path.write_text(text)
    for command in ("infer", "audit"):
        out = ["--out", str(tmp_path / "out")] if command == "audit" else []
        words = ["preferences", command, str(path), "--env", "FrozenLake-v1", *out, "--json"]
        assert main(words) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert any(word in told.err for word in said_.split("|")), told.err
        assert "Traceback" not in told.err
    assert not (tmp_path / "out").exists()


def test_an_audit_needs_something_to_audit(capsys: Capture) -> None:
    assert main(["preferences", "audit"]) == 2
    assert "name a file of demonstrations" in capsys.readouterr().err
    assert main(["preferences", "infer", "walks.csv", "--env", "Nowhere-v0"]) == 2
    assert "walks.csv" in capsys.readouterr().err


def test_claims_of_the_room_are_judged(capsys: Capture) -> None:
    assert main(["claims", "preferences", "--json", "--quiet"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 14
    assert all(row["room"] == "preferences" and row["ours"] is not None for row in rows)
    assert main(["claims", "preferences", "--runs", "x.csv"]) == 2
    assert "precocial claims transfer" in capsys.readouterr().err

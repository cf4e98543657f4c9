"""What the flags of `infer` and `audit` read: columns, worlds, candidates."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli import main
from precocial.cli.cases import read_case
from precocial.cli.seen import SEEN, Seen
from precocial.errors import ConfigError, DataError
from precocial.preferences import goals_and_dangers

Capture = pytest.CaptureFixture[str]
LAKE = replace(SEEN, env="FrozenLake-v1", env_options=(("is_slippery=false",),))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def walk(state: str = "state", action: str = "action") -> Path:
    """Down, down and right on a lake that is not slippery, twice; the rows are shuffled."""
    steps = [(0, 1, 4), (4, 1, 8), (8, 2, 9)]
    rows = [
        {"run": f"r{e}", "t": t, state: s, action: a, "then": after}
        for e in range(2)
        for t, (s, a, after) in enumerate(steps)
    ]
    io.write_csv("walk.csv", [rows[i] for i in (2, 0, 4, 1, 5, 3)])
    return Path("walk.csv")


def seen(*words: str, **more: object) -> Seen:
    return replace(LAKE, column=(("episode=run", "step=t"), words), **more)  # type: ignore[arg-type]


def test_columns_may_have_any_name() -> None:
    walk("where am I", "a=b")
    case = read_case(Path("walk.csv"), seen("state=where am I", "action=a=b", "next_state=then"))
    assert case.demos.state.tolist() == [0, 4, 8] * 2
    assert case.demos.action.tolist() == [1, 1, 2] * 2
    assert case.demos.arrived.tolist() == [4, 8, 9] * 2
    assert len(case.demos.episodes) == 2


def test_several_columns_are_one_observation() -> None:
    rows = [{"x": i % 3 / 10, "y": i // 3 / 10, "a": i % 2} for i in range(9)]
    io.write_csv("xy.csv", rows)
    flags = replace(SEEN, column=(("state=x", "action=a"), ("state=y",)), bins=3)
    assert len(np.unique(read_case(Path("xy.csv"), flags).demos.state)) == 9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["where=x"], "a name must be one of state, action, episode, step, next_state, terminal"),
        (["episode=a"], "episode is one column; got run, a"),
        (["state"], "--column takes NAME=COLUMN; got 'state'"),
        (["state=cell"], "--column state=..."),
    ],
)
def test_columns_that_are_none_are_told(words: list[str], said: str) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        read_case(walk(), seen(*words))


def test_columns_are_of_tables() -> None:
    np.savez("walk.npz", observations=[0, 1], actions=[0, 0])
    with pytest.raises(ConfigError, match="can be named for tables only"):
        read_case(Path("walk.npz"), seen())


def test_options_reach_the_environment() -> None:
    plain = read_case(walk(), seen())
    assert plain.mdp.n_states == 16
    assert set(np.unique(plain.mdp.probability)) <= {0.0, 1.0}
    options = (("is_slippery=true",), ('desc=["SFFF","FFFF","FFFG"]',))
    own = read_case(walk(), seen(env_options=options))
    assert own.mdp.n_states == 12
    np.testing.assert_allclose(own.mdp.dense[0, 0, [0, 4]], [2 / 3, 1 / 3])  # it slips


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("slippery=false", "cannot be made .*slippery"),
        ("map_name=9x9", "cannot be made"),
        ("is_slippery", "--env-options takes NAME=VALUE"),
        ("discount=1", "'discount' is no option"),
        ("a-b=1", "'a-b' is no option"),
    ],
)
def test_options_that_are_none_are_told(options: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_case(walk(), seen(env_options=((options,),)))


def test_options_need_an_environment() -> None:
    with pytest.raises(ConfigError, match="name it with --env"):
        read_case(walk(), seen(env=None))


def test_demonstrations_that_do_not_fit_are_told_with_their_line() -> None:
    walk()
    with pytest.raises(DataError, match=r"walk.csv, line 3: action 1 in state 0 cannot lead to"):
        read_case(Path("walk.csv"), seen(env_options=(('desc=["SFFFF","FFFFF","FFFFG"]',),)))


def test_candidates_are_the_users_with_their_opposites() -> None:
    Path("r.csv").write_text("state,goal,hole\n15,1,0\n5,0,-1\n")
    case = read_case(walk(), seen(rewards=Path("r.csv")))
    assert case.rewards.names == ("goal", "hole", "-(goal)", "-(hole)")
    R = case.rewards.block()
    np.testing.assert_array_equal(R[:2], -R[2:])
    assert R[0, 14, 2] == 1  # right of 14 is the goal
    assert R[0].sum() == 1


def test_features_are_weighed_in_every_combination() -> None:
    Path("f.csv").write_text("state,action,left,up\n0,left,1,0\n1,up,0,1\n")
    case = read_case(walk(), seen(features=Path("f.csv")))
    assert len(case.rewards) == 9
    assert case.rewards.feature_names == ("left", "up")
    few = read_case(walk(), seen(features=Path("f.csv"), weights=((2.0, -1.0),)))
    assert sorted(map(tuple, few.rewards.weights)) == [(-1, -1), (-1, 2), (2, -1), (2, 2)]
    Path("r.csv").write_text("state,goal\n15,1\n")
    both = read_case(walk(), seen(features=Path("f.csv"), rewards=Path("r.csv")))
    assert len(both.rewards) == 2 + 9


def test_without_tables_the_candidates_are_goals_and_dangers() -> None:
    case = read_case(walk(), seen())
    assert case.rewards.names == goals_and_dangers(case.mdp).names


def test_weights_need_features() -> None:
    with pytest.raises(ConfigError, match="name a table with --features"):
        read_case(walk(), seen(weights=((1.0,),)))
    columns = ",".join(f"f{i}" for i in range(13))
    Path("f.csv").write_text(f"state,{columns}\n0{',1' * 13}\n")
    with pytest.raises(ConfigError, match="1594323 rewards, at most 1000000"):
        read_case(walk(), seen(features=Path("f.csv")))


def test_other_files_are_read_like_the_first() -> None:
    walk()
    case = read_case(Path("walk.csv"), seen())
    assert case.read("walk.csv").state.tolist() == case.demos.state.tolist()


def test_an_environment_that_the_data_name_is_told() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({
        "observations": [0, 4, 8], "actions": [1, 1, 0], "terminations": [False] * 3,
    })  # fmt: skip
    sink = BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    io.write_bytes("set/0/part-0.arrow", sink.getvalue())
    discrete = {"type": "Discrete", "dtype": "int64", "start": 0}
    io.write_text("set/metadata.json", json.dumps({
        "total_episodes": 1, "data_format": "arrow", "env_spec": json.dumps({"id": "Ice-v3"}),
        "observation_space": {**discrete, "n": 16}, "action_space": {**discrete, "n": 4},
    }))  # fmt: skip
    counted, table_notes = read_case(Path("set"), SEEN), read_case(Path("set"), LAKE).notes
    assert any("Ice-v3" in text for text in counted.notes)
    assert table_notes == []


# ---------------------------------------------------------------- the commands


FLAGS = ("--env", "FrozenLake-v1", "--env-options", "is_slippery=false", "--column", "episode=run",
         "--column", "step=t")  # fmt: skip


def said(capsys: Capture, *words: str) -> dict:
    assert main(["preferences", *words, *FLAGS, "--json", "--quiet"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    found: dict = json.loads(out.out)
    return found


def test_repeated_flags_add_up(capsys: Capture) -> None:
    walk()
    assume = (
        "--assume",
        "better-than-random",
        "--assume",
        "sparse:scale=2",
        "sign-anchor:feature=0",
    )
    found = said(capsys, "infer", "walk.csv", *assume)
    assert found["assumptions"] == ["better than random", "sparse", "goal S(0,0) above 0"]


def test_costs_are_the_users_and_rank_what_would_decide(capsys: Capture) -> None:
    walk()
    Path("r.csv").write_text("state,goal,hole,corner\n15,1,0,0\n5,0,-1,0\n12,0,0,1\n")
    cost = ("--cost", "action=2", "known-reward=0.5", "--cost", "assumption=9")
    consider = ("--consider", "better-than-random", "sign-anchor:feature=goal")
    found = said(capsys, "audit", "walk.csv", "--rewards", "r.csv", *cost, *consider)
    rows = found["audit"]["decides"]
    costs = {(row["kind"], row["cost"]) for row in rows if "discount" not in row["what"]}
    assert costs == {
        ("behaviour", 2), ("known reward", 0.5), ("comparison", 1), ("assumption", 9),
        ("demonstration", 5), ("demonstration", 6), ("second world", 10),
    }  # fmt: skip
    told = [row["what"] for row in rows if row["kind"] == "assumption"]
    assert set(told) == {"assuming better than random", "assuming goal above 0"}
    worth = [row["bits"] / row["cost"] for row in rows]
    assert worth == sorted(worth, reverse=True)
    assert found["audit"]["rewards"] == 6


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cost", "gold=1"], "--cost: a kind must be one of action, comparison, known-reward"),
        (["--cost", "action=-1"], "--cost action must be a number, at least 0; got '-1'"),
        (["--cost", "action=nan"], "at least 0; got 'nan'"),
        (["--cost", "action=1", "--cost", "action=2"], "action stands twice, as 1 and 2"),
        (["--cost", "action"], "--cost takes KIND=NUMBER; got 'action'"),
        (["--consider", "wishes"], "the name of an assumption must be one of"),
        (["--assume", "sparse", "--consider", "sparse:scale=2"], "sparse is assumed already"),
        (["--assume", "sparse", "sparse"], "two assumptions have one name"),
        (["--models", "hyperbolic"], "name their kind with --people"),
        (["--rewards", "none.csv"], "none.csv: no such file"),
    ],
)
def test_bad_flags_give_one_line(capsys: Capture, words: list[str], told: str) -> None:
    walk()
    assert main(["preferences", "audit", "walk.csv", *FLAGS, "--quiet", *words]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not Path("audit").exists()

"""`precocial preferences audit --people` on a file with columns of its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli import main
from precocial.cli.people import named_choices
from precocial.errors import ConfigError, DataError
from precocial.preferences import fit_choices, read_choices
from precocial.preferences.people.choices import READ

Capture = pytest.CaptureFixture[str]
NAMES = {
    "subjID": "who", "amount_sooner": "now, euros", "delay_sooner": "now", "choice": "took",
    "amount_later": "later", "delay_later": "days",
}  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests run in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def choices(names: dict[str, str], count: int = 60) -> list[dict[str, object]]:
    """Of two people who discount exponentially."""
    rng = np.random.default_rng(0)
    rows = []
    for trial in range(count):
        later, delay = round(rng.uniform(12, 60), 1), int(rng.choice([5, 30, 90, 200]))
        gain = later * np.exp(-0.01 * delay) - 10
        row = {
            "subjID": f"p{trial % 2}", "amount_sooner": 10, "delay_sooner": 0,
            "amount_later": later, "delay_later": delay,
            "choice": int(rng.random() < 1 / (1 + np.exp(-gain))),
        }  # fmt: skip
        rows.append({names.get(name, name): value for name, value in row.items()})
    return rows


def test_columns_may_have_any_name() -> None:
    io.write_csv("plain.csv", choices({}))
    io.write_csv("own.csv", [{**row, "choice": "x"} for row in choices(NAMES)])
    plain, own = read_choices("delay", "plain.csv"), named_choices("delay", Path("own.csv"), NAMES)
    assert own.source == "own.csv"
    assert own.subjects == plain.subjects
    np.testing.assert_array_equal(own.chosen, plain.chosen)
    for name, column in plain.columns.items():
        np.testing.assert_array_equal(own.columns[name], column)


def test_tabs_and_other_kinds() -> None:
    Path("r.txt").write_text("id\tgain\tloss\tcert\tgamble\nann\t2\t1\t0.5\t1\n")
    data = named_choices("risk", Path("r.txt"), {"subjID": "id"})
    assert data.subjects == ("ann",)
    assert data.columns["loss"].tolist() == [-1]


def test_every_column_that_is_read_can_be_named() -> None:
    rows = {
        "delay": choices({}),
        "risk": [{"subjID": 1, "gain": 2, "loss": 1, "cert": 1, "gamble": 1}],
        "travel": [{**dict.fromkeys(READ["travel"], 1), "ID": 7}],
    }
    for kind, table in rows.items():
        assert set(table[0]) == set(READ[kind])
        for name in READ[kind]:
            io.write_csv("own.csv", [
                {("own" if key == name else key): value for key, value in row.items()}
                for row in table
            ])  # fmt: skip
            with pytest.raises(DataError, match=f"Name yours: --column {name}=..."):
                named_choices(kind, Path("own.csv"), {})
            assert len(named_choices(kind, Path("own.csv"), {name: "own"})) == len(table)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"reward": "later"}, "a name must be one of subjID, amount_sooner"),
        ({"subjID": "whom"}, "column 'whom': there is no such column; the file has who, now, eur"),
        ({**NAMES, "choice": "who"}, "one column of the file cannot be two"),
        ({"subjID": "who"}, "Name yours: --column amount_sooner=..."),
        ({**NAMES, "choice": "days"}, "cannot be two"),
    ],
)
def test_columns_that_are_none_are_told(names: dict[str, str], said: str) -> None:
    io.write_csv("own.csv", choices(NAMES))
    with pytest.raises((ConfigError, DataError), match=said):
        named_choices("delay", Path("own.csv"), names)


def test_errors_name_the_users_file_and_column() -> None:
    rows = choices(NAMES)
    io.write_csv("own.csv", [rows[0], {**rows[1], "later": "much"}])
    with pytest.raises(DataError, match=r"^own.csv, line 3, column 'later': a number"):
        named_choices("delay", Path("own.csv"), NAMES)
    io.write_csv("own.csv", [rows[0], {**rows[1], "took": 2}])
    with pytest.raises(DataError, match=r"^own.csv, line 3, column 'took': 0 \(sooner\)"):
        named_choices("delay", Path("own.csv"), NAMES)
    Path("own.csv").write_text("who,later\n")
    with pytest.raises(DataError, match="holds no choices"):
        named_choices("delay", Path("own.csv"), NAMES)


def test_packed_files_and_packages_have_their_own_columns() -> None:
    io.write_csv("own.csv", choices(NAMES))
    Path("own.csv.gz").write_bytes(gzip.compress(Path("own.csv").read_bytes()))
    assert len(named_choices("delay", Path("own.csv.gz"), NAMES)) == len(choices(NAMES))
    with pytest.raises(ConfigError, match="name the file"):
        named_choices("delay", None, {"subjID": "who"})


def words(*more: str) -> list[str]:
    column = [f"{name}={own}" for name, own in NAMES.items()]
    return ["preferences", "audit", "own.csv", "--people", "delay", "--column", *column, *more]


def test_models_are_compared_and_the_best_is_drawn(capsys: Capture) -> None:
    io.write_csv("own.csv", choices(NAMES, 240))
    data = named_choices("delay", Path("own.csv"), NAMES)
    names = ("hyperbolic", "exponential")
    nats = {name: fit_choices(data, name).held_out_nats for name in names}
    best, other = sorted(names, key=lambda name: -nats[name])
    assert main(words("--models", other, best, "--json", "--quiet")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == [
        {"model": name, "held_out_nats": pytest.approx(nats[name]), "best": name == best}
        for name in (best, other)
    ]
    assert found["audit"]["model"] == best
    assert Path("audit/report.html").exists()
    assert main(words("--models", "hyperbolic", "--json", "--quiet")) == 0
    one = json.loads(capsys.readouterr().out)
    assert one["audit"]["model"] == "hyperbolic"
    assert "models" not in one


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--models", "logit"], "must be some of hyperbolic, exponential, quasi_hyperbolic"),
        (["--models", "hyperbolic", "--models", "hyperbolic"], "each once; got 'hyperbolic'"),
        (["--rewards", "r.csv"], "--rewards cannot be given beside it"),
        (["--env-options", "a=1", "--cost", "action=1"], "--env-options, --cost cannot be given"),
        (["--consider", "sparse"], "--consider cannot be given beside it"),
    ],
)
def test_flags_out_of_place_give_one_line(capsys: Capture, more: list[str], told: str) -> None:
    io.write_csv("own.csv", choices(NAMES))
    assert main(words("--quiet", *more)) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1

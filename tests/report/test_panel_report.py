"""`precocial normativity aggregate` and `ask`: labels, a page, and errors that name the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli import main
from precocial.errors import DataError
from precocial.feedback import About, Panel, Statement, Store, simulate_teachers, write_items
from precocial.normativity.aggregators import DawidSkene, Majority, OneCoin
from precocial.normativity.explanation import Teacher
from precocial.normativity.held_out import Arm
from precocial.normativity.learner import NormLearner
from precocial.normativity.panel_record import LABELS, PANEL, GoldWorth, PanelRecord
from precocial.report import page_of, render
from precocial.report.levels_report import contraction_section
from precocial.report.page import Picture, Table, Text
from precocial.report.panel_report import headline, panel_page
from tests.report.test_transfer_report import HOSTILE, Page

TRUTH = np.random.default_rng(5).integers(3, size=60)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Votes, gold, features and feedback in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    panel = Panel(teachers=6, accuracy=(0.7, 0.9), labels_per_task=4)
    said = simulate_teachers(TRUTH, panel, classes=3, seed=1)
    rows = [
        {"task": f"t{t}", "worker": f"w{w}", "label": "abc"[k]}
        for t, w, k in zip(said.task, said.teacher, said.label, strict=True)
    ]
    io.write_csv("votes.csv", rows)
    io.write_csv("gold.csv", [{"task": f"t{t}", "label": "abc"[TRUTH[t]]} for t in range(54)])
    noise = np.random.default_rng(0).normal(size=(60, 2))
    X = np.column_stack([TRUTH == 1, TRUTH == 2]) + 0.1 * noise
    io.write_csv("features.csv", [{"task": f"t{t}", "x": X[t, 0], "y": X[t, 1]} for t in range(60)])
    return tmp_path


def run(*words: str) -> int:
    return main(["normativity", *words, "--quiet"])


def test_votes_become_labels_and_a_page(capsys: Capture) -> None:
    assert run("aggregate", "votes.csv", "--out", "panel") == 0
    said = " ".join(capsys.readouterr().out.split())
    rows = io.read_csv(Path("panel") / LABELS)
    right = np.mean([row["label"] == "abc"[TRUTH[int(row["task"][1:])]] for row in rows])
    assert len(rows) == 60
    assert right > 0.9
    sums = [sum(float(row[f"p({k})"]) for k in "abc") for row in rows]
    assert np.allclose(sums, 1.0)
    record = PanelRecord.read(Path("panel") / PANEL)
    assert sum(one.share for one in record.processes) == pytest.approx(1.0)
    assert "Without gold" in headline(record)
    assert " ".join(headline(record).split()) in said
    page = Page(Path("panel/report.html").read_text())
    assert page.open == []
    assert page_of("panel").headline == headline(record)


@pytest.fixture
def record() -> PanelRecord:
    votes = io.read_csv("votes.csv")
    learner = NormLearner(processes=[Majority(), OneCoin(), DawidSkene()])
    learner.fit(tuple([row[name] for row in votes] for name in ("task", "worker", "label")))
    return PanelRecord.of(learner, source="votes.csv")


def test_with_gold_it_is_compared_and_its_worth_is_told(capsys: Capture) -> None:
    words = ["aggregate", "votes.csv", "--gold", "gold.csv", "--features", "features.csv"]
    assert run(*words, "--compare", "--out", "panel") == 0
    record = PanelRecord.read(Path("panel") / PANEL)
    assert [arm.name for arm in record.arms] == [
        "fixed point", "one level", "no meta level", "without features and feedback", "majority",
        "one-coin", "Dawid-Skene", "smoothed Dawid-Skene", "GLAD", "MACE",
    ]  # fmt: skip
    assert record.arms[0].accuracy > 0.9
    assert [one.gold for one in record.worth] == [5, 10, 20]
    assert record.student == "SVC"
    assert record.gold == 54
    assert "held out" in Path("panel/report.html").read_text()
    assert "On gold that it had not seen" in " ".join(capsys.readouterr().out.split())


def test_feedback_comes_from_a_store_or_a_table(capsys: Capture) -> None:
    about = About(kind="teacher", name="w0")
    item = Statement(source="admin", what=about, value=0.05, confidence=0.95)
    write_items("said.csv", [item])
    with Store("said.db") as store:
        store.add(item)
    found = []
    for name in ("said.csv", "said.db"):
        assert run("aggregate", "votes.csv", "--feedback", name, "--out", name + ".out") == 0
        found.append(PanelRecord.read(Path(name + ".out") / PANEL))
    assert found[0].feedback == 1
    assert found[0].processes == found[1].processes


def test_feedback_that_changed_no_label_is_listed_with_the_reason() -> None:
    about = About(kind="mistake", name="a", on="b")
    used = About(kind="teacher", name="w0")
    items = [Statement(source="admin", what=one, value=0.1) for one in (about, used)]
    write_items("said.csv", items)
    assert run("aggregate", "votes.csv", "--feedback", "said.csv", "--out", "panel") == 0
    record = PanelRecord.read(Path("panel") / PANEL)
    assert [(one.id, one.about) for one in record.unused] == [(items[0].id, "mistake 'a' on 'b'")]
    page = Path("panel/report.html").read_text()
    assert "Of 2 records of feedback 1 were folded in" in page
    assert "no checked label says" in page


def test_initial_is_what_there_was_before_feedback() -> None:
    about = About(kind="process", name="GLAD")
    write_items("said.csv", [Statement(source="admin", what=about, value=0.0, confidence=0.9)])
    assert run("aggregate", "votes.csv", "--feedback", "said.csv", "--out", "panel") == 0
    level = PanelRecord.read(Path("panel") / PANEL).levels.levels[0]
    initial, learned = level.initial[0], level.learned[0]
    assert initial == pytest.approx([1 / len(initial)] * len(initial))
    assert learned[level.items.index("GLAD")] < 0.02
    assert level.kl > 0
    fixed = level.fixed[0]
    assert level.from_given == pytest.approx(max(fixed) * len(initial))


def test_no_bound_is_claimed_for_the_mean_judge(record: PanelRecord) -> None:
    section = contraction_section(record.levels)
    tables = [part for part in section.parts if isinstance(part, Table)]
    tables += [part.table for part in section.parts if isinstance(part, Picture)]
    assert not any("bound" in table.columns for table in tables)
    assert any("Nothing bounds" in part.text for part in section.parts if isinstance(part, Text))


def test_a_label_with_as_many_votes_as_the_next_is_not_another_than_most() -> None:
    tied = (["t", "t", "u", "u", "u"], ["x", "y", "x", "y", "z"], ["b", "a", "b", "b", "b"])
    learner = NormLearner().fit(tied)
    assert learner.labels_.tolist() == ["b", "b"]
    assert PanelRecord.of(learner, source="votes").changed == 0
    other = NormLearner().fit(tied, gold={"u": "a"})
    assert PanelRecord.of(other, source="votes").changed == 1


def arm(name: str, accuracy: float) -> Arm:
    return Arm(name=name, accuracy=accuracy, low=0.5, high=1.0, calibration=0.0, nats=0.1)


def test_the_headline_compares_with_single_aggregators_not_with_ablations(
    record: PanelRecord,
) -> None:
    arms = [arm("fixed point", 0.8), arm("one level", 0.95), arm("GLAD", 0.7), arm("MACE", 0.75)]
    bare = arm("without features and feedback", 0.9)
    said = headline(replace(record, arms=[*arms, bare]))
    assert "the best of 2 single aggregators, MACE, on 75.0 % (" in said
    assert "one level" not in said
    page = render_page(replace(record, arms=arms, student="SVC"))
    assert "MACE, on 75.0 % from votes and gold alone (" in page
    assert "single aggregators: GLAD, MACE." in page


def test_what_of_the_lead_is_due_to_features_is_told(record: PanelRecord) -> None:
    arms = [
        arm("fixed point", 0.9), arm("without features and feedback", 0.75),
        arm("Dawid-Skene", 0.7),
    ]  # fmt: skip
    made = replace(record, arms=arms, student="SVC")
    worth = GoldWorth(gold=5, worth=3.0, low=1.0, high=9.0, status="measured")
    text = render_page(replace(made, worth=[worth]))
    assert "lead of 20.0 points over Dawid-Skene, 15.0 are due to the features" in text
    assert "The panel read the features too, Dawid-Skene did not" in text
    text = render_page(replace(made, student="", worth=[worth]))
    assert "due to" not in text
    assert "Dawid-Skene did not" not in text


def crowd(count: int) -> list[Teacher]:
    """Teachers who are ever better, each with a hundred votes, and one with a single right vote."""
    rights = np.linspace(0.01, 0.98, count)
    known = [
        Teacher(name=f"w{i}", votes=100, accuracy=a, low=a - 0.01, high=a + 0.01)
        for i, a in enumerate(rights.tolist())
    ]
    return [Teacher(name="once", votes=1, accuracy=1.0, low=0.16, high=1.0), *reversed(known)]


def teacher_tables(made: PanelRecord) -> list[Table]:
    made.write(Path("made") / PANEL)
    section = next(one for one in panel_page("made").sections if one.key == "teachers")
    tables = [part.table if isinstance(part, Picture) else part for part in section.parts]
    return [one for one in tables if isinstance(one, Table)]


def test_the_worst_teachers_come_first_and_the_left_out_are_counted(record: PanelRecord) -> None:
    made = replace(record, teachers=crowd(460))
    worst, best = teacher_tables(made)
    names = [row[0] for row in worst.rows]
    assert names == [f"w{i}" for i in range(200)]
    assert [row[0] for row in best.rows] == [f"w{i}" for i in range(459, 259, -1)]
    assert "200 of 461 teachers" in worst.title
    assert "61 teachers between are left out" in render_page(made)


def test_few_teachers_are_all_listed(record: PanelRecord) -> None:
    made = replace(record, teachers=crowd(399))
    (table,) = teacher_tables(made)
    assert [row[0] for row in table.rows] == [*(f"w{i}" for i in range(399)), "once"]
    assert "left out" not in render_page(made)


ONE = [{"task": f"t{t}", "worker": "w", "label": "ab"[t % 2]} for t in range(10)]
STRANGERS = [{"task": f"t{t}", "worker": f"w{t}", "label": "ab"[t % 3 > 0]} for t in range(100)]


@pytest.mark.parametrize("rows", [ONE, STRANGERS], ids=["one", "strangers"])
def test_where_nothing_tells_whom_to_trust_it_is_said(
    rows: list[dict[str, str]], capsys: Capture
) -> None:
    io.write_csv("mine.csv", rows)
    assert main(["normativity", "aggregate", "mine.csv", "--out", "panel"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    words = "no task has two teachers and none is checked, so nothing tells how far to trust"
    assert f"! {words} anybody" in said
    record = PanelRecord.read(Path("panel") / PANEL)
    assert record.overlap == 0
    assert words in headline(record)
    assert "probable" not in headline(record)
    page = panel_page("panel")
    assert page.sections[0].key == "unfounded"
    assert {name: value for name, value, _ in page.figures}["doubtful"] == "unknown"


def test_what_can_tell_is_counted(record: PanelRecord) -> None:
    assert record.overlap == 60
    assert "so nothing" not in headline(record)
    few = replace(record, tasks=100, overlap=3)
    assert "only 3 of 100 tasks have two teachers and one label is" in headline(
        replace(few, gold=1)
    )
    assert "at least 90% probable" in headline(replace(few, gold=2))
    assert "so nothing but the features tells" in headline(replace(few, student="SVC"))
    assert "so nothing" not in headline(replace(few, overlap=None))


def test_a_worth_out_of_range_is_said_in_words(record: PanelRecord) -> None:
    far = GoldWorth(gold=5, worth=None, low=None, high=None, status="above_range", at_least=15)
    near = GoldWorth(gold=9, worth=None, low=None, high=None, status="below_range", at_most=-4)
    made = replace(record, arms=[arm("fixed point", 0.8)])
    text = render_page(replace(made, worth=[far, near]))
    for words in ("above 15", "below −4", "Above range: ", "Below range: "):
        assert words in text
    assert "Undefined: " not in text
    assert "40 checked labels at least" in render_page(replace(made, gold=21, worth=[]))


def render_page(made: PanelRecord) -> str:
    made.write(Path("made") / PANEL)
    return render(panel_page("made"))


def test_ask_names_tasks_that_are_open(capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["normativity", "ask", "votes.csv", "--count", "3", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told) == 3
    assert all(one["probability"] < 0.999 for one in told)
    assert all(len(one["votes"]) == 4 for one in told)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("aggregate", "missing.csv"), "missing.csv"),
        (("aggregate", "gold.csv"), "worker"),
        (("aggregate", "votes.csv", "--gold", "features.csv"), "label"),
        (("aggregate", "votes.csv", "--features", "gold.csv"), "has no row for 6 tasks"),
        (("aggregate", "votes.csv", "--compare"), "--gold"),
        (("aggregate", "votes.csv", "--ask", "0"), "--ask"),
        (("aggregate", "votes.csv", "--q", "2"), "q must lie in"),
        (("aggregate", "votes.csv", "--feedback", "votes.csv"), "votes.csv"),
        (("ask", "votes.csv", "--count", "0"), "--count"),
    ],
)
def test_one_line_says_what_is_wrong(words: tuple[str, ...], named: str, capsys: Capture) -> None:
    capsys.readouterr()
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1
    assert not Path("panel").exists()


def test_names_are_escaped_and_damage_is_refused() -> None:
    rows = io.read_csv("votes.csv")
    io.write_csv("evil.csv", [{**row, "worker": row["worker"] + HOSTILE} for row in rows])
    assert run("aggregate", "evil.csv", "--out", "panel") == 0
    text = Path("panel/report.html").read_text()
    assert Page(text).open == []
    assert HOSTILE not in text
    path = Path("panel") / PANEL
    path.write_text(path.read_text().replace('"low": 0.', '"low": 7.'))
    with pytest.raises(DataError, match=r"panel\.json"):
        panel_page("panel")

"""The page of a transfer sweep: whole, escaped, the same each time, and honest where it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from precocial import io
from precocial.cli import main
from precocial.errors import ConfigError, DataError, FitError
from precocial.report import (
    SECTIONS,
    State,
    closing_sections,
    render,
    transfer_page,
    transfer_report,
    transfer_sections,
)
from precocial.report.findings import Findings
from precocial.report.page import Page as Report
from precocial.transfer import (
    CLAIMS,
    PUBLISHED,
    Constants,
    Design,
    Noise,
    RunTable,
    TransferFit,
    fit_transfer,
    simulate,
)

HOSTILE = "<script>alert('x')</script>"
KEYS = [key for key, _, _ in SECTIONS]
DESIGN = Design(
    sizes=(3e5, 1e6, 1.2e7),
    fine_tune_data=(1e4, 3e4, 1e5, 3e5),
    scratch_data=(1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7),
)
VOID = {"meta", "path", "use", "rect", "stop", "line", "image", "br"}


def runs(*, hostile: str = "") -> RunTable:
    law = Constants(k=200, alpha=0.3, beta=0.35, unit="bytes")
    table = simulate(law, design=DESIGN, noise=Noise(relative=0.004), seed=3)
    names = [f"{hostile}{name}" for name in table.run_id.tolist()]
    source = np.where(table.is_scratch, "", f"docs{hostile}")
    before = np.where(table.is_scratch, 0, 1e7)
    return replace(table, run_id=np.array(names), source=source, D_pre=before)


def folder(at: Path, *, hostile: str = "") -> Path:
    at.mkdir(parents=True, exist_ok=True)
    runs(hostile=hostile).write(at / "table.csv")
    sweep = {
        "config": {"target": f"stdlib{hostile}", "sizes": [1, 2], f"key{hostile}": {"a": hostile}},
        "corpora": [{"name": f"docs{hostile}", "bytes": 12345, "sha256": "ab" * 32}],
        "versions": {"torch": "2.13"},
        "command": f"precocial transfer sweep --out {at.name}{hostile}",
        "seconds": 61.5,
        "seed": 7,
        f"odd{hostile}": hostile,
    }
    io.write_json(at / "sweep.json", sweep)
    return at


class Page(HTMLParser):
    """Tags in order, text, and whether what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(autouse=True)
def _few_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging all takes seconds: the page that the module shares does, the others need not."""
    monkeypatch.setattr(closing_sections, "CLAIMS", CLAIMS[:3])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = folder(tmp_path_factory.mktemp("sweep"), hostile=HOSTILE)
    return io.read_text(transfer_report(place, draws=60))


def test_every_section_is_there_and_computed(page: str) -> None:
    parsed = Page(page)
    assert parsed.open == []
    found = [attrs["id"] for tag, attrs in parsed.tags if tag == "section"]
    assert found == KEYS
    assert 'class="refusal"' not in page
    assert page.count("<svg") == page.count('role="img"') == 7
    assert page.count("<details>") >= 7


def test_the_page_runs_nothing_and_fetches_nothing(page: str) -> None:
    parsed = Page(page)
    tags = {tag for tag, _ in parsed.tags}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form"})
    for tag, attrs in parsed.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("#", "data:image/png")), (tag, value)
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_what_comes_from_files_is_shown_and_escaped(page: str) -> None:
    assert "<script" not in page.lower()
    text = "".join(Page(page).text)
    for place in ("sim-0", "docs", "stdlib", "key", "odd"):
        assert place in text
    assert "precocial transfer sweep --out" in text
    assert text.count(HOSTILE) > 60


def test_the_headline_says_worth_interval_and_share(page: str) -> None:
    text = page[page.index("<h1>") : page.index("</h1>")]
    assert re.search(
        r"At 12M parameters and 30k bytes to fine-tune on, pre-training is worth [\d.]+[kM]? bytes "
        r"of data \([\d.]+[kM]? to [\d.]+[kM]?\), [\d.]+ times the fine-tuning data\.",
        text,
    )


def test_a_harmful_prior_is_said_to_cost_data() -> None:
    table = runs()
    base = {(N, D): loss for N, D, loss in zip(
        table.scratch.N, table.scratch.D_F, table.scratch.loss, strict=True)}  # fmt: skip
    hurt = [1.04 * base[pair] for pair in zip(table.N, table.D_F, strict=True)]
    said = _headline(replace(table, loss=np.where(table.is_scratch, table.loss, hurt)))
    assert re.search(r"pre-training costs [\d.]+k bytes of data \([\d.]+k to [\d.]+k\)", said)


def test_losses_above_every_curve_are_bounds_and_no_headline(tmp_path: Path) -> None:
    table = runs()
    worst = {N: table.loss[table.is_scratch & (table.N == N)].max() for N in set(table.N)}
    above = np.where(table.is_scratch, table.loss, [1.1 * worst[N] for N in table.N])
    own = replace(table, loss=above)
    with pytest.raises(FitError, match="within the from-scratch curve"):
        _headline(own)
    verdicts = {(c.fine_tune_data, c.verdict) for c in Findings(
        name="t", table=own, sweep={}, draws=40).cells}  # fmt: skip
    # the least from-scratch data are 1e4: more than that was fine-tuned on for less
    assert verdicts == {(1e4, "unbracketed"), (3e4, "hurts"), (1e5, "hurts"), (3e5, "hurts")}
    own.write(tmp_path / "t.csv")
    assert "hurts in 9" in render(transfer_page(tmp_path / "t.csv", draws=40))


def _headline(table: RunTable) -> str:
    return transfer_sections.headline(Findings(name="t", table=table, sweep={}, draws=40))


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = transfer_report(folder(tmp_path / "a" / "sweep"), draws=40)
    again = transfer_report(folder(tmp_path / "b" / "sweep"), draws=40)
    assert io.read_bytes(first) == io.read_bytes(again)


def test_a_table_alone_is_enough(tmp_path: Path) -> None:
    runs().write(tmp_path / "mine.csv")
    target = transfer_report(tmp_path / "mine.csv", draws=40)
    assert target == tmp_path / "mine.html"
    assert "made from a run table alone" in io.read_text(target)


def test_sections_that_the_runs_cannot_decide_say_why(tmp_path: Path) -> None:
    runs().scratch.write(tmp_path / "scratch.csv")
    page = transfer_page(tmp_path / "scratch.csv", draws=40)
    assert "do not say what pre-training is worth" in page.headline
    states = {section.key: section.state for section in page.sections}
    assert states["curves"] is states["law"] is states["exchange"] is State.refused
    assert states["doubts"] is states["making"] is State.shown
    text = render(page)
    assert text.count('class="refusal"') >= 5
    assert "The table has no pre-trained runs" in text


def test_one_size_and_no_sizes_are_reported_too(tmp_path: Path) -> None:
    table = runs()
    one = table.where(table.N == 1e6)
    one.write(tmp_path / "one.csv")
    nameless = replace(one, N=np.full(len(one), np.nan))
    nameless.write(tmp_path / "none.csv")
    for name in ("one.csv", "none.csv"):
        page = transfer_page(tmp_path / name, draws=40)
        states = {section.key: section.state for section in page.sections}
        assert states["curves"] is State.shown
        assert states["fraction"] is states["exchange"] is State.refused
        assert "pre-training is worth" in page.headline
        assert render(page)


def test_zero_shot_rows_do_not_break_the_page(tmp_path: Path) -> None:
    table = runs()
    zero = table.where(~table.is_scratch & (table.D_F == 1e4))
    rows = [*table.rows(), *({**row, "run_id": f"zero-{i}", "D_F": 0.0}
                             for i, row in enumerate(zero.rows()))]  # fmt: skip
    RunTable.from_rows(rows).write(tmp_path / "table.csv")
    page = transfer_page(tmp_path, draws=40)
    assert {s.key for s in page.sections if s.state is State.refused} <= {"plan"}
    assert "Zero-shot runs" in render(page)


@pytest.mark.parametrize(("factor", "said"), [(0.5, True), (5.0, False)])
def test_the_exchange_section_marks_losses_that_zero_shot_beats(factor: float, said: bool) -> None:
    table = runs()
    zero = [
        {**row, "run_id": f"zero-{i}", "D_F": 0.0, "loss": factor * row["loss"]}
        for i, row in enumerate(table.where(~table.is_scratch & (table.D_F == 1e4)).rows())
    ]
    own = RunTable.from_rows([*table.rows(), *zero])
    section = transfer_sections.exchange(Findings(name="t", table=own, sweep={}, draws=40))
    page = render(Report(title="", headline="", figures=(), sections=(section,)))
    assert ("no fine-tuning is needed" in page) == said


def test_intervals_that_reach_beyond_the_curves_are_drawn_as_far_as_the_picture_goes() -> None:
    findings = Findings(name="t", table=runs(), sweep={}, draws=40)
    few, *rest = findings.cells
    findings.__dict__["cells"] = (replace(few, low=0.0, high=float("inf")), *rest)
    shown = [transfer_sections.curves(findings), transfer_sections.fraction(findings)]
    shown.append(transfer_sections.ossification(findings))
    page = Report(title="", headline=transfer_sections.headline(findings), figures=(),
                 sections=tuple(shown))  # fmt: skip
    assert "−∞" in render(page)


@pytest.mark.parametrize("text", ["[1]", "{", '"x"', '{"a": NaN}'])
def test_a_malformed_sweep_file_is_a_data_error(tmp_path: Path, text: str) -> None:
    place = folder(tmp_path / "sweep")
    io.write_text(place / "sweep.json", text)
    with pytest.raises(DataError, match=r"sweep\.json"):
        transfer_report(place, draws=40)


def test_a_folder_without_a_table_and_too_few_draws_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no table\.csv"):
        transfer_report(tmp_path)
    with pytest.raises(ConfigError, match="at least 20 draws"):
        transfer_report(folder(tmp_path / "sweep"), draws=3)


def test_prices_come_from_the_sweep_and_are_checked() -> None:
    table = runs()
    for prices, said in (
        ({"data": 1e-3, "flop": 1e-15}, "the sweep’s prices"),
        ({"data": "free", "flop": 1}, "must be numbers"),
        ({"gold": 1}, "must be an object of data, flop"),
    ):
        findings = Findings(name="t", table=table, sweep={"prices": prices}, draws=40)
        assert said in _plan(findings), prices


def test_the_page_says_which_purchase_is_not_weighed() -> None:
    table = runs()
    three = np.where(table.is_scratch, 0, 1e7 * 2.0 ** (np.arange(len(table)) % 3))
    for before, said in ((table.D_pre, True), (three, False)):
        own = replace(table, D_pre=before)
        findings = Findings(name="t", table=own, sweep={}, draws=40)
        findings.__dict__["fits"] = {"joint": fit_transfer(own, law="kaplan", draws=40)}
        told = "Not weighed: pretraining, because the runs have 1 amount" in _plan(findings)
        assert told == said


def test_a_plan_without_a_standing_is_a_section_too() -> None:
    section = closing_sections.plan_section("buy data", [{"option": "data", "money_low": 1.0}])
    assert [part.kind for part in section.parts] == ["text", "table"]


def _plan(findings: Findings) -> str:
    try:
        return " ".join(getattr(part, "text", "") for part in closing_sections.plan(findings).parts)
    except FitError as error:
        return str(error)


def test_the_command_writes_the_page_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = folder(tmp_path / "sweep"), tmp_path / "page.html"
    assert main(["report", str(place), "--out", str(out), "--draws", "40", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["path"] == str(out)
    assert said["headline"] in io.read_text(out)
    assert [section["key"] for section in said["sections"]] == KEYS
    assert {section["state"] for section in said["sections"]} == {"shown"}
    runs().scratch.write(place / "table.csv")
    assert main(["report", str(place), "--draws", "40"]) == 0
    shown = capsys.readouterr().out
    assert "do not say what pre-training is worth" in shown
    assert (place / "report.html").is_file()
    assert "report.html" in shown
    assert main(["report", str(tmp_path / "absent")]) == 2


def test_a_table_without_sizes_has_a_page(tmp_path: Path) -> None:
    """Its claims about exponents of size are refused, not raised."""
    table = simulate(PUBLISHED["text"], noise=Noise(relative=0.003), seed=3)
    one = table.where(table.N.max() == table.N)
    rows = [{k: v for k, v in row.items() if k != "N"} for row in one.rows()]
    RunTable.from_rows(rows).write(tmp_path / "one.csv")
    assert isinstance(Findings.read(tmp_path / "one.csv", draws=20).fits["joint"], TransferFit)
    page = transfer_page(tmp_path / "one.csv", draws=20)
    assert {section.key: section.state for section in page.sections}["claims"] is State.shown


def test_the_parity_picture_uses_the_forecasts_intervals() -> None:
    table = simulate(PUBLISHED["text"], noise=Noise(relative=0.003), seed=3)
    rows = Findings(name="x", table=table, sweep={}, draws=60).parity
    assert {row["arm"] for row in rows} == {"scratch", "pretrained"}
    held = [row["low"] <= row["measured"] <= row["high"] for row in rows]
    assert 0.7 < np.mean(held) <= 1
    rows += Findings(name="y", table=runs(), sweep={}, draws=20).parity  # refits off to one side
    assert all(row["low"] <= row["forecast"] <= row["high"] for row in rows)

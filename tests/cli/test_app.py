"""The command line: exit codes, one-line errors, and flags that do not change by accident."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Literal

import pytest
from tyro.conf import Positional

import precocial
from precocial.cli import app, main
from precocial.cli.app import _one_line
from precocial.cli.commands import COMMANDS, Command
from precocial.cli.output import COMMON, Common, note, show, table
from precocial.errors import DataError
from tests.cli.freeze import FLAGS, listing


def weigh(
    curve: Positional[Path],
    *,
    at: tuple[float, ...] = (),
    method: Literal["pchip", "power"] = "pchip",
    common: Common = COMMON,
) -> None:
    """Weigh one curve.

    Args:
        curve: a run table
        at: data sizes
    """
    if curve.name == "bad.csv":
        raise DataError("the column 'loss'\nis missing", path="\x1b[31mbad.csv")
    if curve.name == "stop.csv":
        raise KeyboardInterrupt
    if curve.name == "pipe.csv":
        raise BrokenPipeError
    note("half way", common)
    document = {"at": at, "method": method, "seed": common.seed, "nothing": float("nan")}
    show(document, lambda: [table(["at", "seed"], [[1234567, common.seed]])], common)


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line with the command `weigh` alone, and a group of one."""
    module = types.ModuleType("weighing")
    module.__dict__["weigh"] = weigh
    monkeypatch.setitem(sys.modules, "weighing", module)
    commands = (
        Command("weigh", "weighing:weigh", "weigh a curve"),
        Command("room weigh", "weighing:weigh", "weigh it in a room"),
    )
    monkeypatch.setattr(app, "COMMANDS", commands)


pytestmark = pytest.mark.usefixtures("one")
Capture = pytest.CaptureFixture[str]


def test_json_is_one_document_and_nothing_else_on_stdout(capsys: Capture) -> None:
    assert main(["weigh", "a.csv", "--json", "--seed", "7", "--at", "1", "2.5"]) == 0
    said = capsys.readouterr()
    expected = {"at": [1.0, 2.5], "method": "pchip", "seed": 7, "nothing": None}
    assert json.loads(said.out) == expected
    assert said.err == "half way\n"


def test_a_person_reads_a_table_and_quiet_drops_the_notes(capsys: Capture) -> None:
    assert main(["room", "weigh", "a.csv", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "1,234,567" in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("weigh bad.csv", "bad.csv: the column 'loss' is missing"),
        ("weigh bad.csv --json", "bad.csv: the column 'loss' is missing"),
        ("weigh", "CURVE"),
        ("weigh a.csv --at x", "--at"),
        ("weigh a.csv --method cubic", "'cubic'"),
        ("weigh a.csv --seed 1.5", "--seed"),
        ("weigh a.csv --speed 1", "--speed"),
        ("weigh a.csv b.csv", "b.csv"),
        ("fly", "there is no command 'fly'; the commands are weigh, room"),
        ("room", "room: name one of weigh"),
        ("room fly", "room: name one of weigh; got 'fly'"),
        ("--json weigh a.csv", "flags come after the command; got '--json' first"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys: Capture, words: str, says: str) -> None:
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("precocial: ")
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert said.err[:-1].isprintable()


def test_a_misread_flag_says_what_it_takes_and_got() -> None:
    box = (
        "╭─ Parsing error ─╮\n"
        "│ Error parsing --sizes: no type matching {None}|{[INT [INT ...]]} could be │\n"
        "│ instantiated from ['1', 'x']. Got errors: │\n│ - <class 'NoneType'>: no │\n│ ─── │\n"
    )
    said = _one_line(COMMANDS[0], box)
    assert "--sizes takes [INT [INT ...]]; got '1', 'x'. See" in said


def test_a_mistake_drawn_in_ascii_is_read_too() -> None:
    rule = "-" * 78
    box = f" Value error\n {rule} \n  --q takes\n  FLOAT.\n  {rule}\n  For full helptext\n"
    said = _one_line(COMMANDS[0], box)
    assert said.startswith(f"{COMMANDS[0].words}: --q takes FLOAT. See ")
    assert "helptext" not in said


def test_an_interrupt_says_how_to_resume_and_exits_130(capsys: Capture) -> None:
    assert main(["weigh", "stop.csv"]) == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert "the same command" in said.err
    assert said.err.count("\n") == 1


def test_a_bug_is_not_dressed_as_a_mistake_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "COMMANDS", (Command("weigh", "json:absent", "broken"),))
    with pytest.raises(AttributeError):
        main(["weigh"])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(capsys: Capture, words: list[str]) -> None:
    assert main(words) == 0
    said = capsys.readouterr()
    assert "weigh a curve" in said.out
    assert said.err == ""


def test_help_of_a_group_lists_its_commands(capsys: Capture) -> None:
    assert main(["room", "--help"]) == 0
    said = capsys.readouterr().out
    assert "weigh it in a room" in said
    assert "weigh a curve" not in said


def test_help_of_a_command_names_its_flags(capsys: Capture) -> None:
    assert main(["weigh", "--help"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for word in ("usage: precocial weigh", "CURVE", "--at", "data sizes", "--json", "--seed"):
        assert word in said.out
    assert 'null: none or not known, "inf": infinite' in " ".join(said.out.replace("│", "").split())


def test_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"precocial {precocial.__version__}\n"


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    code = "import sys; from precocial.cli import main; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


class TestRealCommands:
    """The commands as they are shipped."""

    @pytest.fixture(autouse=True)
    def real(self, monkeypatch: pytest.MonkeyPatch, one: None) -> None:
        monkeypatch.setattr(app, "COMMANDS", COMMANDS)

    def test_flags_are_frozen(self) -> None:
        # A changed flag breaks users' scripts. Meant? Run: python -m tests.cli.freeze
        assert listing() == FLAGS.read_text()

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
    def test_every_command_has_the_common_flags_and_help(
        self, command: Command, capsys: Capture
    ) -> None:
        assert main([*command.words.split(), "--help"]) == 0
        said = capsys.readouterr().out
        for flag in ("--json", "--quiet", "--seed INT"):
            assert flag in said
        assert f"usage: precocial {command.words}" in said

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
    def test_every_command_refuses_an_unknown_flag(self, command: Command, capsys: Capture) -> None:
        assert main([*command.words.split(), "--no-such-flag"]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1

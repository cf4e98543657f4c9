"""`main`: find the command, parse its flags, run it, and turn errors into one line.

Exit codes: 0 done; 2 the user's mistake, one line on stderr; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from precocial import __version__
from precocial.cli.commands import COMMANDS, Command
from precocial.errors import ConfigError, PrecocialError

HELP = ("-h", "--help")
RESUME = "interrupted. Finished runs are kept: the same command goes on from the last one"


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (`sys.argv` unless `args` is given) and return the exit code."""
    words = list(sys.argv[1:] if args is None else args)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A terminal or pipe that is not UTF-8 cannot show every name of a file.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except PrecocialError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail(RESUME, 130)
    except BrokenPipeError:
        # The reader (`| head`) has left; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    safe = "".join(char if char.isprintable() else "\ufffd" for char in line)
    sys.stderr.write(f"precocial: {safe}\n")
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in HELP:
        sys.stdout.write(_overview(""))
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"precocial {__version__}\n")
        return 0
    for command in COMMANDS:
        name = command.words.split()
        if words[: len(name)] == name:
            return _run(command, words[len(name) :])
    group = f"{words[0]} "
    inside = [command for command in COMMANDS if command.words.startswith(group)]
    if inside and words[1:2] and words[1] in HELP:
        sys.stdout.write(_overview(group))
        return 0
    raise ConfigError(_unknown(words, inside))


def _unknown(words: list[str], inside: list[Command]) -> str:
    if words[0].startswith("-"):
        return f"flags come after the command; got {words[0]!r} first. See precocial --help"
    if inside:
        names = ", ".join(command.words.split()[1] for command in inside)
        got = f"; got {words[1]!r}" if words[1:] else ""
        return f"{words[0]}: name one of {names}{got}"
    names = ", ".join(dict.fromkeys(command.words.split()[0] for command in COMMANDS))
    return f"there is no command {words[0]!r}; the commands are {names}"


def _overview(group: str) -> str:
    shown = [command for command in COMMANDS if command.words.startswith(group)]
    width = max(len(command.words) for command in shown)
    lines = [f"usage: precocial {group}COMMAND [FLAGS]", ""]
    if not group:
        lines += ["Measure what a prior is worth to a learner.", ""]
    lines += [f"  {command.words:<{width}}  {command.summary}" for command in shown]
    lines += ["", "Every command takes --json, --quiet, --seed and --help."]
    if not group:
        lines += ["precocial --version prints the version."]
    return "\n".join(lines) + "\n"


def _run(command: Command, args: list[str]) -> int:
    # Parsing and running are two steps, so that what tyro prints about a mistake can be caught
    # without catching what the command itself prints.
    parsed = _parse(command, args)
    if parsed is None:
        return 0
    parsed()
    return 0


def _parse(command: Command, args: list[str]) -> Callable[[], Any] | None:
    import tyro

    function = command.load()

    bind = functools.wraps(function)(
        lambda *given, **named: functools.partial(function, *given, **named)
    )
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed: Callable[[], Any] = tyro.cli(
                bind,
                prog=f"precocial {command.words}",
                args=args,
                config=(
                    tyro.conf.OmitArgPrefixes,
                    tyro.conf.FlagCreatePairsOff,
                    tyro.conf.PositionalMetavarFromFieldName,
                ),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            return None
        raise ConfigError(_one_line(command, said.getvalue())) from None
    return parsed


_MISREAD = re.compile(
    r"Error parsing (\S+): no type matching (.+?) could be instantiated from \[(.*?)\]\. Got .*"
)


def _misread(found: re.Match[str]) -> str:
    """Instead of why each type of a union did not fit: what the flag takes."""
    flag, kinds, got = found.groups()
    taken = [kind.strip("{}") for kind in kinds.split("|") if kind != "{None}"]
    return f"{flag} takes {' or '.join(taken)}; got {got}"


def _one_line(command: Command, box: str) -> str:
    """tyro draws its errors as a box, or for want of such characters under a title and a rule: keep
    the words above the next rule."""
    words: list[str] = []
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╮╰╯ ")
        if text and not text.strip("─-"):
            if words:
                break
            continue
        words.append(text)
    message = _MISREAD.sub(_misread, " ".join(" ".join(words).split()).rstrip("."))
    return f"{command.words}: {message}. See precocial {command.words} --help"

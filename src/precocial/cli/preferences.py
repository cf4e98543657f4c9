"""`precocial preferences infer|audit|theorems|inside`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, show, table, working
from precocial.cli.seen import SEEN, Seen
from precocial.cli.words import Words, flat, named_once

People = Literal["delay", "risk_attend", "risk_reappraisal", "risk", "swissmetro", "travel"]
CONSIDERED = ("better-than-random", "monotone")
"""What an audit considers unless told otherwise: what can be said without a parameter."""


def infer(
    demos: Positional[Path], *, seen: Seen = SEEN, top: int = 10, common: Common = COMMON
) -> None:
    """Which planner with which reward explains what was done?

    Args:
        demos: table, array file, or a folder of imitation's or Minari's
        seen: the world, how the file is read, and what may explain it
        top: pairs to list
    """
    from precocial.cli.assumptions import assumptions
    from precocial.cli.cases import read_case
    from precocial.errors import ConfigError
    from precocial.preferences import infer as weigh

    if top < 1:
        raise ConfigError(f"--top must be at least 1; got {top}")
    case = read_case(demos, seen)
    assume = assumptions(flat(seen.assume), case)
    with working(_weighing(case), common) as progress:
        found = weigh(
            case.mdp, case.demos, case.planners, case.rewards, assume=assume,
            on_done=progress.count,
        )  # fmt: skip
    pairs = [
        {"planner": planner, "reward": reward, "probability": mass}
        for planner, reward, mass in found.top(top)
    ]
    of_planners = [
        {"planner": planner.name, "probability": float(mass)}
        for planner, mass in zip(case.planners, found.planner_probability, strict=True)
    ]
    document = {
        "pairs": pairs, "planners": of_planners, "entropy_bits": found.entropy_bits,
        "assumptions": list(found.factors), "notes": case.notes,
    }  # fmt: skip
    show(document, lambda: [
        table(["planner", "reward", "probability"], [list(row.values()) for row in pairs],
              title="The likeliest pairs"),
        f"{found.entropy_bits:.2f} bits are not decided, among the pairs that are listed."
        + ("" if assume else " No behaviour parts (p, R) from (-p, -R); "
           "--assume better-than-random does."),
        *(f"! {text}" for text in case.notes),
    ], common)  # fmt: skip


def audit(
    demos: Positional[Path | None] = None,
    *,
    seen: Seen = SEEN,
    consider: Words = (),
    cost: Words = (),
    people: People | None = None,
    models: Words = (),
    out: Path = Path("audit"),
    common: Common = COMMON,
) -> None:
    """What demonstrations decide, what they leave open, what would decide it: a page.

    Args:
        demos: table, array file, or a folder of imitation's or Minari's; with --people a file of
            choices, or nothing for the installed package's
        seen: the world, how the file is read, and what may explain it
        consider: assumptions that are not made, to tell what each
            would decide; written as for --assume.
            none: better-than-random monotone
        cost: KIND=NUMBER, what one more datum costs you, in any unit,
            for the ranking of what would decide: action=1
            comparison=1 known-reward=5 second-discount=5
            demonstration=5 forced-start=6 second-world=10
            assumption=0
        people: choices of people: delay, risk_attend, risk_reappraisal
            (hBayesDM example data), swissmetro; with a file of
            your own delay, risk or travel. --column names its
            columns: subjID=who amount_later=euros ...
        models: of people's choices, compared on held-out ones;
            delay: hyperbolic exponential quasi_hyperbolic
            risk: prospect loss_neutral linear
        out: folder for audit.json and report.html
    """
    from precocial import io
    from precocial.errors import ConfigError
    from precocial.report import render
    from precocial.runs.folder import this_command

    rows: list[dict[str, object]] = []
    if people is not None:
        _refuse_beside_people(seen, consider, cost)
        from precocial.cli.people import audit_people

        columns = named_once("--column", seen.column, "NAME=COLUMN")
        page, record, rows = audit_people(people, demos, columns, flat(models), out, common)
    elif models:
        raise ConfigError("--models are of people's choices: name their kind with --people")
    elif demos is None:
        raise ConfigError(
            "name a file of demonstrations, or --people delay, risk_attend, ... (see --help)"
        )
    else:
        page, record = _audit_demos(demos, seen, consider, cost, out, this_command(), common)
    io.write_text(out / "report.html", render(page))
    document = {"report": str(out / "report.html"), "headline": page.headline, "audit": record}
    show({**document, **({"models": rows} if rows else {})}, lambda: [
        *([table(list(rows[0]), [list(row.values()) for row in rows],
                 title="Models, on held-out choices")] if rows else []),
        page.headline, str(out / "report.html"),
    ], common)  # fmt: skip


def _refuse_beside_people(seen: Seen, consider: Words, cost: Words) -> None:
    from precocial.errors import ConfigError

    given = [
        field.name for field in fields(Seen)
        if field.name != "column" and getattr(seen, field.name) != field.default
    ]  # fmt: skip
    given += [name for name, words in (("consider", consider), ("cost", cost)) if words]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(
            f"--people takes choices, which have no world: {flags} cannot be given beside it"
        )


def _audit_demos(
    demos: Path, seen: Seen, consider: Words, cost: Words, out: Path, command: str, common: Common
) -> tuple[Any, Any]:
    from dataclasses import replace

    from precocial.cli.assumptions import assumptions
    from precocial.cli.cases import read_case
    from precocial.errors import ConfigError
    from precocial.preferences import audit as examine
    from precocial.preferences.auditing.record import AUDIT
    from precocial.report.preferences_report import preferences_page

    costs = _costs(cost)
    case = read_case(demos, seen)
    made = assumptions(flat(seen.assume), case)
    asked = flat(consider)
    considered = assumptions(asked or CONSIDERED, case)
    both = {one.name for one in made} & {one.name for one in considered}
    if asked and both:
        raise ConfigError(f"--consider: {min(both)} is assumed already")
    considered = [one for one in considered if one.name not in both]
    with working(_weighing(case), common) as progress:
        found = examine(
            case.world, case.demos, planners=case.planners, rewards=case.rewards, assume=made,
            consider=considered, bits=_bits(case), costs=costs, seed=common.seed,
            on_done=progress.count,
        )  # fmt: skip
    record = replace(found.record, notes=[*found.record.notes, *case.notes], command=command)
    record.write(out / AUDIT)
    return preferences_page(out), record


def _costs(words: Words) -> dict[str, float]:
    """By kind, as `audit` names them."""
    import math

    from precocial.errors import ConfigError
    from precocial.preferences.auditing.deciding import COSTS

    costs: dict[str, float] = {}
    for told, text in named_once("--cost", words, "KIND=NUMBER").items():
        kind = told.replace("-", " ")
        if kind not in COSTS:
            known = ", ".join(name.replace(" ", "-") for name in COSTS)
            raise ConfigError(f"--cost: a kind must be one of {known}; got {told!r}")
        try:
            costs[kind] = float(text)
        except ValueError:
            costs[kind] = math.nan
        if not 0 <= costs[kind] < math.inf:
            raise ConfigError(f"--cost {told} must be a number, at least 0; got {text!r}")
    return costs


def _weighing(case: Any) -> str:
    return f"weighing {len(case.planners)} planners with {len(case.rewards)} rewards"


def _bits(case: Any) -> Any:
    """(P, R) description lengths of the pairs."""
    from precocial.preferences.occam.description_length import DescriptionLength

    return DescriptionLength().bits(case.mdp, case.planners, case.rewards)


def theorems(*, quick: bool = False, out: Path | None = None, common: Common = COMMON) -> None:
    """Show every theorem of Armstrong and Mindermann by enumeration, and where Occam's razor errs.

    Args:
        quick: fewer and smaller cases
        out: folder for theorems.json and report.html; none means no page
    """
    from precocial import io
    from precocial.preferences.occam.rows import THEOREMS, enumerate_theorems
    from precocial.report import page_of, render

    with working("enumerating", common) as progress:
        found = enumerate_theorems(quick=quick, seed=common.seed, on_done=progress.count)
    if out is not None:
        found.write(out / THEOREMS)
        io.write_text(out / "report.html", render(page_of(out)))
    columns = ["statement", "cases", "failures", "figure", "holds"]
    cells = [[getattr(row, name) for name in columns] for row in found.rows]
    show(
        {"rows": found.rows, "regimes": found.regimes},
        lambda: [table(columns, cells), *([] if out is None else [str(out / "report.html")])],
        common,
    )


def inside(
    policy: Positional[str],
    *,
    states: str,
    actions: str,
    tag: Words = (),
    common: Common = COMMON,
) -> None:
    """What a policy's program does to choose. It is run, many times: only code that you trust.

    Args:
        policy: FILE.py:NAME of a function from a state to an action
        states: FILE.py:NAME of a list of states
        actions: FILE.py:NAME of the list of all actions
        tag: NAME=WORD, what you call a function, table or input ("irrelevant" for an input that
            ought not to matter); tags are the normative assumption
    """
    import sys
    from contextlib import redirect_stdout

    from precocial.cli.python_files import named
    from precocial.preferences.inside.look import look_inside

    tags = named_once("--tag", tag, "NAME=WORD")
    # What the user's file prints is no part of the answer.
    with redirect_stdout(sys.stderr), working("looking", common):
        found = look_inside(
            named(policy), named(states), named(actions), seed=common.seed, tags=tags,
        )  # fmt: skip
    rows = found.rows()
    document = {
        "verdict": found.verdict, "reason": found.reason, "evidence": rows,
        "effects": list(found.effects), "tags": dict(found.tags),
    }  # fmt: skip
    columns = ["kind", "about", "means", "line", "text", "share"]
    show(document, lambda: [
        f"{found.verdict}: {found.reason}",
        table(columns, [[row[name] for name in columns] for row in rows], title="Evidence"),
    ], common)  # fmt: skip

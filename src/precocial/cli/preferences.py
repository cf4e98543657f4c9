"""`precocial preferences infer|audit|theorems|inside`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, note, show, table

Assumed = Literal["better-than-random", "monotone"]
People = Literal["delay", "risk_attend", "risk_reappraisal", "risk", "swissmetro", "travel"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The world, and how a file of demonstrations is read."""

    env: str | None = None
    """Gymnasium environment with a table of transitions (FrozenLake-v1, Taxi-v4, ...); none: the
    world is counted from what followed what"""
    discount: float = 0.95
    """gamma, how much a reward one step later counts"""
    bins: int = 0
    """cut each measured number of an observation (and of an action) into so many intervals"""
    assume: tuple[Assumed, ...] = ()
    """normative assumptions to make"""


def infer(demos: Positional[Path], *, seen: Seen = Seen(), top: int = 10, common: Common = COMMON):  # type: ignore[no-untyped-def]
    """Which planner with which reward explains what was done?

    Args:
        demos: table, array file, or a folder of imitation's or Minari's
        seen: the world, and how the file is read
        top: pairs to list
    """
    from precocial.errors import ConfigError
    from precocial.preferences import infer as weigh

    if top < 1:
        raise ConfigError(f"--top must be at least 1; got {top}")
    mdp, demonstrations, notes = _world(demos, seen)
    planners, rewards = _candidates(mdp)
    found = weigh(mdp, demonstrations, planners, rewards, assume=_assumptions(seen.assume))
    pairs = [
        {"planner": planner, "reward": reward, "probability": mass}
        for planner, reward, mass in found.top(top)
    ]
    of_planners = [
        {"planner": planner.name, "probability": float(mass)}
        for planner, mass in zip(planners, found.planner_probability, strict=True)
    ]
    document = {
        "pairs": pairs, "planners": of_planners, "entropy_bits": found.entropy_bits,
        "assumptions": list(found.factors), "notes": notes,
    }  # fmt: skip
    show(document, lambda: [
        table(["planner", "reward", "probability"], [list(row.values()) for row in pairs],
              title="The likeliest pairs"),
        f"{found.entropy_bits:.2f} bits are not decided, among the pairs that are listed."
        + ("" if seen.assume else " No behaviour parts (p, R) from (-p, -R); "
           "--assume better-than-random does."),
        *(f"! {text}" for text in notes),
    ], common)  # fmt: skip


def audit(
    demos: Positional[Path | None] = None,
    *,
    seen: Seen = Seen(),
    people: People | None = None,
    out: Path = Path("audit"),
    common: Common = COMMON,
) -> None:
    """What demonstrations decide, what they leave open, what would decide it: a page.

    Args:
        demos: table, array file, or a folder of imitation's or Minari's; with --people a file of
            choices, or nothing for the installed package's
        seen: the world, and how the file is read
        people: choices of people: delay, risk_attend, risk_reappraisal (hBayesDM example data),
            swissmetro; with a file of your own delay, risk or travel
        out: folder for audit.json and report.html
    """
    from precocial import io
    from precocial.errors import ConfigError
    from precocial.report import render
    from precocial.runs.folder import this_command

    if people is not None:
        given = [
            f"--{name}" for name, value in vars(seen).items() if value != getattr(Seen(), name)
        ]
        if given:
            raise ConfigError(
                f"--people takes choices, which have no world: {', '.join(given)} cannot be given "
                "beside it"
            )
        page, record = _audit_people(people, demos, out, common)
    elif demos is None:
        raise ConfigError(
            "name a file of demonstrations, or --people delay, risk_attend, ... (see --help)"
        )
    else:
        page, record = _audit_demos(demos, seen, out, this_command(), common)
    io.write_text(out / "report.html", render(page))
    document = {"report": str(out / "report.html"), "headline": page.headline, "audit": record}
    show(document, lambda: [page.headline, str(out / "report.html")], common)


def _audit_demos(
    demos: Path, seen: Seen, out: Path, command: str, common: Common
) -> tuple[Any, Any]:
    from dataclasses import replace

    from precocial.preferences import audit as examine
    from precocial.preferences.auditing.record import AUDIT
    from precocial.report.preferences_report import preferences_page

    mdp, demonstrations, notes = _world(demos, seen)
    planners, rewards = _candidates(mdp)
    note(f"weighing {len(planners)} planners with {len(rewards)} rewards", common)
    made = seen.assume
    found = examine(
        mdp, demonstrations, planners=planners, rewards=rewards, assume=_assumptions(made),
        consider=_assumptions([name for name in get_args(Assumed) if name not in made]),
        bits=_bits(mdp, planners, rewards), seed=common.seed,
    )  # fmt: skip
    record = replace(found.record, notes=[*found.record.notes, *notes], command=command)
    record.write(out / AUDIT)
    return preferences_page(out), record


def _audit_people(people: People, path: Path | None, out: Path, common: Common) -> tuple[Any, Any]:
    from precocial.preferences.people.choices import read_choices
    from precocial.preferences.people.fit import fit_choices
    from precocial.preferences.people.record import PEOPLE, ChoiceRecord
    from precocial.report.people_report import people_page

    data = read_choices(people, path)
    note(f"{len(data)} choices of {len(data.subjects)} people", common)
    record = ChoiceRecord.of(fit_choices(data, seed=common.seed))
    record.write(out / PEOPLE)
    return people_page(out), record


def theorems(*, quick: bool = False, out: Path | None = None, common: Common = COMMON) -> None:
    """Show every theorem of Armstrong and Mindermann by enumeration, and where Occam's razor errs.

    Args:
        quick: fewer and smaller cases
        out: folder for theorems.json and report.html; none means no page
    """
    from precocial import io
    from precocial.preferences.occam.rows import THEOREMS, enumerate_theorems
    from precocial.report import page_of, render

    note("enumerating", common)
    found = enumerate_theorems(quick=quick, seed=common.seed)
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
    tag: tuple[str, ...] = (),
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
    from precocial.errors import ConfigError
    from precocial.preferences.inside.look import look_inside

    pairs = [text.partition("=") for text in tag]
    for text, (name, _, word) in zip(tag, pairs, strict=True):
        if not (name and word):
            raise ConfigError(f"--tag takes NAME=WORD; got {text!r}")
    # What the user's file prints is no part of the answer.
    with redirect_stdout(sys.stderr):
        found = look_inside(
            named(policy), named(states), named(actions), seed=common.seed,
            tags={name: word for name, _, word in pairs},
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


# ---------------------------------------------------------------- what commands share


def _world(path: Path, seen: Seen) -> tuple[Any, Any, list[str]]:
    """The world and the demonstrations, checked against one another, and what to doubt."""
    import numpy as np

    from precocial.errors import ConfigError
    from precocial.preferences.data.counted import mdp_from_counts
    from precocial.preferences.data.discretiser import Discretiser
    from precocial.preferences.data.from_gym import mdp_from_gym
    from precocial.preferences.data.readers import read_recording

    if seen.bins < 0:
        raise ConfigError(f"--bins must be at least 0 (0: not cut); got {seen.bins}")
    recording = read_recording(path)
    cut = {}
    for name, values in (("states", recording.observation), ("actions", recording.action)):
        whole = values.shape[1] == 1 and bool((values == np.floor(values)).all())
        if seen.bins and not whole:
            cut[name] = Discretiser.quantiles(values, bins=seen.bins)
    demos = recording.demonstrations(**cut)
    if seen.env is not None:
        world = mdp_from_gym(seen.env, discount=seen.discount)
        return world.mdp, world.relabelled(demos).check(world.mdp), []
    boxes = cut.get("states")
    counted = mdp_from_counts(
        demos, discount=seen.discount, terminal=recording.terminal_states(demos),
        n_states=boxes.n_states if boxes else None,
    )  # fmt: skip
    notes = [
        f"the world was counted from the same steps: {100 * counted.coverage:.0f} % of states and "
        "actions were seen, the rest is the prior's"
    ]
    if boxes:
        notes.append(
            f"observations were cut into {boxes.n_states} boxes: this audits the world of boxes; "
            "compare with other --bins"
        )
    return counted.mdp, demos.check(counted.mdp), notes


def _candidates(mdp: Any) -> tuple[tuple[Any, ...], Any]:
    from precocial.preferences import defaults, goals_and_dangers

    return defaults(), goals_and_dangers(mdp)


def _assumptions(names: Sequence[str]) -> list[Any]:
    from precocial.preferences.assumptions import BetterThanRandom, MonotoneInReward

    known = {"better-than-random": BetterThanRandom, "monotone": MonotoneInReward}
    return [known[name]() for name in names]


def _bits(mdp: Any, planners: Sequence[Any], rewards: Any) -> Any:
    """(P, R) description lengths of the pairs."""
    import numpy as np

    from precocial.preferences.occam.description_length import DescriptionLength

    return -DescriptionLength().log_prior(mdp, planners, rewards) / np.log(2)

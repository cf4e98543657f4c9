"""`precocial normativity aggregate|ask|fixed-point`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, show, table, working
from precocial.cli.pages import PAGE, write_page
from precocial.cli.panel_files import GIVEN, Case, Given, case_of
from precocial.cli.targets import keep_folder

MOST_LEVELS = 1000
"""Ours: each added level is a row of the page."""


def aggregate(
    votes: Positional[Path],
    *,
    given: Given = GIVEN,
    q: float | None = None,
    ask: int = 20,
    compare: bool = False,
    out: Path = Path("panel"),
    common: Common = COMMON,
) -> None:
    """The class of each task from many imperfect teachers, and a page on how far to trust whom.

    Args:
        votes: .csv, .tsv or .jsonl with the columns task, worker and label
        q: the part of the learning processes that is kept; none: the default of NormLearner
        ask: how many tasks to check next are printed
        compare: set it beside single aggregators and without its levels, on gold that is held out
            of each fit, and say what the panel is worth in gold labels; takes some minutes
        out: folder for labels.csv, panel.json and the page
    """
    from precocial import io
    from precocial.errors import ConfigError
    from precocial.normativity.held_out import LEAST
    from precocial.normativity.levels import q_of
    from precocial.normativity.panel_record import LABELS, PANEL, PanelRecord, label_rows
    from precocial.runs.folder import this_command

    if ask < 1:
        raise ConfigError(f"--ask must be at least 1; got {ask}")
    if compare and given.gold is None:
        raise ConfigError("--compare needs labels that were checked: --gold FILE")
    if q is not None:
        q_of("--q", q)
    keep_folder("--out", out, (LABELS, PANEL, PAGE), **{"table of votes": votes}, **given.files())
    begun = time.perf_counter()
    case = case_of(votes, given, common)
    if compare and len(case.gold or {}) < LEAST:
        raise ConfigError(
            f"--compare needs {LEAST} checked labels at least, of tasks with votes; "
            f"{given.gold} has {len(case.gold or {})}"
        )
    learner = _fitted(case, q, common)
    arms, saved = _compared(case, learner, common) if compare else ((), ())
    record = PanelRecord.of(
        learner, source=votes.name, feedback=len(case.items), arms=arms, worth=saved,
        command=this_command(), seconds=time.perf_counter() - begun,
    )  # fmt: skip
    # names as they stand, or they could not be joined with the votes by another program
    io.write_text(out / LABELS, io.format_csv(list(label_rows(learner)), guard=False))
    record.write(out / PANEL)
    page, written = write_page(out)
    shares = [one for one in record.processes if one.share > 0]
    shares.sort(key=lambda one: -one.share)
    show(
        {"report": written, "labels": out / LABELS, "headline": page.headline,
         "processes": record.processes, "teachers": record.teachers, "arms": record.arms,
         "worth": record.worth, "ask": record.ask[:ask]},
        lambda: [
            table(["process", "share", *record.judges],
                  [[one.name, one.share, *one.raw] for one in shares], title="Processes kept"),
            page.headline,
            "check next: " + (", ".join(record.ask[:ask]) or "nothing, all tasks were checked"),
            str(out / LABELS),
            str(written),
        ],
        common,
    )  # fmt: skip


def ask(
    votes: Positional[Path],
    *,
    given: Given = GIVEN,
    count: int = 20,
    common: Common = COMMON,
) -> None:
    """Which tasks to check next, and what is known of each.

    Args:
        votes: .csv, .tsv or .jsonl with the columns task, worker and label
        count: how many tasks
    """
    from precocial.errors import ConfigError

    if count < 1:
        raise ConfigError(f"--count must be at least 1; got {count}")
    learner = _fitted(case_of(votes, given, common), None, common)
    told = [learner.explain(task) for task in learner.ask_next(count)]
    rows = [
        [one.task, one.label, one.probability, " ".join(f"{w}:{said}" for w, said, _ in one.votes)]
        for one in told
    ]
    show(
        told,
        lambda: [
            table(["task", "most probable", "probability", "votes"], rows)
            if rows
            else "nothing is left to check: the class of every task is known"
        ],
        common,
    )


def fixed_point(
    config: Positional[Path],
    *,
    tol: float = 1e-10,
    more_levels: int = 3,
    out: Path = Path("levels"),
    common: Common = COMMON,
) -> None:
    """Levels of judges that judge one another, and where they settle, with a certificate.

    Args:
        config: a .toml file with the levels, their scores and what was said about them
        tol: an added level may change this much, in total variation
        more_levels: how many levels are added to see what they change
        out: folder for levels.json and the page
    """
    from precocial.errors import ConfigError, FitError
    from precocial.normativity.fitting import fit
    from precocial.normativity.fixed_point import LEAST_TOL
    from precocial.normativity.fixed_point import fixed_point as settle
    from precocial.normativity.hierarchy_file import read_hierarchy
    from precocial.normativity.levels_record import LEVELS, LevelsRecord
    from precocial.runs.folder import this_command

    if not LEAST_TOL <= tol < 1:
        raise ConfigError(f"--tol must lie in [{LEAST_TOL:g}, 1), for less is rounding; got {tol}")
    if not 1 <= more_levels <= MOST_LEVELS:
        raise ConfigError(f"--more-levels must lie in 1 to {MOST_LEVELS}; got {more_levels}")
    keep_folder("--out", out, (LEVELS, PAGE), config=config)
    hierarchy, fitting = read_hierarchy(config)
    with working("fitting" if hierarchy.statements else "settling", common):
        try:
            fitted = fit(hierarchy, fitting) if hierarchy.statements else None
        except (ConfigError, FitError) as error:
            raise type(error)(f"{config}: {error}") from error
        initial = None if fitted is None else fitted.fixed_point.initial
        fixed = settle(hierarchy, tol=tol, initial=initial)
        added = fixed.change_when_adding_level(more_levels)
    record = LevelsRecord.of(
        fixed, added, source=config.name, fitted=fitted, command=this_command()
    )  # fmt: skip
    record.write(out / LEVELS)
    page, written = write_page(out)
    levels = [
        [one.name, item, first[n], now[n]]
        for one in record.levels if not one.tasks
        for first, now in [(one.initial[0], one.fixed[0])]
        for n, item in enumerate(one.items)
    ]  # fmt: skip
    last = "at the end" if record.status == "did not converge" else "settled"
    show(
        {"report": written, "record": out / LEVELS, "headline": page.headline,
         "status": record.status, "levels": record.levels, "added": added},
        lambda: [table(["level", "item", "initial", last], levels), page.headline,
                 str(written)],
        common,
    )  # fmt: skip


def _fitted(case: Case, q: float | None, common: Common) -> Any:
    """A `NormLearner`."""
    from precocial.normativity.learner import NormLearner

    learner = NormLearner(seed=common.seed)
    if q is not None:
        learner.set_params(q=q)
    with working("judging the panel", common):
        return learner.fit(case.votes, X=case.X, gold=case.gold, feedback=case.items)


def _compared(case: Case, learner: Any, common: Common) -> tuple[Any, Any]:
    """Arms and worth on gold that was held out."""
    from precocial.normativity.held_out import compare, gold_worth

    known = case.gold or {}
    own = {"learner": learner, "X": case.X, "feedback": case.items}
    with working("comparing on gold that is held out", common):
        return compare(case.votes, known, **own), gold_worth(case.votes, known, **own)

"""`precocial normativity aggregate|ask|fixed-point`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, note, show, table, working
from precocial.cli.pages import write_page
from precocial.cli.words import Words, named_once


def aggregate(
    votes: Positional[Path],
    *,
    gold: Path | None = None,
    features: Path | None = None,
    feedback: Path | None = None,
    column: Words = (),
    q: float | None = None,
    ask: int = 20,
    compare: bool = False,
    out: Path = Path("panel"),
    common: Common = COMMON,
) -> None:
    """The class of each task from many imperfect teachers, and a page on how far to trust whom.

    Args:
        votes: .csv, .tsv or .jsonl with the columns task, worker and label
        gold: the same with task and label: classes that were checked
        features: a table with the column task and numbers: a student is taught from them
        feedback: statements about teachers, mistakes, processes or other feedback: a store (.db)
            or a table as `precocial.feedback.write_items` writes it
        column: what the file of votes calls a column: worker=annotator label=answer
        q: the part of the learning processes that is kept; none: the default of NormLearner
        ask: how many tasks to check next are printed
        compare: set it beside single aggregators and without its levels, on gold that is held out
            of each fit, and say what the panel is worth in gold labels; takes some minutes
        out: folder for labels.csv, panel.json and the page
    """
    from precocial import io
    from precocial.errors import ConfigError
    from precocial.normativity.panel_record import LABELS, PANEL, PanelRecord, label_rows
    from precocial.runs.folder import this_command

    if ask < 1:
        raise ConfigError(f"--ask must be at least 1; got {ask}")
    if compare and gold is None:
        raise ConfigError("--compare needs labels that were checked: --gold FILE")
    begun = time.perf_counter()
    case = _case(votes, gold, features, feedback, column, common)
    learner = case.fitted(q, common)
    arms, saved = case.compared(learner, common) if compare else ((), ())
    record = PanelRecord.of(
        learner, source=votes.name, feedback=len(case.items), arms=arms, worth=saved,
        command=this_command(), seconds=time.perf_counter() - begun,
    )  # fmt: skip
    io.write_csv(out / LABELS, list(label_rows(learner)))
    record.write(out / PANEL)
    page, written = write_page(out)
    shares = [one for one in record.processes if one.share > 0]
    shares.sort(key=lambda one: -one.share)
    show(
        {"report": written, "labels": out / LABELS, "headline": page.headline,
         "processes": record.processes, "teachers": record.teachers, "ask": record.ask[:ask]},
        lambda: [
            table(["process", "share", *record.judges],
                  [[one.name, one.share, *one.raw] for one in shares], title="Processes kept"),
            page.headline,
            "check next: " + ", ".join(record.ask[:ask]),
            str(out / LABELS),
            str(written),
        ],
        common,
    )  # fmt: skip


def ask(
    votes: Positional[Path],
    *,
    gold: Path | None = None,
    features: Path | None = None,
    feedback: Path | None = None,
    column: Words = (),
    count: int = 20,
    common: Common = COMMON,
) -> None:
    """Which tasks to check next, and what is known of each.

    Args:
        votes: as for aggregate
        gold: as for aggregate
        features: as for aggregate
        feedback: as for aggregate
        column: as for aggregate
        count: how many tasks
    """
    from precocial.errors import ConfigError

    if count < 1:
        raise ConfigError(f"--count must be at least 1; got {count}")
    learner = _case(votes, gold, features, feedback, column, common).fitted(None, common)
    told = [learner.explain(task) for task in learner.ask_next(count)]
    rows = [
        [one.task, one.label, one.probability, " ".join(f"{w}:{said}" for w, said, _ in one.votes)]
        for one in told
    ]
    show(
        told,
        lambda: [table(["task", "most probable", "probability", "votes"], rows)],
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
    from precocial.normativity.fitting import fit
    from precocial.normativity.fixed_point import fixed_point as settle
    from precocial.normativity.hierarchy_file import read_hierarchy
    from precocial.normativity.levels_record import LEVELS, LevelsRecord
    from precocial.runs.folder import this_command

    hierarchy, fitting = read_hierarchy(config)
    with working("fitting" if hierarchy.statements else "settling", common):
        fitted = fit(hierarchy, fitting) if hierarchy.statements else None
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
    show(
        {"report": written, "record": out / LEVELS, "headline": page.headline,
         "status": record.status, "levels": record.levels, "added": added},
        lambda: [table(["level", "item", "initial", "settled"], levels), page.headline,
                 str(written)],
        common,
    )  # fmt: skip


# ---------------------------------------------------------------- files


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case:
    """What the files hold: `Votes`, task to class, (T, D) features, records of feedback."""

    votes: Any
    gold: dict[str, str] | None
    X: Any
    items: list[Any]

    def fitted(self, q: float | None, common: Common) -> Any:
        """A `NormLearner`."""
        from precocial.normativity.learner import NormLearner

        learner = NormLearner(seed=common.seed)
        if q is not None:
            learner.set_params(q=q)
        with working("judging the panel", common):
            return learner.fit(self.votes, X=self.X, gold=self.gold, feedback=self.items)

    def compared(self, learner: Any, common: Common) -> tuple[Any, Any]:
        """Arms and worth on gold that was held out."""
        from precocial.normativity.held_out import compare, gold_worth

        known = self.gold or {}
        with working("comparing on gold that is held out", common):
            own = {"learner": learner, "X": self.X, "feedback": self.items}
            return compare(self.votes, known, **own), gold_worth(self.votes, known, **own)


def _case(
    path: Path, gold: Path | None, features: Path | None, feedback: Path | None, column: Words,
    common: Common,
) -> _Case:  # fmt: skip
    from precocial.errors import DataError
    from precocial.feedback.tables import read_crowd
    from precocial.feedback.votes import as_votes

    names = named_once("--column", column, "NAME=COLUMN")
    columns = read_crowd(path, names=names, others="skip")
    votes = as_votes(columns.task, columns.worker, columns.label)
    known = None if gold is None else _gold(gold)
    if known is not None:
        voted = set(votes.tasks)
        missing = [task for task in known if task not in voted]
        if len(missing) == len(known):
            raise DataError(
                f"none of its {len(known)} tasks has votes; the first is "
                f"{next(iter(known), 'missing')!r}, of the votes {votes.tasks[0]!r}",
                path=gold,
            )
        if missing:
            note(f"! {len(missing)} gold tasks have no votes and are left out", common)
            known = {task: label for task, label in known.items() if task in voted}
    case = _Case(
        votes=votes, gold=known, items=[] if feedback is None else _items(feedback),
        X=None if features is None else _features(features, votes.tasks),
    )  # fmt: skip
    note(
        f"{len(votes):,} votes of {len(votes.teachers):,} teachers on {len(votes.tasks):,} tasks, "
        f"{len(votes.classes)} classes",
        common,
    )
    return case


def _gold(path: Path) -> dict[str, str]:
    """Task to class."""
    from precocial import io
    from precocial.errors import DataError
    from precocial.feedback.votes import gold_labels

    rows = io.read_table(path)
    for row in rows[:1]:
        if not {"task", "label"} <= set(row):
            raise DataError(f"needs the columns task and label; has {', '.join(row)}", path=path)
    return gold_labels([row["task"] for row in rows], [row["label"] for row in rows])


def _items(path: Path) -> list[Any]:
    """Records of feedback, from a store or a table."""
    from precocial.feedback.store import Store
    from precocial.feedback.tables import read_items

    if path.suffix.lower() in (".db", ".sqlite", ".sqlite3"):
        with Store(path, create=False) as store:
            return [entry.item for entry in store.read()]
    return list(read_items(path))


def _features(path: Path, tasks: tuple[str, ...]) -> Any:
    """(T, D) numbers, a row for each task, in the order of the tasks."""
    import numpy as np

    from precocial import io
    from precocial.errors import DataError

    columns, lines = io.read_columns(path)
    if "task" not in columns or len(columns) < 2:
        raise DataError("needs the column task and columns of numbers", path=path)
    names = [name for name in columns if name != "task"]
    place = {task: row for row, task in enumerate(columns["task"])}
    if len(place) < len(columns["task"]):
        raise DataError("a task stands twice", path=path, column="task")
    missing = [task for task in tasks if task not in place]
    if missing:
        raise DataError(f"has no row for {len(missing)} tasks, {missing[0]!r} first", path=path)
    X = np.empty((len(tasks), len(names)))
    for d, name in enumerate(names):
        column = columns[name]
        for t, task in enumerate(tasks):
            row = place[task]
            X[t, d] = io.parse_number(column[row], path=path, line=int(lines[row]), column=name)
    return X

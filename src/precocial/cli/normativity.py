"""`precocial normativity aggregate|fixed-point|ask`."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, show, table, working
from precocial.cli.pages import write_page


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
        fixed, added, source=config.name, fitted=fitted,
        command=this_command(),
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

"""`precocial demo`: train a small sweep on texts that every machine has, fit it, write a page."""

from __future__ import annotations

from pathlib import Path

from precocial.cli.output import COMMON, Common, note, show


def demo(*, out: Path = Path("demo"), workers: int = 2, common: Common = COMMON) -> None:
    """Train a ladder of small models, fit the law of transfer and write a report.

    The models read Python's English documentation and are fine-tuned on its standard library.
    A few minutes on two cores; killed and called again, it goes on where it was.

    Args:
        out: folder for the runs, the table and report.html
        workers: processes, one thread each
    """
    from precocial.cli.sweep import train
    from precocial.report import transfer_report
    from precocial.transfer.ladder import recipe

    result = train(recipe("demo", seed=common.seed), out=out, workers=workers, common=common)
    note("fitting the law and drawing the page", common)
    page = transfer_report(out, out=out / "report.html")
    show(
        {"report": str(page), "table": str(out / "table.csv"), "runs": len(result.rows),
         "seconds": result.seconds, "notes": list(result.notes)},
        lambda: [*(f"! {text}" for text in result.notes),
                 f"{len(result.rows)} trained models in {out / 'table.csv'}", str(page)],
        common,
    )  # fmt: skip

"""The sections of a transfer report: small functions from findings to what a reader sees.

A section that raises FitError is shown as its reason; see `transfer_report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import FitError
from precocial.io import Row
from precocial.report import transfer_figures as pictures
from precocial.report.figures import svg
from precocial.report.findings import Findings
from precocial.report.page import Part, Picture, Section, Table, Text, parameters, quantity
from precocial.transfer import (
    Cell,
    RunTable,
    TransferFit,
    cell_rows,
    exchange_rate,
    fraction_from_transfer,
    iso_loss,
)
from precocial.transfer.effective import LOW_DATA
from precocial.transfer.forecast import zero_shot_loss

Floats = NDArray[np.float64]

MAX_PANELS, MAX_LEVELS = 9, 7
_ISO_LOSSES, _ISO_DRAWS = 4, 40
_NAMES = {"log_k": "k"}
_AXES = {"flops": "training compute", "N": "model size", "D_F": "amount of data"}


def headline(findings: Findings) -> str:
    """What pre-training is worth at the largest size and a middle amount of data, in a sentence.

    Raises:
        FitError: it could not be measured.
    """
    cell, unit = findings.mid, findings.unit
    size = f"At {parameters(cell.parameters)} parameters" if _sized(findings) else "Here"
    worth, low, high = (
        cell.fine_tune_data * (ratio - 1) for ratio in (cell.ratio, cell.low, cell.high)
    )
    what = (
        f"pre-training is worth {quantity(worth, unit)} of data"
        if worth >= 0
        else f"pre-training costs {quantity(-worth, unit)} of data"
    )
    low, high = (low, high) if worth >= 0 else (-high, -low)
    times = f"{quantity(abs(worth) / cell.fine_tune_data)} times"
    return (
        f"{size} and {quantity(cell.fine_tune_data, unit)} to fine-tune on, {what} "
        f"({quantity(low)} to {quantity(high)}), {times} the fine-tuning data."
    )


def key_figures(findings: Findings) -> tuple[tuple[str, str, str], ...]:
    """Name, value and interval of the few numbers that stand beside the headline."""
    table = findings.table
    runs = f"{int(table.is_scratch.sum())} from scratch, {len(table.pretrained)} fine-tuned"
    found = [("trained models", f"{len(table)}", runs)]
    try:
        fit = findings.fit
    except FitError:
        return tuple(found)
    point, ends = fit.estimates(), fit.intervals()
    words = {"alpha": "exponent of data, alpha", "beta": "exponent of size, beta"}
    for name, word in words.items():
        if name in point:
            low, high = ends[name]
            found.append((word, f"{point[name]:.3f}", f"{low:.3f} to {high:.3f}"))
    try:
        rate = exchange_rate(fit)
        found.append(("a model 10 times larger is worth", f"{_power(rate.decades)}× data",
                      f"{_power(rate.low)} to {_power(rate.high)}"))  # fmt: skip
    except FitError:
        pass
    return tuple(found)


def _power(decades: float) -> str:
    return quantity(10**decades) if np.isfinite(decades) and decades < 15 else "∞"


def _sized(findings: Findings) -> bool:
    return not bool(np.isnan(findings.table.N).any())


# ---------------------------------------------------------------- curves


def curves(findings: Findings) -> Section:
    """Loss against data, a panel a size, both arms, with the arrow of D_T."""
    cells, table = findings.cells, findings.table
    sizes = _spread_out(sorted({cell.parameters for cell in cells}), MAX_PANELS)
    fit = findings.fits["joint"]
    panels = [
        _panel(findings, size, fit if isinstance(fit, TransferFit) else None) for size in sizes
    ]
    columns = pictures.panel_columns(len(panels))
    rows = -(-len(panels) // columns)
    what = "Loss against data, from scratch and fine-tuned, a panel a model size."
    picture = svg(
        lambda figure: pictures.loss_curves(figure, panels, findings.unit, findings.loss_label),
        what, width=8.2 if columns > 1 else 5.0, height=0.9 + 2.4 * rows,
    )  # fmt: skip
    lines = "Lines are the joint fit, with its 95 % band. " if panels[0].bands else ""
    return Section(key="curves", title="What the runs show", parts=(
        Text(text="The arrow is D_T, the data that pre-training saves: it starts at a fine-tuned "
             "run and ends where a model from scratch of the same size has the same loss. "
             "The number above it is D_T."),
        Picture(svg=picture, table=_run_rows(table),
                caption=f"{what} {lines}The grey bar is the interval of the arrow's end."),
        Table.of(findings.effective.rows(), title="Effective data of every fine-tuned run",
                 folded=True),
    ))  # fmt: skip


def _run_rows(table: RunTable) -> Table:
    kept = ("run_id", "arm", "source", "N", "D_pre", "D_F", "seed", "loss", "loss_se", "lr")
    rows = [{name: row.get(name) for name in kept} for row in table.rows()]
    return Table.of(rows, title="The runs", folded=True)


def _spread_out(values: Sequence[float], most: int) -> list[float]:
    """At most `most` of the values, ends included."""
    if len(values) <= most:
        return list(values)
    picked = np.unique(np.round(np.linspace(0, len(values) - 1, most)).astype(int))
    return [values[at] for at in picked.tolist()]


def _panel(findings: Findings, size: float, fit: TransferFit | None) -> pictures.Curves:
    table = findings.table
    own = table if not _sized(findings) else table.where(np.isclose(table.N, size, rtol=1e-6))
    base, tuned = own.scratch, own.pretrained
    some = own.D_F[own.D_F > 0]
    data = np.geomspace(some.min(), some.max(), 60)
    bands = {}
    if fit is not None:
        bands = {"scratch": _band(fit, size, data, tuned=False)}
        if "gamma" not in fit.terms.names:
            bands["pretrained"] = _band(fit, size, data, tuned=True)
            limit = tuned.D_F.max() if len(tuned) else data[0]
            keep = data <= 1.001 * limit
            bands["pretrained"] = tuple(  # type: ignore[assignment]
                np.where(keep, line, np.nan) for line in bands["pretrained"]
            )
    known = [cell for cell in findings.cells
             if cell.parameters == size and np.isfinite(cell.ratio)]  # fmt: skip
    arrow = None
    if known:
        cell = known[(len(known) - 1) // 2]
        same = np.isclose(tuned.D_F, cell.fine_tune_data, rtol=1e-9)
        arrow = (cell, float(np.exp(np.log(tuned.loss[same]).mean())))
    title = f"{parameters(size)} parameters" if _sized(findings) else "all runs"
    return pictures.Curves(
        title=title, scratch=base, tuned=tuned, data=data, bands=bands, arrow=arrow
    )


def _band(
    fit: TransferFit, size: float, data: Floats, *, tuned: bool
) -> tuple[Floats, Floats, Floats]:
    N = np.full(len(data), size)
    z = fit.terms.regressors(data, N, np.full(len(data), np.nan)) if tuned else None

    def log_data(tau: Floats) -> Floats:
        given = np.log(data)
        return given[None] if z is None else np.logaddexp(given, tau @ z)

    middle = fit.surface.log_loss(N, np.exp(log_data(fit.tau)))[0]
    many = fit.surface_draws.log_loss(N, np.exp(log_data(fit.tau_draws)))
    low, high = np.percentile(many, [2.5, 97.5], axis=0)
    return np.exp(middle), np.exp(low), np.exp(high)


# ---------------------------------------------------------------- the law


def fraction(findings: Findings) -> Section:
    """Fraction from transfer against N on a logit axis, a line an amount of data."""
    groups: dict[float, list[Cell]] = {}
    hurt = 0
    for cell in findings.cells:
        if cell.verdict != "unbracketed" and cell.ratio > 1:
            groups.setdefault(cell.fine_tune_data, []).append(cell)
        elif cell.verdict != "unbracketed":
            hurt += 1
    sizes = {cell.parameters for own in groups.values() for cell in own}
    if len(sizes) < 2:
        raise FitError(
            f"{len(sizes)} size(s) with a measured gain: a picture against N needs two or more"
        )
    shown = {data: groups[data] for data in _spread_out(sorted(groups), MAX_LEVELS)}
    grid = np.geomspace(min(sizes), max(sizes), 50)
    fit, lines = findings.fits["joint"], {}
    if isinstance(fit, TransferFit) and "gamma" not in fit.terms.names:
        lines = {
            data: fraction_from_transfer(fit.constants, parameters=grid, fine_tune_data=data)
            for data in shown
        }
    what = "Fraction of effective data that came from transfer, against model size."
    drawn = svg(
        lambda figure: pictures.fraction_curves(figure, shown, lines, grid, findings.unit),
        what, width=8.2, height=4.4,
    )  # fmt: skip
    left = f" {hurt} cell(s) where pre-training saved nothing have no place on it." if hurt else ""
    numbers = [
        {"N": cell.parameters, "D_F": cell.fine_tune_data, "fraction": pictures.share(cell.ratio),
         "low": pictures.share(cell.low), "high": pictures.share(cell.high),
         "verdict": cell.verdict}
        for cell in findings.cells if cell.verdict != "unbracketed"
    ]  # fmt: skip
    return Section(key="fraction", title="How much of the data is transferred", parts=(
        Text(text="Under the paper's law these are straight parallel lines: the vertical axis is "
             "the logit of the fraction, its slope in log N is beta."),
        Picture(svg=drawn, table=Table.of(numbers),
                caption=f"{what} Lines are the joint fit, bars 95 % intervals; where one leaves "
                f"the picture, see the numbers.{left}"),
    ))  # fmt: skip


def estimate_rows(findings: Findings) -> list[Row]:
    """k, alpha, beta by method with bootstrap intervals, and the joint fit's profile intervals."""
    rows: list[Row] = []
    for method, fit in findings.fits.items():
        if isinstance(fit, FitError):
            continue
        point, ends = fit.estimates(), fit.intervals()
        for name, value in point.items():
            low, high = ends[name]
            if name == "log_k":
                value, low, high = (float(np.exp(v)) for v in (value, low, high))
            rows.append({"method": method, "constant": _NAMES.get(name, name), "value": value,
                         "low": low, "high": high})  # fmt: skip
            if method == "joint" and name != "log_k":
                held = fit.profile(name)
                rows[-1] |= {"profile low": held.low, "profile high": held.high}
    return rows


def law(findings: Findings) -> Section:
    """The constants by the three methods, and what the draws say of their correlation."""
    rows = estimate_rows(findings)
    if not rows:
        raise FitError("; ".join(sorted({str(fit) for fit in findings.fits.values()})))
    names = list(dict.fromkeys(str(row["constant"]) for row in rows))
    methods = len({row["method"] for row in rows})
    what = "Constants of the law by each method, with 95 % bootstrap intervals."
    parts: list[Part] = [
        Text(text="D_T = k · D_F^alpha · N^beta. The joint fit is one likelihood of all runs; the "
             "read-off fits effective data one by one; logit-paper is the paper's own fit of "
             f"fits. Data in {findings.unit}."),
        Picture(svg=svg(lambda figure: pictures.estimates(figure, rows, names), what,
                        width=8.6, height=1.0 + 0.45 * methods),
                caption=what, table=Table.of(rows)),
    ]  # fmt: skip
    refused = [f"{method}: {fit}" for method, fit in findings.fits.items()
               if isinstance(fit, FitError)]  # fmt: skip
    parts += [Text(text=reason, tone="refusal") for reason in refused]
    fit = findings.fits["joint"]
    if isinstance(fit, TransferFit):
        samples, point = fit.draws(), fit.estimates()
        pairs = "Bootstrap draws of the joint fit; the cross is the estimate."
        told = [{"constant": name, "estimate": point[name], "standard deviation": float(v.std())}
                for name, v in samples.items()]  # fmt: skip
        parts.append(Picture(
            svg=svg(lambda figure: pictures.draws(figure, samples, point), pairs,
                    width=8.2 if "beta" in point else 4.6, height=3.2),
            caption=f"{pairs} A narrow slanted cloud says that the two are known only together.",
            table=Table.of(told),
        ))  # fmt: skip
        surface = [{"parameter": name, "value": value}
                   for name, value in fit.scratch.parameters.items()]  # fmt: skip
        parts.append(Table.of(surface, title=f"From-scratch law: {fit.scratch.law}", folded=True))
    return Section(key="law", title="The law that was fitted", parts=tuple(parts))


# ---------------------------------------------------------------- maps


def ossification(findings: Findings) -> Section:
    """Where pre-training helps and where it hurts."""
    cells = findings.cells
    if not _sized(findings):
        raise FitError("the table names no sizes N, so there is no map over them")
    regime = all(cell.regime > 0 for cell in cells)
    counts = {verdict: sum(cell.verdict == verdict for cell in cells) for verdict in pictures.MARKS}
    said = {"helps": "helps", "hurts": "hurts", "undecided": "is undecided",
            "unbracketed": "is only bounded"}  # fmt: skip
    words = ", ".join(f"{said[key]} in {count}" for key, count in counts.items() if count)
    what = "Cells of size and data: colour is D_E / D_F, shape the verdict."
    dashed = (
        " The dashed line is a tenth of D(N), the data that a model of that size can use: right "
        "of it the law is not fitted."
        if any(cell.regime > LOW_DATA for cell in cells)
        else ""
        if regime
        else " The from-scratch law has no floor, so D(N) is infinite; the axis is D_F."
    )
    drawn = svg(
        lambda figure: pictures.ossification(figure, cells, regime=regime, unit=findings.unit),
        what, width=8.2, height=4.6,
    )  # fmt: skip
    return Section(key="ossification", title="Where pre-training helps, and where it hurts", parts=(
        Text(text=f"Of {len(cells)} cells, pre-training {words}. A verdict is given only "
             "where the whole interval is on one side of 1. Blue saves data; vermilion is "
             "ossification, where a model from scratch does better."),
        Picture(svg=drawn, caption=what + dashed, table=Table.of(cell_rows(cells))),
    ))  # fmt: skip


def exchange(findings: Findings) -> Section:
    """Lines of equal loss over N and D_F."""
    fit = findings.fit
    rate = exchange_rate(fit)
    sizes = np.geomspace(fit.used.N.min(), fit.used.N.max(), 30)
    losses = np.quantile(fit.used.loss, np.linspace(0.2, 0.8, _ISO_LOSSES)).tolist()
    lines = [(loss, *_iso_band(fit, loss, sizes)) for loss in losses]
    zero_shot = zero_shot_loss(fit.table, sizes, np.full(len(sizes), np.nan))
    numbers = [
        {"loss": loss, "N": float(N), "D_F": float(middle[i]), "low": float(low[i]),
         "high": float(high[i]), "below_zero_shot": bool(loss > zero_shot[i])}
        for loss, middle, low, high in lines for i, N in enumerate(sizes)
        if np.isfinite(middle[i])
    ]  # fmt: skip
    what = "Fine-tuning data that bring a pre-trained model of each size to one loss."
    drawn = svg(
        lambda figure: pictures.iso_losses(figure, lines, sizes, fit.table.pretrained,
                                           findings.unit),
        what, width=8.2, height=4.4,
    )  # fmt: skip
    told = f"{rate.statement[0].upper()}{rate.statement[1:]}. The paper: about 100 times."
    if any(row["below_zero_shot"] for row in numbers):
        told += (
            " Where a loss is worse than the zero-shot loss that was measured (below_zero_shot), "
            "no fine-tuning is needed and the line says nothing."
        )
    return Section(key="exchange", title="Size for data", parts=(
        Text(text=told),
        Picture(svg=drawn, caption=f"{what} Bands are 95 % intervals of the joint fit.",
                table=Table.of(numbers)),
    ))  # fmt: skip


def _iso_band(fit: TransferFit, loss: float, sizes: Floats) -> tuple[Floats, Floats, Floats]:
    middle = iso_loss(fit, loss=loss, parameters=sizes)
    count = min(_ISO_DRAWS, len(fit.tau_draws))
    drawn = np.stack([
        iso_loss(
            replace(fit, tau=fit.tau_draws[i : i + 1],
                    surface=replace(fit.surface_draws, phi=fit.surface_draws.phi[i : i + 1])),
            loss=loss, parameters=sizes,
        )
        for i in range(count)
    ])  # fmt: skip
    # where a draw needs no fine-tuning at all, or no amount suffices, there is no band to draw
    whole = np.isfinite(drawn).mean(axis=0) > 0.95
    low, high = np.full((2, len(sizes)), np.nan)
    if whole.any():
        low[whole], high[whole] = np.nanpercentile(drawn[:, whole], [2.5, 97.5], axis=0)
    return middle, low, high


def forecasts(findings: Findings) -> Section:
    """The backtest that chose the law, and forecasts of the largest runs from the others."""
    title = "Would it have forecast your runs?"
    found = findings.backtest
    best = found.best
    rows: list[Mapping[str, Any]] = [
        {"law": row["law"], "N counts": _counting(row["counting"]), "parameters": row["parameters"],
         "error": _percent(row["error"]), "bias": _percent(row["bias"]), "folds": row["folds"],
         "failed": row["failed"], "chosen": row["chosen"]}
        for row in found.rows()
    ]  # fmt: skip
    parts: list[Part] = [
        Text(text=f"Each law was fitted to the smaller runs and asked for the larger ones, along "
             f"{_AXES[found.axis]}. The best, {best.law}, missed by "
             f"{_percent(best.error)} on average."),
        Table.of(rows),
    ]  # fmt: skip
    try:
        held = findings.parity
    except FitError as error:
        parts.append(Text(text=f"No run could be held out: {error}", tone="refusal"))
        return Section(key="backtest", title=title, parts=tuple(parts))
    inside = sum(row["low"] <= row["measured"] <= row["high"] for row in held)
    what = (
        f"The largest 30 % of the runs, forecast from the rest: {inside} of {len(held)} lie "
        "inside their 95 % prediction interval."
    )
    drawn = svg(lambda figure: pictures.parity(figure, held, findings.loss_label), what,
                width=5.6, height=4.8)  # fmt: skip
    parts.append(Picture(svg=drawn, caption=what, table=Table.of(held)))
    return Section(key="backtest", title=title, parts=tuple(parts))


def _counting(name: str) -> str:
    return "no embeddings" if name == "N" else "all parameters"


def _percent(error: float) -> str:
    return f"{100 * error:.2f} %" if np.isfinite(error) else "could not be fitted"

"""`precocial transfer fit|forecast|plan|backtest|simulate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from precocial.cli.output import COMMON, Common, note, show, table
from precocial.cli.words import Numbers, Words, flat, named_once

Method = Literal["joint", "readoff", "logit-paper"]


def fit(
    runs: Positional[Path],
    *,
    method: Method = "joint",
    law: str | None = None,
    source: str | None = None,
    draws: int = 400,
    common: Common = COMMON,
) -> None:
    """Fit D_T = k * D_F^alpha * N^beta to a run table with both arms.

    Args:
        runs: run table (.csv, .tsv, .jsonl, .parquet)
        method: joint likelihood, read-off, or the paper's logit fit of fits
        law: from-scratch law (additive, gadre, rectified, kaplan, power, ...); none lets a
            backtest choose
        source: use only the pre-trained runs of this source
        draws: bootstrap refits behind the intervals
    """
    from precocial.transfer import effective_data, exchange_rate

    found = _fit(runs, method, law, source, draws, common)
    read = effective_data(found.table, scratch=found.scratch, draws=draws, seed=common.seed)
    point, intervals = found.estimates(), found.intervals() if draws else {}
    rate = exchange_rate(found) if draws and "beta" in point else None
    constants = found.constants
    document = {
        "method": found.method, "law": found.scratch.law, "unit": constants.unit,
        "k": constants.k, "estimates": point, "intervals": intervals, "noise": found.noise,
        "surface": {name: float(v[0]) for name, v in found.surface.natural().items()},
        "runs_used": len(found.used), "exchange": rate, "cells": read.rows(),
        "flags": _flags(found.flags),
    }  # fmt: skip
    estimates = [[name, value, *intervals.get(name, (None, None))] for name, value in point.items()]
    view: list[Any] = [
        table(["constant", "estimate", "low", "high"], estimates,
              title=f"D_T = k * D_F^alpha * N^beta ({found.method}, {found.scratch.law} surface)"),
        f"k = {constants.k:.4g} ({constants.unit or 'units'}), {len(found.used)} runs used, "
        f"noise {found.noise:.2%}",
        *([rate.statement] if rate else []),
        table(["N", "D_F", "D_E", "low", "high", "D_F / D(N)", "status"],
              [[r["N"], r["D_F"], r["D_E"], r["D_E_low"], r["D_E_high"], r["regime"], r["status"]]
               for r in read.rows()], title="Effective data"),
    ]  # fmt: skip
    show(document, lambda: [*view, *_doubts(found.flags)], common)


def forecast(
    runs: Positional[Path],
    *,
    parameters: Numbers,
    fine_tune_data: Numbers,
    pretrain_data: float = float("nan"),
    method: Method = "joint",
    law: str | None = None,
    source: str | None = None,
    draws: int = 400,
    common: Common = COMMON,
) -> None:
    """The loss and the effective data of models you have not trained.

    Args:
        runs: run table
        parameters: sizes N, without embeddings
        fine_tune_data: amounts D_F; every size is paired with every amount
        pretrain_data: D_pre, where the runs differ in it
        method: how the law is fitted
        law: from-scratch law; none lets a backtest choose
        source: use only the pre-trained runs of this source
        draws: bootstrap refits behind the intervals
    """
    import numpy as np

    from precocial.errors import ConfigError
    from precocial.transfer import forecast as predict

    if not (flat(parameters) and flat(fine_tune_data)):
        raise ConfigError("name a size at least with --parameters, and with --fine-tune-data")
    found = _fit(runs, method, law, source, draws, common)
    N, D_F = (
        axis.ravel() for axis in np.meshgrid(flat(parameters), flat(fine_tune_data), indexing="ij")
    )
    result = predict(
        found, parameters=N, fine_tune_data=D_F, pretrain_data=pretrain_data, seed=common.seed
    )
    columns = ["N", "D_F", "loss", "run_low", "run_high", "scratch_loss", "D_E", "D_E_low",
               "D_E_high"]  # fmt: skip
    flags = _unique([*found.flags, *result.flags])
    show(
        {"rows": result.rows(), "level": result.level, "flags": _flags(flags)},
        lambda: [
            table(columns, _cells(result.rows(), columns), title="Forecast of a fine-tuned run"),
            *_doubts(flags),
        ],
        common,
    )


def plan(
    runs: Positional[Path],
    *,
    have_parameters: float,
    have_fine_tune_data: float,
    have_pretrain_data: float,
    price_data: float,
    price_flop: float,
    price_pretrain_data: float = 0.0,
    passes: float = 1.0,
    target_loss: float | None = None,
    budget: float | None = None,
    law: str | None = None,
    source: str | None = None,
    draws: int = 400,
    common: Common = COMMON,
) -> None:
    """What to buy next: fine-tuning data, parameters or pre-training.

    Args:
        runs: run table
        have_parameters: N now
        have_fine_tune_data: D_F now
        have_pretrain_data: D_pre now
        price_data: money for a unit of fine-tuning data
        price_flop: money for a FLOP of training
        price_pretrain_data: money for a unit of pre-training data
        passes: over the fine-tuning data in one run
        target_loss: the loss to reach; or
        budget: the money there is
        law: from-scratch law; none lets a backtest choose
        source: use only the pre-trained runs of this source
        draws: bootstrap refits behind the intervals
    """
    from precocial.transfer import Have, Prices
    from precocial.transfer import plan as choose

    found = _fit(runs, "joint", law, source, draws, common)
    chosen = choose(
        found,
        have=Have(
            parameters=have_parameters, fine_tune_data=have_fine_tune_data,
            pretrain_data=have_pretrain_data,
        ),
        prices=Prices(
            data=price_data, flop=price_flop, pretrain_data=price_pretrain_data, passes=passes
        ),
        target_loss=target_loss, budget=budget,
    )  # fmt: skip
    columns = ["option", "added", "amount", "money", "money_low", "money_high", "best_in"]
    show(
        {"statement": chosen.statement, "recommended": chosen.recommended, "loss": chosen.loss,
         "target_loss": chosen.target_loss, "in_data": chosen.in_data, "regret": chosen.regret,
         "options": chosen.rows(), "flags": _flags(chosen.flags),
         "left_out": [{"option": name, "reason": why} for name, why in chosen.left_out]},
        lambda: [
            table(columns, _cells(chosen.rows(), columns),
                  title=f"From a loss of {chosen.loss:.4g} to {chosen.target_loss:.4g}"),
            chosen.statement,
            f"in data: {chosen.in_data:.4g} more fine-tuning data would do the same",
            *(f"not weighed: {name}, because {why}" for name, why in chosen.left_out),
            *_doubts(chosen.flags),
        ],
        common,
    )  # fmt: skip


def backtest(
    runs: Positional[tuple[Path, ...]],
    *,
    laws: Words = (),
    axis: Literal["flops", "N", "D_F"] | None = None,
    source: str | None = None,
    common: Common = COMMON,
) -> None:
    """Which law would have forecast your own larger runs best.

    Args:
        runs: run tables; several share one law
        laws: laws to compare; none means all that suit
        axis: what "larger" means; none means flops (6*N*D), or D_F for one size
        source: use only the pre-trained runs of this source
    """
    from precocial.transfer import backtest as compare

    result = compare([_read(path, source) for path in runs], laws=flat(laws) or None, axis=axis)
    columns = ["law", "counting", "parameters", "error", "bias", "folds", "failed"]
    show(
        {"axis": result.axis, "rows": result.rows()},
        lambda: [
            table(columns, _cells(result.rows(), columns),
                  title=f"Mean |log error| on larger runs, by {result.axis}"),
            f"chosen: {result.best.law}, parameters counted as {result.best.counting}",
        ],
        common,
    )  # fmt: skip


def simulate(
    out: Positional[Path],
    *,
    k: float = 1.9e4,
    alpha: float = 0.18,
    beta: float = 0.38,
    noise: float = 0.003,
    kind: Literal["constant", "heteroscedastic", "outliers"] = "constant",
    seeds: int = 1,
    common: Common = COMMON,
) -> None:
    """Write a run table drawn from constants that are known (default: the paper's text row).

    Args:
        out: file to write (.csv)
        k: constant of the law
        alpha: exponent of the fine-tuning data
        beta: exponent of the size
        noise: relative noise of the loss
        kind: of noise
        seeds: runs a cell
    """
    from precocial.transfer import Constants, Design, Noise
    from precocial.transfer import simulate as draw

    runs = draw(
        Constants(k=k, alpha=alpha, beta=beta), design=Design(seeds=seeds),
        noise=Noise(relative=noise, kind=kind), seed=common.seed,
    )  # fmt: skip
    runs.write(out)
    show({"path": str(out), "runs": len(runs)}, lambda: [f"{len(runs)} runs in {out}"], common)


def table_of(
    exports: Positional[tuple[Path, ...]],
    *,
    out: Path,
    form: Literal["auto", "table", "trainer_state", "wandb", "mlflow"] = "auto",
    column: Words = (),
    common: Common = COMMON,
) -> None:
    """Make one run table from exports of other tools: W&B, MLflow, Hugging Face Trainer.

    Args:
        exports: CSV exports, trainer_state.json files, or run tables
        out: the run table to write (.csv, .jsonl, .parquet)
        form: of the exports; auto tells by the ending and the header
        column: NAME=COLUMN of the export, or NAME:=VALUE for every row: loss=eval/loss arm:=scratch
    """
    import warnings

    from precocial.errors import ConfigError
    from precocial.transfer import RunTable, read_runs
    from precocial.transfer.table import COLUMNS, REQUIRED

    if not exports:
        raise ConfigError("name at least one export to read")
    names, fixed = {}, {}
    for name, value in named_once("--column", column, "NAME=COLUMN or NAME:=VALUE").items():
        if name.endswith(":") and name[:-1] not in REQUIRED:
            fixed[name[:-1]] = _value(value)
        else:
            names[name.rstrip(":")] = _value(value)
    unknown = sorted(set(fixed) - set(COLUMNS))
    if unknown:
        raise ConfigError(f"--column: {unknown[0]!r} is none of {', '.join(COLUMNS)}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        rows = [
            {**row, **fixed}
            for path in exports
            for row in read_runs(path, format=form, **names).rows()
        ]
    for warning in told:
        note(str(warning.message), common)
    runs = RunTable.from_rows(rows, path=out)
    runs.write(out)
    show({"path": str(out), "runs": len(runs)}, lambda: [f"{len(runs)} runs in {out}"], common)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _read(path: Path, source: str | None) -> Any:
    from precocial.errors import ConfigError
    from precocial.transfer import RunTable

    runs = RunTable.read(path)
    if source is None:
        return runs
    if source not in runs.source:
        known = ", ".join(sorted(set(runs.pretrained.source.tolist())))
        raise ConfigError(f"no run of {path} has source {source!r}; it has {known}")
    return runs.where(runs.is_scratch | (runs.source == source))


def _fit(
    path: Path, method: Method, law: str | None, source: str | None, draws: int, common: Common
) -> Any:
    from precocial.transfer import fit_transfer

    runs = _read(path, source)
    note(f"fitting {len(runs)} runs", common)
    return fit_transfer(runs, method=method, law=law, draws=draws, seed=common.seed)


def _cells(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> list[list[Any]]:
    return [[row[name] for name in columns] for row in rows]


def _unique(flags: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(flags))


def _flags(flags: Iterable[Any]) -> list[dict[str, str]]:
    return [{"code": flag.code, "message": flag.message} for flag in _unique(flags)]


def _doubts(flags: Iterable[Any]) -> list[str]:
    return [f"! {flag.message}" for flag in _unique(flags)]

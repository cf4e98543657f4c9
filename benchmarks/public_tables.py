"""Forecasts on public tables: what the room says of runs that it was not shown.

`python benchmarks/public_tables.py [--json] [--data FOLDER]`. FOLDER holds `transfer/*.csv`; the
default is $PRECOCIAL_DATA, else ../shared/data beside the repository. They are not ours to ship:

    chinchilla.csv   epoch-research/analyzing-chinchilla, data/svg_extracted_data.csv
    gadre104.csv     mlfoundations/scaling, exp_data/models, flattened
    flan.csv         linhaowei1/Fine-tuning-Scaling-Law, benchmark
    cg_finetune.csv  pfnet-research/cg-transfer, results/results_finetune.csv

Laws are chosen by `backtest` on the runs that the fit is given, never on those it is asked for.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from precocial import io
from precocial.transfer import (
    RunTable,
    ScratchFit,
    backtest,
    effective_data,
    fit_scratch,
    fit_transfer,
    forecast,
)
from precocial.transfer.forecast import forecast_scratch

ROOT = Path(__file__).resolve().parent.parent
DROPPED = 5
"""Besiroglu et al. 2024 leave out the five worst losses of the Chinchilla table."""
GADRE_TRAIN = 4.2e8
"""Gadre et al.'s grid ends at 411M parameters; the larger runs are theirs to forecast."""
FLAN_TRAIN, FLAN_ASKED = 102_400, 1_638_400
RESNET_TRAIN = 16.5
"""Per cent of the fine-tuning images."""
IMAGES_PER_CENT = 12811.67


def data_folder(given: str | None = None) -> Path | None:
    """The folder of the public tables, or None where it is not there."""
    folder = Path(given or os.environ.get("PRECOCIAL_DATA") or ROOT.parent / "shared" / "data")
    return folder / "transfer" if (folder / "transfer").is_dir() else None


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a CSV, numbers as numbers and empty cells or NA as None."""

    def value(text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            return None if text in ("", "NA") else text

    return [{name: value(cell) for name, cell in row.items()} for row in io.read_csv(path)]


def chinchilla_table(folder: Path) -> RunTable:
    """The 240 runs; D = C / (6 N)."""
    points = sorted(read(folder / "chinchilla.csv"), key=lambda row: row["loss"])
    kept = points[: len(points) - DROPPED]
    return RunTable.from_rows(
        {
            "arm": "scratch", "N": row["Model Size"], "loss": row["loss"], "unit": "tokens",
            "D_F": row["Training FLOP"] / (6 * row["Model Size"]),
        }
        for row in kept
    )  # fmt: skip


def chinchilla(folder: Path) -> ScratchFit:
    """The fit with Hoffmann et al.'s law and threshold."""
    return fit_scratch(chinchilla_table(folder), "additive", delta=1e-3)


def gadre(folder: Path) -> dict[str, Any]:
    """The nine runs above 411M parameters, from those up to there, by a law chosen there on the c4
    loss; then the other losses with that law."""
    points = read(folder / "gadre104.csv")
    losses = [name for name in points[0] if name.startswith("loss_")]
    corpora = list(dict.fromkeys(row["dataset"] for row in points))

    def runs(loss: str, corpus: str, large: bool) -> RunTable:
        return RunTable.from_rows(
            {
                "run_id": row["name"], "arm": "scratch", "N": row["params_no_embed"],
                "N_total": row["params"], "D_F": row["tokens"], "unit": "tokens",
                "loss": row[loss],
            }
            for row in points
            if row["dataset"] == corpus and (row["params"] > GADRE_TRAIN) == large
        )  # fmt: skip

    tried = backtest([runs("loss_c4_val", corpus, False) for corpus in corpora])
    law, total = tried.best.law, tried.best.counting == "N_total"
    found = []
    for loss in losses:
        for corpus in corpora:
            small, large = (runs(loss, corpus, which) for which in (False, True))
            if total:
                small, large = small.with_total_parameters(), large.with_total_parameters()
            said = forecast_scratch(fit_scratch(small, law), parameters=large.N, data=large.D_F)
            low, high = said.prediction_interval
            found += [
                {
                    "loss": loss, "corpus": corpus, "run": str(large.run_id[i]),
                    "measured": float(large.loss[i]), "forecast": float(said.loss[i]),
                    "low": float(low[i]), "high": float(high[i]),
                    "error": float(said.loss[i] / large.loss[i] - 1),
                    "inside": bool(low[i] <= large.loss[i] <= high[i]),
                }
                for i in range(len(large))
            ]  # fmt: skip
    return {"backtest": tried.rows(), "chosen": law, "counting": tried.best.counting,
            "runs": found, "losses": _by_loss(found, losses)}  # fmt: skip


def _by_loss(runs: Sequence[dict[str, Any]], losses: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for loss in losses:
        own = [run for run in runs if run["loss"] == loss]
        rows.append({
            "loss": loss, "runs": len(own), "inside": sum(run["inside"] for run in own),
            "mean_absolute_error": float(np.mean([abs(run["error"]) for run in own])),
        })  # fmt: skip
    return rows


def flan(folder: Path) -> dict[str, Any]:
    """30 models: the loss at 1,638,400 examples from those at or below 102,400."""
    points = read(folder / "flan.csv")
    sizes = [name for name in points[0] if name.isdigit() and 0 < int(name) <= FLAN_TRAIN]
    tables = [
        RunTable.from_rows(
            {"arm": "scratch", "D_F": int(size), "unit": "examples", "loss": row[size]}
            for size in sizes
        )
        for row in points
    ]
    tried = backtest(tables)
    truth = np.log([row[str(FLAN_ASKED)] for row in points])
    laws = {}
    for law in dict.fromkeys((tried.best.law, "power", "rectified_one_size")):
        said = [forecast_scratch(fit_scratch(table, law), data=FLAN_ASKED) for table in tables]
        error = np.log([one.loss[0] for one in said]) - truth
        inside = [
            one.prediction_interval[0][0] <= np.exp(true) <= one.prediction_interval[1][0]
            for one, true in zip(said, truth, strict=True)
        ]
        laws[law] = {
            "mean_absolute_log_error": float(np.abs(error).mean()), "bias": float(error.mean()),
            "inside": int(np.sum(inside)), "models": len(error),
        }  # fmt: skip
    return {"backtest": tried.rows(), "chosen": tried.best.law, "laws": laws}


def resnet_table(folder: Path) -> RunTable:
    """ImageNet error of ResNet-50, from scratch and after 1,000 to 64,000 synthetic images."""
    wanted = {"fdata": "imagenet", "ftask": "sinclass", "model": "r50", "pdata": "bop",
              "ptask": "mulclass", "pscale": "64k"}  # fmt: skip
    last: dict[tuple[float, float], dict[str, Any]] = {}
    for row in sorted(read(folder / "cg_finetune.csv"), key=lambda row: row["n_eval"]):
        ours = all(row[name] == value for name, value in wanted.items())
        if ours and row["pretrain.data"] is not None:
            last[row["pretrain.data"], row["fratio"]] = row
    return RunTable.from_rows(
        {
            "run_id": f"{images:.0f}-{share}", "arm": "pretrained" if images else "scratch",
            "source": "bop" if images else "", "D_pre": images, "D_F": share * IMAGES_PER_CENT,
            "unit": "images", "loss": 1 - row["value"], "loss_unit": "error rate",
        }
        for (images, share), row in last.items()
    )  # fmt: skip


def resnet(folder: Path) -> dict[str, Any]:
    """D_E / D_F by the share of the data, and 32, 64 and 100 % from at most 16 %."""
    full = resnet_table(folder)
    share = full.D_F / IMAGES_PER_CENT
    small = full.where(share <= RESNET_TRAIN)
    large = full.where((share > RESNET_TRAIN) & ~full.is_scratch)
    tried = backtest(small, axis="D_F")
    fit = fit_transfer(small, law=tried.best.law)
    said = forecast(fit, parameters=1.0, fine_tune_data=large.D_F, pretrain_data=large.D_pre)
    low, high = said.prediction_interval
    found = [
        {
            "D_pre": float(large.D_pre[i]), "share": round(float(large.D_F[i]) / IMAGES_PER_CENT),
            "measured": float(large.loss[i]), "forecast": float(said.loss[i]),
            "low": float(low[i]), "high": float(high[i]),
            "inside": bool(low[i] <= large.loss[i] <= high[i]),
        }
        for i in range(len(large))
    ]  # fmt: skip
    return {
        "backtest": tried.rows(), "chosen": tried.best.law, "estimates": fit.estimates(),
        "intervals": fit.intervals(), "flags": [flag.code for flag in fit.flags],
        "runs": found, "inside": sum(run["inside"] for run in found), "asked": len(found),
        "worth": worth_by_share(full),
    }  # fmt: skip


def worth_by_share(full: RunTable) -> list[dict[str, Any]]:
    """D_E / D_F at each share of the data: least, median and most over amounts of pre-training."""
    read = effective_data(full)
    ratio = np.where(read.measured, read.D_E / read.table.D_F, np.nan)
    share = np.round(read.table.D_F / IMAGES_PER_CENT).astype(int)
    rows = []
    for level in np.unique(share):
        own = ratio[(share == level) & read.measured]
        if len(own):
            rows.append({
                "share": int(level), "amounts": len(own), "least": float(own.min()),
                "median": float(np.median(own)), "most": float(own.max()),
            })  # fmt: skip
    return rows


def everything(folder: Path) -> dict[str, Any]:
    """All four."""
    fit = chinchilla(folder)
    return {
        "chinchilla": {"objective": fit.objective, "parameters": fit.parameters},
        "gadre": gadre(folder), "flan": flan(folder), "resnet": resnet(folder),
    }  # fmt: skip


def _say(found: dict[str, Any]) -> None:
    said = {name: dict(part) for name, part in found.items()}
    for name, part in said.items():
        print(f"== {name}")
        for key, value in part.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                print(f"{key}:")
                for row in value:
                    print("  ", "  ".join(f"{k} {_number(v)}" for k, v in row.items()))
            else:
                print(f"{key}: {value}")


def _number(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", help="folder that holds transfer/*.csv")
    asked = parser.parse_args()
    where = data_folder(asked.data)
    if where is None:
        print("[]" if asked.json else "skipped: no public tables; see --data and $PRECOCIAL_DATA")
    elif asked.json:
        print(json.dumps(everything(where)))
    else:
        _say(everything(where))

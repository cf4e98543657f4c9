"""Experiments: a config becomes a folder of rows, survives kills, and is never run twice."""

from __future__ import annotations

from precocial.runs.claims import (
    Claim,
    Measured,
    Tolerance,
    Verdict,
    at_least,
    at_most,
    between,
    judge,
    verdict,
    within,
)
from precocial.runs.configs import config_dict, config_from, run_id
from precocial.runs.folder import Experiment, Run, run
from precocial.runs.progress import Progress, duration
from precocial.runs.records import RunRecord, provenance, read_run
from precocial.runs.streams import stream, stream_seed
from precocial.runs.sweeps import OnDone, read_runs, sweep
from precocial.runs.threads import one_thread

__all__ = [
    "Claim",
    "Experiment",
    "Measured",
    "OnDone",
    "Progress",
    "Run",
    "RunRecord",
    "Tolerance",
    "Verdict",
    "at_least",
    "at_most",
    "between",
    "config_dict",
    "config_from",
    "duration",
    "judge",
    "one_thread",
    "provenance",
    "read_run",
    "read_runs",
    "run",
    "run_id",
    "stream",
    "stream_seed",
    "sweep",
    "verdict",
    "within",
]

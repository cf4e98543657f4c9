"""Learning from imperfect teachers without learning their mistakes (Demski 2020; Taylor 2015)."""

from __future__ import annotations

from precocial.normativity.ablation import AblationConfig, ablate, ablation
from precocial.normativity.aggregators.dawid_skene import (
    CentredDawidSkene,
    DawidSkene,
    OneCoin,
    smoothed_dawid_skene,
)
from precocial.normativity.aggregators.glad import Glad
from precocial.normativity.aggregators.mace import Mace
from precocial.normativity.aggregators.majority import Majority, WeightedMajority
from precocial.normativity.aggregators.result import Aggregated, Aggregator
from precocial.normativity.calibration import calibration_error
from precocial.normativity.explanation import Explanation, Teacher
from precocial.normativity.fitting import Fitted, Fitting, fit
from precocial.normativity.fixed_point import FixedPoint, change_when_adding_level, fixed_point
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.hierarchy_file import read_hierarchy
from precocial.normativity.learner import NormLearner, PanelResult
from precocial.normativity.levels import Level
from precocial.normativity.levels_record import LevelsRecord
from precocial.normativity.panel import default_panel
from precocial.normativity.panel_record import PanelRecord
from precocial.normativity.sensitivity import gradient, influence
from precocial.normativity.sources import Source
from precocial.normativity.student import Student

__all__ = [
    "AblationConfig",
    "Aggregated",
    "Aggregator",
    "CentredDawidSkene",
    "DawidSkene",
    "Explanation",
    "Fitted",
    "Fitting",
    "FixedPoint",
    "Glad",
    "Hierarchy",
    "Level",
    "LevelsRecord",
    "Mace",
    "Majority",
    "NormLearner",
    "OneCoin",
    "PanelRecord",
    "PanelResult",
    "Source",
    "Student",
    "Teacher",
    "WeightedMajority",
    "ablate",
    "ablation",
    "calibration_error",
    "change_when_adding_level",
    "default_panel",
    "fit",
    "fixed_point",
    "gradient",
    "influence",
    "read_hierarchy",
    "smoothed_dawid_skene",
]

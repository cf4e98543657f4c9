"""Learning from imperfect teachers without learning their mistakes (Demski 2020; Taylor 2015)."""

from __future__ import annotations

from precocial.normativity.ablation import AblationConfig, Compared, ablate, ablation, compared
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
from precocial.normativity.experiment import DigitsConfig, digits
from precocial.normativity.explanation import Explanation, Teacher
from precocial.normativity.fitting import Fitted, Fitting, fit
from precocial.normativity.fixed_point import (
    Added,
    CostCertificate,
    FixedPoint,
    change_when_adding_level,
    fixed_point,
)
from precocial.normativity.folding import Unused
from precocial.normativity.hearing import hear_all
from precocial.normativity.hierarchy import Hierarchy
from precocial.normativity.hierarchy_file import read_hierarchy
from precocial.normativity.learner import NormLearner
from precocial.normativity.levels import Level
from precocial.normativity.levels_record import LevelsRecord
from precocial.normativity.panel import default_panel
from precocial.normativity.panel_record import PanelRecord
from precocial.normativity.rebasing import Rebased, rebase
from precocial.normativity.sensitivity import gradient, in_logits, influence
from precocial.normativity.sources import Source
from precocial.normativity.student import Student
from precocial.normativity.texts import aggregate_texts, word_error_rate

__all__ = [
    "AblationConfig",
    "Added",
    "Aggregated",
    "Aggregator",
    "CentredDawidSkene",
    "Compared",
    "CostCertificate",
    "DawidSkene",
    "DigitsConfig",
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
    "Rebased",
    "Source",
    "Student",
    "Teacher",
    "Unused",
    "WeightedMajority",
    "ablate",
    "ablation",
    "aggregate_texts",
    "calibration_error",
    "change_when_adding_level",
    "compared",
    "default_panel",
    "digits",
    "fit",
    "fixed_point",
    "gradient",
    "hear_all",
    "in_logits",
    "influence",
    "read_hierarchy",
    "rebase",
    "smoothed_dawid_skene",
    "word_error_rate",
]

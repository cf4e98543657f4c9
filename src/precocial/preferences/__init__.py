"""What behaviour can, and cannot, tell about what someone wants (Armstrong and Mindermann 2017)."""

from __future__ import annotations

from precocial.preferences.assumptions import (
    AssumptionRow,
    BetterThanRandom,
    KnownReward,
    MonotoneInReward,
    RationalOn,
    SamePlanner,
    SameReward,
    SignAnchor,
    Sparse,
    Task,
    assumption_report,
)
from precocial.preferences.auditing.audit import Audit, audit, goals_and_dangers
from precocial.preferences.auditing.record import AuditRecord
from precocial.preferences.claims import CLAIMS, Evidence
from precocial.preferences.data.counted import CountedWorld, mdp_from_counts
from precocial.preferences.data.discretiser import Discretiser
from precocial.preferences.data.from_gym import GymWorld, mdp_from_gym
from precocial.preferences.data.readers import read_demonstrations, read_recording
from precocial.preferences.data.recording import Recording
from precocial.preferences.data.reward_tables import read_features, read_rewards
from precocial.preferences.demos import Demonstrations, simulate
from precocial.preferences.feedback import comparison, correction, feature_counts, ranking, stop
from precocial.preferences.identify.ambiguity import (
    Ambiguity,
    Recovery,
    ambiguity,
    recover_reward,
    reward_from_two,
    state_features,
)
from precocial.preferences.identify.experts import Expert
from precocial.preferences.identify.intervals import (
    CompatibleRewards,
    reward_intervals,
    state_differences,
)
from precocial.preferences.identify.maxent import MceFit, MceGradient, fit_mce, mce_gradient
from precocial.preferences.identify.regret import (
    Deployment,
    expected_regret,
    mean_reward_policy,
    minimax_policy,
    regret,
)
from precocial.preferences.identify.starc import (
    canonical_reward,
    shaped,
    starc_distance,
    starc_distances,
)
from precocial.preferences.identify.worst_case import WorstCase, worst_case_box
from precocial.preferences.inside.findings import Inside
from precocial.preferences.inside.look import look_inside
from precocial.preferences.inside.networks import intervene, patch_activations, probe_linearly
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.methods.em import EMFit, infer_em
from precocial.preferences.methods.gradient import GradientPosterior, infer_gradient
from precocial.preferences.methods.mcmc import MCMCPosterior, infer_mcmc
from precocial.preferences.occam.description_length import DescriptionLength
from precocial.preferences.occam.language import LANGUAGES, Language, Term
from precocial.preferences.occam.lengths import PropositionSeven, proposition_7
from precocial.preferences.occam.regimes import RegimeRow, crossing, regimes
from precocial.preferences.occam.theorems import (
    Check,
    HalfBound,
    check_half_bound,
    check_lemma_6,
    check_nth_best,
    check_proposition_8,
    check_theorem_1,
)
from precocial.preferences.people.choices import ChoiceData, read_choices
from precocial.preferences.people.comparison import Comparison
from precocial.preferences.people.fit import fit_choices
from precocial.preferences.people.posterior import ChoicePosterior
from precocial.preferences.people.profile import profile_interval
from precocial.preferences.planners import (
    Constant,
    Negated,
    Override,
    Planner,
    Plans,
    Rule,
    anti_rational,
    boltzmann,
    constructed_values,
    defaults,
    epsilon_greedy,
    greedy,
    hyperbolic,
    look_ahead,
    miscalibrated,
    myopic,
    nth_best,
    optimal,
    optimist,
    satisficing,
    self_aware,
    soft_optimal,
    status_quo,
)
from precocial.preferences.planning.values import Backup, Values, solve
from precocial.preferences.posterior import Assumption, Block, Posterior, Prior, infer
from precocial.preferences.rewards import Rewards
from precocial.preferences.worlds.grids import ShahWorld, grid_world, shah_agents, shah_world
from precocial.preferences.worlds.restaurant import Restaurants, restaurants
from precocial.preferences.worlds.stories import Story, anchoring, buttons, poker

__all__ = [
    "CLAIMS",
    "LANGUAGES",
    "Ambiguity",
    "Assumption",
    "AssumptionRow",
    "Audit",
    "AuditRecord",
    "Backup",
    "BetterThanRandom",
    "Block",
    "Check",
    "ChoiceData",
    "ChoicePosterior",
    "Comparison",
    "CompatibleRewards",
    "Constant",
    "CountedWorld",
    "Demonstrations",
    "Deployment",
    "DescriptionLength",
    "Discretiser",
    "EMFit",
    "Evidence",
    "Expert",
    "GradientPosterior",
    "GymWorld",
    "HalfBound",
    "Inside",
    "KnownReward",
    "Language",
    "MCMCPosterior",
    "MceFit",
    "MceGradient",
    "MonotoneInReward",
    "Negated",
    "Override",
    "Planner",
    "Plans",
    "Posterior",
    "Prior",
    "PropositionSeven",
    "RationalOn",
    "Recording",
    "Recovery",
    "RegimeRow",
    "Restaurants",
    "Rewards",
    "Rule",
    "SamePlanner",
    "SameReward",
    "ShahWorld",
    "SignAnchor",
    "Sparse",
    "Story",
    "TabularMDP",
    "Task",
    "Term",
    "Values",
    "WorstCase",
    "ambiguity",
    "anchoring",
    "anti_rational",
    "assumption_report",
    "audit",
    "boltzmann",
    "buttons",
    "canonical_reward",
    "check_half_bound",
    "check_lemma_6",
    "check_nth_best",
    "check_proposition_8",
    "check_theorem_1",
    "comparison",
    "constructed_values",
    "correction",
    "crossing",
    "defaults",
    "epsilon_greedy",
    "expected_regret",
    "feature_counts",
    "fit_choices",
    "fit_mce",
    "goals_and_dangers",
    "greedy",
    "grid_world",
    "hyperbolic",
    "infer",
    "infer_em",
    "infer_gradient",
    "infer_mcmc",
    "intervene",
    "look_ahead",
    "look_inside",
    "mce_gradient",
    "mdp_from_counts",
    "mdp_from_gym",
    "mean_reward_policy",
    "minimax_policy",
    "miscalibrated",
    "myopic",
    "nth_best",
    "optimal",
    "optimist",
    "patch_activations",
    "poker",
    "probe_linearly",
    "profile_interval",
    "proposition_7",
    "ranking",
    "read_choices",
    "read_demonstrations",
    "read_features",
    "read_recording",
    "read_rewards",
    "recover_reward",
    "regimes",
    "regret",
    "restaurants",
    "reward_from_two",
    "reward_intervals",
    "satisficing",
    "self_aware",
    "shah_agents",
    "shah_world",
    "shaped",
    "simulate",
    "soft_optimal",
    "solve",
    "starc_distance",
    "starc_distances",
    "state_differences",
    "state_features",
    "status_quo",
    "stop",
    "worst_case_box",
]

"""The genomic bottleneck: a model's weights from a genome of a few hundred bytes.

Needs the extra [torch].
"""

from __future__ import annotations

import precocial.genome.extra  # isort: skip  # noqa: F401  first: it says how to install torch
from precocial.genome.born import Born, bear
from precocial.genome.claims import CLAIMS, Evidence
from precocial.genome.compress import CompressConfig, compress, compressing
from precocial.genome.control.distil import Distillation, distil
from precocial.genome.control.episodes import Episodes, episodes, make_env, policy_for
from precocial.genome.control.lives import ReturnFitness
from precocial.genome.control.policies import Categorical, Gaussian, Policy
from precocial.genome.data.examples import Examples, Task, accuracy, split_task
from precocial.genome.data.readers import (
    cifar_folder,
    digits,
    fashion_mnist,
    idx_task,
    mnist_5k,
    read_idx,
    task_from_arrays,
    task_from_dataset,
)
from precocial.genome.data.sources import load_model, load_task
from precocial.genome.decoders.bilinear import Bilinear
from precocial.genome.decoders.cell_types import CellTypes
from precocial.genome.decoders.chunked import Chunked
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.layouts import Retinotopy
from precocial.genome.decoders.low_rank import GeneExpression, LowRank, SpatialGeneExpression
from precocial.genome.decoders.pair import Pair
from precocial.genome.decoders.retinotopic import PerType, ReceptiveFields
from precocial.genome.decoders.subspace import Subspace
from precocial.genome.decoders.two_tower import TwoTower
from precocial.genome.evolving import EvolveConfig, evolving
from precocial.genome.experiment import perceptron_for
from precocial.genome.file.quantise import fake_quantise
from precocial.genome.genome import Genome
from precocial.genome.growth import Gene
from precocial.genome.implicit import Implicit
from precocial.genome.lab.survival import (
    lifetime_survival,
    lineage_shares,
    survival_curve,
    takeover_generations,
)
from precocial.genome.lab.tradeoff import TradeoffConfig, tradeoff
from precocial.genome.labels.addresses import LabelStyle, labels_for
from precocial.genome.labels.codes import (
    Binary,
    Fourier,
    Gray,
    Hashed,
    Labels,
    OneHot,
    Outer,
    Product,
    Tagged,
    gray_grid,
    labels_from,
)
from precocial.genome.lifetime.examples_saved import Life, examples_saved, lives
from precocial.genome.lifetime.learning import learn, randomised, score, shuffled
from precocial.genome.loops.configs import Baldwin, Evolution, Innate, Lamarck
from precocial.genome.loops.evolve import Training, evolve
from precocial.genome.loops.worlds import Worlds
from precocial.genome.phenotype.parts import Axis, Part, parts_of
from precocial.genome.phenotype.published import all_convolutional, cheetah_policy, perceptron_784
from precocial.genome.presets import PRESETS
from precocial.genome.retinotopy import retinotopic_genome
from precocial.genome.rivals.dense import pooled, tiny_dense
from precocial.genome.rivals.pruned import pruned
from precocial.genome.rivals.training import Rival, stored_genome

__all__ = [
    "CLAIMS",
    "PRESETS",
    "Axis",
    "Baldwin",
    "Bilinear",
    "Binary",
    "Born",
    "Categorical",
    "CellTypes",
    "Chunked",
    "CompressConfig",
    "Decoder",
    "Distillation",
    "Episodes",
    "Evidence",
    "Evolution",
    "EvolveConfig",
    "Examples",
    "Fourier",
    "Gaussian",
    "Gene",
    "GeneExpression",
    "Genome",
    "Gray",
    "Hashed",
    "Implicit",
    "Innate",
    "LabelStyle",
    "Labels",
    "Lamarck",
    "Life",
    "LowRank",
    "OneHot",
    "Outer",
    "Pair",
    "Part",
    "PerType",
    "Policy",
    "Product",
    "ReceptiveFields",
    "Retinotopy",
    "ReturnFitness",
    "Rival",
    "SpatialGeneExpression",
    "Stored",
    "Subspace",
    "Tagged",
    "Task",
    "TradeoffConfig",
    "Training",
    "TwoTower",
    "Worlds",
    "accuracy",
    "all_convolutional",
    "bear",
    "cheetah_policy",
    "cifar_folder",
    "compress",
    "compressing",
    "digits",
    "distil",
    "episodes",
    "evolve",
    "evolving",
    "examples_saved",
    "fake_quantise",
    "fashion_mnist",
    "gray_grid",
    "idx_task",
    "labels_for",
    "labels_from",
    "learn",
    "lifetime_survival",
    "lineage_shares",
    "lives",
    "load_model",
    "load_task",
    "make_env",
    "mnist_5k",
    "parts_of",
    "perceptron_784",
    "perceptron_for",
    "policy_for",
    "pooled",
    "pruned",
    "randomised",
    "read_idx",
    "retinotopic_genome",
    "score",
    "shuffled",
    "split_task",
    "stored_genome",
    "survival_curve",
    "takeover_generations",
    "task_from_arrays",
    "task_from_dataset",
    "tiny_dense",
    "tradeoff",
]

"""The genomic bottleneck: a model's weights from a genome of a few hundred bytes.

Needs the extra [torch].
"""

from __future__ import annotations

import precocial.genome.extra  # isort: skip  # noqa: F401  first: it says how to install torch
from precocial.genome.addresses import LabelStyle, labels_for
from precocial.genome.data import (
    cifar_folder,
    digits,
    fashion_mnist,
    idx_task,
    mnist_5k,
    read_idx,
    task_from_arrays,
    task_from_dataset,
)
from precocial.genome.decoders.cell_types import CellTypes
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.decoders.low_rank import GeneExpression, LowRank, SpatialGeneExpression
from precocial.genome.decoders.pair import Pair
from precocial.genome.decoders.subspace import Subspace
from precocial.genome.decoders.two_tower import TwoTower
from precocial.genome.examples import Examples, Task, accuracy, split_task
from precocial.genome.genome import Gene, Genome
from precocial.genome.implicit import Implicit
from precocial.genome.labels import (
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
from precocial.genome.phenotype import Axis, Part, parts_of
from precocial.genome.phenotypes import all_convolutional, cheetah_policy, perceptron_784
from precocial.genome.presets import PRESETS

__all__ = [
    "PRESETS",
    "Axis",
    "Binary",
    "CellTypes",
    "Decoder",
    "Examples",
    "Fourier",
    "Gene",
    "GeneExpression",
    "Genome",
    "Gray",
    "Hashed",
    "Implicit",
    "LabelStyle",
    "Labels",
    "LowRank",
    "OneHot",
    "Outer",
    "Pair",
    "Part",
    "Product",
    "SpatialGeneExpression",
    "Stored",
    "Subspace",
    "Tagged",
    "Task",
    "TwoTower",
    "accuracy",
    "all_convolutional",
    "cheetah_policy",
    "cifar_folder",
    "digits",
    "fashion_mnist",
    "gray_grid",
    "idx_task",
    "labels_for",
    "labels_from",
    "mnist_5k",
    "parts_of",
    "perceptron_784",
    "read_idx",
    "split_task",
    "task_from_arrays",
    "task_from_dataset",
]

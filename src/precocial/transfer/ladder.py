"""What a sweep trains: sizes, amounts of data, steps, rates; and the recipes.

Symbols: N parameters without vocabulary and positions, D bytes of text, D_F bytes of fine-tuning
text. Nothing here imports torch.

Two rules carry a choice from one width to another (ours, measured on widths 16, 32 and 64 of depth
2, seed 0, one rung each; a recipe that has the time tunes instead):

    learning rate(width) = learning_rate · (reference_width / width)^rate_exponent
    steps(rung, width)   = rung.steps    · (reference_width / width)^steps_exponent

Narrow models want a higher rate and more steps to reach the same distance from their minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from precocial.errors import ConfigError, one_of
from precocial.io import Row
from precocial.transfer.table import RunTable

TABLE = "table.csv"
TOKENS = ("bytes", "bpe")


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One amount of data on a ladder."""

    data_bytes: int
    """D, or D_F on the fine-tuning ladder"""
    steps: int
    """updates at the reference width"""
    seeds: int = 1
    """how many runs: seeds 0, 1, ... draw other weights, other text and other batches"""

    def __post_init__(self) -> None:
        if min(self.data_bytes, self.steps, self.seeds) < 1:
            raise ConfigError(f"Rung: data_bytes, steps and seeds must be at least 1; got {self}")


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """Everything that decides a sweep but its texts. Derive one from another with `replace`."""

    recipe: str
    """name, kept in the output"""
    seed: int = 0
    """seed of splits, weights, batches"""

    widths: tuple[int, ...] = (16, 32, 64)
    """residual widths; N is about 12 · depth · width²"""
    depth: int = 2
    """blocks"""
    head_width: int = 32
    """width of an attention head; narrower models have one head"""
    context: int = 64
    """tokens that a model sees"""
    tokens: str = "bytes"
    """"bytes", or "bpe" trained half on source, half on target"""
    vocabulary: int = 1024
    """tokens of the BPE vocabulary; bytes ignore it"""

    scratch: tuple[Rung, ...] = ()
    """the ladder from scratch; it should reach beyond the largest effective data"""
    fine_tune: tuple[Rung, ...] = ()
    """the ladder of fine-tuning"""
    pretrain_steps: int = 4000
    """updates of pre-training, at every width"""
    pretrain_seeds: int = 1
    """pre-trained models a width; fine-tuning seed s starts from model s modulo this"""
    source_bytes: int = 0
    """D_pre: the source is cut to this; 0 takes all of it"""
    steps_scale: float = 1.0
    """factor on all steps; 2 shows how far from converged the figures are"""

    batch: int = 16
    """windows a step, in both arms"""
    learning_rate: float = 1e-2
    """peak rate from scratch at the reference width, before tuning"""
    reference_width: int = 64
    """width at which `learning_rate` and `steps` hold as they stand"""
    rate_exponent: float = 0.5
    """of the rule for the rate"""
    steps_exponent: float = 0.75
    """of the rule for the steps"""
    tune_width: int = 16
    """width at which rates are tuned"""
    scratch_rates: tuple[float, ...] = (0.5, 1.0, 2.0)
    """multiples of the rule's rate that are tried from scratch, for every amount of data alone"""
    pretrain_rates: tuple[float, ...] = (0.5, 1.0, 2.0)
    """multiples that are tried in pre-training"""
    fine_tune_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    """multiples that are tried in fine-tuning, for every amount of data by itself"""
    weight_decay: float = 0.1
    """of AdamW, in both arms"""
    evaluations: int = 12
    """looks at the tuning text in a run"""
    patience: int = 5
    """looks without a new best that end a run"""

    tune_bytes: int = 32_768
    """held-out target text that picks rates and checkpoints"""
    test_bytes: int = 131_072
    """held-out target text for the final figures"""

    def __post_init__(self) -> None:
        one_of("SweepConfig: tokens", self.tokens, TOKENS)
        if not 0 < self.steps_scale < float("inf"):
            raise ConfigError(
                f"SweepConfig: steps_scale must be finite and above 0; got {self.steps_scale!r}"
            )
        if not self.widths or not self.scratch or not self.fine_tune:
            raise ConfigError("SweepConfig: widths, scratch and fine_tune must not be empty")
        for name in ("widths", "scratch", "fine_tune"):
            values = getattr(self, name)
            sizes = [v.data_bytes if isinstance(v, Rung) else v for v in values]
            if sizes != sorted(set(sizes)) or sizes[0] < 1:
                raise ConfigError(f"SweepConfig: {name} must rise; got {sizes}")
        if self.tune_width not in self.widths:
            raise ConfigError(
                f"SweepConfig: tune_width must be one of the widths {self.widths}; "
                f"got {self.tune_width}"
            )
        for name in ("scratch_rates", "pretrain_rates", "fine_tune_rates"):
            rates = getattr(self, name)
            if not rates or min(rates) <= 0:
                raise ConfigError(f"SweepConfig: {name} must be above 0; got {rates}")
        if self.scratch[-1].data_bytes <= self.fine_tune[-1].data_bytes:
            raise ConfigError(
                "SweepConfig: the scratch ladder must reach beyond the fine-tuning ladder, or no "
                f"effective data can be read off; got {self.scratch[-1].data_bytes} and "
                f"{self.fine_tune[-1].data_bytes} bytes"
            )
        if min(self.pretrain_steps, self.pretrain_seeds, self.reference_width) < 1:
            raise ConfigError("SweepConfig: pretrain_steps, pretrain_seeds, reference_width >= 1")

    @property
    def target_bytes(self) -> int:
        """The most target text that a run reads."""
        return self.scratch[-1].data_bytes

    @property
    def seeds(self) -> int:
        """The most seeds of any rung."""
        return max(rung.seeds for rung in (*self.scratch, *self.fine_tune))

    def rule_rate(self, width: int) -> float:
        """The rate at a width before tuning."""
        narrow: float = (self.reference_width / width) ** self.rate_exponent
        return self.learning_rate * narrow

    def rule_steps(self, rung: Rung, width: int) -> int:
        """The steps of a rung at a width."""
        narrow: float = (self.reference_width / width) ** self.steps_exponent
        return max(1, round(self.steps_scale * rung.steps * narrow))

    @property
    def rule_pretrain_steps(self) -> int:
        """The steps of pre-training, at every width."""
        return max(1, round(self.steps_scale * self.pretrain_steps))

    def heads(self, width: int) -> int:
        """Attention heads of a model; the nearest number that divides the width."""
        wanted = max(1, width // self.head_width)
        return next(heads for heads in range(wanted, 0, -1) if width % heads == 0)


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a sweep measured: `rows` are those of the run table, `notes` are its weak spots."""

    path: Path
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    seconds: float
    """wall time of this call"""

    @property
    def table(self) -> RunTable:
        """The rows, checked."""
        return RunTable.from_rows(self.rows, path=self.path / TABLE)


def smoke(*, seed: int = 0) -> SweepConfig:
    """Seconds. It shows that all the parts work, and measures nothing: too few steps."""
    return SweepConfig(
        recipe="smoke",
        seed=seed,
        widths=(8, 12, 16),
        context=32,
        scratch=(
            Rung(data_bytes=3_000, steps=10),
            Rung(data_bytes=10_000, steps=20),
            Rung(data_bytes=30_000, steps=30),
        ),
        fine_tune=tuple(Rung(data_bytes=data, steps=10) for data in (1_000, 3_000, 10_000)),
        pretrain_steps=40,
        source_bytes=100_000,
        batch=8,
        tune_width=8,
        scratch_rates=(1.0,),
        pretrain_rates=(1.0,),
        fine_tune_rates=(0.1,),
        evaluations=4,
        tune_bytes=4_096,
        test_bytes=8_192,
    )


def demo(*, seed: int = 0) -> SweepConfig:
    """About three minutes on two cores: 3 sizes, 6 k to 99 k parameters."""
    return SweepConfig(
        recipe="demo",
        seed=seed,
        widths=(16, 32, 64),
        scratch=(
            Rung(data_bytes=10_000, steps=120, seeds=2),
            Rung(data_bytes=30_000, steps=300, seeds=2),
            Rung(data_bytes=100_000, steps=800, seeds=2),
            Rung(data_bytes=300_000, steps=1400),
            Rung(data_bytes=700_000, steps=1600),
        ),
        fine_tune=(
            Rung(data_bytes=3_000, steps=100, seeds=2),
            Rung(data_bytes=10_000, steps=150, seeds=2),
            Rung(data_bytes=30_000, steps=220, seeds=2),
            Rung(data_bytes=100_000, steps=350, seeds=2),
        ),
        pretrain_steps=3600,
        # Not tuned here: of x0.5, x1 and x2, x1 was best at this width in 4,000 steps.
        pretrain_rates=(1.0,),
        fine_tune_rates=(0.003, 0.01, 0.03, 0.1),
        evaluations=9,
        patience=4,
    )


def laptop(*, seed: int = 0) -> SweepConfig:
    """About an hour on two cores: 4 sizes, 6 k to 222 k parameters, twice the demo's steps."""
    return SweepConfig(
        recipe="laptop",
        seed=seed,
        widths=(16, 32, 64, 96),
        scratch=(
            Rung(data_bytes=10_000, steps=200, seeds=3),
            Rung(data_bytes=30_000, steps=600, seeds=3),
            Rung(data_bytes=100_000, steps=1600, seeds=3),
            Rung(data_bytes=300_000, steps=3000, seeds=2),
            Rung(data_bytes=1_000_000, steps=4000),
            Rung(data_bytes=3_000_000, steps=5000),
        ),
        fine_tune=(
            Rung(data_bytes=3_000, steps=60, seeds=3),
            Rung(data_bytes=10_000, steps=100, seeds=3),
            Rung(data_bytes=30_000, steps=250, seeds=3),
            Rung(data_bytes=100_000, steps=600, seeds=2),
            Rung(data_bytes=300_000, steps=1500, seeds=2),
        ),
        pretrain_steps=8000,
        pretrain_seeds=2,
        scratch_rates=(0.25, 0.5, 1.0, 2.0),
        pretrain_rates=(0.25, 0.5, 1.0, 2.0),
        fine_tune_rates=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        tune_width=32,
        tune_bytes=65_536,
        test_bytes=262_144,
    )


def paper(*, seed: int = 0) -> SweepConfig:
    """4 to 8 hours on two cores (estimated): 5 sizes, 37 k to 1.3 M parameters, context 128.

    The built-in English (1 MB) is little for the larger sizes: name tens of megabytes of your own
    with --source.
    """
    return SweepConfig(
        recipe="paper",
        seed=seed,
        widths=(32, 64, 96, 128, 192),
        depth=3,
        context=128,
        scratch=(
            Rung(data_bytes=30_000, steps=600, seeds=2),
            Rung(data_bytes=100_000, steps=1600, seeds=2),
            Rung(data_bytes=300_000, steps=3000, seeds=2),
            Rung(data_bytes=1_000_000, steps=5000),
            Rung(data_bytes=3_500_000, steps=8000),
        ),
        fine_tune=(
            Rung(data_bytes=10_000, steps=100, seeds=3),
            Rung(data_bytes=30_000, steps=250, seeds=3),
            Rung(data_bytes=100_000, steps=600, seeds=3),
            Rung(data_bytes=300_000, steps=1500, seeds=2),
            Rung(data_bytes=1_000_000, steps=3000),
        ),
        pretrain_steps=20_000,
        pretrain_seeds=2,
        tune_width=64,
        tune_bytes=65_536,
        test_bytes=262_144,
    )


RECIPES: dict[str, Callable[..., SweepConfig]] = {
    "smoke": smoke,
    "demo": demo,
    "laptop": laptop,
    "paper": paper,
}


def recipe(name: str, *, seed: int = 0) -> SweepConfig:
    """A recipe by its name.

    Raises:
        ConfigError: no such recipe.
    """
    one_of("recipe", name, tuple(RECIPES))
    return RECIPES[name](seed=seed)

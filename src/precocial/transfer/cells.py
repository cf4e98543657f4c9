"""From a sweep's config to its runs: which model is trained on what, at which rate, how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from precocial.lm.gpt import GPTConfig
from precocial.lm.train import TrainConfig
from precocial.lm.trials import Trial
from precocial.transfer.ladder import Rung, SweepConfig
from precocial.transfer.texts import (
    SOURCE,
    SOURCE_TUNE,
    TARGET_TEST,
    TARGET_TUNE,
    Texts,
    target_text,
)

STEP_SECONDS, RUN_SECONDS, FLOP_PER_SECOND = 2e-3, 0.5, 6e10
"""Overhead of a step and of a run, and speed, of one core (measured; they only order the runs and
tell the time left)."""
SEED_STRIDE = 10_000
"""Run seed s of sweep seed S is SEED_STRIDE · S + s."""


@dataclass(frozen=True)
class Cells:
    """Trials of a sweep. `multiple` is the tuned factor on the rule's rate."""

    config: SweepConfig
    texts: Texts

    def scratch(self, width: int, rung: int, seed: int, multiple: float) -> Trial:
        """From scratch on a rung's text."""
        return self._target(width, self.config.scratch[rung], seed, multiple, "")

    def fine_tune(self, width: int, rung: int, seed: int, multiple: float, start: str) -> Trial:
        """On a rung's text from the best weights of the run `start`."""
        return self._target(width, self.config.fine_tune[rung], seed, multiple, start)

    def pretrain(self, width: int, seed: int, multiple: float) -> Trial:
        """On the source; its loss on the target's test text is the zero-shot figure."""
        return Trial(
            texts=self.texts.name,
            train_on=SOURCE,
            tune_on=SOURCE_TUNE,
            test_on=TARGET_TEST,
            data_bytes=self.texts.source_bytes,
            model=self.model(width),
            train=self._train(
                self.config.rule_rate(width) * multiple, self.config.rule_pretrain_steps
            ),
            keep_weights=True,
            seed=SEED_STRIDE * self.config.seed + seed,
        )

    def _target(self, width: int, rung: Rung, seed: int, multiple: float, start: str) -> Trial:
        rate = self.config.rule_rate(width) * multiple
        return Trial(
            texts=self.texts.name,
            train_on=target_text(seed),
            tune_on=TARGET_TUNE,
            test_on=TARGET_TEST,
            data_bytes=rung.data_bytes,
            model=self.model(width),
            train=self._train(rate, self.config.rule_steps(rung, width)),
            start=start,
            seed=SEED_STRIDE * self.config.seed + seed,
        )

    def model(self, width: int) -> GPTConfig:
        """The shape of the models of a width."""
        return GPTConfig(
            vocabulary=self.texts.vocabulary,
            context=self.config.context,
            width=width,
            depth=self.config.depth,
            heads=self.config.heads(width),
        )

    def _train(self, rate: float, steps: int) -> TrainConfig:
        return TrainConfig(
            steps=steps,
            learning_rate=rate,
            batch=self.config.batch,
            weight_decay=self.config.weight_decay,
            evaluations=self.config.evaluations,
            patience=self.config.patience,
        )

    def scratch_keys(self) -> Iterator[tuple[int, int, int]]:
        """(width, rung, seed) of every run from scratch."""
        return self._keys(self.config.scratch)

    def fine_tune_keys(self) -> Iterator[tuple[int, int, int]]:
        """(width, rung, seed) of every fine-tuned run."""
        return self._keys(self.config.fine_tune)

    def pretrain_keys(self) -> Iterator[tuple[int, int]]:
        """(width, seed) of every pre-trained model."""
        for width in self.config.widths:
            for seed in range(self.config.pretrain_seeds):
                yield width, seed

    def _keys(self, rungs: tuple[Rung, ...]) -> Iterator[tuple[int, int, int]]:
        for width in self.config.widths:
            for index, rung in enumerate(rungs):
                for seed in range(rung.seeds):
                    yield width, index, seed

    def _planned(self) -> Iterator[Trial]:
        """Every run once, rates apart: those that tuning picks are cells too."""
        config, width = self.config, self.config.tune_width
        for pretrain_key in self.pretrain_keys():
            yield self.pretrain(*pretrain_key, 1.0)
        for key in self.scratch_keys():
            yield self.scratch(*key, 1.0)
        for key in self.fine_tune_keys():
            yield self.fine_tune(*key, 1.0, "start")
        for _ in config.scratch_rates[1:]:
            for rung in range(len(config.scratch)):
                yield self.scratch(width, rung, 0, 1.0)
        for _ in config.pretrain_rates[1:]:
            yield self.pretrain(width, 0, 1.0)
        for _ in config.fine_tune_rates[1:]:
            for rung in range(len(config.fine_tune)):
                yield self.fine_tune(width, rung, 0, 1.0, "start")

    def count(self) -> int:
        """How many models are trained in all."""
        return sum(1 for _ in self._planned())

    def cost(self) -> float:
        """What they cost, in the unit of `cost`."""
        return sum(cost(item) for item in self._planned())


def cost(item: Trial) -> float:
    """Roughly the seconds of a run on one core, if patience does not end it early."""
    model, steps = item.model, item.train.steps
    matrix = 12 * model.depth * model.width**2 + model.vocabulary * model.width
    flop = 6 * matrix * item.train.batch * model.context
    return RUN_SECONDS + steps * (STEP_SECONDS + flop / FLOP_PER_SECOND)

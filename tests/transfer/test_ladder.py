"""What a sweep trains."""

from __future__ import annotations

from dataclasses import replace

import pytest

from precocial.errors import ConfigError
from precocial.runs import config_dict, config_from
from precocial.transfer.ladder import RECIPES, Rung, SweepConfig, recipe

RUNGS = (Rung(data_bytes=100, steps=10), Rung(data_bytes=300, steps=20))


def config(**fields) -> SweepConfig:
    given = {
        "recipe": "test",
        "widths": (8, 16),
        "tune_width": 8,
        "scratch": (*RUNGS, Rung(data_bytes=900, steps=30)),
        "fine_tune": RUNGS,
    }
    return SweepConfig(**{**given, **fields})


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_can_be_run_and_written_down(name):
    found = recipe(name, seed=3)
    assert (found.recipe, found.seed) == (name, 3)
    assert config_from(SweepConfig, config_dict(found)) == found
    assert len(found.widths) >= 3  # fewer cannot decide beta
    assert len(found.fine_tune) >= 3
    assert found.scratch[-1].data_bytes >= 3 * found.fine_tune[-1].data_bytes


def test_rules_hold_as_they_stand_at_the_reference_width():
    found = config(learning_rate=0.5, reference_width=16, rate_exponent=0.5, steps_exponent=1.0)
    assert found.rule_rate(16) == 0.5
    assert found.rule_rate(4) == 1.0
    assert found.rule_steps(RUNGS[0], 16) == 10
    assert found.rule_steps(RUNGS[0], 8) == 20
    assert replace(found, steps_scale=2.0).rule_steps(RUNGS[0], 8) == 40
    assert replace(found, steps_scale=2.0, pretrain_steps=7).rule_pretrain_steps == 14


@pytest.mark.parametrize(
    ("width", "heads"), [(8, 1), (32, 1), (48, 1), (64, 2), (80, 2), (96, 3), (100, 2), (256, 8)]
)
def test_heads_divide_the_width(width, heads):
    assert config().heads(width) == heads


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"widths": ()}, "must not be empty"),
        ({"widths": (16, 8)}, "widths must rise"),
        ({"widths": (8, 8)}, "widths must rise"),
        ({"widths": (0, 8)}, "widths must rise"),
        ({"scratch": RUNGS[::-1]}, "scratch must rise"),
        ({"scratch": RUNGS}, "must reach beyond the fine-tuning ladder"),
        ({"fine_tune": ()}, "must not be empty"),
        ({"tune_width": 9}, r"tune_width must be one of the widths \(8, 16\); got 9"),
        ({"scratch_rates": ()}, "scratch_rates must be above 0"),
        ({"fine_tune_rates": (0.0, 1.0)}, "fine_tune_rates must be above 0"),
        ({"tokens": "words"}, "tokens must be one of 'bytes', 'bpe'"),
        ({"pretrain_steps": 0}, "pretrain_steps"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(bad, said):
    with pytest.raises(ConfigError, match=said):
        config(**bad)


def test_a_rung_needs_data_steps_and_a_seed():
    for field in ("data_bytes", "steps", "seeds"):
        with pytest.raises(ConfigError, match="at least 1"):
            replace(RUNGS[0], **{field: 0})


def test_a_recipe_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="recipe must be one of"):
        recipe("huge")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_of_steps_that_is_none_is_refused(scale):
    with pytest.raises(ConfigError, match="steps_scale"):
        replace(recipe("smoke"), steps_scale=scale)

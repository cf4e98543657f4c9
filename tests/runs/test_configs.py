"""Configs in and out of JSON, and the names of runs."""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from precocial import io
from precocial.errors import ConfigError, PrecocialError
from precocial.runs import Run, config_dict, config_from, run_id
from precocial.runs.configs import code_version, experiment_name, seeds_of


class Arm(StrEnum):
    scratch = "scratch"
    pretrained = "pretrained"


@dataclass(frozen=True, kw_only=True)
class Model:
    width: int = 64
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Config:
    seed: int = 0
    rate: float = 1e-3
    arm: Arm = Arm.scratch
    sizes: tuple[int, ...] = (1, 2)
    model: Model = Model()
    corpus: Path | None = None
    extra: dict[int, str] = field(default_factory=dict)


def experiment(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    yield {"rate": config.rate}


def other(config: Config, live: Run) -> Iterator[dict[str, Any]]:
    yield {"rate": config.rate}


CONFIGS = [
    Config(),
    Config(seed=3, rate=0.1, arm=Arm.pretrained, sizes=(), model=Model(width=8)),
    Config(corpus=Path("texts") / "english.txt", extra={1: "a"}),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_survives_json(config: Config) -> None:
    values = io.loads(io.dumps(config_dict(config)))
    assert config_from(Config, values) == config


def test_a_run_is_named_by_its_config() -> None:
    ids = {run_id(experiment, config) for config in CONFIGS}
    assert len(ids) == len(CONFIGS)
    assert run_id(experiment, Config()) == run_id(experiment, replace(Config(seed=1), seed=0))
    assert run_id(experiment, Config()) != run_id(other, Config())
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids)


def test_the_same_value_written_otherwise_is_the_same_config() -> None:
    plain = run_id(experiment, Config(rate=1.0, seed=2))
    assert run_id(experiment, Config(rate=1, seed=2)) == plain
    numpy = Config(rate=np.float64(1), seed=np.int64(2))  # type: ignore[arg-type]
    assert run_id(experiment, numpy) == plain


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Config(rate=math.nan), "rate is nan"),
        (Config(extra={1: math.inf}), "extra"),  # type: ignore[dict-item]
        (Config(seed="three"), r"Expected `int`, got `str` - at `\$.seed`"),  # type: ignore[arg-type]
        (Config(seed=True), r"Expected `int`, got `bool`"),
        (Config(corpus=object()), "object"),  # type: ignore[arg-type]
        (Config(arm="neither"), "Invalid enum value"),  # type: ignore[arg-type]
        (Config, "frozen dataclass; got type"),
        ({"seed": 0}, "frozen dataclass; got dict"),
    ],
)
def test_a_config_that_cannot_be_kept_is_refused(config: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config_dict(config)


def test_a_config_is_frozen() -> None:
    @dataclass
    class Loose:
        seed: int = 0

    with pytest.raises(ConfigError, match="Loose must be frozen"):
        config_dict(Loose())


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"speed": 1}, "no field 'speed'"),
        ({"model": {"depth": 1}}, "no field 'model.depth'"),
        ({"sizes": [1, "2"]}, r"at `\$.sizes\[1\]`"),
        ({"corpus": 3}, "Path"),
        ({"model": 3}, "model"),
        ([], "Config"),
    ],
)
def test_values_that_do_not_fit_are_named(values: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config_from(Config, values)


def test_seeds_are_found_at_any_depth() -> None:
    assert seeds_of(config_dict(Config())) == {"seed": 0, "model.seed": 1}


@pytest.mark.wrong_types
@pytest.mark.parametrize("wrong", [lambda config, live: iter(()), partial(experiment), len, 3])
def test_an_experiment_can_be_imported_by_a_worker(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="top of a module"):
        experiment_name(wrong)


def loaded(folder: Path, name: str, package: str) -> ModuleType:
    """A module from a file, as an import would make it."""
    full = f"{package}.{name}" if package else name
    spec = importlib.util.spec_from_file_location(full, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[full] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_code_version_follows_the_sources_that_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, mine = tmp_path / "house", tmp_path / "mine"
    for room in ("lm", "runs", "report"):
        (house / room).mkdir(parents=True)
        (house / room / "a.py").write_text("x = 1\n")
    mine.mkdir()
    (mine / "trial.py").write_text("def trial(config, live):\n    yield {}\n")
    (mine / "beside.py").write_text("")
    monkeypatch.setattr("precocial.__file__", str(house / "__init__.py"))

    alone = loaded(mine, "trial", "").trial
    packed = loaded(mine, "trial", "mine").trial
    try:
        then = [code_version(alone), code_version(packed)]
        (house / "report" / "a.py").write_text("x = 2\n")
        assert [code_version(alone), code_version(packed)] == then
        (mine / "beside.py").write_text("y = 1\n")  # counts for the package, not for the script
        assert code_version(alone) == then[0]
        assert code_version(packed) != then[1]
        for changed in (house / "lm" / "a.py", house / "runs" / "a.py", mine / "trial.py"):
            before = code_version(alone)
            changed.write_text(changed.read_text() + "# more\n")
            assert code_version(alone) != before
        (mine / "trial.py").unlink()
        with pytest.raises(PrecocialError, match="trial"):
            code_version(alone)
    finally:
        sys.modules.pop("trial")
        sys.modules.pop("mine.trial")
        shutil.rmtree(mine)


def test_an_experiment_in_a_folder_of_a_room_runs_on_the_whole_room() -> None:
    from precocial.genome.experiment import protocol
    from precocial.genome.lab.tradeoff import tradeoff
    from precocial.preferences.experiment import biases

    assert code_version(tradeoff) == code_version(protocol) != code_version(biases)

"""What is shipped: the rows of the laptop recipes, and that what they say can be computed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from precocial import io
from precocial.errors import DataError
from precocial.genome.lab import results
from precocial.genome.lab.attention import laptop_heuristic
from precocial.genome.lab.hinton_nowlan import laptop as laptop_hinton_nowlan
from precocial.genome.lab.price import laptop_price
from precocial.genome.lab.regularise import laptop_regularise
from precocial.genome.lab.tradeoff import cell_table, half_line, laptop, laptop_baldwin, predictions
from precocial.genome.studies.shipped import SHELF, is_shipped, shipped
from precocial.runs import config_dict

RECIPES = {
    "tradeoff": laptop,
    "tradeoff_baldwin": laptop_baldwin,
    "regularise": laptop_regularise,
    "price": laptop_price,
    "heuristic": laptop_heuristic,
    "hinton_nowlan": laptop_hinton_nowlan,
}


@pytest.mark.parametrize("name", [name for name in results.SHIPPED if is_shipped(name)])
def test_shipped_rows_are_of_the_laptop_recipe(name: str) -> None:
    made = io.read_json(SHELF.folder / f"{name}.json")
    recipe = io.loads(io.dumps(config_dict(RECIPES[name]())))
    assert made["runs"][0]["config"] == recipe
    assert name in made["command"]
    rows = shipped(name)
    assert len({row["seed"] for row in rows}) == made["runs"][0]["config"]["seeds"] >= 5


@pytest.mark.parametrize("path", sorted(SHELF.folder.glob("*.json")), ids=lambda path: path.stem)
def test_what_made_it_is_where_it_is_said_to_be(path: Path) -> None:
    module, _, function = io.read_json(path)["experiment"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_all_that_is_shipped_can_be_told() -> None:
    told = results.rows()
    assert any("variability up" in row["name"] for row in told)
    assert any("attention" in row["name"] for row in told)
    assert any("price" in row["name"] for row in told)
    assert all(row["peer"] is None and " to " in row["peer_name"] for row in told)


def test_the_grid_is_whole() -> None:
    rows = shipped("tradeoff")
    assert len(rows) == 3 * 3 * 3 * laptop().seeds
    assert len(cell_table(rows)) == 27
    assert len(half_line(rows)) == 9
    assert len(predictions(rows)) == 6


def test_what_is_not_shipped_says_how_to_make_it() -> None:
    with pytest.raises(DataError, match="--only nothing"):
        shipped("nothing")
    assert not is_shipped("nothing")

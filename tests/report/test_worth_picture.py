"""The picture of two curves: well-formed, the same bytes each time, and true to the numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings

from precocial.errors import ConfigError
from precocial.report.worth_picture import WITH, WITHOUT, caption, picture
from precocial.testing import st_curve
from precocial.worth import Curve, worth
from tests.worth.planted import World

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_picture_shows_both_arms_the_arrow_and_the_units() -> None:
    base, treated = World().draw(0)
    named = [
        Curve(data=curve.data, loss=curve.loss, seed=curve.seed, arm=curve.arm,
              data_unit="bytes", loss_unit="nats per byte")
        for curve in (base, treated)
    ]  # fmt: skip
    found = worth(*named, bootstrap=200)
    svg = picture(found)
    said = texts(svg)
    assert "data (bytes)" in said
    assert "nats per byte" in said
    assert "without the prior: scratch" in said
    assert "with the prior: pretrained" in said
    assert f"D = {found.rows[0].worth:.3g} bytes" in said
    assert svg.lower().count(WITHOUT.lower()) > 8
    assert svg.lower().count(WITH.lower()) > 8
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert "the prior is worth" in (root.get("aria-label") or "")


def test_sizes_within_a_decade_have_plain_ticks() -> None:
    pair = [
        Curve.from_rows([{"data": size, "loss": loss / size, "seed": 0} for size in (30, 60, 90)])
        for loss in (90.0, 60.0)
    ]
    said = texts(picture(worth(*pair, bootstrap=100)))
    assert not [text for text in said if "mathdefault" in text]
    assert sum(text.isdigit() for text in said) > 2


def test_the_same_worth_gives_the_same_bytes() -> None:
    pair = World().draw(0)
    first = picture(worth(*pair, bootstrap=200))
    assert first == picture(worth(*pair, bootstrap=200))
    assert "<dc:date>" not in first
    assert "<metadata" not in first


def test_the_arrow_can_be_asked_for() -> None:
    found = worth(*World().draw(0), bootstrap=200)
    last = found.rows[-1]
    assert f"D = {last.worth:.3g} units" in texts(picture(found, at=last.data))
    with pytest.raises(ConfigError, match="at must be one of the sizes 10000"):
        picture(found, at=5.0)


def test_bounds_and_open_ends_are_said() -> None:
    base, _ = World().draw(0)
    low = Curve.from_arrays([0, 1e4], [[1.8, 1.81], [1.75, 1.76]])
    found = worth(base, low, bootstrap=200)
    assert any(text.startswith("D ≥ 1e+07") for text in texts(picture(found, at=0.0)))
    assert "worth at least 1e+07 units" in caption(found, at=0.0)
    high = Curve.from_arrays([1e4], [[7.0, 7.1]])
    found = worth(base, high, bootstrap=200)
    assert any(text.startswith("D ≤ 0") for text in texts(picture(found)))
    assert "worth at most 0 units" in caption(found)


def test_a_picture_without_an_arrow_is_still_a_picture() -> None:
    base = Curve.from_arrays([1, 2], [3.0, 2.0])
    found = worth(base, Curve.from_arrays([1], [2.5]), bootstrap=0)
    assert not any(text.startswith("D ") for text in texts(picture(found)))
    assert caption(found) == "Loss against data for curve and curve."


@pytest.mark.parametrize("name", ["$x_{", "<script>alert(1)</script>", "\"&'", "_hidden", "预训练"])
def test_names_stay_text(name: str) -> None:
    base, treated = World().draw(0)
    found = worth(
        base, Curve(data=treated.data, loss=treated.loss, seed=treated.seed, arm=name), bootstrap=0
    )
    svg = picture(found)
    assert f"with the prior: {name}" in texts(svg)
    assert "<script" not in svg


def test_every_reference_inside_has_its_target_and_groups_have_no_ids() -> None:
    svg = picture(worth(*World().draw(0), bootstrap=200))
    ids = re.findall(r' id="([^"]+)"', svg)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert used <= set(ids)
    assert not re.search(r"<g [^>]*id=", svg)
    assert "http" not in svg.replace("http://www.w3.org/", "")


@settings(max_examples=15)
@given(st_curve(seeds=(1, 3), rough=0.2, zero_shot=True), st_curve(zero_shot=True))
def test_any_two_curves_can_be_drawn(base: Curve, treated: Curve) -> None:
    ET.fromstring(picture(worth(base, treated, bootstrap=100)))


@pytest.mark.parametrize("scale", [1e-250, 1e250])
def test_extreme_units_can_be_drawn(scale: float) -> None:
    sizes = np.geomspace(1, 100, 5) * scale
    curve = Curve.from_arrays(sizes, np.geomspace(3, 1, 5) * scale)
    ET.fromstring(picture(worth(curve, curve, bootstrap=0)))

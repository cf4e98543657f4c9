from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from precocial.choice.arguments import array_of, checked, distributions_of, indices_of, like
from precocial.errors import ConfigError


class Named(Protocol):
    @property
    def name(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Thing:
    name: str


class Lines:
    def __repr__(self) -> str:
        return "one\ntwo"


@checked
def take(
    number: float = 0.0, count: int = 1, word: Literal["a", "b"] = "a", array: ArrayLike = 0.0,
    maybe: NDArray[np.float64] | None = None, several: Sequence[float] = (),
    texts: Sequence[str] = (), named: Any = None, told: Mapping[str, int] = {},
) -> str:  # fmt: skip
    """Takes."""
    return "taken"


# The annotation of a protocol of ours is judged by its attributes.
Named.__module__ = "precocial.of.the.test"


@checked
def call(thing: Named) -> str:
    """Calls."""
    return thing.name


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 1}, {"number": np.float32(2)}, {"number": np.array(1.5)}, {"count": np.int32(1)},
        {"word": "b"}, {"array": [[1, 2], [3, 4]]}, {"array": np.array([1.0, 2], object)},
        {"maybe": np.zeros(2)}, {"maybe": None}, {"several": np.zeros(3)},
        {"several": {1: 2}.keys()},
        {"texts": ["x"]}, {"told": {"x": 1}}, {"named": len},
    ],
)  # fmt: skip
@pytest.mark.wrong_types
def test_what_fits_is_taken(fields: dict[str, Any]) -> None:
    assert take(**fields) == "taken"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": "x"}, "take: number must be a number; got str 'x'"),
        ({"number": 1j}, "number must be a number"),
        ({"number": 10**30}, "number must be a number"),
        ({"number": True}, "number must be a number; got bool True"),
        ({"told": Lines()}, "got Lines one two$"),
        ({"count": 1.5}, "count must be a whole number"),
        ({"count": True}, "count must be a whole number"),
        ({"word": "c"}, "word must be one of 'a', 'b'"),
        ({"word": ["a"]}, "word must be one of"),
        ({"array": "abc"}, "array must be an array of numbers"),
        ({"array": [[1], [2, 3]]}, "array must be an array of numbers"),
        ({"array": None}, "array must be an array of numbers"),
        ({"maybe": [1.0]}, "maybe must be a NumPy array of numbers or None"),
        ({"maybe": np.array(["a"])}, "maybe must be"),
        ({"several": "12"}, "several must be a sequence, each a number; got str '12'"),
        ({"several": [1.0, "2"]}, "several must be"),
        ({"several": {1.0: 2.0}}, "several must be"),
        ({"texts": "ab"}, "texts must be a sequence, each text"),
        ({"texts": np.zeros(0)}, "texts must be"),
        ({"told": [1]}, "told must be a Mapping"),
    ],
)
@pytest.mark.wrong_types
def test_what_does_not_fit_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        take(**fields)


@pytest.mark.wrong_types
def test_a_protocol_is_held_by_what_has_its_attributes() -> None:
    assert call(Thing(name="x")) == "x"
    with pytest.raises(ConfigError, match="thing must be a Named; got str"):
        call("x")


@pytest.mark.wrong_types
def test_a_class_checks_its_fields() -> None:
    kind = checked(
        dataclass(frozen=True, kw_only=True)(type("T", (), {"__annotations__": {"n": int}}))
    )
    assert kind(n=3).n == 3
    with pytest.raises(ConfigError, match="T: n must be a whole number"):
        kind(n="3")


class Plain:
    @checked
    def __init__(self, count: int) -> None:
        self.count = count


@pytest.mark.wrong_types
def test_a_class_is_called_by_its_name() -> None:
    assert Plain(2).count == 2
    with pytest.raises(ConfigError, match=r"^Plain: count must be a whole number; got str 'x'"):
        Plain("x")  # type: ignore[arg-type]


def test_shapes_sums_and_indices() -> None:
    assert array_of("R", np.zeros((4, 2, 3)), (2, 3)).shape == (4, 2, 3)
    for wrong in (np.zeros(3), np.zeros((3, 2)), np.full((2, 3), np.nan)):
        with pytest.raises(ConfigError, match=r"R must be finite, \(\.\.\., 2, 3\)"):
            array_of("R", wrong, (2, 3))
    pi = np.array([[0.5, 0.5], [0.0, 0.0]])
    kept = np.array([True, False])
    assert distributions_of("pi", pi, (2, 2), kept) is not None
    for wrong in (pi, [[1.5, -0.5], [0.5, 0.5]], [[0.5, 0.5 + 3e-6], [0.5, 0.5]]):
        with pytest.raises(ConfigError, match="pi must hold distributions"):
            distributions_of("pi", wrong, (2, 2))
    assert indices_of("s", [0, 2.0], 3).tolist() == [0, 2]
    for bad in ([], [3], [-1], [0.5], [np.nan], [[0]]):
        with pytest.raises(ConfigError, match="s must lie in 0 to 2"):
            indices_of("s", bad, 3)
    with pytest.raises(ConfigError, match="b must fit the shape"):
        like("b", np.zeros(2), (3,))


@pytest.mark.wrong_types
@pytest.mark.parametrize("values", ["abc", [[1.0], [2.0, 3.0]], object()])
def test_what_is_no_array_is_named(values: object) -> None:
    with pytest.raises(ConfigError, match="cost must be numbers"):
        array_of("cost", values, (2,))  # type: ignore[arg-type]

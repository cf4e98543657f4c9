"""The retinotopic and the bilinear rule, against sums written out."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from precocial.errors import ConfigError
from precocial.genome.decoders.bilinear import Bilinear
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.decoders.retinotopic import PerType, ReceptiveFields
from precocial.genome.decoders.rules import decoder_from
from precocial.genome.labels.codes import Fourier, OneHot, Outer, Product

PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))


def written_out(rule: ReceptiveFields) -> Tensor:
    """The definition, weight by weight."""
    fields = rule.fields().detach()
    before = [
        math.floor((s * (g - 1) + k - side) / 2)
        for g, s, k, side in zip(rule.grid, rule.stride, rule.field, rule.retina[1:], strict=True)
    ]
    W = torch.zeros(rule.types, *rule.grid, *rule.retina)
    every = (range(n) for n in W.shape)
    for t, a, b, c, y, x in itertools.product(*every):
        u = y - rule.stride[0] * a + before[0]
        v = x - rule.stride[1] * b + before[1]
        if 0 <= u < rule.field[0] and 0 <= v < rule.field[1]:
            W[t, a, b, c, y, x] = fields[t, c, u, v]
    return W.reshape(rule.rows, rule.columns)


def every_place_sees(side: int, places: int, stride: int, field: int) -> bool:
    before = math.floor((stride * (places - 1) + field - side) / 2)
    firsts = [stride * place - before for place in range(places)]
    return all(any(0 <= first + u < side for u in range(field)) for first in firsts)


def small() -> ReceptiveFields:
    torch.manual_seed(0)
    return ReceptiveFields(
        retina=(2, 6, 5), types=3, grid=(2, 3), stride=(3, 2), field=(3, 4), scale=0.5
    )


def bilinear_rule(rank: int | None) -> Bilinear:
    torch.manual_seed(1)
    columns = Outer(OneHot(3), Fourier((2, 4), 2, constant=True))
    return Bilinear(OneHot(5), columns, rank=rank, scale=0.5)


@given(
    retina=st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 7)),
    types=st.integers(1, 3),
    grid=PAIRS,
    stride=PAIRS,
    field=PAIRS,
)
def test_fields_lie_where_the_definition_puts_them(
    retina: tuple[int, int, int],
    types: int,
    grid: tuple[int, int],
    stride: tuple[int, int],
    field: tuple[int, int],
) -> None:
    if not all(map(every_place_sees, retina[1:], grid, stride, field)):
        with pytest.raises(ConfigError, match="see nothing"):
            ReceptiveFields(retina=retina, types=types, grid=grid, stride=stride, field=field)
        return
    rule = ReceptiveFields(retina=retina, types=types, grid=grid, stride=stride, field=field)
    W = written_out(rule)
    torch.testing.assert_close(rule.weight(), W)
    assert bool((rule.weight().abs().sum(dim=1) > 0).all())
    x = torch.randn(2, 3, rule.columns)
    torch.testing.assert_close(rule.product(x), x @ W.T, rtol=1e-4, atol=1e-4)


def test_a_planted_field_is_found_at_the_right_output_and_input() -> None:
    rule = ReceptiveFields(
        retina=(1, 28, 28), types=8, grid=(10, 10), stride=(2, 2), field=(10, 10)
    )
    with torch.no_grad():
        rule.genes.zero_()
        rule.genes[5, 0, 3 * 10 + 7] = 2.0
    W = rule.weight().detach()
    # 9 strides of 2 and a field of 10 are the 28 pixels: no margin.
    assert W[5 * 100 + 4 * 10 + 6, (8 + 3) * 28 + (12 + 7)] == 2.0
    assert int((W != 0).sum()) == 100
    assert bool((W.sum(dim=1).reshape(8, 100).argmax(dim=0) == 5).all())


def test_cells_that_see_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="see nothing"):
        ReceptiveFields(retina=(1, 6, 6), types=1, grid=(9, 2), stride=(4, 2), field=(3, 3))


@pytest.mark.parametrize(
    "wrong",
    [{"types": 0}, {"grid": (0, 2)}, {"stride": (1, 0)}, {"patterns": OneHot(8)}],
)
def test_sizes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    right = {"retina": (1, 6, 6), "types": 1, "grid": (2, 2), "stride": (2, 2), "field": (3, 3)}
    with pytest.raises(ConfigError, match="ReceptiveFields"):
        ReceptiveFields(**{**right, **wrong})  # type: ignore[arg-type]


def test_cosine_patterns_make_a_field_of_their_sum() -> None:
    waves = Fourier((3, 3), 1, None, constant=True)
    rule = ReceptiveFields(
        retina=(1, 6, 6), types=2, grid=(2, 2), stride=(3, 3), field=(3, 3), patterns=waves
    )
    table = torch.from_numpy(waves.table()).float()
    expected = torch.einsum("tcm,pm->tcp", rule.genes, table).reshape(2, 1, 3, 3)
    torch.testing.assert_close(rule.fields(), expected)
    assert rule.genes.numel() == 2 * 4


@pytest.mark.parametrize(
    "rule", [small(), bilinear_rule(None), bilinear_rule(2), PerType(types=2, cells=3)]
)
def test_a_spec_in_json_remakes_the_rule(rule: Decoder) -> None:
    again = decoder_from(json.loads(json.dumps(rule.spec())))
    again.load_state_dict(rule.state_dict())
    assert torch.equal(again.weight(), rule.weight())
    assert again.spec() == rule.spec()


def test_a_bias_is_one_number_for_all_cells_of_a_type() -> None:
    rule = PerType(types=3, cells=4, scale=2.0)
    with torch.no_grad():
        rule.values.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert rule.weight().flatten().tolist() == [2.0] * 4 + [4.0] * 4 + [6.0] * 4
    assert (rule.rows, rule.columns) == (12, 1)
    with pytest.raises(ConfigError, match="at least 1"):
        PerType(types=0, cells=4)


@pytest.mark.parametrize("rank", [None, 1, 4])
def test_a_bilinear_weight_is_what_its_labels_say(rank: int | None) -> None:
    rule = bilinear_rule(rank)
    a, b = rule.row_labels.table(), rule.column_labels.table()
    if rank is None:
        G = rule.factors[0]
    else:
        P, Q, R = rule.factors
        G = torch.einsum("kr,lr,mr->klm", P, Q, R).flatten(1)
    W = 0.5 * torch.from_numpy(a).float() @ G @ torch.from_numpy(b).float().T
    torch.testing.assert_close(rule.weight(), W)
    x = torch.randn(2, 3, 24)
    torch.testing.assert_close(rule.product(x), x @ W.T, rtol=1e-4, atol=1e-4)


def test_a_planted_wiring_is_found_at_the_right_output_and_input() -> None:
    rule = Bilinear(OneHot(4), Outer(OneHot(3), OneHot(5)))
    with torch.no_grad():
        rule.factors[0].zero_()
        rule.factors[0][2, 1 * 5 + 3] = 7.0
    W = rule.weight().detach()
    assert W[2, 8] == 7.0
    assert int((W != 0).sum()) == 1


def test_labels_that_are_no_outer_product_are_one_axis() -> None:
    rule = Bilinear(OneHot(4), Product(OneHot(2), OneHot(3)), rank=2)
    assert [tuple(f.shape) for f in rule.factors] == [(4, 2), (5, 2)]
    x = torch.randn(3, 6)
    torch.testing.assert_close(rule.product(x), x @ rule.weight().T)


def test_a_rank_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank"):
        bilinear_rule(0)


def test_wiring_can_be_shared() -> None:
    one, other = bilinear_rule(None), bilinear_rule(None)
    other.share(one)
    assert other.factors is one.factors


@pytest.mark.parametrize(
    "rule", [small(), bilinear_rule(None), bilinear_rule(2), PerType(types=2, cells=3)]
)
def test_gradients_are_those_of_finite_differences(rule: Decoder) -> None:
    rule = rule.double()
    names, values = zip(*rule.named_parameters(), strict=True)
    x = torch.randn(2, rule.columns, dtype=torch.float64)

    def of(*values: Tensor) -> tuple[Tensor, Tensor]:
        state = dict(zip(names, values, strict=True))
        W = torch.func.functional_call(
            _Weight(rule), {f"rule.{k}": v for k, v in state.items()}, ()
        )
        y = torch.func.functional_call(
            _Product(rule), {f"rule.{k}": v for k, v in state.items()}, (x,)
        )
        return W, y

    assert torch.autograd.gradcheck(of, values)


class _Weight(torch.nn.Module):
    def __init__(self, rule: Decoder) -> None:
        super().__init__()
        self.rule = rule

    def forward(self) -> Tensor:
        return self.rule.weight()


class _Product(_Weight):
    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.rule.product(x)

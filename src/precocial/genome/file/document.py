"""The document of a genome file: which tensors, and the decoders that make them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from precocial import io
from precocial.errors import DataError
from precocial.genome.decoders.decoder import Decoder
from precocial.genome.decoders.rules import decoder_from
from precocial.genome.file.limits import check_numbers

_MAX_DOCUMENT = 1 << 20
# What documents are full of, the most frequent last. A part of version 1: it cannot be changed.
FREQUENT = (
    b'"kernel":"low_rank":"subspace":"gem":"cell_types":"factors":"seed":"dimension":"basis":'
    b'.running_mean",.running_var","embedding.weight",[".self_attn.in_proj_weight",'
    b'["outer",["one_hot","conv1.weight",["head.weight",["0.weight",[[32,["5.weight",[["fc1.weight"'
    b',[["fc2.bias",[16,[["layers.0.["2.weight",[64,["2.bias",["3.weight",[10,800],2],["3.bias",[10'
    b'],3]],[{"columns":5,"kind":"stored","rows":10}],[],[]][8,[["1.weight",[800,784],0],["1.bias",['
    b'800],1],{"columns":["binary",128,7,0],"hidden":[30,10],"kind":"pair","rows":["product",'
    b'["gray",28,5],["gray",3,2]]]{"columns":null,"hidden":[5],"kind":"pair","rows":["one_hot",10],'
    b'"scale":0.03125},{"columns":["fourier",[28,28],3,4,false],"hidden":[12],"kind":"two_tower",'
    b'"rank":15,"rows":["binary",800,10,1],"scale":1.0},{"columns":["hashed",800,10,0],"hidden":'
)


Shapes = Mapping[str, tuple[int, ...]]


def distinct_of(decoders: Mapping[str, Decoder]) -> nn.ModuleList:
    return nn.ModuleList(list(dict.fromkeys(decoders.values())))


def document_of(
    shapes: Shapes,
    decoders: Mapping[str, Decoder],
    distinct: nn.ModuleList,
    statistics: Mapping[str, Tensor],
    bits: int,
) -> str:
    numbers = {decoder: number for number, decoder in enumerate(distinct)}
    tensors = [[name, list(shape), numbers[decoders[name]]] for name, shape in shapes.items()]
    specs = [decoder.spec() for decoder in distinct if isinstance(decoder, Decoder)]
    kept = [[name, value.numel()] for name, value in statistics.items()]
    content = [bits, tensors, specs, _shared(distinct), kept]
    text = json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, FREQUENT)
    return base64.b85encode(packer.compress(text) + packer.flush()).decode()


def _shared(distinct: nn.ModuleList) -> list[list[int]]:
    """Runs [place, earlier place, length] of parameters that are the same as earlier ones."""
    first: dict[int, int] = {}
    runs: list[list[int]] = []
    for place, (_, parameter) in enumerate(distinct.named_parameters(remove_duplicate=False)):
        earlier = first.setdefault(id(parameter), place)
        if earlier == place:
            continue
        if runs and runs[-1][0] + runs[-1][2] == place and runs[-1][1] + runs[-1][2] == earlier:
            runs[-1][2] += 1
        else:
            runs.append([place, earlier, 1])
    return runs


def parsed(document: str) -> tuple[Any, Any, Any, Any, Any]:
    """bits, tensors, specs, shared, statistics: of the right types, of numbers within limits."""
    opener = zlib.decompressobj(-15, FREQUENT)
    text = opener.decompress(base64.b85decode(document), _MAX_DOCUMENT)
    if not opener.eof or opener.unused_data:
        raise DataError("its document is damaged or too long")
    content = io.loads(text.decode("utf-8"))
    check_numbers(content)
    match content:
        case [int(), [_, *_], list(), list(), list()]:
            bits, tensors, specs, shared, kept = content
        case _:
            raise DataError("its document is not that of a genome")
    places = range(len(specs))
    for tensor in tensors:
        match tensor:
            case [str(), list() as shape, int() as place] if place in places:
                if all(type(side) is int and side > 0 for side in shape):
                    continue
        raise DataError(f"{io.shown(tensor)} is not a tensor with its decoder")
    if {place for _, _, place in tensors} != set(places):
        raise DataError("a decoder belongs to no tensor")
    for entry in kept:
        match entry:
            case [str(), int() as length] if length > 0:
                continue
        raise DataError(f"{io.shown(entry)} is not a statistic")
    return bits, tensors, specs, shared, kept


def decoders_of(specs: list[Any], shared: list[list[int]]) -> nn.ModuleList:
    distinct = nn.ModuleList([decoder_from(spec) for spec in specs])
    parameters = list(distinct.named_parameters(remove_duplicate=False))
    for place, earlier, length in shared:
        if not 0 <= earlier < place or length < 1:
            raise DataError("parameters are shared with ones that come later")
        for offset in range(length):
            name, replaced = parameters[place + offset]
            _, parameter = parameters[earlier + offset]
            if replaced.shape != parameter.shape:
                raise DataError(f"shared parameters differ in shape: {name}")
            owner, _, leaf = name.rpartition(".")
            setattr(distinct.get_submodule(owner), leaf, parameter)
            parameters[place + offset] = (name, parameter)
    return distinct

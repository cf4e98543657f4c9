"""A model that computes through its genome, without building the weights of linear layers."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

import precocial.genome.genome  # by its full name: that module imports this one
from precocial.genome.decoders.decoder import Decoder


class _Generated(nn.Module):
    """A linear layer whose weight and bias are read from decoders at each call."""

    def __init__(self, weight: Decoder, bias: Decoder | None) -> None:
        super().__init__()
        self.weight_decoder, self.bias_decoder = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        out = self.weight_decoder.product(x)
        return out if self.bias_decoder is None else out + self.bias_decoder.weight().squeeze(1)


class Implicit(nn.Module):
    """`model` with a genome in it (`Genome.implicit`). Its parameters are the genome's."""

    def __init__(self, genome: precocial.genome.genome.Genome, model: nn.Module) -> None:
        super().__init__()
        body = copy.deepcopy(model).requires_grad_(False)
        tied = _tied(body)
        rest = list(genome.shapes)
        for name, module in list(body.named_modules()):
            weight = f"{name}.weight".lstrip(".")
            if type(module) is not nn.Linear or weight in tied or weight not in rest or not name:
                continue
            bias = f"{name}.bias" if module.bias is not None else None
            made = _Generated(
                genome.decoder_of(weight), None if bias is None else genome.decoder_of(bias)
            )
            parent, _, leaf = name.rpartition(".")
            setattr(body.get_submodule(parent), leaf, made)
            rest.remove(weight)
            if bias is not None:
                rest.remove(bias)
        self.genome = genome
        self._rest = tuple(rest)
        # The body's own tensors are replaced at each call: they are not parameters of this module.
        self._body = [body]

    def train(self, mode: bool = True) -> Implicit:
        """Training or evaluation mode, of the model too."""
        self._body[0].train(mode)
        return super().train(mode)

    def forward(self, *inputs: Any) -> Any:
        weights = {name: self.genome.weight_of(name) for name in self._rest}
        return functional_call(self._body[0], weights, inputs)


def _tied(model: nn.Module) -> set[str]:
    """Names of tensors that more than one module uses."""
    seen: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        seen.setdefault(id(parameter), []).append(name)
    return {name for names in seen.values() if len(names) > 1 for name in names}

"""A genome: the few parameters from which all weights of a model are generated."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from precocial import io
from precocial.errors import ConfigError, DataError, one_of
from precocial.genome.decoders.decoder import Decoder, Stored
from precocial.genome.file.genome_file import genome_bytes, read_genome
from precocial.genome.file.quantise import ALL_BITS
from precocial.genome.growth import Biases, Gene, Share, TensorLabels, growth_of
from precocial.genome.implicit import Implicit
from precocial.genome.labels.addresses import LabelStyle
from precocial.genome.phenotype.parts import (
    batch_norms,
    check_module,
    check_single,
    check_trainable,
    parts_of,
)
from precocial.genome.presets import PRESETS

BITS = 8
"""Of a parameter in the file, unless others are asked for (ours)."""
NormStatistics = Literal["recalibrate", "store"]


class Genome(nn.Module):
    """The parameters of the decoders, one for each tensor of a model.

    `express()` yields the weights with a gradient to the genome, so any loss of the model trains
    the genome: `torch.func.functional_call(model, genome.express(), x)`. A population is a `vmap`
    over stacked parameters: `functional_call(genome, parameters, ())` is `express` at others.

    Source: Shuvaev, Lachi, Koulakov and Zador 2024 (the genomic bottleneck). Made with
    `Genome.for_model` or `Genome.load`.
    """

    def __init__(
        self, genes: Iterable[Gene], statistics: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__()
        genes = list(genes)
        self.most_bytes: int | None = None
        """`save` refuses a larger file"""
        self.bits = BITS
        """of a parameter in the file, unless `save` is told others: those it was made for"""
        self.shapes = {gene.name: gene.shape for gene in genes}
        self.decoders = nn.ModuleDict({_key(gene.name): gene.decoder for gene in genes})
        self.statistics = nn.ParameterDict(
            {
                _key(name): nn.Parameter(value.detach().clone().float(), requires_grad=False)
                for name, value in (statistics or {}).items()
            }
        )

    @classmethod
    def for_model(
        cls,
        model: nn.Module,
        *,
        preset: str | None = None,
        parameters: int | None = None,
        bytes: int | None = None,
        ratio: float | None = None,
        decoder: str = "two_tower",
        labels: LabelStyle | Mapping[str, TensorLabels] = "smooth",
        biases: Biases = "generate",
        norm_statistics: NormStatistics = "recalibrate",
        share: Share = "layer",
        input_shape: tuple[int, ...] | None = None,
        bits: int = BITS,
        seed: int = 0,
    ) -> Genome:
        """A newborn genome for `model`, of the largest size that the budget allows.

        Args:
            model: the phenotype; it is not changed, and its weights are not looked at, apart from
                normalisation's scale and shift and what is stored because no rule is smaller.
            preset: the paper's genome by name ("GN5", "GN20", "GN30" for a perceptron; "GN10",
                "GN30", "GN50" for a convolutional network).
            parameters: most parameters of the genome.
            bytes: most bytes of its file at `bits` bits a parameter, header and all. It certainly
                fits: entropy coding, which depends on the values, is not counted on.
            ratio: least compression, parameters of the model by parameters of the genome.
            decoder: the rule that generates the weights, one of RULES; or "retinotopic", a layout
                of cell types for an image classifier with one hidden layer, see `layouts`.
            labels: a style for all tensors, or labels of single tensors by name, (rows, columns).
            biases: "generate" bias vectors by a small network, or "store" them. Both are counted.
            norm_statistics: "recalibrate" the running statistics of BatchNorm at birth, or "store"
                them in the genome, counted. They are the model's until `evolve`, `compress` or
                `keep_statistics` takes those of the newborn.
            share: "layer" gives every tensor a rule of its own, "global" one rule for all weights,
                which sees the tensor's number among the labels.
            input_shape: how the inputs of a first linear layer lie on a grid; default: a square
                number of inputs is a square image.
            bits: of a parameter in the file: for `bytes`, and what `save` takes by default.
            seed: of the genome's initial values.

        Raises:
            ConfigError: a model that cannot be generated; a budget that no genome of this kind
                fits; more than one of preset, parameters, bytes and ratio, or none.
        """
        one_of("biases", biases, get_args(Biases))
        one_of("norm_statistics", norm_statistics, get_args(NormStatistics))
        one_of("share", share, get_args(Share))
        one_of("bits", bits, ALL_BITS)
        parts = parts_of(model, input_shape)
        check_trainable(model)
        _check_numbers(parameters=parameters, bytes=bytes, seed=seed)
        _check_one_given(preset=preset, parameters=parameters, bytes=bytes, ratio=ratio)
        statistics = _statistics(model) if norm_statistics == "store" else {}
        values = dict(model.named_parameters())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if preset is not None:
                one_of("preset", preset, tuple(PRESETS))
                genes = [Gene(p.name, p.shape, d) for p, d in PRESETS[preset](parts)]
                genome = cls(_filled(genes, values), statistics)
                genome.bits = bits
                return genome
            growth = growth_of(parts, decoder, labels=labels, biases=biases, share=share, seed=seed)
            if bytes is not None:
                size = growth.largest_in_bytes(bytes, statistics, bits)
            else:
                total = sum(part.size for part in parts)
                budget = parameters if parameters is not None else int(total / _above_zero(ratio))
                size = growth.largest(budget, statistics)
            genome = cls(_filled(growth.whole(size), values), statistics)
        genome.most_bytes, genome.bits = bytes, bits
        return genome

    @classmethod
    def load(cls, path: io.PathLike) -> Genome:
        """The genome in a file that `save` wrote, in evaluation mode.

        Raises:
            DataError: not a genome file, of another version, cut short, altered or too large.
        """
        shapes, decoders, statistics, bits = read_genome(path)
        genome = cls([Gene(name, shapes[name], decoders[name]) for name in shapes], statistics)
        genome.bits = bits
        return genome.eval()

    def save(self, path: io.PathLike, *, bits: int | None = None) -> int:
        """Write the genome as one `.genome` file; returns its bytes, which reports print.

        What is loaded has the values of `fake_quantise(parameters, bits)`: train on those at few
        bits.

        Args:
            path: of the file; written whole or not at all.
            bits: of a parameter: 2 to 16, or 32 for single precision as it is; none: those that
                the genome was made for, or had in its file.

        Raises:
            ConfigError: other bits; parameters that are not finite; a file larger than the `bytes`
                that the genome was made for.
            DataError: a path that cannot be written.
        """
        bits = self.bits if bits is None else bits
        data = genome_bytes(*self._content(), bits)
        if self.most_bytes is not None and len(data) > self.most_bytes:
            raise ConfigError(
                f"at {bits} bits this genome has {len(data)} bytes; it was made for at most "
                f"{self.most_bytes}: save it with fewer bits, or make one with "
                f"Genome.for_model(bytes={self.most_bytes}, bits={bits})"
            )
        io.write_bytes(path, data)
        return len(data)

    def byte_count(self, bits: int | None = None) -> int:
        """Bytes that `save` would write."""
        return len(genome_bytes(*self._content(), self.bits if bits is None else bits))

    def _content(self) -> tuple[dict[str, tuple[int, ...]], dict[str, Decoder], dict[str, Tensor]]:
        decoders = {name: self.decoder_of(name) for name in self.shapes}
        statistics = {_name(key): value for key, value in self.statistics.items()}
        return self.shapes, decoders, statistics

    def express(self) -> dict[str, Tensor]:
        """The weights by the model's names, in the model's shapes, with gradient to the genome.

        In training mode a stochastic decoder (`CellTypes`) draws them anew at every call; in
        evaluation mode, at birth, and after `load` they are the same every time.
        """
        return {name: self.weight_of(name) for name in self.shapes}

    def weight_of(self, name: str) -> Tensor:
        """The generated tensor `name`, in the model's shape."""
        return self.decoder_of(name).weight().reshape(self.shapes[name])

    def forward(self) -> dict[str, Tensor]:
        """`express`: so `torch.func.functional_call(genome, parameters, ())` expresses others."""
        return self.express()

    def decoder_of(self, name: str) -> Decoder:
        """The decoder of the tensor `name`."""
        decoder = self.decoders[_key(name)]
        assert isinstance(decoder, Decoder)
        return decoder

    def birth(self, model: nn.Module, *, recalibrate: Iterable[Tensor] | None = None) -> nn.Module:
        """A copy of `model` with the generated weights: able, or not, before any training.

        The same newborn at every call: a stochastic decoder is used in evaluation mode.

        Args:
            model: of the architecture that the genome was made for; not changed.
            recalibrate: batches of inputs from which BatchNorm takes its running statistics anew.
                Without them they are what the genome stores, or else 0 and 1: with those, a model
                that has BatchNorm mostly scores near chance in evaluation mode, however able the
                genome is. A few hundred training inputs do: `[task.train.inputs[:512]]`.

        Raises:
            ConfigError: a model with other tensors, weights that are not finite, batches that the
                model cannot take.
        """
        self._check(model)
        born = copy.deepcopy(model)
        with torch.no_grad(), _in_evaluation(self):
            weights = self.express()
            for name, values in weights.items():
                if not bool(torch.isfinite(values).all()):
                    raise ConfigError(
                        f"this genome generates NaN or infinite weights ({name}): its training "
                        "diverged; lower the rate"
                    )
            for name, parameter in born.named_parameters():
                parameter.copy_(weights[name])
            for _, norm in batch_norms(born):
                norm.reset_running_stats()
            buffers = dict(born.named_buffers())
            for key, value in self.statistics.items():
                buffers[_name(key)].copy_(value)
        if recalibrate is not None:
            _recalibrate(born, recalibrate)
        return born

    def keep_statistics(self, model: nn.Module, batches: Iterable[Tensor]) -> None:
        """Take the statistics that the genome stores, if any, from its newborn on `batches`.

        Args:
            model: of the architecture that the genome was made for; not changed.
            batches: of training inputs.

        Raises:
            ConfigError: as `birth`.
        """
        if not len(self.statistics):
            return
        buffers = dict(self.birth(model, recalibrate=batches).named_buffers())
        with torch.no_grad():
            for key, value in self.statistics.items():
                value.copy_(buffers[_name(key)])

    def implicit(self, model: nn.Module) -> Implicit:
        """`model` with this genome in it: linear layers use `Decoder.product`, others `express`.

        Its forward pass equals `functional_call(model, genome.express(), x)` up to rounding, and
        never builds the weights of a linear layer whose rule can do without.

        Raises:
            ConfigError: a model with other tensors, or of other numbers than float32.
        """
        self._check(model)
        check_single(model)
        return Implicit(self, model)

    @property
    def parameter_count(self) -> int:
        """Numbers in the genome: parameters of decoders, each once, and stored statistics."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def phenotype_count(self) -> int:
        """Numbers that are generated: the parameters of the model, tied ones once."""
        return sum(torch.Size(shape).numel() for shape in self.shapes.values())

    @property
    def ratio(self) -> float:
        """Compression: parameters of the model by parameters of the genome."""
        return self.phenotype_count / self.parameter_count

    def _check(self, model: nn.Module) -> None:
        check_module(model)
        found = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
        if found != self.shapes:
            names = (*self.shapes, *found)
            differ = next((n for n in names if found.get(n) != self.shapes.get(n)), names[0])
            raise ConfigError(
                "this genome is for another model, which has "
                f"{self.shapes.get(differ, 'none')} for {differ!r}, this one "
                f"{found.get(differ, 'none')}; give the architecture that it was made for"
            )


@contextlib.contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """A module and those in it in evaluation mode, for a while."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _key(name: str) -> str:
    """A name without dots that is not a method of ModuleDict, as "values" and "keys" are."""
    return name.replace(".", "/") if "." in name else f"/{name}"


def _name(key: str) -> str:
    return key.lstrip("/").replace("/", ".")


def _check_one_given(**budgets: object) -> None:
    named = [name for name, value in budgets.items() if value is not None]
    if len(named) != 1:
        raise ConfigError(
            f"Genome.for_model: give exactly one of {', '.join(budgets)}; got "
            f"{', '.join(named) or 'none'}"
        )


def _check_numbers(**numbers: Any) -> None:
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise ConfigError(f"Genome.for_model: {name} is a whole number; got {value!r}")


def _above_zero(ratio: float | None) -> float:
    if not isinstance(ratio, Real) or not 0 < ratio < float("inf"):
        raise ConfigError(f"ratio must be a number above 0; got {ratio!r}")
    return ratio


def _statistics(model: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}.{leaf}".lstrip("."): getattr(norm, leaf)
        for name, norm in batch_norms(model)
        for leaf in ("running_mean", "running_var")
    }


def _filled(genes: list[Gene], values: Mapping[str, Tensor]) -> list[Gene]:
    """What is stored starts at the model's own values."""
    for gene in genes:
        if isinstance(gene.decoder, Stored):
            start = values[gene.name].detach()
            with torch.no_grad():
                gene.decoder.values.copy_(start.reshape(gene.decoder.values.shape))
    return genes


def _recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Running statistics of BatchNorm as plain averages over `batches`."""
    if isinstance(batches, Tensor):
        raise ConfigError(
            f"birth: recalibrate takes batches, such as [inputs[:512]]; got one tensor "
            f"{tuple(batches.shape)}"
        )
    norms = [norm for _, norm in batch_norms(model)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    was = model.training
    model.train()
    with torch.no_grad():
        for batch in batches:
            _shown_to(model, batch)
    model.train(was)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _shown_to(model: nn.Module, batch: Tensor) -> None:
    if not isinstance(batch, Tensor) or not bool(torch.isfinite(batch).all()):
        raise DataError(
            "birth: a batch of recalibrate is a tensor of inputs without NaN or infinite values; "
            f"got {type(batch).__name__}"
        )
    try:
        model(batch)
    except Exception as error:  # whatever a user's model raises
        raise ConfigError(
            f"birth: the model fails on a batch of recalibrate, {tuple(batch.shape)}: "
            f"{type(error).__name__}: {error}"
        ) from error

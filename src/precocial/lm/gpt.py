"""One small GPT: pre-norm blocks, GELU, causal attention, learned positions.

Shape letters: B batch, T tokens of context, D width, H heads, V vocabulary.

Departures from GPT-2 (Radford et al. 2019): no dropout, no biases in the linear layers, and
initial weights drawn with standard deviation 1/sqrt(fan-in), so that one learning-rate rule holds
from width 16 to 256.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from precocial.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """The shape of a model."""

    vocabulary: int = 256
    """number of tokens V; 256 for bytes"""
    context: int = 64
    """tokens T that the model sees at most"""
    width: int = 32
    """residual width D"""
    depth: int = 2
    """number of blocks"""
    heads: int = 1
    """attention heads; must divide the width"""
    tied: bool = True
    """one matrix for the embedding and the output"""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "context", "width", "depth", "heads"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"GPTConfig: {name} must be a positive integer; got {value!r}")
        if self.width % self.heads:
            raise ConfigError(
                f"GPTConfig: heads must divide width; got {self.heads} heads and width {self.width}"
            )


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width, bias=False)
        self.mlp_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        B, T, D = x.shape
        packed = self.query_key_value(self.attention_norm(x))
        # (B, T, 3 D) -> three of (B, H, T, D / H)
        query, key, value = packed.view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(B, T, D))
        out: Tensor = self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + out


class GPT(nn.Module):
    """Next-token logits: tokens (B, T) to (B, T, V)."""

    def __init__(self, config: GPTConfig, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.tokens.weight
        self._draw(generator)

    def _draw(self, generator: torch.Generator | None) -> None:
        width, depth = self.config.width, self.config.depth
        for name, weight in self.named_parameters():
            if weight.ndim == 1:
                continue  # norms keep 1 and 0
            if name.startswith(("tokens", "positions")):
                std = 1 / math.sqrt(width)
            else:
                std = 1 / math.sqrt(weight.shape[1])
            if name.endswith(("attention_out.weight", "mlp_out.weight")):
                std /= math.sqrt(2 * depth)  # GPT-2: the residual sum keeps its size
            nn.init.normal_(weight, std=std, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits for the token after each position.

        Args:
            tokens: (B, T) integers below V, T at most the context.

        Returns:
            (B, T, V) logits, nats.
        """
        T = tokens.shape[1]
        x = self.tokens(tokens) + self.positions.weight[:T]
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits


def count_params(model: nn.Module) -> tuple[int, int]:
    """(N, N_total): parameters without and with vocabulary and positional embeddings.

    N is what the scaling laws count (Kaplan et al. 2020; Hernandez et al. 2021): an output matrix
    of size V x D is vocabulary too, tied or not.
    """
    total = sum(weight.numel() for weight in model.parameters())
    vocabulary = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if name.startswith(("tokens.", "positions.", "head."))
    )
    return total - vocabulary, total


def train_flops(model: GPT, tokens: int) -> float:
    """Training cost in FLOPs: 6 (N + V D) a token, plus attention 12 depth T D (forward, backward).

    The output matrix is counted: at this size it is a large part (leaving it out is half of the gap
    between Kaplan's and Chinchilla's laws, Porian et al. 2024).
    """
    config = model.config
    matrix = count_params(model)[0] + config.vocabulary * config.width
    attention = 12 * config.depth * config.context * config.width
    return float(tokens) * (6 * matrix + attention)

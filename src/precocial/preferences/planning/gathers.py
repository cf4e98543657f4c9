"""The sweeps of `values` in torch: gathers over all rewards at once, on any device.

The same recursion as the reference and in double precision throughout, so the engines agree; what
a GPU gains is width. torch is imported when a sweeper is made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precocial.errors import ConfigError, need
from precocial.preferences.mdp import TabularMDP
from precocial.preferences.planning.values import TIE, Backup, Sweeper

Floats = NDArray[np.float64]
CHECKED = 8
"""Sweeps between two looks at what has converged: a look waits for the device (ours)."""
ROOM = 2**27
"""Numbers that one gather may make, a gigabyte (ours); more rewards are solved in parts."""


def sweeper_on(device: str) -> Sweeper:
    """Makes the sweeps on `device`: "cpu", "cuda", or another that torch knows.

    Raises:
        ConfigError: torch has no such device here.
        MissingExtraError: torch is not installed.
    """
    torch = need("torch", "torch")
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ConfigError(
            f"solve: torch cannot use the device {device!r} here ({error}); use 'cpu'"
        ) from error

    def sweeper(
        mdp: TabularMDP, R: Floats, leaf: Floats, how: Backup, enough: Floats, limit: int
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        world = _World(torch, device, mdp, how)
        numbers = R.size * (how.delays + 1) * mdp.successors.shape[2]
        parts = max(1, -(-numbers // ROOM))
        solved = [
            world.solve(rewards, leaves, level, limit)
            for rewards, leaves, level in zip(
                *(np.array_split(array, parts) for array in (R, leaf, enough)), strict=True
            )
        ]
        Q, residual, sweeps = (np.concatenate(arrays) for arrays in zip(*solved))
        return Q, residual, sweeps

    return sweeper


class _World:
    """A world's tables on a device."""

    def __init__(self, torch: Any, device: str, mdp: TabularMDP, how: Backup) -> None:
        self.torch, self.how, self.discount = torch, how, mdp.discount
        self.successors = torch.as_tensor(mdp.successors, device=device)
        self.probability = torch.as_tensor(mdp.probability, device=device)
        self.live = torch.as_tensor(~mdp.terminal, device=device)
        self.paid = 1 / (
            1 + how.hyperbolic * torch.arange(how.delays + 1, dtype=torch.float64, device=device)
        )

    def solve(
        self, R: Floats, leaf: Floats, enough: Floats, limit: int
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Q[h, s, a], residual[h], sweeps[h]."""
        torch, device = self.torch, self.live.device
        reward = torch.as_tensor(R, device=device)
        level = torch.as_tensor(enough, device=device)
        V = torch.as_tensor(leaf, device=device)[:, None].repeat(1, self.how.delays + 1, 1)
        residual = torch.full((len(R),), torch.inf, dtype=torch.float64, device=device)
        count = torch.zeros(len(R), dtype=torch.int64, device=device)
        Q = torch.zeros_like(reward)
        active = torch.arange(len(R), device=device)
        for made in range(1, (self.how.steps or limit) + 1):
            every = self.backed_up(reward[active], V[active])
            after = torch.where(self.live, self.state_values(every), 0.0)
            Q[active] = every[:, 0]
            residual[active] = (after - V[active]).abs().amax(dim=(1, 2))
            V[active], count[active] = after, made
            if self.how.steps is None and made % CHECKED == 0:
                active = active[residual[active] > level[active]]
                if not len(active):
                    break
        return Q.cpu().numpy(), residual.cpu().numpy(), count.cpu().numpy()

    def backed_up(self, R: Any, V: Any) -> Any:
        """Q[h, d, s, a] from R[h, s, a] and V[h, d, s]."""
        torch, w = self.torch, self.how.optimism
        later = torch.cat([V[:, 1:], V[:, -1:]], dim=1)
        after = later[:, :, self.successors]
        mean = (after * self.probability).sum(dim=-1)
        if w:
            off = torch.inf if w < 0 else -torch.inf
            there = torch.where(self.probability > 0, after, off)
            extreme = there.amin(dim=-1) if w < 0 else there.amax(dim=-1)
            mean = (1 - abs(w)) * mean + abs(w) * extreme
        Q = R[:, None] * self.paid[:, None, None] + self.discount * mean
        return torch.where(self.live[:, None], Q, 0.0)

    def state_values(self, Q: Any) -> Any:
        """V[h, d, s] from Q[h, d, s, a]."""
        torch, how = self.torch, self.how
        if how.kind == "soft":
            mean = torch.logsumexp(how.beta * Q, dim=-1) - np.log(Q.shape[-1])
            return mean / how.beta
        if how.kind == "max" and not how.sophisticated:
            return Q.amax(dim=-1)
        first = Q[:, :1] if how.sophisticated else Q
        if how.kind == "softmax":
            chosen = torch.softmax(how.beta * first, dim=-1)
        else:
            size = first.abs().amax(dim=-1, keepdim=True)
            ties = first >= first.amax(dim=-1, keepdim=True) - TIE * size
            chosen = ties & (ties.cumsum(dim=-1) == 1)
        return (chosen * Q).sum(dim=-1)

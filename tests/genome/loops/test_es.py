"""The evolution strategy: a quadratic it must climb, ranks, and vmap against the loop."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, vmap

from precocial.genome import Genome
from precocial.genome.loops.configs import Evolution
from precocial.genome.loops.es import EvolutionLoop, centred_ranks
from precocial.genome.loops.evolve import evolve
from precocial.genome.loops.parts import parameters_of
from tests.genome.tiny_tasks import blobs, network

Members = dict[str, torch.Tensor]


def genome() -> Genome:
    return Genome.for_model(network(), parameters=200, decoder="two_tower", labels="binary")


def flat(members: Members) -> torch.Tensor:
    return torch.cat([value.flatten(1) for value in members.values()], dim=1)


def test_it_climbs_a_quadratic_to_its_top() -> None:
    made = genome()
    count = sum(value.numel() for value in parameters_of(made).values())
    top = torch.linspace(-0.5, 0.5, count)

    def fitness(members: Members, seed: int) -> torch.Tensor:
        return -((flat(members) - top) ** 2).sum(1)

    loop = Evolution(generations=300, pairs=24, sigma=0.05, rate=0.02, evaluate_every=50)
    rows = list(evolve(made, network(), fitness, loop))
    assert rows[0]["valid"] < -5
    assert rows[-1]["valid"] > -0.2
    here = flat({name: p.detach()[None] for name, p in parameters_of(made).items()})[0]
    assert float((here - top).abs().max()) < 0.2


def test_without_noise_its_direction_is_the_gradient() -> None:
    # a linear fitness: over many pairs the estimate points along its slope
    made = genome()
    own = parameters_of(made)
    slope = {
        name: torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
        for i, (name, p) in enumerate(own.items())
    }

    def fitness(members: Members, seed: int) -> torch.Tensor:
        return sum((members[n] * slope[n]).flatten(1).sum(1) for n in slope)  # type: ignore[return-value]

    loop = EvolutionLoop(made, network(), fitness, Evolution(pairs=2500, sigma=0.01), 0)
    loop.advance(0)
    found = torch.cat([-p.grad.flatten() for p in own.values() if p.grad is not None])
    wanted = torch.cat([value.flatten() for value in slope.values()])
    assert float(torch.cosine_similarity(found, wanted, dim=0)) > 0.93


def test_ranks_do_not_see_the_size_of_a_score() -> None:
    ranks = centred_ranks(torch.tensor([3.0, -1e9, 5.0, 4.0, 1e9]))
    assert ranks.tolist() == [-0.25, -0.5, 0.25, 0.0, 0.5]
    assert centred_ranks(torch.tensor([2.0, 2.0, 7.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(torch.tensor([4.0])).tolist() == [0.0]


def test_equal_scores_move_nothing() -> None:
    made = genome()
    before = flat({name: p.detach()[None] for name, p in parameters_of(made).items()})

    def fitness(members: Members, seed: int) -> list[float]:
        return [1.0] * len(flat(members))

    list(evolve(made, network(), fitness, Evolution(generations=3, pairs=4)))
    after = flat({name: p.detach()[None] for name, p in parameters_of(made).items()})
    assert torch.equal(before, after)


def test_a_population_is_judged_alike_by_vmap_and_by_a_loop() -> None:
    found = []
    for at_once in (1, 4):
        made = genome()
        config = Evolution(generations=3, pairs=5, batch=20, at_once=at_once, evaluate_every=1)
        rows = list(evolve(made, network(), blobs(), config))
        found.append([row.get("fitness", 0.0) for row in rows])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_task_is_learned_without_a_gradient() -> None:
    made = Genome.for_model(network(), parameters=160, decoder="pair", labels="binary")
    config = Evolution(generations=100, pairs=20, sigma=0.1, rate=0.05, batch=60, at_once=40)
    rows = list(evolve(made, network(), blobs(), config))
    assert rows[-1]["fitness"] > rows[1]["fitness"] + 0.2
    assert max(row["valid"] for row in rows) > 0.75


def test_a_fitness_may_vmap_and_gets_one_seed_a_generation() -> None:
    made, seeds = genome(), []

    def fitness(members: Members, seed: int) -> torch.Tensor:
        seeds.append(seed)
        weights = vmap(lambda member: functional_call(made, member, ()))(members)
        return -weights["0.weight"].square().sum(dim=(1, 2))

    rows = list(
        evolve(
            made, network(), fitness,
            Evolution(generations=40, pairs=8, rate=0.05, evaluate_every=20),
        )
    )  # fmt: skip
    assert rows[-1]["valid"] > rows[0]["valid"]
    training, judging = seeds[1:21] + seeds[22:42], {seeds[0], seeds[21], seeds[42]}
    assert len(set(training)) == 40
    assert len(judging) == 1
    assert judging.isdisjoint(training)

"""What does a walk across a small world tell about what the walker wants?

A hyperbolic discounter walks. Every planner is weighed with every goal, first without and then with
the assumption that the walker does better than chance.
"""

import numpy as np

from precocial.preferences import (
    BetterThanRandom,
    Rule,
    TabularMDP,
    defaults,
    goals_and_dangers,
    hyperbolic,
    infer,
    simulate,
)

transitions = np.random.default_rng(0).dirichlet(np.full(8, 0.15), (8, 3))
world = TabularMDP.from_arrays(transitions, discount=0.9)
rewards = goals_and_dangers(world)
walker = hyperbolic(1.0, sophisticated=False, rule=Rule(kind="boltzmann", parameter=10.0))
policy = walker.policies(world, rewards.block(4, 5))[0]
seen = simulate(world, policy, episodes=40, steps=25)

for assume in ([], [BetterThanRandom()]):
    found = infer(world, seen, defaults(), rewards, assume=assume)
    print(", ".join(found.factors) or "nothing assumed:", f"{found.entropy_bits:.2f} bits open")
    for planner, reward, probability in found.top(2):
        print(f"  {planner} with {reward}: {probability:.3f}")

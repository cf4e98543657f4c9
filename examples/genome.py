"""How well can a network work before any training, when it is born from 900 bytes?

A perceptron on handwritten digits is made by a genome. Beside it: the same weights shuffled, random
weights, and what a linear model does with as many bytes.
"""

from precocial.genome import (
    Innate,
    accuracy,
    compress,
    digits,
    learn,
    perceptron_for,
    pooled,
    shuffled,
)

task = digits()
model = perceptron_for(task, (60,), seed=0)
genome = compress(model, task, bytes=900, loop=Innate(steps=300, rate=0.02, warmup_steps=10))
size = genome.byte_count(bits=6)
print(f"{genome.phenotype_count} weights from {genome.parameter_count} numbers in {size} bytes")

born = genome.birth(model)
rival = pooled(task, 900, steps=100, bits=6, seed=0)
mixed = accuracy(shuffled(born), task.test)
print(f"at birth {accuracy(born, task.test):.2f}, shuffled {mixed:.2f}")
print(f"a linear model of {rival.bytes} bytes, trained: {accuracy(rival.model, task.test):.2f}")

for name, start in (("newborn", born), ("random", model)):
    curve = learn(start, task, steps=20, warmup_steps=5, marks=[0, 5, 20], on="test")
    print(name, *(f"{row['accuracy']:.2f} after {row['step']}" for row in curve))

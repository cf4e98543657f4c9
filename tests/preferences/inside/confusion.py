"""Print how every variant is read: python -m tests.preferences.inside.confusion"""

from __future__ import annotations

from collections import Counter

from precocial.preferences.inside.look import look_inside
from tests.preferences.inside.final import FINAL
from tests.preferences.inside.fresh import FRESH
from tests.preferences.inside.fresh_again import AGAIN
from tests.preferences.inside.held_out import HELD_OUT
from tests.preferences.inside.variants import VARIANTS

VERDICTS = ("maximises", "minimises", "look-up", "anchored", "unknown")


def main() -> None:
    table: Counter[tuple[str, str]] = Counter()
    for name, variant in {**VARIANTS, **HELD_OUT, **FINAL, **FRESH, **AGAIN}.items():
        inside = look_inside(
            variant.policy, variant.states, variant.actions, tags=dict(variant.tags)
        )
        table[variant.expected, inside.verdict] += 1
        if inside.verdict != variant.expected:
            print(f"{name}: {variant.expected} read as {inside.verdict}: {inside.reason}")
    print(f"{'expected':>12}" + "".join(f"{verdict:>12}" for verdict in VERDICTS))
    for expected in VERDICTS:
        row = "".join(f"{table[expected, verdict]:>12}" for verdict in VERDICTS)
        print(f"{expected:>12}{row}")


if __name__ == "__main__":
    main()

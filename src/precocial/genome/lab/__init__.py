"""The trade-off lab: variability of worlds, length of life and bytes of genome against instinct."""

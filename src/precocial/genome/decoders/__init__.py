"""From labels to weights: the rules by which a genome is read."""

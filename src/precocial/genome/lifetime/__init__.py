"""Learning after birth, and the examples that a genome saves."""

"""Labels of neurons: what they are, and which a model gets."""

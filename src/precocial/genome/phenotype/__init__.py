"""What a genome makes: tensors, the networks of the paper, and what they look for."""

"""Inference beyond enumeration: gradients, EM, MCMC."""

"""Genomes that control: policies, their episodes, and what a genome of them is worth at birth."""

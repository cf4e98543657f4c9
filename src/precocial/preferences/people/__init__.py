"""Choices of people: readers, models, exact posteriors."""

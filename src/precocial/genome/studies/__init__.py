"""Long runs whose rows ship: what is born able, how it learns, what does not work."""

"""Looking inside an agent: what its program does to choose."""

"""How a genome becomes able: four outer loops behind `evolve`."""

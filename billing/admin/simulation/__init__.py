"""Staff pages of simulations, test clocks and sandbox clones."""

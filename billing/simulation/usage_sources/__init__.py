"""Usage sources of a simulation: counters, sums by dimensions, or events."""

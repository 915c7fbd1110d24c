"""The flight simulator for pricing: real past usage, rated by other versions. docs/simulation.md."""

from billing.simulation.records import Bill, Line, Place, Simulated
from billing.simulation.simulation_run import simulate

__all__ = ["Bill", "Line", "Place", "Simulated", "simulate"]

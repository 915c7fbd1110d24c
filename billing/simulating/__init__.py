"""The flight simulator for pricing: real past usage, rated by other versions. docs/simulation.md."""

from billing.simulating.facts import Bill, Line, Place, Simulated
from billing.simulating.operation import simulate

__all__ = ["Bill", "Line", "Place", "Simulated", "simulate"]

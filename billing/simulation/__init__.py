"""Simulation: rate past usage with the prices of other plan versions. docs/simulation.md."""

from billing.simulation.records import ComparableLine, LineKey, PeriodBill, SimulatedPeriod
from billing.simulation.simulation_run import simulate

__all__ = ["ComparableLine", "LineKey", "PeriodBill", "SimulatedPeriod", "simulate"]

"""The result of a version's required simulation in a sentence, for the approval pages."""

from decimal import Decimal

from lib.formats import format_money, format_number
from plans.models import PlanVersion, RequiredSimulation
from plans.publishing.required_simulation import find_simulation


def format_figures(simulation: RequiredSimulation) -> str:
    """Return the figures of a simulation by currency."""
    figures = [
        f"{format_money(Decimal(totals['before']), currency)} → {format_money(Decimal(totals['after']), currency)}:"
        f" {format_number(totals['more'])} pay more, {format_number(totals['less'])} less, "
        f"{format_number(totals['same'])} the same;"
        f" {format_number(totals['shocks'])} bill shocks"
        for currency, totals in simulation.facts.items()
    ]
    return "; ".join(figures) or "nobody had a period to compare"


def sentences(version: PlanVersion) -> list[str]:
    """Return the result of the last simulation of exactly the version's current content; empty if there is none."""
    simulation = find_simulation(version)
    return [] if simulation is None else [f"Simulated on past usage, {format_figures(simulation)}."]

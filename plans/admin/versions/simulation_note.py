"""What past usage would come to by a version, in a sentence: for the pages on which it is asked for and approved."""

from decimal import Decimal

from lib.formats import format_money, format_number
from plans.models import PlanVersion, RequiredSimulation
from plans.publishing.required_simulation import rehearsal_of


def figures_of(found: RequiredSimulation) -> str:
    """Return what a rehearsal has come to, by currency."""
    told = [
        f"{format_money(Decimal(one['before']), currency)} → {format_money(Decimal(one['after']), currency)}:"
        f" {format_number(one['more'])} pay more, {format_number(one['less'])} less, {format_number(one['same'])} the same;"
        f" {format_number(one['shocks'])} bill shocks"
        for currency, one in found.facts.items()
    ]
    return "; ".join(told) or "nobody had a period to compare"


def sentences(version: PlanVersion) -> list[str]:
    """Return what the last rehearsal of exactly what a version says has come to; nothing where there is none."""
    found = rehearsal_of(version)
    return [] if found is None else [f"Simulated on past usage, {figures_of(found)}."]

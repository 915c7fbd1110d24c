"""
The pure core: what usage costs, and when periods begin and end.

No Django, no clock, no I/O: `Decimal`, `Fraction`, aware `datetime` and frozen dataclasses in and out.
Preview, simulation, forecast, portal, wallet and invoice all call `rating.rate_usage`; docs/pricing.md
explains every rule.
"""

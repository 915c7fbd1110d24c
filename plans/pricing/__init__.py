"""
The pure core: prices of usage, and the calendar of billing periods.

No Django, no clock, no I/O: functions take and return `Decimal`, `Fraction`, aware `datetime` and frozen dataclasses.
Preview, simulation, forecast, portal, wallet and invoice all call `rating.rate_usage`; docs/pricing.md explains every
rule.
"""

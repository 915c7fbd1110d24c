"""
The pure core of metering: how a period's events become one quantity.

No Django, no clock, no I/O. Sums are kept as events arrive, in any order and any batches, and every function here
gives the same result for all of them; docs/metering.md explains each aggregation.
"""

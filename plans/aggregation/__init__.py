"""
The pure core of metering: how the events of a period become one quantity.

No Django, no clock, no I/O. State is updated as events arrive, in any order and in batches of any size, and every
function here gives the same quantity for all of them; docs/metering.md explains each aggregation.
"""

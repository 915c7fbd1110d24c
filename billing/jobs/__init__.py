"""
Bulk work, whatever its kind: cut into items, done item by item, paused, resumed, tried again: docs/jobs.md.

A kind says how its work is cut and what one item does (`kinds`); all else is here, once for all kinds.
"""

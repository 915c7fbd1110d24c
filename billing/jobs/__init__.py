"""
Background jobs on many rows: split into items, processed one by one, paused, resumed and retried: docs/jobs.md.

A job's definition says how its work is split and how one item is processed (`definitions`); this package does the
rest for
every kind.
"""

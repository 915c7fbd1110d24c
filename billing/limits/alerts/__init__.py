"""
Alert rules against bill shock: what is watched, by which rule, and when somebody is told. docs/alerts.md.

Nothing of it is on the way of usage: a sweeper looks a moment later.
"""

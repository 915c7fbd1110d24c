"""
Alert rules, which protect customers from surprising bills: measurements, rule selection, and when an alert fires.
docs/alerts.md.

Usage never waits for this code: a background worker evaluates the rules shortly after the usage is recorded.
"""

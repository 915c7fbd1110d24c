"""
Benchmarks: ratios of two measurements of the same run, side by side: docs/performance.md.

Each benchmark works in a scratch database on the configured server and drops it afterwards.
"""

NAMES = (
    *("ingest", "read", "check", "close", "migrate", "simulate", "wallet", "render"),
    *("journal", "metrics", "waterfall", "freeze", "admin"),
)

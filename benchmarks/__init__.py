"""
What the product reaches, as ratios of two things measured side by side in one run: docs/performance.md.

Each benchmark works in a scratch database on the configured server and drops it afterwards.
"""

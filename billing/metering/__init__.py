"""Usage: event ingest, counters and aggregate states, usage reports, and the drawdown of prepaid usage."""

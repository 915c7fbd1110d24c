"""The inputs for rating a period: its terms, counters, aggregates and windows."""

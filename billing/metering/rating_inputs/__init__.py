"""What rating a period depends on: its terms, counters, aggregates and windows."""

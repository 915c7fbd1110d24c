"""Usage reports: usage and cost so far, from counters and rollups, never from events."""

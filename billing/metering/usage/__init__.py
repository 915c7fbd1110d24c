"""Usage out: what a customer has used and what it costs so far, from counters and rollups, never from events."""

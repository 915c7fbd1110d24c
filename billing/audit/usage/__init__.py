"""Integrity checks of events, counters and aggregate states."""

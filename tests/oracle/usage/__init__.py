"""Usage whose sums are no plain sums, replayed from the events."""

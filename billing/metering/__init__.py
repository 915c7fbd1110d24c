"""Usage: events in, counters and aggregate states kept, usage read, prepaid usage drawn down."""

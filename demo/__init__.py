"""
The demo: a real trace of 28,185 LLM requests, sent through the HTTP API for 32 invented customers, and billed.

`data/` holds the trace, the catalog, the parties, and who made which request, which `generate_mapping` wrote.
`trace` turns rows into events for a given day, `catalog` and `parties` put the rest into the database, `access`
lets in, `sending` posts, `building` does it all in order, `traffic` keeps posting, `summary` counts. Every step may
be interrupted and run again.
"""

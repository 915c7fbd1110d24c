"""
The demo: a real trace of 28,185 LLM requests, sent through the HTTP API for 32 invented customers, and billed.

`data/` holds the trace, the catalog, the parties, and the assignment of requests to customers, which
`trace_assignment` wrote. `trace` turns rows into events for a given day, `catalog`, `sellers_and_customers` and
`prepaid_customers` fill the database, `logins` creates users and a key, `event_sender` posts, `build` runs all steps
in order, `live_traffic` keeps posting, `summary` counts. Every step can be interrupted and repeated.
"""

"""
Usage ingest: from the bytes of a request to committed rows.

`parser` decodes and checks the limits; `catalog_cache` and `customer_cache` hold this process's copies of the catalog
and of customers; `attribution` decides which counters an event adds to; `event_recorder` stores the events, each
once.
"""

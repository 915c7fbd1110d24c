"""
Usage in: from the bytes of a request to committed rows.

`wire` decodes and bounds, `catalog` and `customers` are the process's copies of what events are attributed by,
`attribution` decides which counters an event adds to, `recording` is the operation that stores it all, once.
"""

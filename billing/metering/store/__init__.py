"""
The one narrow door to usage: append, sum up, list, aggregate.

Everything that reads or writes events, counters and rollups goes through the functions of this package, so that a
deployment that outgrows one PostgreSQL can put events on another engine and keep money where it is. Every function
works on sets, in one statement, inside the caller's transaction.
"""

"""
Storage of usage: the only place that reads and writes events, counters and rollups.

All other code goes through the functions of this package, so that a deployment that outgrows one PostgreSQL can move
events to another engine and keep money where it is. Every function works on sets, in one statement, inside the
caller's transaction.
"""

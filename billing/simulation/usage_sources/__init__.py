"""Where a simulation reads its usage: counters, or events counted again."""

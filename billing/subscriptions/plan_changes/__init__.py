"""Plan changes: immediate, scheduled, in bulk, and rolled out with a new version."""

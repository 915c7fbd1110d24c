"""Everything that more than one app uses and that knows no billing."""

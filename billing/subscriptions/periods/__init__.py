"""Billing periods: their boundaries, and how they are created, cut off and restored."""

"""Billing periods: their boundaries, and how they are created, shortened and restored."""

"""Upcoming and regenerated invoices, late usage and the month end over HTTP."""

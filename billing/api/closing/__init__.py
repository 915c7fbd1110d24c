"""Invoices to come, late usage and the month end over HTTP."""

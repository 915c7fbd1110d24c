"""Consolidated invoices: several periods of one customer on one invoice."""

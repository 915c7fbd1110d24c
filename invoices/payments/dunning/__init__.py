"""Dunning of invoices that are past due: docs/payments.md#dunning."""

"""Statements of account, of a customer with a seller: docs/invoices.md#statements-of-account."""

"""Grants to many customers at once, from a table: docs/wallets.md#promotions."""

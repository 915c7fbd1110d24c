"""Which taxes a supply falls under: docs/tax.md."""

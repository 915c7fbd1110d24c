"""The taxes on a supply: docs/tax.md."""

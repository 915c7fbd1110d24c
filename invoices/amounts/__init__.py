"""The arithmetic of an invoice: totals, net amounts and taxes of its lines. No Django, no database."""

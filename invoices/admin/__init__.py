"""Staff pages of invoices, tax rates and number series."""

from invoices.admin import bank, invoices, payments, sellers, tax_and_numbering

__all__ = ["bank", "invoices", "payments", "sellers", "tax_and_numbering"]

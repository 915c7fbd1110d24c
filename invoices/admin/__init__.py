"""Staff pages of invoices, tax rates and number series."""

from invoices.admin import invoices, payments, sellers, tax_and_numbering

__all__ = ["invoices", "payments", "sellers", "tax_and_numbering"]

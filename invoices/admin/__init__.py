"""Staff pages of invoices, tax rates and number series."""

from invoices.admin import invoices, payments, sellers, settings

__all__ = ["invoices", "payments", "sellers", "settings"]

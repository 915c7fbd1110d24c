"""Staff pages of invoices, tax rates and number series."""

from invoices.admin import invoices, settings

__all__ = ["invoices", "settings"]

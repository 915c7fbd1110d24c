"""Staff pages of bank statements: import, review and booking of their lines."""

from invoices.admin.bank import lines, statements

__all__ = ["lines", "statements"]

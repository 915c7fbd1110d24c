"""Staff pages of the books: accounting targets, accounts, their mapping, and accounting files."""

from billing.admin.accounting_files import accounts, batches

__all__ = ["accounts", "batches"]

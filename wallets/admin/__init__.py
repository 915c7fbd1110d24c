"""Staff pages of wallets."""

from wallets.admin.payments import PayableInvoiceAdmin

__all__ = ["PayableInvoiceAdmin"]

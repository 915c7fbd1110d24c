"""Staff pages of wallets."""

from wallets.admin import lots, transactions
from wallets.admin.payments import PayableInvoiceAdmin

__all__ = ["PayableInvoiceAdmin", "lots", "transactions"]

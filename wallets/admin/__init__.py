"""Staff pages of wallets, of what is bought into them, and of what is paid."""

from wallets.admin import auto_topups, lots, packs, payments, purchases, seller_page, transactions

__all__ = ["auto_topups", "lots", "packs", "payments", "purchases", "seller_page", "transactions"]

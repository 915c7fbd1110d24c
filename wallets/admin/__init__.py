"""Staff pages of wallets, of what is bought into them, and of what is paid."""

from wallets.admin import lots, packs, payments, purchases, sellers, topups, transactions

__all__ = ["lots", "packs", "payments", "purchases", "sellers", "topups", "transactions"]

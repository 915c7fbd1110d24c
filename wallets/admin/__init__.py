"""Staff pages of wallets, purchases and payments."""

from wallets.admin import auto_topups, breakage_estimates, lots, packs, payments, purchases, seller_page, transactions

__all__ = [
    "auto_topups",
    "breakage_estimates",
    "lots",
    "packs",
    "payments",
    "purchases",
    "seller_page",
    "transactions",
]

"""Purchases of packs into wallets: invoiced at once, granted when they are paid. docs/wallets.md#packs."""

from wallets.purchases.paid_grant import grant_paid, settle_purchases
from wallets.purchases.payment_receipt import receive_payment
from wallets.purchases.purchase import PackOrder, PurchaseRefused, buy, cancel

__all__ = ["PackOrder", "PurchaseRefused", "buy", "cancel", "grant_paid", "receive_payment", "settle_purchases"]

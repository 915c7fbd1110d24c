"""Packs bought into wallets: invoiced at once, granted when they are paid. docs/wallets.md#packs."""

from wallets.buying.arriving import grant_paid, settle_purchases
from wallets.buying.operation import CannotBuy, Order, buy, cancel
from wallets.buying.receiving import receive_payment

__all__ = ["CannotBuy", "Order", "buy", "cancel", "grant_paid", "receive_payment", "settle_purchases"]

"""Prepaid use, taken from wallets in the transaction that counts it: docs/wallets.md."""

from billing.metering.drawdown.wallet_debits import Divided, draw

__all__ = ["Divided", "draw"]

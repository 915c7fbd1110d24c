"""Drawdown of prepaid usage from wallets, in the transaction that counts it: docs/wallets.md."""

from billing.metering.drawdown.wallet_debits import SplitRequired, draw_down

__all__ = ["SplitRequired", "draw_down"]

"""Wallets, their lots, and the ledger of their movements."""

from wallets.models.breakage_rates import BreakageRate
from wallets.models.holds import Hold, HoldShare
from wallets.models.ledger import Account, Entry, Movement, Transaction
from wallets.models.lots import Lot, LotKind, TaxPoint
from wallets.models.purchases import Purchase, PurchaseState
from wallets.models.topups import TopUp, TopUpCeiling, TopUpRule, TopUpState
from wallets.models.wallets import Wallet

__all__ = [
    "Account",
    "BreakageRate",
    "Entry",
    "Hold",
    "HoldShare",
    "Lot",
    "LotKind",
    "Movement",
    "Purchase",
    "PurchaseState",
    "TaxPoint",
    "TopUp",
    "TopUpCeiling",
    "TopUpRule",
    "TopUpState",
    "Transaction",
    "Wallet",
]

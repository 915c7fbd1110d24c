"""
Ongoing balances: wallets that pay invoices, after everything that is used or invoiced and not paid yet.

Source: docs/wallets.md#ongoing-balance.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from lib.decimals import EXACT


class PayingWallet(NamedTuple):
    """
    A wallet that pays invoices.

    balance: of all its lots, less its debt. payable: the part that can pay an invoice now, in whole minor units.
    """

    id: int
    balance: Decimal
    payable: Decimal


def ongoing_balances(wallets: Sequence[PayingWallet], unpaid: Decimal) -> dict[int, Decimal]:
    """
    Return each wallet's balance less the part of an unpaid amount that it will pay, by id.

    wallets: of one customer, seller and currency, in the order in which they pay: each as far as it goes. The last
        one bears the rest, so that its ongoing balance may be negative.
    """
    balances: dict[int, Decimal] = {}
    for position, wallet in enumerate(wallets, start=1):
        share = unpaid if position == len(wallets) else min(unpaid, wallet.payable)
        unpaid = EXACT.subtract(unpaid, share)
        balances[wallet.id] = EXACT.subtract(wallet.balance, share)
    return balances

"""
Announce changes of wallets made by operators: docs/webhooks.md#types. Spends are not announced; they are too many.
"""

from datetime import datetime
from decimal import Decimal

from customers.notifications import announce
from customers.notifications.announcement import Facts
from lib.decimals import to_plain_string
from wallets.models import Lot, Wallet


def announce_wallet_event(
    event: str, wallet: Wallet, /, *, at: datetime, key_suffix: str = "", **facts: str | int | None
) -> None:
    """
    Announce that a wallet was opened, changed or closed. event: the kind of announcement without its `wallet.`
    prefix.
    """
    announce(
        kind=f"wallet.{event}",
        customer_id=wallet.customer_id,
        seller_id=wallet.seller_id,
        facts={"wallet": wallet.pk, "unit": wallet.unit, **facts},
        key=f"wallet:{wallet.pk}:{event}:{key_suffix}:{at.isoformat()}",
        at=at,
    )


def announce_lot_adjustment(
    lot: Lot, adjustment: str, *, at: datetime, key_suffix: str, amount: Decimal | None = None
) -> None:
    """Announce that an operator voided, refunded, transferred or extended a lot."""
    payload: Facts = {
        "lot": lot.pk,
        "change": adjustment,
        "amount": None if amount is None else to_plain_string(amount),
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }
    announce_wallet_event("adjusted", lot.wallet, at=at, key_suffix=f"{lot.pk}:{adjustment}:{key_suffix}", **payload)

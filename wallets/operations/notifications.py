"""Say what people did to wallets: docs/webhooks.md#types. What use takes of them is not told: it is too much."""

from datetime import datetime
from decimal import Decimal

from customers.notifications import announce
from lib.decimals import plain
from wallets.models import Lot, Wallet


def tell_wallet(what: str, wallet: Wallet, /, *, at: datetime, mark: str = "", **facts: str | int | None) -> None:
    """Announce that a wallet was opened, changed or closed. what: the kind, without `wallet.` before it."""
    announce(
        kind=f"wallet.{what}",
        customer_id=wallet.customer_id,
        facts={"wallet": wallet.pk, "unit": wallet.unit, **facts},
        key=f"wallet:{wallet.pk}:{what}:{mark}:{at.isoformat()}",
        at=at,
    )


def tell_adjusted(lot: Lot, what: str, *, at: datetime, mark: str, amount: Decimal | None = None) -> None:
    """Announce that a person voided, refunded, moved or lengthened a lot."""
    told = {
        "lot": lot.pk,
        "what": what,
        "amount": None if amount is None else plain(amount),
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }
    tell_wallet("adjusted", lot.wallet, at=at, mark=f"{lot.pk}:{what}:{mark}", **told)

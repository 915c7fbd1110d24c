"""Grant by hand, or for another system, what nobody buys."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import AbstractBaseUser

from customers.notifications import Announcement, announce_all
from lib.audit_log import change
from lib.decimals import plain
from wallets.credit_rules.units import InvalidAmount, checked
from wallets.ledger.errors import Conflict, LedgerRefused
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, LotKind, Wallet

GIVEN = (LotKind.PROMOTIONAL, LotKind.BONUS, LotKind.REFUND)
"""Kinds that are granted so; what is bought is granted by its purchase, what is included by its period."""


def give(*, wallet: Wallet, one: Grant, at: datetime, reason: str = "", by: AbstractBaseUser | None = None) -> Lot:
    """
    Put a lot into a wallet, and tell its customer; the same source again is answered with the lot that it gave.

    :raises LedgerRefused: if it is of a kind that is not given so, an amount or a condition is none, or the source
    has given something else.
    """
    if one.kind not in GIVEN:
        raise LedgerRefused(f"Grant {', '.join(GIVEN)}: what is sold comes with its purchase.", field="kind")
    if one.rollover_most is not None:
        _check_most(one.rollover_most)
    with change("grant credits", by=by, at=at):
        (lot,) = grant(wallet_id=wallet.pk, grants=[one], at=at, reason=reason, by_id=by.pk if by else None)
        lot.refresh_from_db()
        if (lot.kind, lot.amount, lot.expires_at, lot.features) != (
            *(one.kind, one.amount, one.expires_at),
            sorted(one.features),
        ):
            raise Conflict(one.source)
        announce_all(kind="wallet.granted", announcements=[told_of(wallet, lot)], at=at)
        return lot


def told_of(wallet: Wallet, lot: Lot) -> Announcement:
    """Return what the customer is told of a lot that was granted."""
    facts = {
        "wallet": wallet.pk,
        "lot": lot.pk,
        "grant": str(lot.kind),
        "amount": plain(lot.amount),
        "unit": wallet.unit,
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }
    return Announcement(wallet.customer_id, facts, f"lot:{lot.pk}:granted")


def _check_most(most: Decimal) -> None:
    try:
        checked(most)
    except InvalidAmount as error:
        raise LedgerRefused(str(error), field="rollover_most") from error

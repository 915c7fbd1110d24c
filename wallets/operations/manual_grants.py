"""Grants without a purchase: by operators, or for another system."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.notifications import Announcement, announce_all
from customers.notifications.announcement import Facts
from lib.audit_log import audited_transaction
from lib.decimals import to_plain_string
from wallets.credit_rules.units import InvalidAmount, check_amount
from wallets.ledger.errors import LedgerRefused, ReferenceConflict
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, LotKind, Wallet

MANUAL_KINDS = (LotKind.PROMOTIONAL, LotKind.BONUS, LotKind.REFUND)
"""Kinds granted this way; purchased lots are granted by their purchase, and included ones by their period."""


def grant_manually(*, wallet: Wallet, terms: Grant, at: datetime, reason: str = "", by: User | None = None) -> Lot:
    """
    Grant a lot into a wallet, and announce it to the customer; repeating the same source returns the same lot.

    :raises LedgerRefused: if its kind can't be granted this way, an amount or a term is invalid, it would have
        expired already, or the source granted something else.
    """
    if terms.kind not in MANUAL_KINDS:
        text = _("You can grant these kinds: %(kinds)s. Sell other units as a purchase.")
        raise LedgerRefused(text % {"kinds": ", ".join(MANUAL_KINDS)}, field="kind")
    if terms.rollover_most is not None:
        _check_rollover_limit(terms.rollover_most)
    with audited_transaction("grant credits", by=by, at=at):
        (lot,) = grant(wallet_id=wallet.pk, grants=[terms], at=at, reason=reason, by_id=by.pk if by else None)
        lot.refresh_from_db()
        if (lot.kind, lot.amount, lot.expires_at, lot.features) != (
            *(terms.kind, terms.amount, terms.expires_at),
            sorted(terms.features),
        ):
            raise ReferenceConflict(terms.source)
        # The lot's own time: a repeated request may arrive after the expiry of the lot that it granted.
        if lot.expires_at is not None and lot.expires_at <= lot.granted_at:
            text = _("The expiry (%(time)s) is in the past. Enter a later time, or none.")
            raise LedgerRefused(text % {"time": f"{lot.expires_at:%Y-%m-%d %H:%M}"}, field="expires_at")
        announce_all(kind="wallet.granted", announcements=[grant_announcement(wallet, lot)], at=at)
        return lot


def grant_announcement(wallet: Wallet, lot: Lot) -> Announcement:
    """Return the announcement of a granted lot."""
    payload: Facts = {
        "wallet": wallet.pk,
        "lot": lot.pk,
        "grant": str(lot.kind),
        "amount": to_plain_string(lot.amount),
        "unit": wallet.unit,
        "expires_at": lot.expires_at.isoformat() if lot.expires_at else None,
    }
    return Announcement(wallet.customer_id, payload, f"lot:{lot.pk}:granted", wallet.seller_id)


def _check_rollover_limit(limit: Decimal) -> None:
    try:
        check_amount(limit)
    except InvalidAmount as error:
        raise LedgerRefused(str(error), field="rollover_most") from error

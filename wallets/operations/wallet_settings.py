"""Open wallets by hand, change their settings, and close them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from customers.models import Customer, Seller
from lib.audit_log import audited_transaction
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS
from wallets.credit_rules.units import InvalidAmount, check_amount
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.locked_wallets import lock_wallets
from wallets.ledger.notifications import announce_wallet_event
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS, AtZeroRule

SETTINGS = ("name", "priority", "at_zero", "grace", "promotional_first", "pays_invoices", "is_trusted")
"""Settings of a wallet that can be changed; its seller, unit and currency can't."""


def open_wallet(
    *,
    customer: Customer,
    seller: Seller | None = None,
    unit: str = CREDITS,
    currency: str = "",
    at: datetime,
    by: User | None = None,
    **settings: Any,
) -> Wallet:
    """
    Open a wallet for a customer and return it.

    seller: the seller of its purchases; by default the customer's. unit: credits, or a currency. currency: in which
        its lots are paid; for money, the unit itself; for credits, the
        customer's currency if empty. settings: see SETTINGS.

    :raises LedgerRefused: if a setting doesn't fit; the text says which and why.
    """
    wallet = new_wallet(customer=customer, seller=seller, unit=unit, currency=currency)
    with audited_transaction("open a wallet", by=by, at=at):
        apply_settings(wallet, settings)
        wallet.save()
        announce_wallet_event("created", wallet, at=at, name=wallet.name)
        return wallet


def new_wallet(*, customer: Customer, seller: Seller | None = None, unit: str, currency: str = "") -> Wallet:
    """
    Return a wallet that is not stored yet. seller, unit, currency: as for `open_wallet`.

    :raises LedgerRefused: if unit and currency don't fit.
    """
    wallet_currency = (currency or str(customer.currency)) if unit == CREDITS else unit
    if unit != CREDITS and (unit not in MINOR_UNITS or unit == CREDIT_PRICES):
        text = _("“%(unit)s” is not a unit. Enter “credits” or the code of a currency, such as USD.")
        raise LedgerRefused(text % {"unit": unit}, field="unit")
    if wallet_currency not in MINOR_UNITS or wallet_currency == CREDIT_PRICES:
        text = _("“%(code)s” is not a currency. Enter a code of three letters, such as EUR.")
        raise LedgerRefused(text % {"code": wallet_currency}, field="currency")
    if unit != CREDITS and currency not in ("", unit):
        text = _("The currency of a wallet that holds %(unit)s must be %(unit)s.")
        raise LedgerRefused(text % {"unit": unit}, field="currency")
    return Wallet(customer=customer, seller=seller or customer.seller, unit=unit, currency=wallet_currency)


def change_wallet(*, wallet: Wallet, at: datetime, by: User | None = None, **settings: Any) -> Wallet:
    """
    Change the settings of a wallet from now on.

    :raises LedgerRefused: if a setting doesn't fit, or the wallet is closed.
    """
    with audited_transaction("change a wallet", by=by, at=at):
        # Row lock: a spend that runs at the same time uses either the old settings or the new ones throughout.
        locked = Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        if locked.closed_at is not None:
            raise LedgerRefused(_("The wallet is closed. Create a new one."))
        apply_settings(locked, settings)
        locked.save(update_fields=list(settings))
        announce_wallet_event("updated", locked, at=at, key_suffix="settings", changed=", ".join(sorted(settings)))
        return locked


def apply_settings(wallet: Wallet, settings: Mapping[str, Any]) -> None:
    """
    Apply settings to a wallet without storing it.

    :raises LedgerRefused: if a setting doesn't fit; the text says which and why.
    """
    for name, value in settings.items():
        setattr(wallet, name, value)
    same_name = Wallet.objects.filter(customer=wallet.customer_id, name=wallet.name).exclude(pk=wallet.pk)
    if same_name.exists():
        text = _("The customer already has a wallet named “%(name)s”. Choose another name.")
        raise LedgerRefused(text % {"name": wallet.name}, field="name")
    if wallet.pays_invoices and wallet.unit == CREDITS:
        raise LedgerRefused(_("Only a wallet that holds money can pay invoices."), field="pays_invoices")
    if wallet.grace:
        _check_grace(wallet.grace)
    if wallet.at_zero == AtZeroRule.GRACE and not wallet.grace:
        raise LedgerRefused(_("Enter an overdraft limit."), field="grace")
    if wallet.at_zero in (AtZeroRule.BLOCK, AtZeroRule.OVERAGE) and wallet.grace:
        raise LedgerRefused(
            _("Only a wallet that allows an overdraft can have an overdraft limit. Leave this empty."), field="grace"
        )


def _check_grace(grace: Decimal) -> None:
    try:
        check_amount(grace)
    except InvalidAmount as error:
        raise LedgerRefused(str(error), field="grace") from error


def close_wallet(*, wallet_id: int, at: datetime, by: User | None = None) -> Wallet:
    """
    Close a wallet without units and debt, so that nothing moves in it any more.

    :raises WalletNotFound: if it doesn't exist or is closed.
    :raises LedgerRefused: if it has units, debt or holds, or a purchase that may still be paid.
    """
    with audited_transaction("close a wallet", by=by, at=at):
        wallet = lock_wallets([wallet_id], used_at=at)[wallet_id]
        if wallet.debt:
            text = _("The wallet has an overdraft of %(amount)s %(unit)s. Grant this amount first.")
            raise LedgerRefused(text % {"amount": f"{wallet.debt.normalize():f}", "unit": wallet.unit})
        if wallet.debt_held or any(lot.remaining for lot in wallet.lots.values()):
            raise LedgerRefused(_("The wallet still has remaining or held units. Void or transfer them first."))
        # A purchase that is paid later could not be granted.
        if Purchase.objects.filter(wallet=wallet_id, state=PurchaseState.PENDING).exists():
            raise LedgerRefused(_("The wallet has an unpaid purchase. Cancel it first."))
        Wallet.objects.filter(pk=wallet_id).update(closed_at=at)
        closed = Wallet.objects.get(pk=wallet_id)
        announce_wallet_event("closed", closed, at=at)
        return closed

"""Open wallets by hand, set how they behave, and close them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from customers.models import Customer
from lib.audit_log import audited_transaction
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS
from wallets.credit_rules.units import InvalidAmount, check_amount
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.locked_wallets import lock_wallets
from wallets.ledger.notifications import announce_wallet_event
from wallets.models import Wallet
from wallets.models.wallets import CREDITS, AtZeroRule

SETTINGS = ("name", "priority", "at_zero", "grace", "promotional_first", "pays_invoices", "is_trusted")
"""What may be changed of a wallet; its unit and its currency are for good."""


def open_wallet(
    *,
    customer: Customer,
    unit: str = CREDITS,
    currency: str = "",
    at: datetime,
    by: AbstractBaseUser | None = None,
    **settings: Any,
) -> Wallet:
    """
    Return a new wallet of a customer.

    unit: credits, or a currency. currency: of what its lots are paid with; the unit itself for one of money, and the
    customer's for one of credits if empty. settings: see SETTINGS.

    :raises LedgerRefused: if a setting does not fit; the text says which and why.
    """
    wallet = new_wallet(customer=customer, unit=unit, currency=currency)
    with audited_transaction("open a wallet", by=by, at=at):
        apply_settings(wallet, settings)
        wallet.save()
        announce_wallet_event("created", wallet, at=at, name=wallet.name)
        return wallet


def new_wallet(*, customer: Customer, unit: str, currency: str = "") -> Wallet:
    """
    Return a wallet that is not stored yet; unit, currency: as `open_wallet` takes them.

    :raises LedgerRefused: if it cannot hold or be paid with that.
    """
    wallet_currency = (currency or str(customer.currency)) if unit == CREDITS else unit
    if unit != CREDITS and (unit not in MINOR_UNITS or unit == CREDIT_PRICES):
        raise LedgerRefused(f"A wallet holds credits or money of a currency: “{unit}” is neither.", field="unit")
    if wallet_currency not in MINOR_UNITS or wallet_currency == CREDIT_PRICES:
        raise LedgerRefused(f"“{wallet_currency}” is no currency of ISO 4217.", field="currency")
    if unit != CREDITS and currency not in ("", unit):
        raise LedgerRefused(f"A wallet of {unit} is paid for in {unit}.", field="currency")
    return Wallet(customer=customer, unit=unit, currency=wallet_currency)


def change_wallet(*, wallet: Wallet, at: datetime, by: AbstractBaseUser | None = None, **settings: Any) -> Wallet:
    """
    Set how a wallet behaves from now on; what it has done stays as it is.

    :raises LedgerRefused: if a setting does not fit, or the wallet is closed.
    """
    with audited_transaction("change a wallet", by=by, at=at):
        locked = Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        if locked.closed_at is not None:
            raise LedgerRefused("It is closed: open another one.")
        apply_settings(locked, settings)
        locked.save(update_fields=list(settings))
        announce_wallet_event("updated", locked, at=at, key_suffix="settings", changed=", ".join(sorted(settings)))
        return locked


def apply_settings(wallet: Wallet, settings: Mapping[str, Any]) -> None:
    """
    Set how a wallet behaves, without storing it.

    :raises LedgerRefused: if a setting does not fit; the text says which and why.
    """
    for name, value in settings.items():
        setattr(wallet, name, value)
    same_name = Wallet.objects.filter(customer=wallet.customer_id, name=wallet.name).exclude(pk=wallet.pk)
    if same_name.exists():
        raise LedgerRefused(f"The customer has a wallet “{wallet.name}” already: choose another name.", field="name")
    if wallet.pays_invoices and wallet.unit == CREDITS:
        raise LedgerRefused("Only a wallet of money pays invoices.", field="pays_invoices")
    if wallet.grace:
        _check_grace(wallet.grace)
    if wallet.at_zero == AtZeroRule.GRACE and not wallet.grace:
        raise LedgerRefused("Say how far below zero it may go.", field="grace")
    if wallet.at_zero in (AtZeroRule.BLOCK, AtZeroRule.OVERAGE) and wallet.grace:
        raise LedgerRefused("Only with grace it goes below zero: leave this out.", field="grace")


def _check_grace(grace: Decimal) -> None:
    try:
        check_amount(grace)
    except InvalidAmount as error:
        raise LedgerRefused(str(error), field="grace") from error


def close_wallet(*, wallet_id: int, at: datetime, by: AbstractBaseUser | None = None) -> Wallet:
    """
    Close a wallet that holds and owes nothing: nothing goes into it or out of it again.

    :raises NoWallet: if it is not there, or closed.
    :raises LedgerRefused: if it holds something, owes, or keeps something for a reservation.
    """
    with audited_transaction("close a wallet", by=by, at=at):
        wallet = lock_wallets([wallet_id], used_at=at)[wallet_id]
        if wallet.debt:
            raise LedgerRefused(f"It owes {wallet.debt.normalize():f} {wallet.unit}: grant as much first.")
        if wallet.debt_held or any(lot.remaining for lot in wallet.lots.values()):
            raise LedgerRefused("Something is left in it, or held: spend it, void it or transfer it first.")
        Wallet.objects.filter(pk=wallet_id).update(closed_at=at)
        closed = Wallet.objects.get(pk=wallet_id)
        announce_wallet_event("closed", closed, at=at)
        return closed

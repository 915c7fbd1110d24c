"""Open wallets by hand, set how they behave, and close them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from customers.models import Customer
from lib.audit_log import change
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.currencies import MINOR_UNITS
from wallets.credit_rules.units import InvalidAmount, checked
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.locked_wallets import open_wallets
from wallets.models import Wallet
from wallets.models.wallets import CREDITS, AtZeroRule
from wallets.operations.notifications import tell_wallet

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
    with change("open a wallet", by=by, at=at):
        settle(wallet, settings)
        wallet.save()
        tell_wallet("created", wallet, at=at, name=wallet.name)
        return wallet


def new_wallet(*, customer: Customer, unit: str, currency: str = "") -> Wallet:
    """
    Return a wallet that is not stored yet; unit, currency: as `open_wallet` takes them.

    :raises LedgerRefused: if it cannot hold or be paid with that.
    """
    own = (currency or str(customer.currency)) if unit == CREDITS else unit
    if unit != CREDITS and (unit not in MINOR_UNITS or unit == CREDIT_PRICES):
        raise LedgerRefused(f"A wallet holds credits or money of a currency: “{unit}” is neither.", field="unit")
    if own not in MINOR_UNITS or own == CREDIT_PRICES:
        raise LedgerRefused(f"“{own}” is no currency of ISO 4217.", field="currency")
    if unit != CREDITS and currency not in ("", unit):
        raise LedgerRefused(f"A wallet of {unit} is paid for in {unit}.", field="currency")
    return Wallet(customer=customer, unit=unit, currency=own)


def change_wallet(*, wallet: Wallet, at: datetime, by: AbstractBaseUser | None = None, **settings: Any) -> Wallet:
    """
    Set how a wallet behaves from now on; what it has done stays as it is.

    :raises LedgerRefused: if a setting does not fit, or the wallet is closed.
    """
    with change("change a wallet", by=by, at=at):
        found = Wallet.objects.select_for_update(no_key=True).get(pk=wallet.pk)
        if found.closed_at is not None:
            raise LedgerRefused("It is closed: open another one.")
        settle(found, settings)
        found.save(update_fields=list(settings))
        tell_wallet("updated", found, at=at, mark="settings", changed=", ".join(sorted(settings)))
        return found


def settle(wallet: Wallet, settings: Mapping[str, Any]) -> None:
    """
    Set how a wallet behaves, without storing it.

    :raises LedgerRefused: if a setting does not fit; the text says which and why.
    """
    for name, value in settings.items():
        setattr(wallet, name, value)
    same = Wallet.objects.filter(customer=wallet.customer_id, name=wallet.name).exclude(pk=wallet.pk)
    if same.exists():
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
        checked(grace)
    except InvalidAmount as error:
        raise LedgerRefused(str(error), field="grace") from error


def close_wallet(*, wallet_id: int, at: datetime, by: AbstractBaseUser | None = None) -> Wallet:
    """
    Close a wallet that holds and owes nothing: nothing goes into it or out of it again.

    :raises NoWallet: if it is not there, or closed.
    :raises LedgerRefused: if it holds something, owes, or keeps something for a reservation.
    """
    with change("close a wallet", by=by, at=at):
        found = open_wallets([wallet_id], used_at=at)[wallet_id]
        if found.debt:
            raise LedgerRefused(f"It owes {found.debt.normalize():f} {found.unit}: grant as much first.")
        if found.debt_held or any(lot.remaining for lot in found.lots.values()):
            raise LedgerRefused("Something is left in it, or held: spend it, void it or transfer it first.")
        Wallet.objects.filter(pk=wallet_id).update(closed_at=at)
        closed = Wallet.objects.get(pk=wallet_id)
        tell_wallet("closed", closed, at=at)
        return closed

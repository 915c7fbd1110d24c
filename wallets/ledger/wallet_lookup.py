"""Find the wallet for a grant, and open one if the customer has none."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain, count
from typing import NamedTuple

from django.db.models import QuerySet

from customers.models import Customer
from lib.audit_log import audited_transaction
from wallets.models import Wallet
from wallets.models.wallets import CREDITS


class WalletCriteria(NamedTuple):
    """
    The wallet that a grant needs.

    unit: `credits`, or a currency. currency: in which the grant is paid; empty for a free grant, which may go into
        any wallet of the unit. seller_id: whose usage the grant pays; None for the customer's seller.
    """

    customer_id: int
    unit: str
    currency: str = ""
    seller_id: int | None = None


def find_or_open_wallet(
    *, customer_id: int, unit: str, currency: str = "", seller_id: int | None = None, at: datetime
) -> Wallet:
    """
    Return the open wallet of a unit that is taken first for the customer; it is opened if there is none.

    unit, currency, seller_id: see `WalletCriteria`.
    """
    criteria = WalletCriteria(customer_id, unit, currency, seller_id)
    return find_or_open_wallets([criteria], at=at)[criteria]


def find_or_open_wallets(criteria: Iterable[WalletCriteria], *, at: datetime) -> dict[WalletCriteria, Wallet]:
    """Return such a wallet for each criterion; one statement reads them all, and a few more open the missing ones."""
    all_criteria = set(criteria)
    wallets, names = _read_wallets(all_criteria)
    # Concurrent calls choose the same name, which is unique: missing wallets and used names are read by one
    # statement, and a name that another wallet got in between leads to the next one in the loop.
    while missing := all_criteria - wallets.keys():
        with audited_transaction("open a wallet", by=None, at=at):
            Wallet.objects.bulk_create(_new_wallets(missing, names), ignore_conflicts=True)
        opened, names = _read_wallets(missing)
        wallets |= opened
    return wallets


def _read_wallets(criteria: Iterable[WalletCriteria]) -> tuple[dict[WalletCriteria, Wallet], dict[int, set[str]]]:
    """Return the existing wallets, and all wallet names of these customers."""
    wallets_by_customer: dict[int, list[Wallet]] = {criterion.customer_id: [] for criterion in criteria}
    for wallet in _wallets_of(wallets_by_customer).order_by("-priority", "-id"):
        wallets_by_customer[wallet.customer_id].append(wallet)
    # The last match stays: the one with the lowest priority number.
    matches = {
        criterion: wallet
        for criterion in criteria
        for wallet in wallets_by_customer[criterion.customer_id]
        if _matches(wallet, criterion)
    }
    return matches, {
        customer_id: {wallet.name for wallet in wallets} for customer_id, wallets in wallets_by_customer.items()
    }


def _wallets_of(customer_ids: Iterable[int]) -> QuerySet[Wallet]:
    return Wallet.objects.filter(customer__in=list(customer_ids)).select_related("customer")


def _matches(wallet: Wallet, criterion: WalletCriteria) -> bool:
    return (
        wallet.closed_at is None
        and wallet.unit == criterion.unit
        and criterion.currency in ("", wallet.currency)
        and wallet.seller_id == (criterion.seller_id or wallet.customer.seller_id)
    )


def _new_wallets(missing: Iterable[WalletCriteria], names: Mapping[int, set[str]]) -> list[Wallet]:
    customer_ids = {criterion.customer_id for criterion in missing}
    customers = Customer.objects.in_bulk(customer_ids)
    new_wallets = {
        criterion._replace(
            currency=criterion.currency
            or _wallet_currency(criterion.unit, str(customers[criterion.customer_id].currency)),
            seller_id=criterion.seller_id or customers[criterion.customer_id].seller_id,
        )
        for criterion in missing
    }
    return [
        Wallet(
            customer=customers[customer_id],
            seller_id=seller_id or customers[customer_id].seller_id,
            name=_free_name(unit, names[customer_id]),
            unit=unit,
            currency=currency,
        )
        for customer_id, unit, currency, seller_id in sorted(new_wallets)
    ]


def _wallet_currency(unit: str, customer_currency: str) -> str:
    return customer_currency if unit == CREDITS else unit


def _free_name(unit: str, used_names: set[str]) -> str:
    """Return the first unused name of "Credits", "Credits 2" …, and mark it as used."""
    name = unit.capitalize() if unit == CREDITS else unit
    numbered = (f"{name} {number}" for number in count(2))
    unused_name = next(candidate for candidate in chain([name], numbered) if candidate not in used_names)
    used_names.add(unused_name)
    return unused_name

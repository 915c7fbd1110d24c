"""Find the wallet for a grant, and open one if the customer has none."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain, count
from typing import NamedTuple

from customers.models import Customer
from lib.audit_log import audited_transaction
from wallets.models import Wallet
from wallets.models.wallets import CREDITS


class WalletCriteria(NamedTuple):
    """
    The wallet that a grant needs.

    unit: `credits`, or a currency. currency: in which the grant is paid; empty for a free grant, which may go into
        any wallet of the unit.
    """

    customer_id: int
    unit: str
    currency: str = ""


def find_or_open_wallet(*, customer_id: int, unit: str, currency: str = "", at: datetime) -> Wallet:
    """
    Return the open wallet of a unit that is taken first for the customer; it is opened if there is none.

    unit, currency: see `WalletCriteria`.
    """
    criteria = WalletCriteria(customer_id, unit, currency)
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
    for wallet in Wallet.objects.filter(customer__in=wallets_by_customer).order_by("-priority", "-id"):
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


def _matches(wallet: Wallet, criterion: WalletCriteria) -> bool:
    return wallet.closed_at is None and wallet.unit == criterion.unit and criterion.currency in ("", wallet.currency)


def _new_wallets(missing: Iterable[WalletCriteria], names: Mapping[int, set[str]]) -> list[Wallet]:
    customer_ids = {criterion.customer_id for criterion in missing}
    customer_currencies = dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "currency"))
    new_wallets = {
        criterion._replace(
            currency=criterion.currency
            or _wallet_currency(criterion.unit, customer_currencies[criterion.customer_id])
        )
        for criterion in missing
    }
    return [
        Wallet(customer_id=customer_id, name=_free_name(unit, names[customer_id]), unit=unit, currency=currency)
        for customer_id, unit, currency in sorted(new_wallets)
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

"""Find the wallet that something is granted into, and make it if the customer has none."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain, count
from typing import NamedTuple

from customers.models import Customer
from lib.audit_log import change
from wallets.models import Wallet
from wallets.models.wallets import CREDITS


class Sought(NamedTuple):
    """
    Which wallet a grant is to go into.

    unit: `credits`, or a currency. currency: of what the grant is paid with; empty for one that costs nothing, which
    may go into any wallet of the unit.
    """

    customer_id: int
    unit: str
    currency: str = ""


def wallet_for(*, customer_id: int, unit: str, currency: str = "", at: datetime) -> Wallet:
    """
    Return the open wallet of a unit that a customer's use takes first; it is made if there is none.

    unit, currency: see `Sought`.
    """
    sought = Sought(customer_id, unit, currency)
    return wallets_for([sought], at=at)[sought]


def wallets_for(sought: Iterable[Sought], *, at: datetime) -> dict[Sought, Wallet]:
    """Return such a wallet for each; one statement reads them all, a few more make what is missing."""
    wanted = set(sought)
    found, names = _find(wanted)
    # Whoever makes the same at the same time chooses the same name, which is given out once: what is missing and
    # which names are taken are read by the same statement. A name that somebody took for another wallet meanwhile
    # gives way to the next one.
    while missing := wanted - found.keys():
        with change("open a wallet", by=None, at=at):
            Wallet.objects.bulk_create(_new(missing, names), ignore_conflicts=True)
        made, names = _find(missing)
        found |= made
    return found


def _find(wanted: Iterable[Sought]) -> tuple[dict[Sought, Wallet], dict[int, set[str]]]:
    """Return the wallets that are there, and all names that these customers' wallets have."""
    of: dict[int, list[Wallet]] = {one.customer_id: [] for one in wanted}
    for wallet in Wallet.objects.filter(customer__in=of).order_by("-priority", "-id"):
        of[wallet.customer_id].append(wallet)
    # Of those that fit, the last one stays: the lowest priority number.
    found = {one: wallet for one in wanted for wallet in of[one.customer_id] if _fits(wallet, one)}
    return found, {id_: {wallet.name for wallet in wallets} for id_, wallets in of.items()}


def _fits(wallet: Wallet, sought: Sought) -> bool:
    return wallet.closed_at is None and wallet.unit == sought.unit and sought.currency in ("", wallet.currency)


def _new(missing: Iterable[Sought], names: Mapping[int, set[str]]) -> list[Wallet]:
    customers = {one.customer_id for one in missing}
    own = dict(Customer.objects.filter(pk__in=customers).values_list("pk", "currency"))
    made = {one._replace(currency=one.currency or _currency(one.unit, own[one.customer_id])) for one in missing}
    return [
        Wallet(customer_id=id_, name=_free_name(unit, names[id_]), unit=unit, currency=currency)
        for id_, unit, currency in sorted(made)
    ]


def _currency(unit: str, of_customer: str) -> str:
    return of_customer if unit == CREDITS else unit


def _free_name(unit: str, taken: set[str]) -> str:
    """Return the first of "Credits", "Credits 2" … that is not taken, and take it."""
    name = unit.capitalize() if unit == CREDITS else unit
    numbered = (f"{name} {number}" for number in count(2))
    free = next(one for one in chain([name], numbered) if one not in taken)
    taken.add(free)
    return free

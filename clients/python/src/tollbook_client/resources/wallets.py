"""Prepaid value: wallets, their lots and transactions, purchases and top-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tollbook_client import serialization
from tollbook_client.money import Money
from tollbook_client.pages import Pages
from tollbook_client.resources import Resource
from tollbook_client.serialization import OMITTED

Number = Decimal | int | str


@dataclass(frozen=True, slots=True)
class NextExpiry:
    """The amount that expires next if it is not used, and when."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Wallet:
    """
    Prepaid value in one unit. balance: the remaining value less debt; available: the value that can be spent now.
    ongoing_balance: the balance less everything used and not paid yet; None unless the wallet pays invoices.
    """

    id: int
    customer: str
    seller: str
    name: str
    unit: str
    currency: str
    balance: Decimal
    ongoing_balance: Decimal | None
    available: Decimal
    held: Decimal
    debt: Decimal
    next_expiry: NextExpiry | None
    priority: int
    at_zero: str | None
    grace: Decimal | None
    promotional_first: bool
    pays_invoices: bool
    closed_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Lot:
    """
    One lot, with its remaining value. cost: the price paid for it. tax_point: when that is taxed: sold, used or
    included.
    """

    id: int
    wallet: int
    kind: str
    amount: Decimal
    remaining: Decimal
    held: Decimal
    expired: Decimal
    cost: Money
    tax_point: str
    is_paid: bool
    valid_from: datetime
    expires_at: datetime | None
    granted_at: datetime
    source: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The effect of a transaction on one lot or account."""

    account: str
    lot: int | None
    units: Decimal
    money: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """One ledger transaction of a wallet."""

    id: int
    kind: str
    reference: str
    at: datetime
    used_at: datetime | None
    feature: str | None
    units: Decimal
    uncovered: Decimal
    balance_after: Decimal
    reason: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class SpendResult:
    """The amounts that a spend took, and the balance after it."""

    units: Decimal
    owed: Decimal
    uncovered: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchased pack. state: pending until `invoice` is paid, then granted; or failed, or canceled."""

    id: int
    wallet: int
    pack: str
    packs: int
    units: Decimal
    bonus: Decimal
    net: Money
    state: str
    invoice: int
    reference: str
    reason: str
    created_at: datetime
    granted_at: datetime | None


@dataclass(frozen=True, slots=True)
class TopUpRule:
    """The rule for a wallet's automatic top-ups. off_reason: why it is switched off."""

    pack: str
    threshold: Decimal | None
    percent: Decimal | None
    target: Decimal | None
    basis: str
    payer: str
    is_on: bool
    declines: int
    off_reason: str


@dataclass(frozen=True, slots=True)
class TopUp:
    """One automatic top-up. state: pending, paid, declined or canceled."""

    id: int
    purchase: int
    balance: Decimal
    amount: Money
    state: str
    reason: str
    created_at: datetime
    settled_at: datetime | None


class Wallets(Resource):
    """`client.wallets`."""

    def list(self, *, customer: str | None = None, unit: str | None = None) -> Pages[Wallet]:
        """Return wallets, filtered by customer or unit."""
        return self._pages(Wallet, "/wallets", customer=customer, unit=unit)

    def get(self, id: int) -> Wallet:
        """
        Return a wallet.

        :raises NotFound: if it does not exist.
        """
        return self._call(Wallet, "GET", f"/wallets/{id}")

    def open(self, customer: str, *, idempotency_key: str | None = None, **options: Any) -> Wallet:
        """
        Open a wallet. options: name, seller, unit, currency, priority, at_zero, grace, promotional_first,
        pays_invoices.
        """
        body = {"customer": customer, **options}
        return self._call(Wallet, "POST", "/wallets", body=body, idempotency_key=idempotency_key)

    def lots(self, id: int, *, kind: str | None = None) -> Pages[Lot]:
        """Return the wallet's lots."""
        return self._pages(Lot, f"/wallets/{id}/lots", kind=kind)

    def transactions(self, id: int, *, kind: str | None = None, feature: str | None = None) -> Pages[Transaction]:
        """Return the wallet's transactions."""
        return self._pages(Transaction, f"/wallets/{id}/transactions", kind=kind, feature=feature)

    def grant(
        self,
        id: int,
        amount: Number,
        *,
        kind: str = "promotional",
        key: str | None = None,
        reason: str = OMITTED,
        expires_at: datetime | None = OMITTED,
        features: Sequence[str] = OMITTED,
    ) -> Lot:
        """Grant value without payment: promotional, bonus or refund. key: makes it happen once."""
        options = serialization.without_omitted(reason=reason, expires_at=expires_at, features=features)
        body = {"kind": kind, "amount": str(amount), "key": key or uuid4().hex, **options}
        return self._call(Lot, "POST", f"/wallets/{id}/grants", body=body)

    def spend(self, id: int, amount: Number, *, key: str | None = None, **options: Any) -> SpendResult:
        """
        Take an unmetered amount, all of it or nothing. key: makes it happen once. options: reason, feature, used_at.

        :raises Unprocessable: if there is not enough value.
        """
        body = {"amount": str(amount), "key": key or uuid4().hex, **options}
        return self._call(SpendResult, "POST", f"/wallets/{id}/spend", body=body)

    def buy(
        self,
        id: int,
        pack: str,
        *,
        reference: str,
        packs: int = OMITTED,
        units: Number = OMITTED,
        features: Sequence[str] = OMITTED,
    ) -> Purchase:
        """
        Buy a pack for the wallet. reference: your order's id, which makes it happen once. features: codes of those
        features of the pack that the units pay for.
        """
        body = serialization.without_omitted(
            pack=pack, reference=reference, packs=packs, units=units, features=features
        )
        return self._call(Purchase, "POST", f"/wallets/{id}/purchases", body=body)

    def purchases(self, id: int) -> Pages[Purchase]:
        """Return the wallet's purchases."""
        return self._pages(Purchase, f"/wallets/{id}/purchases")

    def purchase(self, purchase: int) -> Purchase:
        """
        Return a purchase.

        :raises NotFound: if it does not exist.
        """
        return self._call(Purchase, "GET", f"/purchases/{purchase}")

    def topup_rule(self, id: int) -> TopUpRule:
        """
        Return the wallet's rule for automatic top-ups.

        :raises NotFound: if it has none.
        """
        return self._call(TopUpRule, "GET", f"/wallets/{id}/topup-rule")

    def set_topup_rule(self, id: int, pack: str, **rule: Any) -> TopUpRule:
        """Set the rule for automatic top-ups as a whole: omitted fields get their defaults."""
        return self._call(TopUpRule, "PUT", f"/wallets/{id}/topup-rule", body={"pack": pack, **rule})

    def topups(self, id: int) -> Pages[TopUp]:
        """Return the wallet's automatic top-ups."""
        return self._pages(TopUp, f"/wallets/{id}/topups")

    def statement_pdf(self, id: int, *, since: datetime | None = None, until: datetime | None = None) -> bytes:
        """Return the statement of the wallet's transactions as a PDF."""
        query = {"since": since, "until": until}
        return self._connection.request("GET", f"/wallets/{id}/statement.pdf", query=query).content

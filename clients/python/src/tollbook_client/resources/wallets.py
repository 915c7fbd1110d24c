"""What was paid in advance: balances, what was granted, and how more is bought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tollbook_client import serialization
from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.money import Money
from tollbook_client.pages import Pages
from tollbook_client.serialization import OMITTED

Number = Decimal | int | str


@dataclass(frozen=True, slots=True)
class NextExpiry:
    """What goes next if it is not used, and when."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Wallet:
    """Prepaid value in one unit. balance: what is left less what is owed; available: what can be spent now."""

    id: int
    customer: str
    name: str
    unit: str
    currency: str
    balance: Decimal
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
    """One grant, with what is left of it. cost: what was paid for it."""

    id: int
    wallet: int
    kind: str
    amount: Decimal
    remaining: Decimal
    held: Decimal
    expired: Decimal
    cost: Money
    is_paid: bool
    valid_from: datetime
    expires_at: datetime | None
    granted_at: datetime
    source: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a movement did to one lot or account."""

    account: str
    lot: int | None
    units: Decimal
    money: Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement of a wallet."""

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
    """What a spend took, and what is left."""

    units: Decimal
    owed: Decimal
    uncovered: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Purchase:
    """A pack that was bought. state: pending until `invoice` is paid, then granted; or failed, or canceled."""

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
    """How a wallet is topped up by itself. off_reason: why it is no longer."""

    pack: str
    threshold: Decimal | None
    percent: Decimal | None
    target: Decimal | None
    payer: str
    is_on: bool
    declines: int
    off_reason: str


@dataclass(frozen=True, slots=True)
class TopUp:
    """A time at which it was. state: pending, paid, declined or canceled."""

    id: int
    purchase: int
    balance: Decimal
    amount: Money
    state: str
    reason: str
    created_at: datetime
    settled_at: datetime | None


class Wallets:
    """`client.wallets`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, customer: str | None = None, unit: str | None = None) -> Pages[Wallet]:
        """Return wallets, of one customer or one unit."""
        return Pages(self._connection, "/wallets", Wallet, {"customer": customer, "unit": unit})

    def get(self, id: int) -> Wallet:
        """:raises NotFound: if there is none."""
        return read(Wallet, self._connection.json("GET", f"/wallets/{id}"))

    def open(self, customer: str, *, idempotency_key: str | None = None, **how: Any) -> Wallet:
        """Open a wallet. how: name, unit, currency, priority, at_zero, grace, promotional_first, pays_invoices."""
        body = {"customer": customer, **how}
        return read(Wallet, self._connection.json("POST", "/wallets", body=body, idempotency_key=idempotency_key))

    def lots(self, id: int, *, kind: str | None = None) -> Pages[Lot]:
        """Return what was granted into it."""
        return Pages(self._connection, f"/wallets/{id}/lots", Lot, {"kind": kind})

    def transactions(self, id: int, *, kind: str | None = None, feature: str | None = None) -> Pages[Transaction]:
        """Return its movements."""
        return Pages(self._connection, f"/wallets/{id}/transactions", Transaction, {"kind": kind, "feature": feature})

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
        """Grant what nobody pays for: promotional, bonus or refund. key: makes it happen once."""
        more = serialization.without_omitted(reason=reason, expires_at=expires_at, features=features)
        body = {"kind": kind, "amount": str(amount), "key": key or uuid4().hex, **more}
        return read(Lot, self._connection.json("POST", f"/wallets/{id}/grants", body=body))

    def spend(self, id: int, amount: Number, *, key: str | None = None, **why: Any) -> SpendResult:
        """
        Take what is not metered, all of it or nothing. key: makes it happen once. why: reason, feature, used_at.

        :raises Unprocessable: if there is not enough.
        """
        body = {"amount": str(amount), "key": key or uuid4().hex, **why}
        return read(SpendResult, self._connection.json("POST", f"/wallets/{id}/spend", body=body))

    def buy(self, id: int, pack: str, *, reference: str, packs: int = OMITTED, units: Number = OMITTED) -> Purchase:
        """Buy a pack into it. reference: your order; it buys once."""
        body = serialization.without_omitted(pack=pack, reference=reference, packs=packs, units=units)
        return read(Purchase, self._connection.json("POST", f"/wallets/{id}/purchases", body=body))

    def purchases(self, id: int) -> Pages[Purchase]:
        """Return what was bought into it."""
        return Pages(self._connection, f"/wallets/{id}/purchases", Purchase)

    def purchase(self, purchase: int) -> Purchase:
        """:raises NotFound: if there is none."""
        return read(Purchase, self._connection.json("GET", f"/purchases/{purchase}"))

    def topup_rule(self, id: int) -> TopUpRule:
        """:raises NotFound: if it is not topped up by itself."""
        return read(TopUpRule, self._connection.json("GET", f"/wallets/{id}/topup-rule"))

    def set_topup_rule(self, id: int, pack: str, **rule: Any) -> TopUpRule:
        """Set how it is topped up by itself, all of it: what is left out has its default."""
        return read(TopUpRule, self._connection.json("PUT", f"/wallets/{id}/topup-rule", body={"pack": pack, **rule}))

    def topups(self, id: int) -> Pages[TopUp]:
        """Return when it was topped up by itself."""
        return Pages(self._connection, f"/wallets/{id}/topups", TopUp)

    def statement_pdf(self, id: int, *, since: datetime | None = None, until: datetime | None = None) -> bytes:
        """Return what came and went, as a file."""
        query = {"since": since, "until": until}
        return self._connection.request("GET", f"/wallets/{id}/statement.pdf", query=query).content

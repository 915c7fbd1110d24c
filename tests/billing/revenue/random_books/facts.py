"""The facts of a seller's books in plain data, from which `reckoner` computes them without the product."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class Earned(StrEnum):
    """When a line is earned."""

    OVER = "over its service"
    AT_START = "at its start"
    AT_END = "at its end"
    MONTHS = "over a number of months"


@dataclass(frozen=True)
class Line:
    """
    A line of a document. net: after coupons and before tax, below zero on a credit note. coupons: their part of it.

    months: for `Earned.MONTHS`. corrects: the line that a credit note takes back.
    """

    number: int
    net: Decimal
    start: datetime
    end: datetime
    earned: Earned = Earned.OVER
    months: int = 0
    by_day: bool = False
    coupons: Decimal = Decimal(0)
    is_pack: bool = False
    corrects: int = 0


@dataclass(frozen=True)
class Document:
    """
    An invoice, or a credit note, whose amounts are below zero.

    by_staff: whether it is a change of price by staff. corrects: the invoice of a credit note.
    """

    number: int
    customer: int
    currency: str
    at: datetime
    lines: tuple[Line, ...]
    tax: Decimal
    corrects: int = 0
    by_staff: bool = False

    @property
    def total(self) -> Decimal:
        return sum((line.net for line in self.lines), self.tax)


@dataclass(frozen=True)
class Payment:
    """at: when it was recorded. paid_at: when the money arrived. role: that it debits."""

    document: int
    at: datetime
    paid_at: datetime
    amount: Decimal
    role: str


@dataclass(frozen=True)
class BalanceChange:
    """
    An amount credited to a customer's balance. role: that it is taken from. note: its credit note, or 0.
    """

    customer: int
    currency: str
    at: datetime
    amount: Decimal
    role: str
    note: int = 0


@dataclass(frozen=True)
class Refund:
    """An amount that a credit note returns. paid_at: when it was paid, if it was."""

    customer: int
    currency: str
    note: int
    at: datetime
    amount: Decimal
    paid_at: datetime | None


@dataclass(frozen=True)
class WriteOff:
    document: int
    at: datetime


@dataclass(frozen=True)
class Purchase:
    """Units granted for a price. uses, expiries: (time, units)."""

    customer: int
    currency: str
    cost: Decimal
    units: Decimal
    uses: tuple[tuple[datetime, Decimal], ...]
    expiries: tuple[tuple[datetime, Decimal], ...]


@dataclass(frozen=True)
class Estimate:
    """The percentage of prepaid value that is expected to stay unused from a month on, entered at a time."""

    at: datetime
    month: date
    percent: Decimal


@dataclass(frozen=True)
class Usage:
    """Units of an hour that begins at `hour`, which arrived at a time."""

    hour: datetime
    received: datetime
    units: Decimal


@dataclass(frozen=True)
class Period:
    """
    A billing period with usage at graduated prices, and fees in arrears.

    tiers: (up to, price of a unit) in ascending order, the last one without a bound. billed: (time, amount) of the
    lines that bill the usage. arrears: nets of fees. closed_at: when it was invoiced, if it was.
    """

    customer: int
    currency: str
    start: datetime
    end: datetime
    tiers: tuple[tuple[Decimal | None, Decimal], ...]
    usage: tuple[Usage, ...]
    billed: tuple[tuple[datetime, Decimal], ...]
    arrears: tuple[Decimal, ...]
    by_day: bool
    closed_at: datetime | None


@dataclass(frozen=True)
class Lock:
    """A lock in force at the end. ends_at: the instant at which its month ended."""

    month: date
    at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Ledger:
    """
    All facts of a seller.

    zone: name of the time zone. first_month: of the books. at: the time of reading.
    discounts_from: the month from which coupons are booked apart. reverses_tax: on bad debt.
    """

    zone: str
    first_month: date
    at: datetime
    locks: tuple[Lock, ...]
    discounts_from: date | None
    reverses_tax: bool
    documents: tuple[Document, ...]
    payments: tuple[Payment, ...]
    balance_changes: tuple[BalanceChange, ...]
    refunds: tuple[Refund, ...]
    write_offs: tuple[WriteOff, ...]
    purchases: tuple[Purchase, ...]
    estimates: tuple[Estimate, ...]
    periods: tuple[Period, ...]

"""What an invoice says, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a document as it was at issue; a fact that was not known is empty."""

    legal_name: str
    address_line1: str
    address_line2: str
    postal_code: str
    city: str
    region: str
    country: str
    tax_number: str
    email: str

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{name: str(stored.get(name) or "") for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One claim; `explanation` as the line stores it, every number in it decimal text."""

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    unit: str
    amount: Decimal
    tax_rate: Decimal
    explanation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """The tax of one rate in percent; `reason` says why nothing is charged."""

    name: str
    rate: Decimal
    reason: str
    taxable: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """
    Everything that is printed. Two equal facts give two identical files.

    kind: "invoice" or "credit_note". corrects: number and date of the invoice that it takes something back of, or is
    issued in place of; reason: why.
    number, issue_date, due_date: empty for a draft. dated_at: when it was issued, or made if it is a draft.
    locale, time_zone: the buyer's.
    """

    number: str
    state: str
    sandbox: bool
    dated_at: datetime
    issue_date: date | None
    due_date: date | None
    period_start: datetime
    period_end: datetime
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    seller: Party
    buyer: Party
    bank_details: str
    footer: str
    brand_color: str
    locale: str
    time_zone: str
    purchase_order: str
    note: str
    lines: tuple[LineFacts, ...]
    taxes: tuple[TaxFacts, ...]
    kind: str = "invoice"
    corrects: tuple[str, date] | None = None
    reason: str = ""

    @property
    def is_credit_note(self) -> bool:
        return self.kind == "credit_note"

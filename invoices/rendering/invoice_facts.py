"""The facts of an invoice as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True)
class PartyDetails:
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
    """
    A line; `explanation` as stored, with every number as decimal text.

    section: its heading on an invoice with sections; else empty.
    """

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    unit: str
    amount: Decimal
    tax_rate: Decimal
    explanation: Mapping[str, Any]
    section: str = ""


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """
    The tax of one rate in percent. reason: why no tax is charged.

    category: of the tax in an e-invoice (UNCL 5305), if known; otherwise it follows from the other facts.
    """

    name: str
    rate: Decimal
    reason: str
    taxable: Decimal
    amount: Decimal
    category: str = ""


@dataclass(frozen=True, slots=True)
class SettledAmount:
    """
    An amount settled before the invoice was issued.

    source: selects its label: from the customer's "balance", or "paid" in advance.
    """

    source: Literal["balance", "paid"]
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Branding:
    """
    The look of a seller's invoices, and their standard texts.

    logo: PNG. accent_color: empty for the color of the text. paper: empty for the usual format of the country.
    """

    company_number: str = ""
    logo: bytes = b""
    accent_color: str = ""
    paper: str = ""
    account_holder: str = ""
    iban: str = ""
    bic: str = ""
    payment_terms: str = ""
    notes: str = ""
    shows_usage: bool = True
    shows_wallets: bool = False
    e_invoices: str = "never"


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """
    Everything that is printed. Equal facts give identical files.

    kind: "invoice" or "credit_note". corrects: number and date of the invoice that it credits or replaces; reason:
        why.
    number, issue_date, due_date: empty for a draft. dated_at: time of issue, or of creation for a draft.
    locale, time_zone: the buyer's. settled: amounts settled before the invoice was issued.
    summary: the total as the sum of its parts, in words; empty if it is unknown.
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
    seller: PartyDetails
    buyer: PartyDetails
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
    branding: Branding = Branding()
    settled: tuple[SettledAmount, ...] = ()
    summary: str = ""

    @property
    def is_credit_note(self) -> bool:
        return self.kind == "credit_note"

    @property
    def due(self) -> Decimal:
        """The part of the total left to pay at issue; for a credit note, the credited amount."""
        return self.total - sum((settled_amount.amount for settled_amount in self.settled), Decimal(0))

"""What an invoice says, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self


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
    """
    One claim; `explanation` as the line stores it, every number in it decimal text.

    section: the heading that it stands under, on a document with several; else empty.
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
    The tax of one rate in percent; `reason` says why nothing is charged.

    category: of the tax in an e-invoice (UNCL 5305), where it is known; else it follows from the other facts.
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
    What was settled of a document before it was issued.

    what: names the words for it: from the customer's "balance", or "paid" ahead.
    """

    source: Literal["balance", "paid"]
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Branding:
    """
    What a document of this seller looks like, and what it says beside the claim.

    logo: PNG. accent_color: empty for no other than the text's. paper: empty for what is usual in the country.
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
    Everything that is printed. Two equal facts give two identical files.

    kind: "invoice" or "credit_note". corrects: number and date of the invoice that it takes something back of, or is
    issued in place of; reason: why.
    number, issue_date, due_date: empty for a draft. dated_at: when it was issued, or made if it is a draft.
    locale, time_zone: the buyer's. settled: what was paid of the total when it was issued.
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
    branding: Branding = Branding()
    settled: tuple[SettledAmount, ...] = ()

    @property
    def is_credit_note(self) -> bool:
        return self.kind == "credit_note"

    @property
    def due(self) -> Decimal:
        """What is left to pay of the total at issue; of a credit note, what is credited."""
        return self.total - sum((settled_amount.amount for settled_amount in self.settled), Decimal(0))

"""A document in the terms of EN 16931, apart from any syntax."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from invoices.rendering.invoice_facts import Party

INVOICE, CREDIT_NOTE = "380", "381"
SPECIFICATION = "urn:cen.eu:en16931:2017"
"""BT-24: the core of the standard, which is also the profile EN 16931 of Factur-X."""

Days = tuple[date, date]


class EInvoiceImpossible(ValueError):
    """A document cannot be an invoice of the standard: the text names each fact in the way, and the way out."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class TaxCategory:
    """
    How something is taxed (BT-151, BT-152; BT-118 to BT-121): UNCL 5305 code and percent.

    reason_code, reason: why nothing is charged, where the code asks for it.
    """

    code: str
    rate: Decimal
    reason_code: str = ""
    reason: str = ""

    @property
    def percent(self) -> Decimal | None:
        """The rate as it is told: what is outside the scope of tax has none."""
        return None if self.code == "O" else self.rate


@dataclass(frozen=True, slots=True)
class EInvoiceParty:
    """
    A seller (BG-4) or buyer (BG-7).

    vat_id: BT-31 or BT-48. tax_id: BT-32, any other tax number of a seller. registration: BT-30.
    """

    party: Party
    vat_id: str
    tax_id: str = ""
    registration: str = ""


@dataclass(frozen=True, slots=True)
class EInvoiceLine:
    """
    A line (BG-25). Its amount is quantity × price ÷ base, rounded once; the price is never below zero, so a line that
    gives something back has a quantity below zero.

    unit: as the standard knows it. unit_name: as the seller calls it. base: for how many units the price is (BT-149).
    """

    number: int
    name: str
    note: str
    quantity: Decimal
    unit_code: str
    unit_name: str
    price: Decimal
    base_quantity: Decimal
    amount: Decimal
    category: TaxCategory
    days: Days


@dataclass(frozen=True, slots=True)
class DocumentAllowance:
    """What a coupon takes off the document (BG-20). amount: above zero."""

    amount: Decimal
    reason: str
    category: TaxCategory


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """The tax of one category and rate (BG-23)."""

    category: TaxCategory
    taxable: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PaymentInstructions:
    """How to pay (BG-16); means: UNCL 4461, such as 58 for a SEPA credit transfer."""

    means: str
    reference: str
    iban: str
    holder: str
    bic: str


@dataclass(frozen=True, slots=True)
class EInvoice:
    """
    An invoice or credit note.

    lines: Σ of the lines (BT-106). taken_off: Σ of the allowances (BT-107). net: without tax (BT-109).
    settled: paid before (BT-113). due: what is left of the total (BT-115).
    preceding: number and date of the document that this one corrects or stands in place of (BG-3).
    """

    type_code: str
    number: str
    issued: date
    currency: str
    notes: tuple[str, ...]
    seller: EInvoiceParty
    buyer: EInvoiceParty
    days: Days
    purchase_order: str
    preceding: tuple[str, date] | None
    due_date: date | None
    terms: str
    payment: PaymentInstructions | None
    lines: tuple[EInvoiceLine, ...]
    allowances: tuple[DocumentAllowance, ...]
    taxes: tuple[TaxTotal, ...]
    line_total: Decimal
    allowance_total: Decimal
    net: Decimal
    tax: Decimal
    total: Decimal
    prepaid: Decimal
    due: Decimal

    @property
    def is_credit_note(self) -> bool:
        return self.type_code == CREDIT_NOTE

"""An invoice in the terms of EN 16931, independent of syntax."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from invoices.rendering.invoice_facts import PartyDetails

INVOICE, CREDIT_NOTE = "380", "381"

Days = tuple[date, date]


class EInvoiceImpossible(ValueError):
    """The standard can't express the invoice; the text names each fact at fault, and the remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class TaxCategory:
    """
    A tax category (BT-151, BT-152; BT-118 to BT-121): UNCL 5305 code and percent.

    reason_code, reason: the reason for charging no tax, where the code requires one.
    """

    code: str
    rate: Decimal
    reason_code: str = ""
    reason: str = ""

    @property
    def percent(self) -> Decimal | None:
        """The rate; None for the category “outside the scope of tax”, which has none."""
        return None if self.code == "O" else self.rate


@dataclass(frozen=True, slots=True)
class EInvoiceParty:
    """
    A seller (BG-4) or buyer (BG-7).

    vat_id: BT-31 or BT-48. tax_id: BT-32, any other tax number of a seller. registration: BT-30.
    """

    party: PartyDetails
    vat_id: str
    tax_id: str = ""
    registration: str = ""


@dataclass(frozen=True, slots=True)
class EInvoiceLine:
    """
    A line (BG-25). Its amount is quantity × price ÷ base, rounded once; the price is never negative, so a credit has
    a negative quantity.

    unit_code: as in the standard. unit_name: the seller's name. base_quantity: units that the price is for (BT-149).
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
    """The discount of a coupon on the whole invoice (BG-20). amount: above zero."""

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
    """How to pay (BG-16). means: UNCL 4461 code, such as 58 for a SEPA credit transfer."""

    means: str
    reference: str
    iban: str
    holder: str
    bic: str


@dataclass(frozen=True, slots=True)
class EInvoice:
    """
    An invoice or credit note.

    line_total: Σ of the lines (BT-106). allowance_total: Σ of the allowances (BT-107). net: without tax (BT-109).
    prepaid: paid before (BT-113). due: the rest of the total (BT-115).
    preceding: number and date of the invoice that this one corrects or replaces (BG-3).
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

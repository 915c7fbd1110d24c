"""Previews of invoices and credit notes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client.money import Money


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line of a preview."""

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class PreviewCreditNote:
    """A credit note that would be issued with the invoice. corrects: the number of its invoice."""

    lines: tuple[PreviewLine, ...]
    net: Money
    tax: Money
    total: Money
    corrects: str
    reason: str


@dataclass(frozen=True, slots=True)
class InvoicePreview:
    """An invoice as it would be issued, with its credit notes."""

    lines: tuple[PreviewLine, ...]
    net: Money
    tax: Money
    total: Money
    credit_notes: tuple[PreviewCreditNote, ...]

"""Documents as they would be issued: what a preview answers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tollbook_client.money import Money


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One line of a document that is not issued."""

    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class PreviewCreditNote:
    """A credit note that would go out with it. corrects: the number of its invoice."""

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

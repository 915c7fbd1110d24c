"""The facts from which an invoice is explained, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """
    A line. amount: in the currency's minor unit. explanation: as stored (docs/closing.md).

    label: its description; of a fee, without the name of the plan.
    subject: the price or fee, by codes that are the same in each version: a feature with what its rate matches, or a
        plan's fee; empty for other lines.
    rate_id: the published rate; None for a fee, a minimum, or another line.
    section: its heading on an invoice of several subscriptions; else empty.
    """

    kind: str
    label: str
    quantity: Decimal
    unit: str
    amount: Decimal
    explanation: Mapping[str, Any]
    subject: str = ""
    rate_id: int | None = None
    section: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The key by which the same charge is found on the former invoice."""
        return self.kind, self.subject or str(self.explanation.get("coupon", self.label)), self._value

    @property
    def _value(self) -> str:
        """The value that a split price charges in this line."""
        return str(self.explanation.get("value", ""))


@dataclass(frozen=True, slots=True)
class ExplainedTax:
    """The tax of one rate in percent."""

    name: str
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedInvoice:
    """
    An invoice or credit note. lines and taxes sum to `total`; if the lines include the taxes, the lines do.

    settled: the part of the total that the customer's balance paid at issue.
    """

    id: int
    number: str
    issue_date: date | None
    is_credit_note: bool
    currency: str
    includes_tax: bool
    tax: Decimal
    total: Decimal
    lines: tuple[ExplainedLine, ...]
    taxes: tuple[ExplainedTax, ...]
    settled: Decimal = Decimal(0)

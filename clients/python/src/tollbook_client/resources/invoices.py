"""Invoices and credit notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from tollbook_client import serialization
from tollbook_client.money import Money
from tollbook_client.pages import Pages
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of an invoice. explanation: the parts of its amount."""

    position: int
    kind: str
    description: str
    service_start: datetime
    service_end: datetime
    quantity: Decimal
    unit: str
    amount: Money
    tax_rate: Decimal
    explanation: dict[str, Any]
    events_link: str | None = None


@dataclass(frozen=True, slots=True)
class InvoiceTax:
    """The tax at one rate. reason: why no tax is charged."""

    name: str
    rate: Decimal
    reason: str
    taxable: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class InvoiceSection:
    """The lines of one subscription, from the first to the last position, on a consolidated invoice."""

    subscription: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice; `lines`, `sections`, `taxes` and `pdf_link` are only set if it is read by itself, not in a list."""

    id: int
    number: str | None
    state: str
    customer: str
    seller: str
    sandbox: bool
    issued_at: datetime | None
    issue_date: date | None
    due_date: date | None
    period_start: datetime
    period_end: datetime
    net: Money
    tax: Money
    total: Money
    credited: Money
    paid: Money
    due: Money
    replaces: int | None = None
    purchase_order: str = ""
    note: str = ""
    lines: tuple[InvoiceLine, ...] = ()
    sections: tuple[InvoiceSection, ...] = ()
    taxes: tuple[InvoiceTax, ...] = ()
    pdf_link: str | None = None


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """The credited part of one line of the invoice."""

    position: int
    kind: str
    line: int
    description: str
    amount: Money
    tax_rate: Decimal


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note; `lines` and `taxes` are only set if it is read by itself. to: the destination of the money."""

    id: int
    number: str
    invoice: int
    customer: str
    seller: str
    sandbox: bool
    issued_at: datetime
    issue_date: date | None
    reason: str
    to: str
    net: Money
    tax: Money
    total: Money
    lines: tuple[CreditedLine, ...] = ()
    taxes: tuple[InvoiceTax, ...] = ()


class Invoices(Resource):
    """`client.invoices`."""

    def list(
        self, *, customer: str | None = None, state: str | None = None, number: str | None = None
    ) -> Pages[Invoice]:
        """Return invoices, filtered by customer, state or number."""
        return self._pages(Invoice, "/invoices", customer=customer, state=state, number=number)

    def get(self, id: int) -> Invoice:
        """
        Return an invoice.

        :raises NotFound: if it does not exist.
        """
        return self._call(Invoice, "GET", f"/invoices/{id}")

    def pdf(self, id: int) -> bytes:
        """
        Return the PDF; for an invoice issued a moment ago, wait for it.

        :raises NotReady: if it is a draft, or takes longer than the client's patience.
        """
        return self._connection.request("GET", f"/invoices/{id}/pdf").content


class CreditNotes(Resource):
    """`client.credit_notes`."""

    def list(self, *, customer: str | None = None, invoice: str | None = None) -> Pages[CreditNote]:
        """Return credit notes, filtered by customer, or by the number of their invoice."""
        return self._pages(CreditNote, "/credit-notes", customer=customer, invoice=invoice)

    def get(self, id: int) -> CreditNote:
        """
        Return a credit note.

        :raises NotFound: if it does not exist.
        """
        return self._call(CreditNote, "GET", f"/credit-notes/{id}")

    def create(
        self,
        invoice: int,
        *,
        reason: str,
        to: Literal["balance", "refund", "offset"],
        lines: Sequence[Mapping[str, Any]] = serialization.OMITTED,
        idempotency_key: str | None = None,
    ) -> CreditNote:
        """
        Credit the remaining amount of an invoice, or some of its lines, each `{"line": 1, "amount": "5.00"}`.

        :raises Unprocessable: if the amount exceeds the remaining one.
        """
        body = serialization.without_omitted(invoice=invoice, reason=reason, to=to, lines=lines)
        return self._call(CreditNote, "POST", "/credit-notes", body=body, idempotency_key=idempotency_key)

    def pdf(self, id: int) -> bytes:
        """
        Return the PDF.

        :raises NotReady: if it is not rendered yet.
        """
        return self._connection.request("GET", f"/credit-notes/{id}/pdf").content

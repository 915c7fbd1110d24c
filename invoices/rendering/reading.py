"""What an invoice says, read from its own rows only: nothing of the seller or customer as they are today."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from customers.models import Logo
from invoices.models import DocumentKind, Invoice
from invoices.models.payments import PaymentMethod
from invoices.rendering.facts import InvoiceFacts, LineFacts, Look, Party, Settled, TaxFacts
from invoices.sellers import LOOK_FACTS

LINE_COLUMNS = (
    "kind",
    "description",
    "service_start",
    "service_end",
    "quantity",
    "unit",
    "amount",
    "tax_rate",
    "explanation",
)
MOST_LINES = 2_000
TAX_COLUMNS = ("name", "rate", "reason", "taxable", "amount")


class TooLong(Exception):
    """A document has more lines than a file can hold in reasonable time."""


def read(invoice: Invoice) -> InvoiceFacts:
    """
    Return what a document says, in two queries beside its own row; one more for what it corrects, for a logo, and
    where something of it is paid.

    :raises TooLong: if it has more than 2,000 lines.
    """
    seller, buyer = invoice.seller_facts, invoice.buyer_facts
    return InvoiceFacts(
        number=invoice.number or "",
        state=invoice.state,
        sandbox=invoice.sandbox,
        dated_at=invoice.issued_at or invoice.created_at,
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        currency=invoice.currency,
        net=invoice.net.amount,
        tax=invoice.tax.amount,
        total=invoice.total.amount,
        seller=Party.of(seller),
        buyer=Party.of(buyer),
        bank_details=str(seller.get("bank_details") or ""),
        footer=str(seller.get("footer") or ""),
        brand_color=str(seller.get("brand_color") or ""),
        locale=str(buyer.get("locale") or ""),
        time_zone=str(buyer.get("time_zone") or ""),
        purchase_order=invoice.purchase_order,
        note=invoice.note,
        lines=_lines(invoice),
        taxes=_taxes(invoice),
        kind=invoice.kind,
        corrects=_corrected(invoice),
        reason=invoice.reason,
        look=look_of(seller),
        settled=_settled(invoice),
    )


def _settled(invoice: Invoice) -> tuple[Settled, ...]:
    """Return what the customer's balance paid when it was issued; later payments do not change a document."""
    if not invoice.paid or invoice.kind != DocumentKind.INVOICE:
        return ()
    paid = invoice.payments.filter(method=PaymentMethod.BALANCE).values_list("amount", flat=True)
    return tuple(Settled("balance", amount) for amount in paid)


def look_of(seller: Mapping[str, Any], *, logo: bytes = b"") -> Look:
    """Return what a document looks like by its seller's facts; one query more where these name a logo."""
    said = {name: seller.get(name, usual) for name, usual in LOOK_FACTS.items()}
    if sha256 := said.pop("logo_id"):
        logo = bytes(Logo.objects.values_list("content", flat=True).get(pk=sha256))
    return Look(**said, logo=logo)


def _corrected(invoice: Invoice) -> tuple[str, date] | None:
    if invoice.corrects_id is None:
        return None
    return Invoice.objects.values_list("number", "issue_date").get(pk=invoice.corrects_id)


def _lines(invoice: Invoice) -> tuple[LineFacts, ...]:
    rows = invoice.lines.order_by("position").values_list(*LINE_COLUMNS)[: MOST_LINES + 1]
    if len(rows) > MOST_LINES:
        raise TooLong(f"{invoice} has more than {MOST_LINES:,} lines: bill it as several invoices.")
    return tuple(LineFacts(*row) for row in rows)


def _taxes(invoice: Invoice) -> tuple[TaxFacts, ...]:
    rows = invoice.taxes.order_by("-rate", "reason").values_list(*TAX_COLUMNS)
    return tuple(TaxFacts(*row) for row in rows)

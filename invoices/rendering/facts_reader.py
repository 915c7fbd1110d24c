"""Read the facts of an invoice from its own rows only, independent of the seller's and customer's current data."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from customers.models import Logo
from invoices.documents.seller_terms import BRANDING_FACTS
from invoices.models import DocumentKind, Invoice
from invoices.models.payments import PaymentChannel
from invoices.rendering.invoice_facts import Branding, InvoiceFacts, LineFacts, PartyDetails, SettledAmount, TaxFacts
from invoices.rendering.seller_texts import text_in
from lib import sql
from lib.locales import document_locale

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
# Bounds the memory and the time of one rendering; a longer invoice gets a clear error at once.
MAX_LINES = 2_000
# A file prints the lines of a split price as one, so it may have as many as two prices with the highest bound.
MAX_LISTED_LINES = 25_000
CONSOLIDATED_PREFIX = "periods:"
"""Prefix of the reference of a consolidated invoice."""
TAX_COLUMNS = ("name", "rate", "reason", "taxable", "amount")

# A line that corrects another one gets the heading of the corrected line.
_SECTIONS = """
SELECT l.position, s.name FROM invoices_line l LEFT JOIN invoices_line o ON o.id = l.corrects_line_id
JOIN invoices_section s ON s.invoice_id = coalesce(o.invoice_id, l.invoice_id)
    AND coalesce(o.position, l.position) BETWEEN s.first_line AND s.last_line
WHERE l.invoice_id = %s
"""


class TooManyLines(Exception):
    """The invoice has more lines than can be rendered in reasonable time."""


def read_invoice_facts(invoice: Invoice, *, most_lines: int = MAX_LINES) -> InvoiceFacts:
    """
    Return the facts of an invoice, in two queries apart from its own row; one more each for the invoice it corrects,
    for a logo, for payments, and for several sections.

    :raises TooManyLines: if it has more than `most_lines` lines.
    """
    seller, buyer = invoice.seller_facts, invoice.buyer_facts
    language = document_locale(str(buyer.get("locale") or "")).language
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
        seller=PartyDetails.of(seller),
        buyer=PartyDetails.of(buyer),
        bank_details=text_in(language, str(seller.get("bank_details") or "")),
        footer=text_in(language, str(seller.get("footer") or "")),
        brand_color=str(seller.get("brand_color") or ""),
        locale=str(buyer.get("locale") or ""),
        time_zone=str(buyer.get("time_zone") or ""),
        purchase_order=invoice.purchase_order,
        note=invoice.note,
        lines=_lines(invoice, most_lines),
        taxes=_taxes(invoice),
        kind=invoice.kind,
        corrects=_corrected(invoice),
        reason=invoice.reason,
        branding=branding(seller, language=language),
        settled=_settled(invoice),
    )


def _settled(invoice: Invoice) -> tuple[SettledAmount, ...]:
    """Return the amount that the customer's balance paid at issue; later payments don't change an invoice."""
    if not invoice.paid or invoice.kind != DocumentKind.INVOICE:
        return ()
    paid = invoice.payments.filter(method=PaymentChannel.BALANCE).values_list("amount", flat=True)
    return tuple(SettledAmount("balance", amount) for amount in paid)


def branding(seller: Mapping[str, Any], *, language: str = "", logo: bytes = b"") -> Branding:
    """Return the branding in the seller's facts, with texts in a language; one query more if they name a logo."""
    facts = {name: seller.get(name, default) for name, default in BRANDING_FACTS.items()}
    facts |= {name: text_in(language, facts[name]) for name in ("payment_terms", "notes")}
    if sha256 := facts.pop("logo_id"):
        logo = bytes(Logo.objects.values_list("content", flat=True).get(pk=sha256))
    return Branding(**facts, logo=logo)


def _corrected(invoice: Invoice) -> tuple[str, date] | None:
    corrected_invoice = invoice.corrects
    # Only an issued invoice is corrected, so it has both.
    if corrected_invoice is None or corrected_invoice.number is None or corrected_invoice.issue_date is None:
        return None
    return corrected_invoice.number, corrected_invoice.issue_date


def _lines(invoice: Invoice, most_lines: int) -> tuple[LineFacts, ...]:
    rows = invoice.lines.order_by("position").values_list("position", *LINE_COLUMNS)[: most_lines + 1]
    if len(rows) > most_lines:
        raise TooManyLines(f"{invoice} has more than {most_lines:,} lines. Split it into several invoices.")
    headings = section_headings(invoice)
    names = LINE_COLUMNS.index("explanation")
    return tuple(
        LineFacts(*(*row, headings.get(position, "") or str(row[names].get("group", "")))) for position, *row in rows
    )


def section_headings(invoice: Invoice) -> dict[int, str]:
    """Return line position → heading of a consolidated invoice, or of a credit note for one; else empty."""
    sectioned_invoice = invoice.corrects if invoice.kind == DocumentKind.CREDIT_NOTE and invoice.corrects else invoice
    if not sectioned_invoice.reference.startswith(CONSOLIDATED_PREFIX):
        return {}
    return dict(sql.fetch_rows(_SECTIONS, [invoice.pk]))


def _taxes(invoice: Invoice) -> tuple[TaxFacts, ...]:
    rows = invoice.taxes.order_by("-rate", "reason").values_list(*TAX_COLUMNS)
    return tuple(TaxFacts(*row) for row in rows)

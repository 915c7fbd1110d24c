"""One invoice or credit note: its lines, their explanations, and its files."""

from dataclasses import dataclass, replace

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from customers.portal.visit import Visit, render_page, signed_in
from invoices.explanation.reader import explain_invoice
from invoices.models import Invoice
from invoices.models.invoices import BILLS_USAGE
from invoices.payments.transfer_codes import TransferCode, draw_transfer_code
from invoices.portal.formats import portal_figures
from invoices.portal.invoice_list import customer_documents, invoice_row
from invoices.portal.payment import pay_link, processing_text
from invoices.portal.receipts import receipt_rows
from invoices.rendering import renderer
from invoices.rendering.downloads import RETRY_AFTER_SECONDS, file_name
from invoices.rendering.facts_reader import MAX_LISTED_LINES, TooManyLines, read_invoice_facts
from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.line_list import table_rows
from invoices.rendering.page_content import LineText, compose
from lib.csv_export import csv_lines


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line with its position; has_events: whether it bills usage whose events can be listed."""

    position: int
    text: LineText
    has_events: bool


@signed_in()
def invoice_page(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    invoice: Invoice = visit.own_row(customer_documents(visit), pk=number)
    figures = portal_figures(visit)
    context = {
        "invoice": invoice,
        "row": invoice_row(invoice, figures, visit),
        "pay": pay_link(invoice) if invoice.due else None,
        "processing": processing_text(invoice, figures),
        "receipts": receipt_rows(invoice, figures),
        "notes": [
            invoice_row(note, figures, visit)
            for note in customer_documents(visit).filter(corrects=invoice).order_by("pk")
        ],
    }
    try:
        # In the visitor's language; the PDF keeps the one in which the invoice was issued.
        facts = replace(read_invoice_facts(invoice), locale=str(figures.locale))
        document = compose(facts)
        places = invoice.lines.order_by("position").values_list("position", "kind")
        context |= {
            "document": document,
            "transfer_code": _transfer_code(invoice, facts),
            "explanation": explain_invoice(invoice, locale=figures.locale),
            "lines": [
                LineRow(position, text, kind in BILLS_USAGE)
                for text, (position, kind) in zip(document.lines, places, strict=True)
            ],
        }
    except TooManyLines:
        context["is_long"] = True
    return render_page(request, visit, "invoice.html", context)


def _transfer_code(invoice: Invoice, facts: InvoiceFacts) -> TransferCode | None:
    """Return the QR code of a transfer of the amount due."""
    account = facts.branding
    return draw_transfer_code(
        holder=account.account_holder or facts.seller.legal_name,
        iban=account.iban,
        bic=account.bic,
        amount=invoice.due,
        currency=str(invoice.currency),
        reference=facts.number,
    )


@signed_in()
def invoice_pdf(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Send the PDF, rendering it now if no worker has yet."""
    invoice: Invoice = visit.own_row(customer_documents(visit), pk=number)
    try:
        rendering = renderer.render_one(invoice_id=invoice.pk, at=timezone.now())
    except renderer.NotRendered:
        response = render_page(request, visit, "not_ready.html", {"invoice": invoice}, status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    headers = {"Content-Disposition": f'attachment; filename="{file_name(invoice)}"'}
    return HttpResponse(bytes(rendering.content or b""), content_type="application/pdf", headers=headers)


@signed_in()
def invoice_csv(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Send the lines as CSV."""
    invoice: Invoice = visit.own_row(customer_documents(visit), pk=number)
    facts = read_invoice_facts(invoice, most_lines=MAX_LISTED_LINES)
    return StreamingHttpResponse(
        csv_lines(table_rows(facts)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(invoice, "csv")}"'},
    )

"""The files of invoices and credit notes over HTTP: PDF, Factur-X's XML, and UBL."""

from hashlib import sha256
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from invoices.api.credit_note_views import CreditNotes
from invoices.api.views import InvoiceRows, Invoices
from invoices.models import Invoice, Payment
from invoices.models.invoices import InvoiceState
from invoices.rendering import renderer
from invoices.rendering.downloads import file_name, receipt_response
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.syntaxes import to_xml
from invoices.rendering.pdf_file import MissingFont
from invoices.rendering.receipt import with_receipt
from lib.api.operations import get
from lib.api.problems import Problem

DESCRIPTIONS = {
    "cii": "The XML embedded in Factur-X PDFs (UN/CEFACT CII, EN 16931), whether or not the seller's PDFs embed it.",
    "ubl": "The same content as UBL 2.1 (EN 16931).",
}


def download_pdf(operation_id: str, summary: str, description: str) -> Any:
    """
    Return the operation that answers the PDF file of an invoice or credit note, rendered once and stored: identical
    at each download.
    """

    @get(
        operation_id,
        summary,
        description,
        response={(200, "application/pdf"): OpenApiTypes.BINARY},
        problems=("not-ready",),
    )
    def download(view: Invoices | CreditNotes, request: Request, **kwargs: Any) -> HttpResponse:
        at = timezone.now()
        invoice = view.get_object()
        if invoice.state == InvoiceState.DRAFT:
            raise Problem("not-ready", "A draft has no file; issue it first.")
        try:
            stored = renderer.render_one(invoice_id=invoice.pk, at=at)
        except renderer.NotRendered as error:
            wait = None if error.retry_at is None else (error.retry_at - at).total_seconds()
            raise Problem("not-ready", "The file can't be generated.", retry_after=wait) from error
        return _attachment(invoice, bytes(stored.content or b""), ending="pdf", digest=stored.sha256)

    return download


def download_xml(syntax: str, operation_id: str, summary: str) -> Any:
    """
    Return the operation that answers an invoice or credit note as XML, generated from its own rows: identical at each
    download.
    """

    @get(
        operation_id,
        summary,
        DESCRIPTIONS[syntax],
        response={(200, "application/xml"): OpenApiTypes.BINARY},
        problems=("not-ready",),
        refusals={EInvoiceImpossible: "unprocessable"},
    )
    def download(view: Invoices | CreditNotes, request: Request, **kwargs: Any) -> HttpResponse:
        invoice = view.get_object()
        if invoice.state == InvoiceState.DRAFT:
            raise Problem("not-ready", "A draft is not an invoice yet; issue it first.")
        xml = to_xml(invoice, syntax=syntax)
        return _attachment(invoice, xml, ending=f"{syntax}.xml", digest=sha256(xml).hexdigest())

    return download


def _attachment(invoice: Invoice, content: bytes, *, ending: str, digest: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=f"application/{ending.rpartition('.')[2]}",
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(invoice, ending)}"',
            "Cache-Control": "private, no-store",
            "ETag": f'"{digest}"',
        },
    )


class InvoiceFiles(Invoices):
    """The files of an invoice."""

    pdf = download_pdf(
        "get_invoice_pdf",
        "Download an invoice as PDF",
        "Generated in the background after issue, or on request if it is not ready. A draft has none.",
    )
    cii = download_xml("cii", "get_invoice_xml", "Download an invoice as CII")
    ubl = download_xml("ubl", "get_invoice_ubl", "Download an invoice as UBL")


class ReceiptFiles(InvoiceRows[Payment]):
    """The receipts of an invoice's payments."""

    queryset = with_receipt(Payment.objects.all())
    lookup_url_kwarg = "payment"

    @get(
        "get_receipt_pdf",
        "Download the receipt of a payment as PDF",
        "Generated on request, with the refunds of the payment until now. Payments from a wallet or a customer"
        " balance have no receipt.",
        response={(200, "application/pdf"): OpenApiTypes.BINARY},
        problems=("not-ready",),
    )
    def pdf(self, request: Request, **kwargs: Any) -> HttpResponse:
        try:
            return receipt_response(self.get_object())
        except MissingFont as error:
            raise Problem("not-ready", str(error)) from error


class CreditNoteFiles(CreditNotes):
    """The files of a credit note."""

    pdf = download_pdf("get_credit_note_pdf", "Download a credit note as PDF", "The file of a credit note.")
    cii = download_xml("cii", "get_credit_note_xml", "Download a credit note as CII")
    ubl = download_xml("ubl", "get_credit_note_ubl", "Download a credit note as UBL")

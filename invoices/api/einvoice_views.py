"""E-invoices over HTTP: Factur-X's XML, and UBL."""

from hashlib import sha256
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from invoices.api.credit_note_views import CreditNotes
from invoices.api.views import Invoices
from invoices.models.invoices import InvoiceState
from invoices.rendering.downloads import file_name
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.syntaxes import to_xml
from lib.api.operations import operation
from lib.api.problems import Problem

DESCRIPTIONS = {
    "cii": "The XML that a PDF of Factur-X carries (UN/CEFACT CII, EN 16931), whether or not the seller's PDFs do.",
    "ubl": "The same terms as UBL 2.1 (EN 16931).",
}


def download_xml(syntax: str, operation_id: str, summary: str) -> Any:
    """
    Return the `get` of a view that answers an invoice or credit note as XML, generated from its own rows: identical
    at each download.
    """

    @operation(
        operation_id,
        summary,
        DESCRIPTIONS[syntax],
        response={(200, "application/xml"): OpenApiTypes.BINARY},
        problems=("not-ready",),
        refusals={EInvoiceImpossible: "unprocessable"},
    )
    def get(view: Invoices | CreditNotes, request: Request, **kwargs: Any) -> HttpResponse:
        invoice = view.get_object()
        if invoice.state == InvoiceState.DRAFT:
            raise Problem("not-ready", "A draft is no invoice yet; it becomes one when it is issued.")
        xml = to_xml(invoice, syntax=syntax)
        return HttpResponse(
            xml,
            content_type="application/xml",
            headers={
                "Content-Disposition": f'attachment; filename="{file_name(invoice, f"{syntax}.xml")}"',
                "Cache-Control": "private, no-store",
                "ETag": f'"{sha256(xml).hexdigest()}"',
            },
        )

    return get


class InvoiceXmlView(Invoices):
    """An invoice as CII."""

    get = download_xml("cii", "get_invoice_xml", "Download an invoice as CII")


class InvoiceUblView(Invoices):
    """An invoice as UBL."""

    get = download_xml("ubl", "get_invoice_ubl", "Download an invoice as UBL")


class CreditNoteXmlView(CreditNotes):
    """A credit note as CII."""

    get = download_xml("cii", "get_credit_note_xml", "Download a credit note as CII")


class CreditNoteUblView(CreditNotes):
    """A credit note as UBL."""

    get = download_xml("ubl", "get_credit_note_ubl", "Download a credit note as UBL")

"""E-invoices over HTTP: Factur-X's XML, and UBL."""

from hashlib import sha256

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request

from invoices.api.credit_note_views import NOTES
from invoices.api.views import INVOICES
from invoices.models import Invoice
from invoices.models.invoices import InvoiceState
from invoices.rendering.downloads import file_name
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.syntaxes import to_xml
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem

XML = {(200, "application/xml"): OpenApiTypes.BINARY}
CII = "The XML that a PDF of Factur-X carries (UN/CEFACT CII, EN 16931), whether or not the seller's PDFs do."
UBL = "The same terms as UBL 2.1 (EN 16931)."


class EInvoiceView(SandboxIsolation, generics.GenericAPIView[Invoice]):
    """An invoice or credit note as XML, generated from its own rows: identical at each download."""

    required_scopes = {"GET": "read"}
    problems = {"GET": ["not-ready", "unprocessable"]}

    def xml_response(self, syntax: str) -> HttpResponse:
        """Return the document in a syntax."""
        invoice = self.get_object()
        if invoice.state == InvoiceState.DRAFT:
            raise Problem("not-ready", "A draft is no invoice yet; it becomes one when it is issued.")
        try:
            xml = to_xml(invoice, syntax=syntax)
        except EInvoiceImpossible as reason:
            raise Problem("unprocessable", str(reason)) from reason
        return HttpResponse(
            xml,
            content_type="application/xml",
            headers={
                "Content-Disposition": f'attachment; filename="{file_name(invoice, f"{syntax}.xml")}"',
                "Cache-Control": "private, no-store",
                "ETag": f'"{sha256(xml).hexdigest()}"',
            },
        )


class InvoiceXmlView(EInvoiceView):
    """An invoice as CII."""

    queryset = INVOICES
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="get_invoice_xml", summary="Download an invoice as CII", description=CII, responses=XML
    )
    def get(self, request: Request, invoice: int) -> HttpResponse:
        return self.xml_response("cii")


class InvoiceUblView(EInvoiceView):
    """An invoice as UBL."""

    queryset = INVOICES
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="get_invoice_ubl", summary="Download an invoice as UBL", description=UBL, responses=XML
    )
    def get(self, request: Request, invoice: int) -> HttpResponse:
        return self.xml_response("ubl")


class CreditNoteXmlView(EInvoiceView):
    """A credit note as CII."""

    queryset = NOTES
    lookup_url_kwarg = "credit_note"

    @extend_schema(
        operation_id="get_credit_note_xml", summary="Download a credit note as CII", description=CII, responses=XML
    )
    def get(self, request: Request, credit_note: int) -> HttpResponse:
        return self.xml_response("cii")


class CreditNoteUblView(EInvoiceView):
    """A credit note as UBL."""

    queryset = NOTES
    lookup_url_kwarg = "credit_note"

    @extend_schema(
        operation_id="get_credit_note_ubl", summary="Download a credit note as UBL", description=UBL, responses=XML
    )
    def get(self, request: Request, credit_note: int) -> HttpResponse:
        return self.xml_response("ubl")

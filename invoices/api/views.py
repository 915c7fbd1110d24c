"""Invoices over HTTP."""

from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from invoices.api.serializers import InvoiceDetailSerializer, InvoiceSerializer
from invoices.models import DocumentKind, Invoice, InvoiceTax, Line, Section
from invoices.models.invoices import InvoiceState
from invoices.rendering import renderer
from invoices.rendering.downloads import file_name
from lib.api.isolation import SandboxIsolation
from lib.api.problems import Problem
from lib.api.views import OwnedRows

DETAILED = (
    Prefetch("lines", Line.objects.select_related("corrects_line").order_by("position")),
    Prefetch("taxes", InvoiceTax.objects.order_by("-rate", "reason")),
    Prefetch("sections", Section.objects.order_by("position")),
)
INVOICES = Invoice.objects.filter(kind=DocumentKind.INVOICE)


class InvoiceRows(OwnedRows):
    """Rows of one invoice that the caller may see."""

    owners = INVOICES.select_related("customer")
    owner_kwarg = "invoice"
    owner_field = "pk"


class InvoicesView(SandboxIsolation, generics.ListAPIView[Invoice]):
    """Invoices."""

    required_scopes = {"GET": "read"}
    queryset = INVOICES.select_related("customer", "seller")
    serializer_class = InvoiceSerializer
    filters = {"customer": "customer__external_id", "state": "state", "number": "number"}
    filter_choices = {"state": InvoiceState.values}

    @extend_schema(operation_id="list_invoices", summary="List invoices, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class InvoiceView(SandboxIsolation, generics.RetrieveAPIView[Invoice]):
    """One invoice, line by line."""

    required_scopes = {"GET": "read"}
    queryset = INVOICES.select_related("customer", "seller").prefetch_related(*DETAILED)
    serializer_class = InvoiceDetailSerializer
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="get_invoice",
        summary="Read an invoice with its lines",
        description="Each line carries its explanation: the parts whose exact sum it is, rounded once.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)


class PdfFileView(SandboxIsolation, generics.GenericAPIView[Invoice]):
    """The PDF file of a document, rendered once and stored: identical at each download."""

    required_scopes = {"GET": "read"}
    problems = {"GET": ["not-ready"]}

    def pdf_response(self) -> HttpResponse:
        """Return the file, rendering it now if it does not exist yet."""
        at = timezone.now()
        invoice = self.get_object()
        if invoice.state == InvoiceState.DRAFT:
            raise Problem("not-ready", "A draft has no file; it gets one when it is issued.")
        try:
            stored = renderer.render_one(invoice_id=invoice.pk, at=at)
        except renderer.NotRendered as error:
            wait = None if error.retry_at is None else (error.retry_at - at).total_seconds()
            raise Problem("not-ready", "The file cannot be made now.", retry_after=wait) from error
        return HttpResponse(
            bytes(stored.content or b""),
            content_type="application/pdf",
            headers={
                "Content-Disposition": f'attachment; filename="{file_name(invoice)}"',
                "Cache-Control": "private, no-store",
                "ETag": f'"{stored.sha256}"',
            },
        )


class InvoicePdfView(PdfFileView):
    """The PDF file of an invoice."""

    queryset = INVOICES
    lookup_url_kwarg = "invoice"

    @extend_schema(
        operation_id="get_invoice_pdf",
        summary="Download an invoice as PDF",
        description="Made in the background after issue, or now if it is not there yet. A draft has none.",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.pdf_response()

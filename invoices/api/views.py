"""Invoices over HTTP."""

from typing import Any

from django.db.models import Prefetch
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from invoices.api.serializers import InvoiceSerializer
from invoices.models import DocumentKind, Invoice, InvoiceTax, Line, Section
from invoices.models.invoices import InvoiceState
from invoices.rendering import renderer
from invoices.rendering.downloads import file_name
from lib.api.operations import operation
from lib.api.problems import Problem
from lib.api.views import ApiView, OwnedRows

DETAILED = (
    Prefetch("lines", Line.objects.select_related("corrects_line").order_by("position")),
    Prefetch("taxes", InvoiceTax.objects.order_by("-rate", "reason")),
    Prefetch("sections", Section.objects.order_by("position")),
)
INVOICES = Invoice.objects.filter(kind=DocumentKind.INVOICE)


class Invoices(ApiView):
    """Invoices that the caller may see."""

    queryset = INVOICES.select_related("customer", "seller")
    sandbox_path = "sandbox"
    serializer_class = InvoiceSerializer
    lookup_url_kwarg = "invoice"


class InvoiceRows(OwnedRows):
    """Rows of one invoice that the caller may see."""

    owners = INVOICES.select_related("customer")
    owner_kwarg = "invoice"
    owner_field = "pk"


def detailed(invoice: Invoice) -> Invoice:
    """Return an invoice or credit note as it is stored now, with its lines, taxes and sections."""
    invoices = Invoice.objects.select_related("customer", "seller").prefetch_related(*DETAILED)
    return invoices.get(pk=invoice.pk)


def download_pdf(operation_id: str, summary: str, description: str = "") -> Any:
    """
    Return the `get` of a view that answers the PDF file of an invoice or credit note, rendered once and stored:
    identical at each download.
    """

    @operation(
        operation_id,
        summary,
        description,
        response={(200, "application/pdf"): OpenApiTypes.BINARY},
        problems=("not-ready",),
    )
    def get(view: ApiView, request: Request, **kwargs: Any) -> HttpResponse:
        at = timezone.now()
        invoice = view.get_object()
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

    return get


class InvoicePdfView(Invoices):
    """The PDF file of an invoice."""

    get = download_pdf(
        "get_invoice_pdf",
        "Download an invoice as PDF",
        "Made in the background after issue, or now if it is not there yet. A draft has none.",
    )

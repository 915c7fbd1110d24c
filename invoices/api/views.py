"""Invoices over HTTP."""

from django.db.models import Prefetch

from invoices.api.serializers import InvoiceSerializer
from invoices.models import DocumentKind, Invoice, InvoiceTax, Line, Section
from lib.api.views import ApiView, OwnedRows, Row

DETAILED = (
    Prefetch("lines", Line.objects.select_related("corrects_line").order_by("position")),
    Prefetch("taxes", InvoiceTax.objects.order_by("-rate", "reason")),
    Prefetch("sections", Section.objects.order_by("position")),
)
INVOICES = Invoice.objects.filter(kind=DocumentKind.INVOICE)


class Invoices(ApiView[Invoice]):
    """Invoices that the caller may see."""

    queryset = INVOICES.select_related("customer", "seller")
    sandbox_path = "sandbox"
    serializer_class = InvoiceSerializer
    lookup_url_kwarg = "invoice"


class InvoiceRows(OwnedRows[Row]):
    """Rows of one invoice that the caller may see."""

    owners = INVOICES.select_related("customer")
    owner_kwarg = "invoice"
    owner_field = "pk"


def detailed(invoice: Invoice) -> Invoice:
    """Return an invoice or credit note as it is stored now, with its lines, taxes and sections."""
    invoices = Invoice.objects.select_related("customer", "seller").prefetch_related(*DETAILED)
    return invoices.get(pk=invoice.pk)

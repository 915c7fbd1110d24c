"""Documents as data, from the staff's page of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from invoices.downloads import file_name
from invoices.einvoice.model import NotAnInvoice
from invoices.einvoice.syntaxes import to_xml
from invoices.models import Invoice


class DataActions:
    """What a page of documents adds for e-invoices; `_invoice` finds the document, or refuses."""

    @action(description="XML", icon="data_object")
    def download_cii(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download what a PDF of Factur-X carries."""
        return _answer(request, self._invoice(request, object_id), "cii")

    @action(description="UBL", icon="data_object")
    def download_ubl(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download the same as UBL 2.1."""
        return _answer(request, self._invoice(request, object_id), "ubl")


def _answer(request: HttpRequest, invoice: Invoice, syntax: str) -> HttpResponse:
    try:
        xml = to_xml(invoice, syntax=syntax)
    except NotAnInvoice as reason:
        messages.warning(request, f"{invoice} cannot be an e-invoice. {reason}")
        return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[invoice.pk]))
    name = file_name(invoice, f"{syntax}.xml")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(xml, content_type="application/xml", headers=headers)

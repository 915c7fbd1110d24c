"""Documents as data, from the staff's page of one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from invoices.models.invoices import InvoiceState
from invoices.rendering.downloads import file_name
from invoices.rendering.einvoice.model import NotAnInvoice
from invoices.rendering.einvoice.syntaxes import SYNTAXES, to_xml


def data_paths(page: Any) -> list[URLPattern]:
    """Return the addresses under which a page of documents offers them as data; `_invoice` finds one, or refuses."""

    def answer(request: HttpRequest, pk: int, syntax: str) -> HttpResponse:
        invoice = page._invoice(request, str(pk))
        if invoice.state == InvoiceState.DRAFT:
            return _refused(request, pk, "A draft is no invoice yet.")
        try:
            xml = to_xml(invoice, syntax=syntax)
        except NotAnInvoice as reason:
            return _refused(request, pk, f"{invoice} cannot be an e-invoice. {reason}")
        name = file_name(invoice, f"{syntax}.xml")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(xml, content_type="application/xml", headers=headers)

    view = page.admin_site.admin_view(answer)
    return [path(f"<int:pk>/{one}/", view, {"syntax": one}, name=f"invoices_invoice_{one}") for one in SYNTAXES]


def _refused(request: HttpRequest, pk: int, reason: str) -> HttpResponse:
    messages.warning(request, reason)
    return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[pk]))

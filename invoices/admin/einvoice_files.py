"""Downloads of e-invoices on the staff's invoice page."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from invoices.models.invoices import InvoiceState
from invoices.rendering.downloads import file_name
from invoices.rendering.einvoice.model import EInvoiceImpossible
from invoices.rendering.einvoice.syntaxes import SYNTAXES, to_xml


def einvoice_paths(page: Any) -> list[URLPattern]:
    """Return the URLs of an admin page's e-invoice downloads."""

    def download(request: HttpRequest, pk: int, syntax: str) -> HttpResponse:
        invoice = page.find(request, str(pk))
        if invoice.state == InvoiceState.DRAFT:
            return _redirect_with_warning(request, pk, _("E-invoices are available once the draft is issued."))
        try:
            xml = to_xml(invoice, syntax=syntax)
        except EInvoiceImpossible as reason:
            return _redirect_with_warning(
                request,
                pk,
                _("%(invoice)s can't be an e-invoice. %(reason)s") % {"invoice": invoice, "reason": reason},
            )
        name = file_name(invoice, f"{syntax}.xml")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(xml, content_type="application/xml", headers=headers)

    view = page.admin_site.admin_view(download)
    return [
        path(f"<int:pk>/{syntax_name}/", view, {"syntax": syntax_name}, name=f"invoices_invoice_{syntax_name}")
        for syntax_name in SYNTAXES
    ]


def _redirect_with_warning(request: HttpRequest, pk: int, reason: str) -> HttpResponse:
    messages.warning(request, reason)
    return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[pk]))

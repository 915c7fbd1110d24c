"""Downloads of receipts on the staff's invoice page."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from invoices.rendering.downloads import receipt_response
from invoices.rendering.pdf_file import MissingFont
from invoices.rendering.receipt import receipts_of
from lib.admin import page_url


def receipt_path(page: Any) -> URLPattern:
    """Return the URL of the receipts of an invoice's payments, below an admin page."""

    def download(request: HttpRequest, object_id: str, payment: int) -> HttpResponse:
        invoice = page.find(request, object_id)
        row = receipts_of(invoice).filter(pk=payment).first()
        if row is None:
            raise Http404(f"{invoice} has no receipt of a payment {payment}.")
        try:
            return receipt_response(row)
        except MissingFont as reason:
            messages.warning(request, str(reason))
            return HttpResponseRedirect(page_url(invoice))

    view = page.admin_site.admin_view(download)
    name = "invoices_invoice_receipt"
    receipt_url: URLPattern = path("<path:object_id>/receipts/<int:payment>/", view, name=name)
    return receipt_url

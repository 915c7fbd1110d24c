"""The page behind a customer's download link."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from invoices.documents import signed_links
from invoices.models import Invoice, Payment
from invoices.rendering import renderer
from invoices.rendering.receipt import receipt_number, render_receipt

# Longer than one rendering may take (`render_queue.RENDER_SECONDS`).
RETRY_AFTER_SECONDS = 60
UNSAFE = r"[^A-Za-z0-9._-]+"  # in file names
PRIVATE = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


@require_safe
def download(request: HttpRequest, token: str) -> HttpResponse:
    """Respond with the file; 404 for an invalid link, 503 if the file is not available now."""
    at = timezone.now()
    try:
        invoice = signed_links.open_link(token, at=at)
    except signed_links.LinkRefused:
        return _page(request, "invoices/no_such_link.html", status=404)
    try:
        rendering = renderer.render_one(invoice_id=invoice.pk, at=at)
    except renderer.NotRendered:
        page = _page(request, "invoices/not_ready.html", {"invoice": invoice}, status=503)
        page["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return page
    return HttpResponse(
        bytes(rendering.content or b""),
        content_type="application/pdf",
        headers=PRIVATE | {"Content-Disposition": f'attachment; filename="{file_name(invoice)}"'},
    )


def _page(request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int) -> HttpResponse:
    page = render_to_string(template, context, request)
    return HttpResponse(page, status=status, headers=PRIVATE)


def receipt_response(payment: Payment) -> HttpResponse:
    """Return the receipt of a payment as a file to download."""
    name = re.sub(UNSAFE, "-", receipt_number(payment)).strip("-.") + ".pdf"
    return HttpResponse(
        render_receipt(payment),
        content_type="application/pdf",
        headers=PRIVATE | {"Content-Disposition": f'attachment; filename="{name}"'},
    )


def file_name(invoice: Invoice, ending: str = "pdf") -> str:
    """Return a name that is safe in a header and on every disk: INV/2026-7 → INV-2026-7.pdf."""
    return re.sub(UNSAFE, "-", str(invoice.number)).strip("-.") + f".{ending}"

"""The events of an invoice line, as a page and as a file."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from billing.metering.usage.line_event_pages import csv_response, decode_cursor, encode_cursor
from billing.metering.usage.line_events import LineUsage, check_sums, read_line_usage, read_page
from invoices.models import Line

PAGE_SIZE = 50


def page(request: HttpRequest, line_id: int) -> HttpResponse:
    """Show the events of a line, fifty per page; with `?prove`, add up all of them."""
    line, usage = _find(request, line_id)
    cursor = request.GET.get("cursor", "")
    events, next_place = read_page(usage, after=decode_cursor(cursor) if cursor else None, limit=PAGE_SIZE)
    context = {
        **admin.site.each_context(request),
        "title": f"Events of line {line.position} of {line.invoice}",
        "line": line,
        "usage": usage,
        "entries": events,
        "next": encode_cursor(next_place) if next_place else "",
        "proof": check_sums(usage) if "prove" in request.GET else None,
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "staff/metering/line_events.html", context)


def download(request: HttpRequest, line_id: int) -> HttpResponse:
    """Send all events of a line as CSV."""
    return csv_response(*_find(request, line_id))


def _find(request: HttpRequest, line_id: int) -> tuple[Line, LineUsage]:
    if not (request.user.has_perm("invoices.view_invoice") and request.user.has_perm("billing.view_event")):
        raise PermissionDenied
    line = Line.objects.select_related("invoice").filter(pk=line_id).first()
    usage = read_line_usage(line_id) if line else None
    if line is None or usage is None:
        raise Http404(f"Line {line_id} bills no usage, so it has no events.")
    return line, usage

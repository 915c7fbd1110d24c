"""The events of one line of an invoice, as a page and as a file."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from billing.api.metering.line_events import csv_response, place_of, text_of
from billing.metering.usage.line_events import LineUsage, check_sums, read_line_usage, read_page
from invoices.models import Line

AT_A_TIME = 50


def page(request: HttpRequest, line_id: int) -> HttpResponse:
    """Show the events of a line, fifty at a time; with `?check_sums` add them all up."""
    line, usage = _find(request, line_id)
    cursor = request.GET.get("cursor", "")
    found, more = read_page(usage, after=place_of(cursor) if cursor else None, limit=AT_A_TIME)
    context = {
        **admin.site.each_context(request),
        "title": f"Events of line {line.position} of {line.invoice}",
        "line": line,
        "usage": usage,
        "entries": found,
        "next": text_of(more) if more else "",
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

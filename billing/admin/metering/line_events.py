"""The events of an invoice line, as a page and as a file."""

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from billing.metering.store.event_removals import EventsRemoved
from billing.metering.usage.line_event_pages import csv_response, decode_position, encode_position
from billing.metering.usage.line_events import LineUsage, check_sums, read_line_usage, read_page
from invoices.models import Line
from lib.admin import require, staff_page

PAGE_SIZE = 50


def page(request: HttpRequest, line_id: int) -> HttpResponse:
    """Show the events of a line, fifty per page; with `?prove`, add up all of them."""
    line, usage = _find(request, line_id)
    cursor = request.GET.get("cursor", "")
    events, next_place = read_page(usage, after=decode_position(cursor) if cursor else None, limit=PAGE_SIZE)
    return staff_page(
        request,
        "staff/metering/line_events.html",
        title=_("Events of %(invoice)s, line %(line)s") % {"invoice": line.invoice, "line": line.position},
        line=line,
        usage=usage,
        entries=events,
        next=encode_position(next_place) if next_place else "",
        proof=check_sums(usage) if "prove" in request.GET and not usage.removed else None,
    )


def download(request: HttpRequest, line_id: int) -> StreamingHttpResponse:
    """Send all events of a line as CSV."""
    line, usage = _find(request, line_id)
    if usage.removed:
        raise Http404(str(EventsRemoved(usage.removed)))
    return csv_response(line, usage)


def _find(request: HttpRequest, line_id: int) -> tuple[Line, LineUsage]:
    require(request, "invoices.view_invoice")
    require(request, "billing.view_event")
    line = Line.objects.select_related("invoice").filter(pk=line_id).first()
    usage = read_line_usage(line_id) if line else None
    if line is None or usage is None:
        raise Http404(f"Line {line_id} bills no usage, so it has no events.")
    return line, usage

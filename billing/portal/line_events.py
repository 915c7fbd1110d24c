"""The events that an invoice line bills."""

from decimal import Decimal

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import ngettext

from billing.metering.store.event_removals import EventsRemoved
from billing.metering.usage.line_event_pages import csv_response, decode_position, encode_position
from billing.metering.usage.line_events import LineUsage, read_line_usage, read_page
from customers.portal.visit import Visit, render_page, signed_in
from invoices.models import Line
from invoices.portal.formats import PortalFigures, portal_figures
from invoices.portal.invoice_list import VISIBLE_STATES
from lib.api.problems import Problem

PAGE_SIZE = 50


@signed_in()
def line_events(request: HttpRequest, visit: Visit, number: int, position: int) -> HttpResponseBase:
    """Show the events of a line, fifty per page."""
    line, usage = _find(visit, number, position)
    figures, cursor = portal_figures(visit), request.GET.get("cursor", "")
    try:
        line_events, next_position = read_page(
            usage, after=decode_position(cursor) if cursor else None, limit=PAGE_SIZE
        )
    except Problem as refused:
        raise Http404("This page of events does not exist.") from refused
    context = {
        "line": line,
        "summary": _summary(line, usage, figures),
        "removed_on": figures.moment(usage.removed.at) if usage.removed else "",
        "entries": [
            {
                "at": figures.moment(line_event.row.occurred_at),
                "name": line_event.row.name,
                "id": line_event.row.sender_id,
                "quantity": figures.quantity(line_event.quantity),
                "is_taken_back": line_event.change < 0,
                "properties": line_event.row.properties,
            }
            for line_event in line_events
        ],
        "more": encode_position(next_position) if next_position else "",
    }
    return render_page(request, visit, "line_events.html", context)


@signed_in()
def line_events_table(request: HttpRequest, visit: Visit, number: int, position: int) -> HttpResponseBase:
    """Send all events of a line as CSV."""
    line, usage = _find(visit, number, position)
    if usage.removed:
        raise Http404(str(EventsRemoved(usage.removed)))
    return csv_response(line, usage)


def _summary(line: Line, usage: LineUsage, figures: PortalFigures) -> str:
    names = {
        "quantity": figures.units(line.quantity, line.unit),
        "events": figures.quantity(Decimal(usage.events)),
        "sum": figures.quantity(usage.quantity),
    }
    if usage.is_sum:
        text = ngettext(
            "This line bills %(quantity)s. %(events)s event was counted, with a sum of %(sum)s.",
            "This line bills %(quantity)s. %(events)s events were counted, with a sum of %(sum)s.",
            usage.events,
        )
    else:
        text = ngettext(
            "This line bills %(quantity)s. %(events)s event was counted.",
            "This line bills %(quantity)s. %(events)s events were counted.",
            usage.events,
        )
    return text % names


def _find(visit: Visit, number: int, position: int) -> tuple[Line, LineUsage]:
    lines = Line.objects.filter(invoice__state__in=VISIBLE_STATES).select_related("invoice")
    line = visit.own_row(lines, "invoice__customer", invoice=number, position=position)
    usage = read_line_usage(line.pk)
    if usage is None:
        raise Http404("This line bills no usage, so it has no events.")
    return line, usage

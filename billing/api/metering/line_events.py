"""GET /api/v1/invoices/{id}/lines/{position}/events: the exact events that an invoice line bills."""

import json
from typing import Any

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from billing.metering.store.event_removals import EventsRemoved
from billing.metering.usage.line_event_pages import csv_response, decode_position, encode_position
from billing.metering.usage.line_events import LineEvent, LineUsage, read_line_usage, read_page
from invoices.models import Line
from lib.api.callers import caller_of
from lib.api.operations import get
from lib.api.pagination import CURSOR_SCHEMA, LIMIT_SCHEMA, read_limit
from lib.api.problems import Problem
from lib.api.views import ApiView
from lib.decimals import to_plain_string

_PAGES = (
    OpenApiParameter("limit", LIMIT_SCHEMA, description="Events per page."),
    OpenApiParameter("cursor", CURSOR_SCHEMA, description="`next_cursor` of the previous page."),
)


class LineEvents(ApiView[Any]):
    """The events of a line, in pages or as a file: those of its snapshot, or the changes since the line before it."""

    @get(
        "list_line_events",
        "List the events that an invoice line bills",
        "`events`, `quantity` and `fingerprint` cover all of the line's events. Once events of its period have been"
        " deleted after their retention, `data` is empty and `removed_until` says up to which time.",
        parameters=_PAGES,
        response=OpenApiTypes.OBJECT,
    )
    def list_all(self, request: Request, invoice: int, position: int) -> Response:
        limit = read_limit(request.query_params.get("limit"))
        cursor = request.query_params.get("cursor")
        line, usage = _find(request, invoice, position)
        line_events, next_position = read_page(
            usage, after=None if cursor is None else decode_position(cursor), limit=limit
        )
        return Response(
            {
                "invoice": invoice,
                "position": position,
                "line_quantity": to_plain_string(line.quantity),
                "aggregation": usage.aggregation,
                "events": usage.events,
                "quantity": to_plain_string(usage.quantity),
                "fingerprint": to_plain_string(usage.fingerprint),
                "after": usage.after,
                "up_to": usage.mark,
                "removed_until": usage.removed and usage.removed.until,
                "data": [_event_payload(line_event) for line_event in line_events],
                "next_cursor": None if next_position is None else encode_position(next_position),
            }
        )

    @get(
        "download_line_events",
        "Download the events that an invoice line bills as CSV",
        "The column `quantity` sums to the billed quantity; voided usage is negative.",
        response={(200, "text/csv"): OpenApiTypes.STR},
    )
    def download(self, request: Request, invoice: int, position: int) -> StreamingHttpResponse:
        line, usage = _find(request, invoice, position)
        if usage.removed:
            raise Problem("not-found", str(EventsRemoved(usage.removed)))
        return csv_response(line, usage)


def _find(request: Request, invoice: int, position: int) -> tuple[Line, LineUsage]:
    lines = Line.objects.select_related("invoice").filter(invoice__sandbox=caller_of(request).sandbox)
    line = get_object_or_404(lines, invoice_id=invoice, position=position)
    usage = read_line_usage(line.pk)
    if usage is None:
        detail = f"Line {position} bills no usage ({line.get_kind_display()}), so it has no events."
        raise Problem("not-found", detail)
    return line, usage


def _event_payload(line_event: LineEvent) -> dict[str, Any]:
    row = line_event.row
    return {
        "number": row.sequence,
        "id": row.sender_id,
        "source": row.source,
        "event": row.name,
        "timestamp": row.occurred_at,
        "received_at": row.received_at,
        "change": "counted" if line_event.change > 0 else "taken_back",
        "quantity": to_plain_string(line_event.quantity),
        "properties": json.loads(row.properties, parse_float=str),
    }

"""GET /api/v1/invoices/{id}/lines/{position}/events: from a line of an invoice to the exact events that it bills."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.metering.ingest.event_reader import EventPosition
from billing.metering.usage.line_events import LineEvent, LineUsage, as_csv, read_line_usage, read_page
from invoices.models import Line
from lib.api.errors import NotFoundError
from lib.api.pagination import read_limit
from lib.api.problems import invalid_fields
from lib.decimals import to_plain_string

MOST_CURSOR = 2_000

_PAGES = [
    OpenApiParameter("limit", int, description="Events per page, 1 to 200; default: 50."),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
]


class LineEventsView(APIView):
    """The events of a line: those of its snapshot, or what has become of them since the line before it."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="list_line_events",
        summary="List the events that an invoice line bills",
        description="`events`, `quantity` and `fingerprint` are what all of the line's events add up to.",
        parameters=_PAGES,
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request, invoice: int, position: int) -> Response:
        limit = read_limit(request.query_params.get("limit"))
        cursor = request.query_params.get("cursor")
        line, usage = _find(request, invoice, position)
        found, more = read_page(usage, after=None if cursor is None else place_of(cursor), limit=limit)
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
                "data": [_document(one) for one in found],
                "next_cursor": None if more is None else text_of(more),
            }
        )


class LineEventsFileView(APIView):
    """All events of a line as one file, sent as it is read."""

    required_scopes = {"GET": "read"}

    @extend_schema(
        operation_id="download_line_events",
        summary="Download the events that an invoice line bills as CSV",
        description="The column `quantity` adds up to what the line bills; what was taken back is negative.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, invoice: int, position: int) -> StreamingHttpResponse:
        line, usage = _find(request, invoice, position)
        return csv_response(line, usage)


def csv_response(line: Line, usage: LineUsage) -> StreamingHttpResponse:
    """Return a line's events as a file to download."""
    name = f"{line.invoice.number or f'draft-{line.invoice_id}'}-line-{line.position}-events.csv"
    return StreamingHttpResponse(
        as_csv(usage),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


def _find(request: Request | HttpRequest, invoice: int, position: int) -> tuple[Line, LineUsage]:
    lines = Line.objects.select_related("invoice").filter(invoice__sandbox=request.user.sandbox)  # type: ignore[union-attr]
    line = get_object_or_404(lines, invoice_id=invoice, position=position)
    usage = read_line_usage(line.pk)
    if usage is None:
        raise NotFoundError(f"Line {position} bills no usage ({line.get_kind_display()}), so it has no events.")
    return line, usage


def _document(one: LineEvent) -> dict[str, Any]:
    row = one.row
    return {
        "number": row.sequence,
        "id": row.sender_id,
        "source": row.source,
        "event": row.name,
        "timestamp": row.occurred_at,
        "received_at": row.received_at,
        "change": "counted" if one.change > 0 else "taken_back",
        "quantity": to_plain_string(one.quantity),
        "properties": json.loads(row.properties, parse_float=str),
    }


def text_of(place: EventPosition) -> str:
    """Return a place among events as a cursor."""
    at, source, id_ = place
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), source, id_]).encode()).decode().rstrip("=")


def place_of(cursor: str) -> EventPosition:
    """
    Return the place that a cursor names.

    :raises Problem: `invalid-fields`, if it is none.
    """
    try:
        text = base64.b64decode(cursor[:MOST_CURSOR] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, source, id_ = json.loads(text)
        place = (datetime.fromisoformat(at), str(source), str(id_))
        if place[0].tzinfo is None or "\0" in source + id_:
            raise ValueError
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        fault = {"field": "cursor", "code": "invalid", "detail": "must be the next_cursor of an earlier page"}
        raise invalid_fields([fault]) from error
    return place

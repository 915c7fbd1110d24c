"""The events of a line for interfaces: a cursor for pages, and a CSV file to download."""

import base64
import binascii
import json
from datetime import datetime

from django.http import StreamingHttpResponse

from billing.metering.ingest.event_reader import EventPosition
from billing.metering.usage.line_events import LineUsage, as_csv
from invoices.models import Line
from lib.api.problems import invalid_fields

# Our cursors are far shorter; a client's text is decoded before it is checked.
MAX_CURSOR_LENGTH = 2_000


def encode_cursor(position: EventPosition) -> str:
    """Return a position among a line's events as the text of a cursor."""
    at, source, id_ = position
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), source, id_]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> EventPosition:
    """
    Return the position that a cursor encodes.

    :raises Problem: `invalid-fields`, if the cursor was not made by `encode_cursor`.
    """
    try:
        text = base64.b64decode(cursor[:MAX_CURSOR_LENGTH] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, source, id_ = json.loads(text)
        position = (datetime.fromisoformat(at), str(source), str(id_))
        if position[0].tzinfo is None or "\0" in source + id_:
            raise ValueError
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        fault = {"field": "cursor", "code": "invalid", "detail": "must be the next_cursor of an earlier page"}
        raise invalid_fields([fault]) from error
    return position


def csv_response(line: Line, usage: LineUsage) -> StreamingHttpResponse:
    """Return a line's events as a CSV file to download."""
    name = f"{line.invoice.number or f'draft-{line.invoice_id}'}-line-{line.position}-events.csv"
    return StreamingHttpResponse(
        as_csv(usage),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )

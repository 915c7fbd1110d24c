"""The events of a line for interfaces: a cursor for pages, and a CSV file to download."""

import json
from datetime import datetime

from django.http import StreamingHttpResponse

from billing.metering.ingest.event_reader import EventPosition
from billing.metering.usage.line_events import LineUsage, csv_rows
from invoices.models import Line
from lib.api.pagination import decode_cursor, encode_cursor, invalid_cursor
from lib.csv_export import csv_download


def encode_position(position: EventPosition) -> str:
    """Return a position among a line's events as the text of a cursor."""
    at, source, id_ = position
    return encode_cursor(json.dumps([at.isoformat(), source, id_]))


def decode_position(cursor: str) -> EventPosition:
    """
    Return the position that a cursor encodes.

    :raises Problem: `invalid-fields`, if the cursor was not made by `encode_position`.
    """
    text = decode_cursor(cursor)
    try:
        at, source, id_ = json.loads(text)
        position = (datetime.fromisoformat(at), str(source), str(id_))
        if position[0].tzinfo is None or "\0" in source + id_:
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid_cursor() from error
    return position


def csv_response(line: Line, usage: LineUsage) -> StreamingHttpResponse:
    """Return a line's events as a CSV file to download."""
    name = f"{line.invoice.number or f'draft-{line.invoice_id}'}-line-{line.position}-events.csv"
    return csv_download(csv_rows(usage), file_name=name)

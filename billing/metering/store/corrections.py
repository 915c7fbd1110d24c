"""Corrections: voided events. Rows are only added, once per event."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from lib import prepared_statements


class NewCorrection(NamedTuple):
    """A correction to store. Keys are 32 hexadecimal digits; `replacement` is None if the event is only voided."""

    key: str
    kind: str
    replacement: str | None
    reason: str


class StoredCorrection(NamedTuple):
    """A stored correction, with its number in the sequence of events."""

    sequence: int
    kind: str
    replacement: str | None
    reason: str


_INSERT = """
INSERT INTO billing_correction (event_key, sequence, kind, replacement_key, sandbox, reason, by_id, api_key_id,
    corrected_at)
SELECT key, nextval('billing_event_sequence'), kind, replacement, %s, reason, %s, %s, %s
FROM (SELECT * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[]) AS t(key, kind, replacement, reason)
    ORDER BY key) sent
ON CONFLICT (event_key) DO NOTHING
RETURNING event_key, sequence
"""


def add(
    corrections: Sequence[NewCorrection], *, sandbox: bool, by_id: int | None, api_key_id: int | None, at: datetime
) -> dict[str, int]:
    """
    Store these corrections and return the number of each by its event's key; the periods are locked already.

    An event that another transaction corrected in between is left out.
    """
    parameters = [sandbox, by_id, api_key_id, at]
    with prepared_statements.cursor() as cursor:
        cursor.execute(_INSERT, [*parameters, *(list(column) for column in zip(*corrections, strict=True))])
        return {key.hex: sequence for key, sequence in cursor.fetchall()}


_READ = """
SELECT event_key, sequence, kind, replacement_key, reason FROM billing_correction WHERE event_key = ANY(%s::uuid[])
"""


def read_corrections(keys: Collection[str]) -> dict[str, StoredCorrection]:
    """Return the corrections of these events, by the events' keys."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, [list(keys)], binary=True)
        return {
            key.hex: StoredCorrection(sequence, kind, replacement and replacement.hex, reason)
            for key, sequence, kind, replacement, reason in cursor.fetchall()
        }

"""
Decode the body of a request for corrections, and tell what is wrong with each of them.

Pure, like billing/metering/ingest/parser.py, which reads the replacements.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from billing.metering.corrections.validation import CorrectionRequest
from billing.metering.ingest import parser
from billing.metering.ingest.parser import BodyRefused, EventError, Name, ReceivedEvent

MAX_CORRECTIONS = 1_000
"""Corrections of one request: each may have to read the events of its period again."""


class CorrectionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A correction as documented: the event by its id and source, what is to become of it, and why."""

    id: Name
    kind: Literal["void", "replace"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    source: Annotated[str, msgspec.Meta(max_length=200)] = ""
    replacement: msgspec.Raw = msgspec.Raw(b"")


_asked = msgspec.json.Decoder(CorrectionBody).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parse_corrections(
    body: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> tuple[list[CorrectionRequest], list[EventError], bool]:
    """
    Return the corrections of a body that can be tried, those that cannot, and whether the body was a single one.

    oldest, newest: bounds of a replacement's timestamp, inclusive.

    :raises BodyRefused: if the body is too large or not JSON, or holds no correction or too many.
    """
    if len(body) > parser.MAX_BYTES:
        raise BodyRefused(
            f"The body has {len(body):,} bytes; send at most {parser.MAX_BYTES:,} at a time.", status=413
        )
    single = body.lstrip()[:1] == b"{"
    wanted: list[CorrectionRequest] = []
    refused: list[EventError] = []
    for index, raw in enumerate(_split(body, single=single)):
        found = _read_one(index, raw, sandbox=sandbox, at=at, oldest=oldest, newest=newest)
        (refused if isinstance(found, EventError) else wanted).append(found)  # type: ignore[arg-type]
    return wanted, refused, single


def _split(body: bytes, *, single: bool) -> list[bytes]:
    try:
        raws = _raws(b"[%b]" % body if single else body)
    except RecursionError as error:
        raise BodyRefused("The body is nested too deeply; properties may be nested 16 levels.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        mended = parser.replace_lone_surrogates(body)
        if mended != body:
            return _split(mended, single=single)
        raise BodyRefused(f"The body is not a JSON correction or array of them: {error}. Send UTF-8 JSON.") from error
    if not raws:
        raise BodyRefused("There is no correction in the body; send at least one.")
    if len(raws) > MAX_CORRECTIONS:
        raise BodyRefused(f"The body has more than {MAX_CORRECTIONS:,} corrections; send them in parts.", status=413)
    return [bytes(raw) for raw in raws]


def _read_one(
    index: int, raw: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> CorrectionRequest | EventError:
    try:
        asked = _asked(raw)
        twice = parser.find_repeated_key(raw)
    except RecursionError:
        return EventError(index, "replacement", f"nested too deeply; at most {parser.MAX_LEVELS} levels")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return parser.describe_decode_error(index, str(error), default_field="correction")
    if twice is not None:
        return EventError(index, twice, "this key appears twice; send it once", asked.id)
    if any("\0" in text for text in (asked.id, asked.source, asked.reason)):
        return EventError(index, "correction", parser.INVALID_CHARACTER, asked.id)
    if not asked.reason.strip():
        return EventError(index, "reason", "say why the event is wrong", asked.id)
    new: ReceivedEvent | None = None
    if asked.kind == "replace":
        if not bytes(asked.replacement):
            return EventError(index, "replacement", "send the event that takes its place, or say “void”", asked.id)
        found = parser.parse_event(
            index, bytes(asked.replacement), sandbox=sandbox, at=at, oldest=oldest, newest=newest
        )
        if isinstance(found, EventError):
            return EventError(index, f"replacement.{found.field}", found.detail, asked.id)
        new = found
    elif bytes(asked.replacement):
        return EventError(
            index, "replacement", "a void has none; say “replace” to put another in its place", asked.id
        )
    key = parser.event_key(asked.id, source=asked.source, sandbox=sandbox)
    return CorrectionRequest(index, asked.id, asked.source, key, asked.reason.strip(), new)

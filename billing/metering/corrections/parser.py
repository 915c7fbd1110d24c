"""
Decode the body of a correction request and report each invalid correction.

Pure, like billing/metering/ingest/parser.py, which parses the replacements.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from billing.metering.corrections.validation import CorrectionRequest
from billing.metering.ingest import parser
from billing.metering.ingest.parser import MAX_NAME, BodyRefused, EventError, Name, ReceivedEvent
from billing.metering.ingest.property_limits import MAX_LEVELS

MAX_CORRECTIONS = 1_000
"""Corrections per request. Each of them may need to read all events of its period."""

MAX_REASON = 500


class CorrectionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A correction as documented: the event by its id and source, the kind of correction, and the reason."""

    id: Name
    kind: Literal["void", "replace"]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON)]
    source: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    replacement: msgspec.Raw = msgspec.Raw(b"")


_decode_correction = msgspec.json.Decoder(CorrectionBody).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parse_corrections(
    body: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> tuple[list[CorrectionRequest], list[EventError], bool]:
    """
    Return the valid corrections of a body, an error for each invalid one, and whether the body was a single object.

    oldest, newest: bounds of a replacement's timestamp, inclusive.

    :raises BodyRefused: if the body is too large or not JSON, or holds no correction or too many.
    """
    if len(body) > parser.MAX_BYTES:
        raise BodyRefused(
            f"The body has {len(body):,} bytes; send at most {parser.MAX_BYTES:,} at a time.", status=413
        )
    # A single object gets a single answer instead of a list.
    single = body.lstrip()[:1] == b"{"
    requests: list[CorrectionRequest] = []
    errors: list[EventError] = []
    for index, raw in enumerate(_split(body, single=single)):
        correction = _read_one(index, raw, sandbox=sandbox, at=at, oldest=oldest, newest=newest)
        if isinstance(correction, EventError):
            errors.append(correction)
        else:
            requests.append(correction)
    return requests, errors, single


def _split(body: bytes, *, single: bool) -> list[bytes]:
    try:
        raws = _decode_list(b"[%b]" % body if single else body)
    except RecursionError as error:
        raise BodyRefused("The body is nested too deeply; at most 16 levels are allowed.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # Half of an emoji makes the whole body undecodable; repaired, only its own correction is refused.
        repaired = parser.replace_lone_surrogates(body)
        if repaired != body:
            return _split(repaired, single=single)
        raise BodyRefused(f"The body is not a JSON correction or array of them: {error}. Send UTF-8 JSON.") from error
    if not raws:
        raise BodyRefused("There is no correction in the body; send at least one.")
    if len(raws) > MAX_CORRECTIONS:
        raise BodyRefused(
            f"The body has more than {MAX_CORRECTIONS:,} corrections; send several smaller requests.", status=413
        )
    return [bytes(raw) for raw in raws]


def _read_one(
    index: int, raw: bytes, *, sandbox: bool, at: datetime, oldest: datetime, newest: datetime
) -> CorrectionRequest | EventError:
    try:
        correction = _decode_correction(raw)
        # The decoder would silently keep the last of two values.
        repeated_key = parser.find_repeated_key(raw)
    except RecursionError:
        return EventError(index, "replacement", f"nested too deeply; at most {MAX_LEVELS} levels")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return parser.describe_decode_error(index, str(error), default_field="correction")
    if repeated_key is not None:
        return EventError(index, repeated_key, "this key appears twice; send it once", correction.id)
    if any("\0" in text for text in (correction.id, correction.source, correction.reason)):
        return EventError(index, "correction", parser.INVALID_CHARACTER, correction.id)
    if not correction.reason.strip():
        return EventError(index, "reason", "enter the reason of the correction", correction.id)
    replacement: ReceivedEvent | None = None
    if correction.kind == "replace":
        if not bytes(correction.replacement):
            return EventError(index, "replacement", "send the replacement event, or use “void”", correction.id)
        parsed = parser.parse_event(
            index, bytes(correction.replacement), sandbox=sandbox, at=at, oldest=oldest, newest=newest
        )
        if isinstance(parsed, EventError):
            return EventError(index, f"replacement.{parsed.field}", parsed.detail, correction.id)
        replacement = parsed
    elif bytes(correction.replacement):
        return EventError(index, "replacement", "a void has no replacement; use “replace” to send one", correction.id)
    key = parser.event_key(correction.id, source=correction.source, sandbox=sandbox)
    return CorrectionRequest(index, correction.id, correction.source, key, correction.reason.strip(), replacement)

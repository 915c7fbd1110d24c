"""OpenAPI descriptions of payloads that msgspec reads and writes."""

from collections.abc import Container
from typing import Any

_EVENT = {
    "type": "object",
    "required": ["id", "customer", "event"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 200, "description": "Your key: the same id counts once."},
        "customer": {"type": "string", "maxLength": 200, "description": "The customer's external id."},
        "event": {"type": "string", "maxLength": 200, "description": "The event's name."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened; default: now."},
        "properties": {"type": "object", "additionalProperties": True},
        "subscription": {"type": "string", "description": "The subscription it belongs to, where there are several."},
    },
}
_CLOUD_EVENT = {
    "type": "object",
    "description": "CloudEvents 1.0: id and source make the key, subject is the customer, type the event's name.",
    "required": ["specversion", "id", "source", "type", "subject"],
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object", "additionalProperties": True},
    },
}
_ONE = {"oneOf": [_EVENT, _CLOUD_EVENT]}

ONE_EVENT = {"application/json": _ONE}

EVENTS_REQUEST = {
    "application/json": {"oneOf": [_EVENT, _CLOUD_EVENT, {"type": "array", "maxItems": 10_000, "items": _ONE}]}
}

_CORRECTION = {
    "type": "object",
    "required": ["id", "kind", "reason"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 200, "description": "The id that the wrong event was sent with."},
        "source": {"type": "string", "maxLength": 200, "description": "Its source, if it was sent with one."},
        "kind": {"type": "string", "enum": ["void", "replace"]},
        "reason": {"type": "string", "maxLength": 500, "description": "Why it is wrong; kept for good."},
        "replacement": {
            "description": "The event that takes its place: a new id, and a timestamp that it must say.",
            **_ONE,
        },
    },
}

CORRECTIONS_REQUEST = {
    "application/json": {"oneOf": [_CORRECTION, {"type": "array", "maxItems": 1_000, "items": _CORRECTION}]}
}

_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_BOOLEAN = {"type": "boolean"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_TIME = {"type": "string", "format": "date-time"}
_TIME_OR_NULL = {"type": ["string", "null"], "format": "date-time"}


def _object(properties: dict[str, Any], *, optional: Container[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _array(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _answer(properties: dict[str, Any], *, optional: Container[str] = ()) -> dict[tuple[int, str], Any]:
    return {(200, "application/json"): _object(properties, optional=optional)}


_RESULT = _object(
    {
        "index": _INTEGER,
        "id": _STRING,
        "status": {"type": "string", "enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "field": _STRING,
        "detail": _STRING,
    },
    optional=("field", "detail"),
)
_RESULTS = _object(
    {
        "accepted": _INTEGER,
        "duplicate": _INTEGER,
        "conflict": _INTEGER,
        "rejected": _INTEGER,
        "results": _array(_RESULT),
    }
)

EVENTS_ANSWER = {(200, "application/json"): _RESULTS, (207, "application/json"): _RESULTS}

_STEP = _object(
    {
        "step": _STRING | {"description": "Event, Filter, Exclude, Value or Cost."},
        "holds": _BOOLEAN,
        "detail": _STRING,
    }
)
_VALUE = _object({"value": _STRING | {"description": "Exact, as text."}, "dimension_value": _TEXT_OR_NULL})

TRIED_ANSWER = _answer(
    {
        "counted": _BOOLEAN,
        "steps": _array(_STEP),
        "values": _array(_VALUE),
        "dimensions": {"type": "object", "additionalProperties": _STRING},
    }
)

_AMOUNT = _object({"amount": _STRING, "currency": _STRING}) | {"type": ["object", "null"]}
_STAKE = _object(
    {
        "reason": _STRING,
        "customer": _STRING | {"description": "As it was sent; there may be no such customer."},
        "event": _STRING,
        "meter": _TEXT_OR_NULL | {"description": "The name of the meter that could not count it."},
        "unit": _TEXT_OR_NULL,
        "events": _INTEGER,
        "quantity": _TEXT_OR_NULL | {"description": "Null where the events do not tell it."},
        "estimate": _AMOUNT | {"description": "What it would cost, without allowance; null where that is not known."},
        "estimated_by": {
            "type": ["string", "null"],
            "enum": ["dearest_rate", "average_event", None],
            "description": "average_event: as many units as the customer's other events of the period have.",
        },
    }
)

UNMATCHED_ANSWER = _answer(
    {
        "data": _array(_STAKE),
        "complete": _BOOLEAN | {"description": "False where only the latest reports were looked at."},
    }
)

_LATE = _object(
    {
        "customer": _STRING,
        "subscription": _STRING,
        "start": _TIME,
        "end": _TIME,
        "late_since": _TIME,
        "policy": _STRING | {"description": "What becomes of it: next_invoice, reissue or report_only."},
        "amount": _AMOUNT
        | {"description": "Beyond what was billed, before coupons and tax; below zero where it is less."},
        "problem": _STRING | {"description": "Why it cannot be priced; empty otherwise."},
    }
)
_LATE_TOTAL = _object({"policy": _STRING, "amount": _AMOUNT})

LATE_ANSWER = _answer(
    {
        "data": _array(_LATE),
        "totals": _array(_LATE_TOTAL) | {"description": "For each policy and currency."},
        "complete": _BOOLEAN | {"description": "False where only the latest periods were looked at."},
    }
)

JOB_ANSWER = _answer(
    {
        "number": _INTEGER,
        "kind": _STRING,
        "title": _STRING,
        "state": {
            "type": "string",
            "enum": ["queued", "running", "paused", "done", "failed", "canceled"],
            "description": "failed: it ended, and some of its items failed; the result file says why.",
        },
        "dry_run": _BOOLEAN | {"description": "Whether items only say what they would do."},
        "items": {"type": ["integer", "null"], "description": "How many there are; null until all are known."},
        "items_done": _INTEGER,
        "items_failed": _INTEGER,
        "figures": {
            "type": "object",
            "additionalProperties": _INTEGER,
            "description": "What was counted so far. Amounts are named total.CURRENCY, in its smallest unit.",
        },
        "error": _STRING | {"description": "Why it could not be begun; empty otherwise."},
        "created_at": _TIME,
        "started_at": _TIME_OR_NULL,
        "finished_at": _TIME_OR_NULL,
    },
    optional=("error", "created_at", "started_at", "finished_at"),
)

_POINT = _object(
    {
        "code": _STRING | {"description": "What is counted, such as periods_open."},
        "count": _INTEGER | {"description": "How many are open; 1,001 for more than a thousand."},
        "blocks": _BOOLEAN | {"description": "Whether any of them keeps the month from being locked."},
        "amounts": _array(_AMOUNT) | {"description": "What they come to, where that is known."},
    }
)
_SUM = _object(
    {
        "kind": {"type": "string", "enum": ["invoice", "credit_note"]},
        "currency": _STRING,
        "documents": _INTEGER,
        **{name: _STRING | {"description": "Exact, as text."} for name in ("net", "tax", "total")},
    }
)

MONTH_END_ANSWER = _answer(
    {
        "seller": _STRING,
        "month": _STRING | {"description": "By the seller's calendar, such as 2026-01."},
        "locked_at": _TIME_OR_NULL,
        "checklist": _array(_POINT) | {"description": "Of a locked month: as it was then."},
        "documents": _array(_SUM) | {"description": "Dated in the month, live ones only."},
    }
)

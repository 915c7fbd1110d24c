"""OpenAPI descriptions of payloads that msgspec reads and writes."""

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

_RESULT = {
    "type": "object",
    "required": ["index", "id", "status"],
    "properties": {
        "index": {"type": "integer"},
        "id": {"type": "string"},
        "status": {"type": "string", "enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "field": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_ANSWER = {
    "type": "object",
    "required": ["accepted", "duplicate", "conflict", "rejected", "results"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicate": {"type": "integer"},
        "conflict": {"type": "integer"},
        "rejected": {"type": "integer"},
        "results": {"type": "array", "items": _RESULT},
    },
}

EVENTS_ANSWER = {
    (200, "application/json"): _ANSWER,
    (207, "application/json"): _ANSWER,
}

_STEP = {
    "type": "object",
    "required": ["step", "holds", "detail"],
    "properties": {
        "step": {"type": "string", "description": "Event, Filter, Exclude, Value or Cost."},
        "holds": {"type": "boolean"},
        "detail": {"type": "string"},
    },
}
_VALUE = {
    "type": "object",
    "required": ["value", "dimension_value"],
    "properties": {
        "value": {"type": "string", "description": "Exact, as text."},
        "dimension_value": {"type": ["string", "null"]},
    },
}

TRIED_ANSWER = {
    (200, "application/json"): {
        "type": "object",
        "required": ["counted", "steps", "values", "dimensions"],
        "properties": {
            "counted": {"type": "boolean"},
            "steps": {"type": "array", "items": _STEP},
            "values": {"type": "array", "items": _VALUE},
            "dimensions": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
}

_AMOUNT = {
    "type": ["object", "null"],
    "required": ["amount", "currency"],
    "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
}
_STAKE = {
    "type": "object",
    "required": ["reason", "customer", "event", "meter", "unit", "events", "quantity", "estimate", "estimated_by"],
    "properties": {
        "reason": {"type": "string"},
        "customer": {"type": "string", "description": "As it was sent; there may be no such customer."},
        "event": {"type": "string"},
        "meter": {"type": ["string", "null"], "description": "The name of the meter that could not count it."},
        "unit": {"type": ["string", "null"]},
        "events": {"type": "integer"},
        "quantity": {"type": ["string", "null"], "description": "Null where the events do not tell it."},
        "estimate": _AMOUNT | {"description": "What it would cost, without allowance; null where that is not known."},
        "estimated_by": {
            "type": ["string", "null"],
            "enum": ["dearest_rate", "average_event", None],
            "description": "average_event: as many units as the customer's other events of the period have.",
        },
    },
}

UNMATCHED_ANSWER = {
    (200, "application/json"): {
        "type": "object",
        "required": ["data", "complete"],
        "properties": {
            "data": {"type": "array", "items": _STAKE},
            "complete": {"type": "boolean", "description": "False where only the latest reports were looked at."},
        },
    }
}

_LATE = {
    "type": "object",
    "required": ["customer", "subscription", "start", "end", "late_since", "policy", "amount", "problem"],
    "properties": {
        "customer": {"type": "string"},
        "subscription": {"type": "string"},
        "start": {"type": "string", "format": "date-time"},
        "end": {"type": "string", "format": "date-time"},
        "late_since": {"type": "string", "format": "date-time"},
        "policy": {"type": "string", "description": "What becomes of it: next_invoice, reissue or report_only."},
        "amount": _AMOUNT
        | {"description": "Beyond what was billed, before coupons and tax; below zero where it is less."},
        "problem": {"type": "string", "description": "Why it cannot be priced; empty otherwise."},
    },
}
_LATE_TOTAL = {
    "type": "object",
    "required": ["policy", "amount"],
    "properties": {"policy": {"type": "string"}, "amount": _AMOUNT},
}

LATE_ANSWER = {
    (200, "application/json"): {
        "type": "object",
        "required": ["data", "totals", "complete"],
        "properties": {
            "data": {"type": "array", "items": _LATE},
            "totals": {"type": "array", "items": _LATE_TOTAL, "description": "For each policy and currency."},
            "complete": {"type": "boolean", "description": "False where only the latest periods were looked at."},
        },
    }
}

JOB_ANSWER = {
    (200, "application/json"): {
        "type": "object",
        "required": ["number", "kind", "title", "state", "dry_run", "items", "items_done", "items_failed", "figures"],
        "properties": {
            "number": {"type": "integer"},
            "kind": {"type": "string"},
            "title": {"type": "string"},
            "state": {
                "type": "string",
                "enum": ["queued", "running", "paused", "done", "failed", "canceled"],
                "description": "failed: it ended, and some of its items failed; the result file says why.",
            },
            "dry_run": {"type": "boolean", "description": "Whether items only say what they would do."},
            "items": {"type": ["integer", "null"], "description": "How many there are; null until all are known."},
            "items_done": {"type": "integer"},
            "items_failed": {"type": "integer"},
            "figures": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "What was counted so far. Amounts are named total.CURRENCY, in its smallest unit.",
            },
            "error": {"type": "string", "description": "Why it could not be begun; empty otherwise."},
            "created_at": {"type": "string", "format": "date-time"},
            "started_at": {"type": ["string", "null"], "format": "date-time"},
            "finished_at": {"type": ["string", "null"], "format": "date-time"},
        },
    }
}

_POINT = {
    "type": "object",
    "required": ["code", "count", "blocks", "amounts"],
    "properties": {
        "code": {"type": "string", "description": "What is counted, such as periods_open."},
        "count": {"type": "integer", "description": "How many are open; 1,001 for more than a thousand."},
        "blocks": {"type": "boolean", "description": "Whether any of them keeps the month from being locked."},
        "amounts": {"type": "array", "items": _AMOUNT, "description": "What they come to, where that is known."},
    },
}
_SUM = {
    "type": "object",
    "required": ["kind", "currency", "documents", "net", "tax", "total"],
    "properties": {
        "kind": {"type": "string", "enum": ["invoice", "credit_note"]},
        "currency": {"type": "string"},
        "documents": {"type": "integer"},
        **{name: {"type": "string", "description": "Exact, as text."} for name in ("net", "tax", "total")},
    },
}

MONTH_END_ANSWER = {
    (200, "application/json"): {
        "type": "object",
        "required": ["seller", "month", "locked_at", "checklist", "documents"],
        "properties": {
            "seller": {"type": "string"},
            "month": {"type": "string", "description": "By the seller's calendar, such as 2026-01."},
            "locked_at": {"type": ["string", "null"], "format": "date-time"},
            "checklist": {"type": "array", "items": _POINT, "description": "Of a locked month: as it was then."},
            "documents": {"type": "array", "items": _SUM, "description": "Dated in the month, live ones only."},
        },
    }
}

"""OpenAPI descriptions of payloads that msgspec reads and writes."""

# The bounds of billing.metering.ingest.parser.
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_TIME = {"type": ["string", "null"], "format": "date-time"}

_EVENT = {
    "type": "object",
    "required": ["id", "customer", "event"],
    "additionalProperties": False,
    "properties": {
        "id": {**_NAME, "description": "Your key: an event with the same ID is counted once."},
        "customer": {**_NAME, "description": "The customer's external ID."},
        "event": {**_NAME, "description": "The event's name."},
        "timestamp": {**_TIME, "description": "When the usage happened; default: now."},
        "properties": {"type": "object", "additionalProperties": True},
        "subscription": {
            "type": "string",
            "maxLength": 200,
            "description": "External ID of the subscription, if the customer has several.",
        },
    },
}
_CLOUD_EVENT = {
    "type": "object",
    "description": "CloudEvents 1.0: id and source form the key, subject is the customer, type is the event's name.",
    "required": ["specversion", "id", "source", "type", "subject"],
    "properties": {
        "specversion": {"type": "string", "pattern": r"^1\."},
        "id": _NAME,
        "source": _NAME,
        "type": _NAME,
        "subject": _NAME,
        "time": _TIME,
        "data": {"type": "object", "additionalProperties": True},
        "subscription": {"type": "string", "maxLength": 200},
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
        "id": {"type": "string", "maxLength": 200, "description": "ID of the incorrect event."},
        "source": {"type": "string", "maxLength": 200, "description": "Its source, if it has one."},
        "kind": {"type": "string", "enum": ["void", "replace"]},
        "reason": {"type": "string", "maxLength": 500, "description": "Why it is incorrect; kept permanently."},
        "replacement": {
            "description": "The replacement event, with a new ID and an explicit timestamp.",
            **_ONE,
        },
    },
}

CORRECTIONS_REQUEST = {
    "application/json": {"oneOf": [_CORRECTION, {"type": "array", "maxItems": 1_000, "items": _CORRECTION}]}
}

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}

_RESULT = {
    "type": "object",
    "required": ["index", "id", "status"],
    "properties": {
        "index": _INTEGER,
        "id": _STRING,
        "status": {"type": "string", "enum": ["accepted", "duplicate", "conflict", "rejected"]},
        "field": _STRING,
        "detail": _STRING,
    },
}
_COUNTS = ("accepted", "duplicate", "conflict", "rejected")
_RESULTS = {
    "type": "object",
    "required": [*_COUNTS, "results"],
    "properties": {**dict.fromkeys(_COUNTS, _INTEGER), "results": {"type": "array", "items": _RESULT}},
}

EVENTS_ANSWER = {(200, "application/json"): _RESULTS, (207, "application/json"): _RESULTS}

"""OpenAPI descriptions of payloads that msgspec reads and writes."""

from billing.metering.corrections.parser import MAX_CORRECTIONS, MAX_REASON
from billing.metering.ingest.parser import MAX_EVENTS, MAX_NAME
from billing.metering.ingest.property_limits import MAX_CHARACTERS, MAX_ELEMENTS, MAX_KEY, MAX_KEYS
from lib.api.field_rules import given, needs, only_if
from lib.api.fields import INSTANT
from lib.api.schema import NOT_BLANK, TEXT
from plans.aggregation.json_numbers import MAX_DIGITS

_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": TEXT}
EVENT_ID = _NAME
_MAYBE_NAME = _NAME | {"minLength": 0}
_TIME = {**INSTANT, "type": ["string", "null"]}
_LARGEST = 10**MAX_DIGITS - 1
_KEYS = {"maxLength": MAX_KEY, "pattern": TEXT}
# The digits of a fraction, and values within values, have bounds that a schema can't declare.
_PROPERTIES = {
    "type": "object",
    "maxProperties": MAX_KEYS,
    "propertyNames": _KEYS,
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "maxLength": MAX_CHARACTERS, "pattern": TEXT},
            {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST},
            {"type": "boolean"},
            {"type": "null"},
            {"type": "array", "maxItems": MAX_ELEMENTS, "items": {}},
            {"type": "object", "maxProperties": MAX_ELEMENTS, "propertyNames": _KEYS, "additionalProperties": True},
        ]
    },
}

_EVENT = {
    "type": "object",
    "required": ["id", "customer", "event"],
    "additionalProperties": False,
    "properties": {
        "id": {**_NAME, "description": "Your key: an event with the same ID is counted once."},
        "customer": {**_NAME, "description": "The customer's external ID."},
        "event": {**_NAME, "description": "The event's name."},
        "timestamp": {**_TIME, "description": "When the usage happened; default: now."},
        "properties": _PROPERTIES,
        "subscription": {
            **_MAYBE_NAME,
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
        "data": _PROPERTIES,
        "subscription": _MAYBE_NAME,
    },
}
_ONE = {"oneOf": [_EVENT, _CLOUD_EVENT]}

EVENT_LIST = {"type": "array", "items": _ONE}

ONE_EVENT = {"application/json": _ONE}

EVENTS_REQUEST = {
    "application/json": {
        "oneOf": [_EVENT, _CLOUD_EVENT, {"type": "array", "minItems": 1, "maxItems": MAX_EVENTS, "items": _ONE}]
    }
}

_CORRECTION = {
    "type": "object",
    "required": ["id", "kind", "reason"],
    "additionalProperties": False,
    "properties": {
        "id": {**_NAME, "description": "ID of the incorrect event."},
        "source": {**_MAYBE_NAME, "description": "Its source, if it has one."},
        "kind": {"type": "string", "enum": ["void", "replace"]},
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_REASON,
            "pattern": NOT_BLANK,
            "description": "Why it is incorrect; kept permanently.",
        },
        "replacement": {
            "description": "The replacement event, with a new ID and an explicit timestamp.",
            **_ONE,
        },
    },
    "allOf": [needs(given("kind", "replace"), "replacement"), only_if(given("kind", "replace"), "replacement")],
}

CORRECTIONS_REQUEST = {
    "application/json": {
        "oneOf": [_CORRECTION, {"type": "array", "minItems": 1, "maxItems": MAX_CORRECTIONS, "items": _CORRECTION}]
    }
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

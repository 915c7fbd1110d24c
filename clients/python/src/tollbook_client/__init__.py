"""The client of Tollbook's HTTP API: every event and request counts once, despite retries and failures."""

from tollbook_client.client import Tollbook
from tollbook_client.connection import Retries
from tollbook_client.limits import NotSent, OutboxFull, OutboxLimits, RefusedEvent
from tollbook_client.money import Money
from tollbook_client.problems import (
    Conflict,
    FieldError,
    InvalidFields,
    LimitReached,
    NotAuthenticated,
    NotFound,
    NotReady,
    Problem,
    ScopeMissing,
    ServerError,
    TollbookError,
    TooManyRequests,
    Unprocessable,
    Unreachable,
)
from tollbook_client.resources.events import Event
from tollbook_client.webhooks import BadSignature, WebhookMessage, verify

__all__ = [
    "BadSignature",
    "Conflict",
    "Event",
    "FieldError",
    "InvalidFields",
    "LimitReached",
    "Money",
    "NotAuthenticated",
    "NotFound",
    "NotReady",
    "NotSent",
    "OutboxFull",
    "OutboxLimits",
    "Problem",
    "RefusedEvent",
    "Retries",
    "ScopeMissing",
    "ServerError",
    "Tollbook",
    "TollbookError",
    "TooManyRequests",
    "Unprocessable",
    "Unreachable",
    "WebhookMessage",
    "verify",
]

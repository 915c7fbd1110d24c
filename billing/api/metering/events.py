"""POST /api/v1/events: receive usage, one event or many."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from billing.api.limits.availability import limit_reached
from billing.api.metering.event_schemas import EVENTS_ANSWER, EVENTS_REQUEST
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest import event_recorder, parser, submission
from lib.api.filters import read_flag
from lib.api.operations import Idempotency, post
from lib.api.problems import Problem
from lib.api.views import ApiView

STATUSES = (event_recorder.ACCEPTED, event_recorder.DUPLICATE, event_recorder.CONFLICT, "rejected")


class EventsView(ApiView[Any]):
    """Store usage events, each exactly once: a 2xx response means that they are committed."""

    @post(
        "send_events",
        "Send usage events",
        scope="ingest",
        idempotency=Idempotency.NONE,  # their ids name them for good
        parameters=(
            OpenApiParameter(
                "atomic",
                bool,
                description="Store all events or none: one invalid or conflicting event refuses the batch.",
            ),
            OpenApiParameter(
                "check",
                bool,
                description="Store all events if hard caps, wallets and stopping spend caps allow all of them;"
                " otherwise none. A refusal (402) stores nothing, and the IDs can be sent again.",
            ),
        ),
        request=EVENTS_REQUEST,
        response=EVENTS_ANSWER,
        problems=("conflict", "limit-reached"),
        refusals={submission.MixedTestClocks: "unprocessable"},
    )
    def send(self, request: Request) -> HttpResponse:
        at = timezone.now()
        sandbox = self.caller.sandbox
        try:
            body = request._request.body
            events, refused, single = submission.read_events(body, sandbox=sandbox, at=at)
        except (RequestDataTooBig, parser.BodyRefused) as error:
            raise unreadable_body(error) from error
        checks = read_flag(request._request.GET, "check")
        atomic = checks or read_flag(request._request.GET, "atomic")
        if refused and (single or atomic):
            raise ValidationError(refused_fields(refused, single=single))
        try:
            record = report_usage if checks else partial(event_recorder.record_events, atomic=atomic)
            outcomes = submission.store_events(events, sandbox=sandbox, at=at, atomic=atomic, record=record)
        except LimitReached as error:
            raise limit_reached(error, at=at) from error
        except event_recorder.BatchConflict as error:
            raise Problem("unprocessable", _conflicts(events, error.outcomes)) from error
        if single and outcomes[0] == event_recorder.CONFLICT:
            raise Problem("conflict", _conflicts(events, outcomes))
        results: list[dict[str, Any]] = [
            {"index": event.index, "id": event.id, "status": outcome}
            for event, outcome in zip(events, outcomes, strict=True)
        ]
        return results_response(results, outcomes, refused)


def unreadable_body(error: RequestDataTooBig | parser.BodyRefused) -> Problem:
    """Return the problem of a body that is too large, or that can't be parsed."""
    if isinstance(error, RequestDataTooBig):
        return Problem("body-too-large", f"The body is larger than {parser.MAX_BYTES:,} bytes; send it in parts.")
    return Problem("body-too-large" if error.status == 413 else "malformed-request", error.detail)


def refused_fields(refused: list[parser.EventError], *, single: bool) -> dict[str, list[str]]:
    """Return the faults of each field, named by its place in the body."""
    faults: dict[str, list[str]] = {}
    for error in refused:
        faults.setdefault(error.field if single else f"{error.index}.{error.field}", []).append(error.detail)
    return faults


def _conflicts(events: Sequence[parser.ReceivedEvent], outcomes: Sequence[str]) -> str:
    ids = [event.id for event, outcome in zip(events, outcomes, strict=True) if outcome == event_recorder.CONFLICT]
    ids_text = ", ".join(f"“{id_}”" for id_ in ids[:5])
    return (
        f"{len(ids)} event(s) were sent before with other content ({ids_text}); nothing of this request is stored."
        " Send a new id for a new fact, or a correction for an old one."
    )


def results_response(
    results: list[dict[str, Any]], statuses: list[str], refused: list[parser.EventError]
) -> HttpResponse:
    """Return the results of events or corrections, and of those refused, in the order of the body."""
    if refused:
        results += [
            {"index": error.index, "id": error.id, "status": "rejected", "field": error.field, "detail": error.detail}
            for error in refused
        ]
        results.sort(key=lambda entry: entry["index"])
    counts = {status: statuses.count(status) for status in STATUSES}
    counts["rejected"] += len(refused)
    payload = msgspec.json.encode({**counts, "results": results})
    is_mixed = counts[event_recorder.CONFLICT] or counts["rejected"]
    return HttpResponse(payload, content_type="application/json", status=207 if is_mixed else 200)

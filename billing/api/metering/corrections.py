"""POST /api/v1/events/corrections: void or replace events."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from billing.api.metering.event_schemas import CORRECTIONS_REQUEST, EVENTS_ANSWER
from billing.api.metering.events import refused_fields, results_response, unreadable_body
from billing.metering.corrections import CorrectionOutcome, CorrectionRequest, NothingCorrected, correct_usage, parser
from billing.metering.ingest import submission
from billing.metering.ingest.event_recorder import ACCEPTED, CONFLICT, DUPLICATE
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, BodyRefused
from billing.metering.store.counter_store import CounterUnderflow
from billing.models import Event
from customers.models import Customer
from lib.api.filters import read_flag
from lib.api.operations import Idempotency, post
from lib.api.problems import Problem
from lib.api.views import ApiView


class CorrectionsView(ApiView[Any]):
    """Correct usage: a 2xx response means that the correction is committed and visible to every read."""

    @post(
        "correct_events",
        "Void or replace usage events",
        idempotency=Idempotency.NONE,
        parameters=(
            OpenApiParameter("atomic", bool, description="Make all corrections or none: if one fails, none is made."),
        ),
        request=CORRECTIONS_REQUEST,
        response=EVENTS_ANSWER,
        problems=("conflict",),
        refusals={CounterUnderflow: "unprocessable"},
    )
    def correct(self, request: Request) -> HttpResponse:
        at, sandbox = timezone.now(), self.caller.sandbox
        try:
            body = request._request.body
            # Sandbox customers may be on test clocks; the age limits apply in their time.
            if sandbox:
                at = _time_of_events(body, at)
            corrections, refused, single = parser.parse_corrections(
                body, sandbox=sandbox, at=at, oldest=at - MAX_AGE, newest=at + MAX_AHEAD
            )
        except (RequestDataTooBig, BodyRefused) as error:
            raise unreadable_body(error) from error
        atomic = read_flag(request._request.GET, "atomic")
        if refused and (single or atomic):
            raise ValidationError(refused_fields(refused, single=single))
        try:
            outcomes = correct_usage(
                corrections=corrections, sandbox=sandbox, at=at, api_key_id=self.caller.key_id, atomic=atomic
            )
        except NothingCorrected as error:
            raise Problem("unprocessable", _describe_failures(corrections, error.outcomes)) from error
        if single and outcomes[0].status not in (ACCEPTED, DUPLICATE):
            name = "conflict" if outcomes[0].status == CONFLICT else "unprocessable"
            raise Problem(name, _describe_failures(corrections, outcomes))
        results: list[dict[str, Any]] = []
        for correction, (status, *fault) in zip(corrections, outcomes, strict=True):
            fault_fields = dict(zip(("field", "detail"), fault, strict=True)) if fault[0] else {}
            results.append({"index": correction.index, "id": correction.id, "status": status, **fault_fields})
        return results_response(results, [outcome.status for outcome in outcomes], refused)


def _time_of_events(body: bytes, at: datetime) -> datetime:
    """
    Return the current time of the sandbox customers whose events are corrected. at: the real time.

    :raises Problem: if their times differ.
    """
    corrections, _, _ = parser.parse_corrections(
        body, sandbox=True, at=at, oldest=submission.EARLIEST, newest=submission.LATEST
    )
    customer_ids = Event.objects.filter(key__in=[correction.key for correction in corrections]).values("customer_id")
    times = set(
        Customer.objects.filter(pk__in=customer_ids).values_list(Coalesce("test_clock__now", Value(at)), flat=True)
    )
    if len(times) > 1:
        raise Problem(
            "unprocessable",
            "The events belong to customers on different test clocks; correct the events of one clock per request.",
        )
    return times.pop() if times else at


def _describe_failures(corrections: Sequence[CorrectionRequest], outcomes: Sequence[CorrectionOutcome]) -> str:
    """Return the first failure and the number of further ones, in words."""
    failures = [
        f"“{correction.id}”: {outcome.detail}"
        for correction, outcome in zip(corrections, outcomes, strict=True)
        if outcome.status not in (ACCEPTED, DUPLICATE)
    ]
    more = f" {len(failures) - 1} more also failed." if len(failures) > 1 else ""
    return f"{failures[0]}.{more} Nothing in this request was stored."

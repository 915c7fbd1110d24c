"""
One effect per Idempotency-Key, however often the request arrives.

The record is inserted first, in the transaction of the effect, and gets the response before that commits. So a
concurrent request waits for the first one at the unique constraint, and then finds its response or, if it failed,
nothing. Refusals are not stored: they changed nothing, and the corrected request may use the same key.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.encoding import force_str
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.models import IdempotentRequest
from lib.api.callers import caller_of
from lib.api.problems import Problem, invalid_field
from lib.retention import kept_since

# A repeated request waits this long for the first one, then gets a Retry-After of as many seconds.
WAITS_FOR_SECONDS = 5
PURGED_AT_ONCE = 10_000

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def answer_once(view: APIView, respond: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """
    Answer a repeated request of a view with the first response.

    The effect and the record of its response are one transaction. A request without the header runs as usual. A
    response sets `kept_data` without anything that must not be stored, such as a secret that is shown once.
    """
    request = view.request
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return respond()
    if not _KEY.fullmatch(key):
        raise invalid_field("Idempotency-Key", "must have 1 to 255 visible ASCII characters")
    request_digest = _digest(request)
    with transaction.atomic():
        record = _insert_record(request, key=key, request_digest=request_digest, at=timezone.now())
        if record is None:
            return _replay(request, key=key, request_digest=request_digest)
        response = respond()
        _store_response(record, response, view)
    return response


def purge(*, at: datetime) -> int:
    """Delete the responses stored `settings.IDEMPOTENCY_RETENTION_HOURS` before `at`, and return how many."""
    stored_before = kept_since(at, hours=settings.IDEMPOTENCY_RETENTION_HOURS)
    old = IdempotentRequest.objects.filter(created_at__lt=stored_before).order_by("created_at")
    count = 0
    while ids := list(old.values_list("pk", flat=True)[:PURGED_AT_ONCE]):
        count += IdempotentRequest.objects.filter(pk__in=ids).delete()[0]
    return count


def _digest(request: Request) -> str:
    """
    Return a digest that is equal for equal requests: method, URL and body, independent of the order of the body's
    keys.
    """
    body = json.dumps(request.data, sort_keys=True, default=str)
    return sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()


def _insert_record(request: Request, *, key: str, request_digest: str, at: datetime) -> int | None:
    """Insert the record and return its id, or None if another request did; wait for one that is still running."""
    table = IdempotentRequest._meta.db_table
    with connection.cursor() as cursor:
        # The timeout bounds the wait for the concurrent request, which holds the unique key until it commits.
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAITS_FOR_SECONDS}s"])
        try:
            cursor.execute(
                f"INSERT INTO {table} (api_key_id, key, request_sha256, body, created_at)"  # noqa: S608
                " VALUES (%s, %s, %s, '', %s) ON CONFLICT (api_key_id, key) DO NOTHING RETURNING id",
                [caller_of(request).key_id, key, request_digest, at],
            )
        except OperationalError as error:
            # Only the timeout means that the first request is still running.
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise Problem("idempotency-key-in-use", retry_after=WAITS_FOR_SECONDS) from error
            raise
        row = cursor.fetchone()
    return None if row is None else row[0]


def _replay(request: Request, *, key: str, request_digest: str) -> HttpResponse:
    record = IdempotentRequest.objects.get(api_key_id=caller_of(request).key_id, key=key)
    if record.request_sha256 != request_digest:
        raise Problem(
            "idempotency-key-reused",
            f"Idempotency-Key “{key}” was used for another request at {record.created_at.isoformat()}; use a new"
            " one.",
        )
    return HttpResponse(
        record.body,
        status=record.status,
        content_type="application/json",
        headers={"Idempotent-Replayed": "true"},
    )


def _store_response(record: int, response: HttpResponseBase, view: APIView) -> None:
    if not isinstance(response, Response):
        raise TypeError("Only a response with data can be repeated.")
    renderer, _ = view.perform_content_negotiation(view.request)
    body = force_str(renderer.render(getattr(response, "kept_data", response.data)))
    IdempotentRequest.objects.filter(pk=record).update(status=response.status_code, body=body)

"""A request is retried until it is answered, under one Idempotency-Key; each kind of error is its own exception."""

import pytest
from tollbook_client import (
    Conflict,
    InvalidFields,
    LimitReached,
    NotAuthenticated,
    NotFound,
    NotReady,
    Problem,
    Retries,
    ServerError,
    TooManyRequests,
    Unreachable,
)
from tollbook_client.connection import Connection

from tests.client.fake_server import Server, answer, no_answer, refusal

CUSTOMER = {
    "id": "acme",
    "seller": "s",
    "legal_name": "Acme",
    "country": "DE",
    "currency": "EUR",
    "time_zone": "UTC",
    "locale": "de_DE",
    "sandbox": False,
    "created_at": "2026-01-01T00:00:00Z",
}

PASSING = [
    # first answers                                                   case
    (no_answer, "nobody there"),
    (refusal(429, "too-many-requests", Retry_After="0"), "over the quota"),
    (refusal(503, "database-unavailable"), "no database"),
    (refusal(500, "internal-error"), "an error nobody foresaw"),
    (answer(None, 502), "a proxy without a server"),
    (refusal(409, "idempotency-key-in-use", Retry_After="0"), "the same request still runs"),
]


@pytest.mark.parametrize(("first", "why"), PASSING, ids=[why for _, why in PASSING])
def test_a_temporary_failure_is_retried_under_the_same_key(first, why):
    server = Server(first, first, answer(CUSTOMER, 201))

    customer = server.client().customers.create("acme", legal_name="Acme", country="DE")

    assert customer.id == "acme"
    assert len(server.requests) == 3
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
    assert len({request.content for request in server.requests}) == 1


def test_each_call_has_its_own_key_unless_one_is_given():
    server = Server(answer(CUSTOMER, 201))
    client = server.client()

    client.customers.create("a", legal_name="A", country="DE")
    client.customers.create("b", legal_name="B", country="DE")
    client.customers.create("c", legal_name="C", country="DE", idempotency_key="order-7")

    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "order-7"


REFUSED = [
    # status  name                     exception         why
    (400, "invalid-fields", InvalidFields, "the request is wrong"),
    (401, "not-authenticated", NotAuthenticated, "the key is"),
    (402, "limit-reached", LimitReached, "a limit is reached"),
    (404, "not-found", NotFound, "nothing is there"),
    (409, "conflict", Conflict, "it conflicts with stored data"),
    (409, "not-ready", NotReady, "a draft has no file"),
    (418, "of-the-future", Problem, "a kind that this client does not know"),
]


@pytest.mark.parametrize(("status", "name", "kind", "why"), REFUSED)
def test_a_permanent_error_is_raised_at_once(status, name, kind, why):
    server = Server(refusal(status, name, errors=[{"field": "lines.1.amount", "code": "invalid", "detail": "x"}]))

    with pytest.raises(Problem) as raised:
        server.client().customers.get("acme")

    assert type(raised.value) is kind, why
    assert (raised.value.name, raised.value.status, raised.value.request_id) == (name, status, "req_1")
    assert raised.value.errors[0].field == "lines.1.amount"
    assert len(server.requests) == 1


GIVEN_UP = [
    (no_answer, Unreachable),
    (refusal(503, "database-unavailable"), ServerError),
    (refusal(429, "too-many-requests", Retry_After="3600"), TooManyRequests),
]


@pytest.mark.parametrize(("always", "kind"), GIVEN_UP)
def test_retries_end_when_patience_is_used_up(always, kind):
    server = Server(always)

    with pytest.raises(kind):
        server.client(retries=Retries(patience=0.05, first_wait=0.001, max_wait=0.01)).customers.get("acme")

    assert (len(server.requests) > 1) is (kind is not TooManyRequests), "an hour is longer than its patience"


def waits(*answers, patience=1_000.0):
    """Return the waits between the attempts of a request, measured by a fake clock."""
    server, slept, now = Server(*answers), [], [0.0]

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    client = server.client()
    connection = Connection(
        "k",
        "https://tollbook.example",
        retries=Retries(patience=patience, first_wait=1, max_wait=8),
        transport=client._connection.transport,
        sleep=sleep,
        clock=lambda: now[0],
    )
    connection.json("GET", "/customers/acme")
    return slept


def test_waits_double_up_to_the_maximum_with_jitter_of_up_to_half():
    durations = waits(*[no_answer] * 6, answer(CUSTOMER))

    bounds = [(0.5, 1), (1, 2), (2, 4), (4, 8), (4, 8), (4, 8)]
    assert all(low <= wait <= high for wait, (low, high) in zip(durations, bounds, strict=True)), durations
    assert len(set(durations)) == 6, "no two clients come back together"


def test_a_wait_is_as_long_as_the_retry_after_header():
    assert waits(refusal(429, "too-many-requests", Retry_After="40"), answer(CUSTOMER)) == [40]

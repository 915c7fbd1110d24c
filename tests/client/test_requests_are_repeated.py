"""A request is tried until it is answered, under one Idempotency-Key; a refusal is an exception of its own kind."""

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
    # what came first                                                what it is
    (no_answer, "nobody there"),
    (refusal(429, "too-many-requests", Retry_After="0"), "over the quota"),
    (refusal(503, "database-unavailable"), "no database"),
    (refusal(500, "internal-error"), "an error nobody foresaw"),
    (answer(None, 502), "a proxy without a server"),
    (refusal(409, "idempotency-key-in-use", Retry_After="0"), "the same request still runs"),
]


@pytest.mark.parametrize(("first", "why"), PASSING, ids=[why for _, why in PASSING])
def test_what_may_pass_is_tried_again_under_the_same_key(first, why):
    server = Server(first, first, answer(CUSTOMER, 201))

    made = server.client().customers.create("acme", legal_name="Acme", country="DE")

    assert made.id == "acme"
    assert len(server.asked) == 3
    assert len({one.headers["Idempotency-Key"] for one in server.asked}) == 1
    assert len({one.content for one in server.asked}) == 1


def test_another_call_has_another_key_and_ones_own_is_used():
    server = Server(answer(CUSTOMER, 201))
    client = server.client()

    client.customers.create("a", legal_name="A", country="DE")
    client.customers.create("b", legal_name="B", country="DE")
    client.customers.create("c", legal_name="C", country="DE", idempotency_key="order-7")

    keys = [one.headers["Idempotency-Key"] for one in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "order-7"


REFUSED = [
    # status  name                     exception         why
    (400, "invalid-fields", InvalidFields, "the request is wrong"),
    (401, "not-authenticated", NotAuthenticated, "the key is"),
    (402, "limit-reached", LimitReached, "a limit is reached"),
    (404, "not-found", NotFound, "nothing is there"),
    (409, "conflict", Conflict, "it contradicts what is stored"),
    (409, "not-ready", NotReady, "a draft has no file"),
    (418, "of-the-future", Problem, "a kind that this client does not know"),
]


@pytest.mark.parametrize(("status", "name", "kind", "why"), REFUSED)
def test_what_would_be_refused_again_is_raised_at_once(status, name, kind, why):
    server = Server(refusal(status, name, errors=[{"field": "lines.1.amount", "code": "invalid", "detail": "x"}]))

    with pytest.raises(Problem) as raised:
        server.client().customers.get("acme")

    assert type(raised.value) is kind, why
    assert (raised.value.name, raised.value.status, raised.value.request_id) == (name, status, "req_1")
    assert raised.value.errors[0].field == "lines.1.amount"
    assert len(server.asked) == 1


GIVEN_UP = [
    (no_answer, Unreachable),
    (refusal(503, "database-unavailable"), ServerError),
    (refusal(429, "too-many-requests", Retry_After="3600"), TooManyRequests),
]


@pytest.mark.parametrize(("always", "kind"), GIVEN_UP)
def test_patience_ends(always, kind):
    server = Server(always)

    with pytest.raises(kind):
        server.client(retries=Retries(patience=0.05, first_wait=0.001, max_wait=0.01)).customers.get("acme")

    assert (len(server.asked) > 1) is (kind is not TooManyRequests), "an hour is longer than its patience"


def waits(*answers, patience=1_000.0):
    """Return the waits between the tries of a request, by a clock of its own."""
    server, slept, now = Server(*answers), [], [0.0]

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    client = server.client()
    made = Connection(
        "k",
        "https://tollbook.example",
        retries=Retries(patience=patience, first_wait=1, max_wait=8),
        transport=client._connection.transport,
        sleep=sleep,
        clock=lambda: now[0],
    )
    made.json("GET", "/customers/acme")
    return slept


def test_waits_double_up_to_the_longest_each_cut_by_up_to_a_half():
    found = waits(*[no_answer] * 6, answer(CUSTOMER))

    bounds = [(0.5, 1), (1, 2), (2, 4), (4, 8), (4, 8), (4, 8)]
    assert all(low <= wait <= high for wait, (low, high) in zip(found, bounds, strict=True)), found
    assert len(set(found)) == 6, "no two clients come back together"


def test_a_wait_is_as_long_as_the_server_asks_for():
    assert waits(refusal(429, "too-many-requests", Retry_After="40"), answer(CUSTOMER)) == [40]

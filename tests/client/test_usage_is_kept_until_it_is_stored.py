"""Recorded events are sent until the server has answered for each; no event is lost silently."""

import json
import threading
from decimal import Decimal

import pytest
from tollbook_client import NotSent, OutboxFull, OutboxLimits

from tests.client.fake_server import Server, answer, no_answer, refusal, stores


def ids(server):
    """Return the event ids of each request."""
    return [[event["id"] for event in body] for body in server.bodies()]


def test_events_are_sent_in_batches_and_in_order():
    server = Server(stores)
    with server.client(outbox=OutboxLimits(interval=60, batch_size=3)) as client:
        sent = [client.events.record("acme", "call", {"n": n}) for n in range(7)]

    assert ids(server) == [sent[:3], sent[3:6], sent[6:]]


def test_an_incomplete_batch_is_sent_after_the_interval():
    stored = threading.Event()

    def first(request):
        stored.set()
        return stores(request)

    client = Server(first).client(outbox=OutboxLimits(interval=0.01, batch_size=500))
    client.events.record("acme", "call")

    assert stored.wait(30)
    client.close()


def test_a_failed_batch_is_resent_unchanged():
    server = Server(no_answer, refusal(503, "database-unavailable"), refusal(429, "too-many-requests"), stores)
    with server.client() as client:
        client.events.record("acme", "call", {"tokens": Decimal("0.1")}, id="e1")

    assert len(server.requests) == 4
    assert len({request.content for request in server.requests}) == 1, "the same ids, times and values"
    assert server.bodies()[0][0]["properties"] == {"tokens": "0.1"}


def test_each_refused_event_is_reported_and_blocks_no_other():
    refused = []
    server = Server(stores)
    with server.client(on_refused=refused.append, outbox=OutboxLimits(interval=60, batch_size=3)) as client:
        for number, kind in enumerate(["call", "bad", "call", "bad"]):
            client.events.record("acme", kind, id=f"e{number}")

    assert [(result.event["id"], result.status, result.field) for result in refused] == [
        ("e1", "rejected", "customer"),
        ("e3", "rejected", "customer"),
    ]


def test_a_request_that_is_refused_as_a_whole_is_split_to_find_the_bad_event():
    refused = []

    def refuses_poison(request):
        poisoned = any(event["id"] == "e5" for event in json.loads(request.content))
        return refusal(400, "malformed-request")(request) if poisoned else stores(request)

    with Server(refuses_poison).client(on_refused=refused.append) as client:
        for number in range(9):
            client.events.record("acme", "call", id=f"e{number}")

    assert [result.event["id"] for result in refused] == ["e5"], "the others are stored"


def test_a_callback_that_fails_stops_nothing(caplog):
    server = Server(stores)
    with server.client(on_refused=lambda _: 1 / 0) as client:
        client.events.record("acme", "bad", id="e1")
        client.events.flush(30)
        client.events.record("acme", "call", id="e2")

    assert ids(server) == [["e1"], ["e2"]]
    assert "e1" in caplog.text


def test_a_revoked_key_keeps_its_events(caplog):
    client = Server(refusal(401, "not-authenticated")).client()
    client.events.record("acme", "call", id="e1")
    with pytest.raises(NotSent) as raised:
        client.close(timeout=0.2)

    assert [event["id"] for event in raised.value.events] == ["e1"]
    assert "Usage is kept" in caplog.text


def test_a_failed_close_returns_the_unsent_events():
    client = Server(no_answer).client(outbox=OutboxLimits(interval=60, batch_size=2))
    sent = [client.events.record("acme", "call") for _ in range(5)]

    with pytest.raises(NotSent) as raised:
        client.close(timeout=0.2)

    assert [event["id"] for event in raised.value.events] == sent
    with pytest.raises(RuntimeError, match="closed"):
        client.events.record("acme", "call")


def test_a_failed_flush_raises_and_the_client_continues():
    server = Server(no_answer)
    client = server.client()
    client.events.record("acme", "call", id="e1")
    with pytest.raises(NotSent):
        client.events.flush(0.05)

    server.answers = [stores]
    client.events.flush(30)

    client.close()


def test_a_full_queue_raises_if_configured():
    client = Server(no_answer).client(outbox=OutboxLimits(max_events=3, batch_size=2, when_full="raise"))
    for _ in range(3):
        client.events.record("acme", "call")

    with pytest.raises(OutboxFull):
        client.events.record("acme", "call")
    with pytest.raises(NotSent) as raised:
        client.close(timeout=0.1)
    assert len(raised.value.events) == 3


def test_a_full_queue_stops_blocking_after_its_timeout():
    client = Server(no_answer).client(outbox=OutboxLimits(max_events=1, batch_size=1, full_timeout=0.01))
    client.events.record("acme", "call")

    with pytest.raises(OutboxFull):
        client.events.record("acme", "call")
    with pytest.raises(NotSent):
        client.close(timeout=0.1)


def test_a_full_queue_blocks_until_there_is_room():
    server, recorded = Server(no_answer), []
    client = server.client(outbox=OutboxLimits(max_events=2, batch_size=2, interval=0.01))

    def record_many():
        for number in range(6):
            client.events.record("acme", "call", id=f"e{number}")
            recorded.append(number)

    other = threading.Thread(target=record_many)
    other.start()
    other.join(0.2)
    assert other.is_alive()
    assert len(recorded) == 2
    server.answers = [stores]
    other.join(30)
    client.close()

    assert len(recorded) == 6
    stored = [event_id for body in ids(server) for event_id in body]
    assert list(dict.fromkeys(stored)) == [f"e{number}" for number in range(6)]


def test_a_queue_is_full_by_its_bytes_too():
    client = Server(no_answer).client(outbox=OutboxLimits(max_bytes=1_000, when_full="raise"))
    client.events.record(
        "acme", "call", {"text": "x" * 2_000}
    )  # a single event is accepted, or it could never be sent

    with pytest.raises(OutboxFull):
        client.events.record("acme", "call")
    with pytest.raises(NotSent):
        client.close(timeout=0.1)


@pytest.mark.parametrize("wrong", [float("nan"), object(), Decimal("NaN")])
def test_an_event_that_can_not_be_serialized_is_rejected_when_recorded(wrong):
    with Server(stores).client() as client, pytest.raises((TypeError, ValueError)):
        client.events.record("acme", "call", {"n": wrong})


def test_a_live_event_has_its_recording_time_and_a_sandbox_event_has_none():
    for key, has_time in (("tb_live_k", True), ("tb_test_k", False)):
        server = Server(stores)
        with server.client(key=key) as client:
            client.events.record("acme", "call")
        assert ("timestamp" in server.bodies()[0][0]) is has_time


def test_sending_at_once_returns_a_result_for_each_event():
    results = Server(answer(stored())).client().events.send()

    assert (results.accepted, results.results[0].status) == (1, "accepted")


def stored():
    results = [{"index": 0, "id": "e", "status": "accepted"}]
    return {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 0, "results": results}

"""What was recorded is sent until the server has answered for it; nothing is lost in silence."""

import json
import threading
from decimal import Decimal

import pytest
from tollbook_client import NotSent, OutboxFull, OutboxLimits

from tests.client.fake_server import Server, answer, no_answer, refusal, stores


def ids(server):
    """Return the ids of each request that was sent."""
    return [[event["id"] for event in body] for body in server.bodies()]


def test_many_events_are_one_request_and_order_stays():
    server = Server(stores)
    with server.client(outbox=OutboxLimits(interval=60, batch_size=3)) as client:
        sent = [client.events.record("acme", "call", {"n": n}) for n in range(7)]

    assert ids(server) == [sent[:3], sent[3:6], sent[6:]]


def test_time_sends_what_is_not_a_batch_yet():
    stored = threading.Event()

    def first(request):
        stored.set()
        return stores(request)

    client = Server(first).client(outbox=OutboxLimits(interval=0.01, batch_size=500))
    client.events.record("acme", "call")

    assert stored.wait(30)
    client.close()


def test_a_batch_that_failed_is_sent_again_as_it_was():
    server = Server(no_answer, refusal(503, "database-unavailable"), refusal(429, "too-many-requests"), stores)
    with server.client() as client:
        client.events.record("acme", "call", {"tokens": Decimal("0.1")}, id="e1")

    assert len(server.asked) == 4
    assert len({one.content for one in server.asked}) == 1, "the same ids, times and values"
    assert server.bodies()[0][0]["properties"] == {"tokens": "0.1"}


def test_each_refused_event_is_told_and_holds_up_no_other():
    told = []
    server = Server(stores)
    with server.client(on_refused=told.append, outbox=OutboxLimits(interval=60, batch_size=3)) as client:
        for number, kind in enumerate(["call", "bad", "call", "bad"]):
            client.events.record("acme", kind, id=f"e{number}")

    assert [(one.event["id"], one.status, one.field) for one in told] == [
        ("e1", "rejected", "customer"),
        ("e3", "rejected", "customer"),
    ]


def test_a_request_that_is_refused_as_a_whole_is_told_event_by_event():
    told = []

    def refuses_poison(request):
        poisoned = any(event["id"] == "e5" for event in json.loads(request.content))
        return refusal(400, "malformed-request")(request) if poisoned else stores(request)

    with Server(refuses_poison).client(on_refused=told.append) as client:
        for number in range(9):
            client.events.record("acme", "call", id=f"e{number}")

    assert [one.event["id"] for one in told] == ["e5"], "the others are stored"


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


def test_closing_in_vain_hands_back_what_is_left():
    client = Server(no_answer).client(outbox=OutboxLimits(interval=60, batch_size=2))
    sent = [client.events.record("acme", "call") for _ in range(5)]

    with pytest.raises(NotSent) as raised:
        client.close(timeout=0.2)

    assert [event["id"] for event in raised.value.events] == sent
    with pytest.raises(RuntimeError, match="closed"):
        client.events.record("acme", "call")


def test_flushing_in_vain_says_so_and_goes_on():
    server = Server(no_answer)
    client = server.client()
    client.events.record("acme", "call", id="e1")
    with pytest.raises(NotSent):
        client.events.flush(0.05)

    server.answers = [stores]
    client.events.flush(30)

    client.close()


def test_a_full_queue_raises_where_it_was_told_to():
    client = Server(no_answer).client(outbox=OutboxLimits(max_events=3, batch_size=2, when_full="raise"))
    for _ in range(3):
        client.events.record("acme", "call")

    with pytest.raises(OutboxFull):
        client.events.record("acme", "call")
    with pytest.raises(NotSent) as raised:
        client.close(timeout=0.1)
    assert len(raised.value.events) == 3


def test_a_full_queue_gives_up_blocking_after_its_time():
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
    stored = [one for body in ids(server) for one in body]
    assert list(dict.fromkeys(stored)) == [f"e{number}" for number in range(6)]


def test_what_takes_too_many_bytes_is_full_as_well():
    client = Server(no_answer).client(outbox=OutboxLimits(max_bytes=1_000, when_full="raise"))
    client.events.record("acme", "call", {"text": "x" * 2_000})  # alone, it is let in: it would never be otherwise

    with pytest.raises(OutboxFull):
        client.events.record("acme", "call")
    with pytest.raises(NotSent):
        client.close(timeout=0.1)


@pytest.mark.parametrize("wrong", [float("nan"), object(), Decimal("NaN")])
def test_what_cannot_be_sent_is_refused_where_it_is_recorded(wrong):
    with Server(stores).client() as client, pytest.raises((TypeError, ValueError)):
        client.events.record("acme", "call", {"n": wrong})


def test_a_live_event_happened_when_it_was_recorded_and_a_sandbox_one_when_the_server_says():
    for key, is_told in (("tb_live_k", True), ("tb_test_k", False)):
        server = Server(stores)
        with server.client(key=key) as client:
            client.events.record("acme", "call")
        assert ("timestamp" in server.bodies()[0][0]) is is_told


def test_sending_now_answers_for_each():
    results = Server(answer(stored())).client().events.send()

    assert (results.accepted, results.results[0].status) == (1, "accepted")


def stored():
    results = [{"index": 0, "id": "e", "status": "accepted"}]
    return {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 0, "results": results}

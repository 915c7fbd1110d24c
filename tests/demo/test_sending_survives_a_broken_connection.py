"""A sender without an answer retries; a refused one reports the reason and stops."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import repeat

import pytest

from demo import event_sender
from demo.event_sender import Sender, SendingFailed, batches

EVENTS = [{"id": f"event-{number}"} for number in range(5)]
TAKEN = {"accepted": 2, "duplicate": 0, "conflict": 0, "rejected": 0, "results": []}
HANG_UP = 0


class Server(HTTPServer):
    """Answers with the given statuses in order, and records the requests."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), RequestHandler)
        self.statuses, self.received = list(statuses), []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class RequestHandler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Authorization"], [event["id"] for event in json.loads(body)]))
        status = self.server.statuses.pop(0)
        if status == HANG_UP:
            return
        answer = json.dumps(TAKEN if status == 200 else {"detail": "not like this"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch) -> Iterator[object]:
    monkeypatch.setattr(event_sender, "FIRST_WAIT_SECONDS", 0)
    servers = []

    def start(*statuses: int) -> Server:
        server = Server(*statuses)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


FAILURES = [
    # answers                why
    ((HANG_UP, 200), "the line broke before the answer"),
    ((503, 200), "the server was starting or stopping"),
    ((429, 429, 200), "it was too fast"),
    ((500, HANG_UP, 503, 200), "all of that"),
]


@pytest.mark.parametrize(("statuses", "why"), FAILURES)
def test_sends_the_same_batch_again_until_it_is_answered(serve, statuses, why):
    server = serve(*statuses)
    with Sender(server.url, "secret") as sender:
        assert sender.send(EVENTS[:2]) == TAKEN, why
    assert server.received == [("Bearer secret", ["event-0", "event-1"])] * len(statuses)


def test_a_refused_batch_is_not_sent_again(serve):
    server = serve(400)
    with Sender(server.url, "secret") as sender, pytest.raises(SendingFailed, match=r"2 events: 400 .*not like this"):
        sender.send(EVENTS[:2])
    assert len(server.received) == 1


def test_gives_up_after_several_attempts(serve):
    server = serve(*repeat(503, event_sender.TRIES))
    with Sender(server.url, "secret") as sender, pytest.raises(SendingFailed, match="503"):
        sender.send(EVENTS[:2])
    assert server.statuses == []


def test_sums_the_answers_of_all_batches(serve):
    server = serve(200, 200, 200)
    with Sender(server.url, "secret") as sender:
        assert [tally.total for tally in sender.send_all(EVENTS, sizes=repeat(2))] == [2, 4, 6]
    assert [ids for _, ids in server.received] == [["event-0", "event-1"], ["event-2", "event-3"], ["event-4"]]


SPLITS = [
    # events sizes      batches
    (0, (2,), []),
    (5, (2, 2, 2), [2, 2, 1]),
    (5, (3, 9), [3, 2]),
    (4, (2, 2, 2), [2, 2]),
]


@pytest.mark.parametrize(("count", "sizes", "expected"), SPLITS)
def test_splits_into_the_requested_sizes(count, sizes, expected):
    assert [len(batch) for batch in batches(range(count), sizes)] == expected

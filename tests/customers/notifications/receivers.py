"""Webhook receivers on this machine: they record requests and give the answers that a test sets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ReceivedRequest:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """
    A server.

    answer: called with the request's handler and its position among all requests, from 0.
    most_at_once: the largest number of concurrent requests.
    """

    port: int = 0
    got: list[ReceivedRequest] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook"


Answer = Callable[[BaseHTTPRequestHandler, int], Any]


def status(code: int, body: str = "", **headers: str) -> Answer:
    """Return an answer that is always the same."""

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def answers_in_order(*answers: Answer) -> Answer:
    """Return an answer that differs for each request; the last one repeats."""
    return lambda handler, place: answers[min(place, len(answers) - 1)](handler, place)


@contextmanager
def receiver(answer: Answer = status(200)) -> Iterator[Receiver]:  # noqa: B008, it is a function
    """Run a receiver for the duration of the block."""
    state, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with lock:
                place = len(state.got)
                state.got.append(ReceivedRequest(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                state.under_way += 1
                state.most_at_once = max(state.most_at_once, state.under_way)
            try:
                answer(self, place)
            except OSError:
                pass  # the sender has closed the connection
            finally:
                with lock:
                    state.under_way -= 1

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class BusyServer(ThreadingHTTPServer):
        request_queue_size = 128  # all that workers send at once; with the default of 5, Linux drops connections

    server = BusyServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, state.port = True, server.server_port
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()

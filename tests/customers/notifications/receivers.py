"""Receivers of webhooks on this machine: what they got, and answers as a test wants them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """
    A server of its own. answer: called with the request's handler and its place among all, from 0.

    most_at_once: how many requests it had at the same moment.
    """

    port: int = 0
    got: list[Got] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hook"


Answer = Callable[[BaseHTTPRequestHandler, int], Any]


def status(code: int, body: str = "", **headers: str) -> Answer:
    """Return the answer that is always the same."""

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def one_after_the_other(*answers: Answer) -> Answer:
    """Return the answer that is another one each time; the last one stays."""
    return lambda handler, place: answers[min(place, len(answers) - 1)](handler, place)


@contextmanager
def receiver(answer: Answer = status(200)) -> Iterator[Receiver]:  # noqa: B008, it is a function
    """Serve for as long as the test wants."""
    its, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with lock:
                place = len(its.got)
                its.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                its.under_way += 1
                its.most_at_once = max(its.most_at_once, its.under_way)
            try:
                answer(self, place)
            except OSError:
                pass  # the sender has gone
            finally:
                with lock:
                    its.under_way -= 1

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, its.port = True, server.server_port
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield its
    finally:
        server.shutdown()
        server.server_close()

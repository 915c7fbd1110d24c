"""A connection between a client and a server that can be cut and that loses answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


def passes(handler: BaseHTTPRequestHandler, relay: Callable[[], httpx.Response]) -> None:
    """Pass a request and its answer on."""
    answer = relay()
    handler.send_response(answer.status_code)
    for name in ("Content-Type", "Retry-After"):
        if name in answer.headers:
            handler.send_header(name, answer.headers[name])
    handler.send_header("Content-Length", str(len(answer.content)))
    handler.end_headers()
    handler.wfile.write(answer.content)


def loses_the_answer(handler: BaseHTTPRequestHandler, relay: Callable[[], httpx.Response]) -> None:
    """Pass the request on, and close the connection before the answer."""
    relay()
    handler.close_connection = True


def hangs_up(handler: BaseHTTPRequestHandler, relay: Callable[[], httpx.Response]) -> None:
    """Close the connection before the request is passed on."""
    handler.close_connection = True


def answers_with(status: int, **headers: str) -> Callable[..., None]:
    """Return a behavior that answers itself, as a proxy does."""

    def answers(handler: BaseHTTPRequestHandler, relay: Callable[[], httpx.Response]) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content_Length": "0"}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answers


class FlakyConnection:
    """The connection. behaviors: its behavior for each next request, in order; the last one repeats."""

    def __init__(self, server: str) -> None:
        self.server, self.behaviors, self.port = server, [passes], 0
        self.treated: list[str] = []
        self._lock = threading.Lock()
        self._listening: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Accept connections, at the same port as before."""
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def treat(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with line._lock:
                    treat = line.behaviors.pop(0) if len(line.behaviors) > 1 else line.behaviors[0]
                    line.treated.append(treat.__name__)
                sent = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                relay = lambda: httpx.request(  # noqa: E731
                    self.command, line.server + self.path, content=body, headers=sent, timeout=60
                )
                treat(self, relay)

            do_GET = do_POST = do_PUT = do_PATCH = treat

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads, server.block_on_close = True, False
        self._listening, self.port = server, server.server_port
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def cut(self) -> None:
        """Refuse further connections."""
        if self._listening is not None:
            self._listening.shutdown()
            self._listening.server_close()
            self._listening = None


@contextmanager
def line_to(server: str) -> Iterator[FlakyConnection]:
    """Open a connection for the duration of the block."""
    line = FlakyConnection(server)
    line.open()
    try:
        yield line
    finally:
        line.cut()

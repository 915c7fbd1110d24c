"""
A receiver on this machine for the demo's webhooks and CRM: it accepts everything, and stores nothing.

POST /hooks/orders answers 204, POST /hooks/legacy 410, as a program that was switched off. Below /crm it answers as
HubSpot's API does; an object's id follows from ours, so that it is the same after a restart.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

HOST, PORT = "127.0.0.1", 8642
URL = f"http://{HOST}:{PORT}"
REMOVED = "/hooks/legacy"
"""The path of a webhook whose program no longer exists."""


class PortInUse(Exception):
    """Another process listens on the sink's port."""


class _Server(ThreadingHTTPServer):
    """Every delivery opens a connection of its own, and several workers deliver at the same time."""

    daemon_threads = True
    request_queue_size = 128


class _Receiver(BaseHTTPRequestHandler):
    """Answers every request by its path."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/crm/"):
            self._answer(HTTPStatus.OK, {"id": _object_id(body)})
        else:
            self._answer(HTTPStatus.GONE if self.path == REMOVED else HTTPStatus.NO_CONTENT)

    do_PATCH = do_PUT = do_POST

    def do_GET(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, {"message": "The sink stores nothing."})

    def _answer(self, status: HTTPStatus, content: dict[str, Any] | None = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the terminal for the demo's own lines."""


def _object_id(body: bytes) -> str:
    """Return the id of the object in a request: a number from our own id."""
    properties = json.loads(body or b"{}").get("properties", {})
    return str(zlib.crc32(properties.get("tollbook_id", "").encode()))


@contextmanager
def running() -> Iterator[None]:
    """
    Receive requests until the block ends.

    :raises PortInUse: if the port is taken.
    """
    try:
        server = _Server((HOST, PORT), _Receiver)
    except OSError as error:
        raise PortInUse(f"Port {PORT} is in use, so webhooks of the demo have no receiver.") from error
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()

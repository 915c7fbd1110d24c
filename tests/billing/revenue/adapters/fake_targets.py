"""
A CRM and an accounting system on this machine, with the shapes of HubSpot's and Xero's APIs.

They store what they get, and can fail, answer late, lose answers, repeat and limit the rate of requests.
"""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "the-token"
SECRET = "the-secret"

Response = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Trouble:
    """
    What goes wrong with one request.

    status, body, headers: answered in place of doing anything.
    is_done_first: do it all the same, and lose the answer.
    delay: seconds before the answer. is_cut: break the connection in the middle of the body.
    """

    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    is_done_first: bool = False
    delay: float = 0
    is_cut: bool = False


FINE = Trouble()


@dataclass
class FakeTarget:
    """
    A server's state.

    requests: (method, path) of each. troubles: for the next requests to the API, the first one first.
    rule: chooses the trouble of every request in place of `troubles`.
    """

    port: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    rule: Callable[[str, str, int], Trouble] | None = None
    keys: list[str] = field(default_factory=list)
    token: str = TOKEN
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Response:
        raise NotImplementedError

    def choose(self, method: str, path: str) -> Trouble:
        place = len(self.requests)
        self.requests.append((method, path))
        if path == "/connect/token":
            return FINE
        if self.rule is not None:
            return self.rule(method, path, place)
        return self.troubles.pop(0) if self.troubles else FINE


@dataclass
class FakeHubSpot(FakeTarget):
    """objects: by type and id, each with `properties`. associations: deal → company."""

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"companies": {}, "deals": {}})
    associations: dict[str, str] = field(default_factory=dict)
    last_id: int = 1000

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Response:
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"status": "error", "message": "Authentication credentials not found."}
        parts = urlsplit(path)
        steps = parts.path.strip("/").split("/")
        if steps[:3] == ["crm", "v4", "objects"] and method == "PUT":
            deal, company = steps[4], steps[-1]
            if deal not in self.objects["deals"] or company not in self.objects["companies"]:
                return 404, {"message": "object not found"}
            self.associations[deal] = company
            return 200, {"status": "COMPLETE"}
        stored, key = self.objects[steps[3]], steps[4] if len(steps) > 4 else ""
        if parse_qs(parts.query).get("idProperty") == ["tollbook_id"]:
            key = next((id_ for id_, row in stored.items() if row["tollbook_id"] == key), "none")
        if method == "POST":
            properties = body["properties"]
            if any(row["tollbook_id"] == properties["tollbook_id"] for row in stored.values()):
                return 409, {"message": "A record with this tollbook_id exists."}
            self.last_id += 1
            stored[str(self.last_id)] = dict(properties)
            return 201, {"id": str(self.last_id), "properties": properties}
        if key not in stored:
            return 404, {"message": "resource not found"}
        if method == "PATCH":
            stored[key].update(body["properties"])
        return 200, {"id": key, "properties": stored[key]}

    def named(self, type_: str) -> dict[str, dict[str, Any]]:
        """Return objects by our id; two with the same one would be a duplicate."""
        rows = {row["tollbook_id"]: row for row in self.objects[type_].values()}
        assert len(rows) == len(self.objects[type_]), "duplicates"
        return rows


@dataclass
class FakeXero(FakeTarget):
    """invoices: by id. It creates an invoice for each request without an id, unless its idempotency key repeats."""

    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Response] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Response:
        if path == "/connect/token":
            expected = base64.b64encode(f"client:{SECRET}".encode()).decode()
            if headers.get("authorization") != f"Basic {expected}":
                return 400, {"error": "invalid_client"}
            return 200, {"access_token": self.token, "expires_in": 1800, "token_type": "Bearer"}
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"Title": "Unauthorized", "Detail": "TokenExpired"}
        if method == "GET":
            numbers = parse_qs(urlsplit(path).query)["InvoiceNumbers"][0].split(",")
            found = [row for row in self.invoices.values() if row["InvoiceNumber"] in numbers]
            return 200, {"Invoices": found}
        key = headers["idempotency-key"]
        self.keys.append(key)
        if key not in self.answers:
            self.answers[key] = self._store(body["Invoices"][0])
        return self.answers[key]

    def _store(self, invoice: dict[str, Any]) -> Response:
        if any(line["AccountCode"] == "999" for line in invoice["LineItems"]):
            error = {"Message": "Account code '999' is not a valid code for this document."}
            return 400, {"ErrorNumber": 10, "Message": "A validation exception occurred",
                         "Elements": [{"ValidationErrors": [error]}]}  # fmt: skip
        id_ = invoice.get("InvoiceID") or f"inv-{len(self.invoices) + 1}"
        if invoice.get("InvoiceID") and id_ not in self.invoices:
            return 404, {"Message": "The resource you're looking for cannot be found"}
        self.invoices[id_] = {**invoice, "InvoiceID": id_}
        return 200, {"Invoices": [self.invoices[id_]]}

    def numbered(self) -> dict[str, dict[str, Any]]:
        rows = {row["InvoiceNumber"]: row for row in self.invoices.values()}
        assert len(rows) == len(self.invoices), "duplicates"
        return rows


@contextmanager
def running(target: FakeTarget) -> Iterator[FakeTarget]:
    """Serve a fake for the duration of the block."""

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw and "json" in headers.get("content-type", "") else None
            with target.lock:
                trouble = target.choose(self.command, self.path)
                response: Any = None
                if trouble is FINE or trouble.is_done_first or not trouble.status:
                    response = target.answer(self.command, self.path, body, headers)
            time.sleep(trouble.delay)
            if trouble.status:
                response = (trouble.status, trouble.body, trouble.headers)
            self.respond(*response, is_cut=trouble.is_cut)

        def respond(
            self, status: int, body: Any, headers: dict[str, str] | None = None, *, is_cut: bool = False
        ) -> None:
            content = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if is_cut else content)

        do_GET = do_POST = do_PATCH = do_PUT = lambda self: self.serve()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the sender has closed the connection
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, target.port = True, server.server_port
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()

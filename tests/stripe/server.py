"""
A fake Stripe server, over real HTTP, with its own table of payment intents.

It implements the parts of Stripe's API reference that the product relies on: idempotency keys that make a repeated
request harmless and replay the first answer, even a 500; lists that show new objects at once; pages that are paid or
expire. It can also fail as Stripe may: do the work and then hang, disconnect or answer 500, answer 409 or 429, or
disconnect before doing anything. A fault of "" lets a request pass.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Thing = dict[str, Any]
AFTER = ("500_after", "break_after")
BEFORE = ("500_before", "break_before", "409", "429")
FAULTS = (*AFTER, *BEFORE)
HANG = "hang_after"
HANGS_SECONDS = 4
"""Longer than the timeout of requests in the tests of timeouts."""
PAY_PAGE = b"<!doctype html><title>Pay</title><form method=post><button>Pay now</button></form>"
TEST_KEY = "sk_test_tollbook"
EVENT_SECRET = "whsec_tests"


class Refused(Exception):
    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error)
        self.status, self.error = status, error


@dataclass
class Books:
    """
    The objects at Stripe.

    faults: the faults of the next creating requests, in order.
    lists_lag: whether lists do not yet show new objects.
    opened: the parameters of each page that was opened. refused_currency: of pages that are refused.
    """

    things: dict[str, Thing] = field(default_factory=dict)
    answers: dict[str, tuple[str, int, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    count: int = 0
    now: Callable[[], float] = time.time
    lists_lag: bool = False
    opened: list[dict[str, str]] = field(default_factory=list)
    refused_currency: str = ""

    def make(self, prefix: str, kind: str, **facts: Any) -> Thing:
        with self.lock:
            self.count += 1
            thing = {"id": f"{prefix}_{self.count:06}", "object": kind, "created": int(self.now()), "livemode": False}
            thing |= {"metadata": {}, **facts}
            self.things[thing["id"]] = thing
            return thing

    def of(self, kind: str, **facts: Any) -> list[Thing]:
        matching = [thing for thing in self.things.values() if thing["object"] == kind]
        return [thing for thing in matching if all(thing.get(name) == value for name, value in facts.items())]

    def as_of_now(self, thing: Thing) -> Thing:
        """Return an object as of now; a page past its expiry is closed."""
        if thing.get("status") == "open" and thing["expires_at"] <= self.now():
            thing |= {"status": "expired", "url": None}
        return thing

    def taken(self) -> list[Thing]:
        """Return the payments that were really charged."""
        return self.of("payment_intent", status="succeeded")

    def customer(self) -> str:
        """Create a customer, and return its id."""
        return str(self.make("cus", "customer")["id"])

    # Actions of a customer ------------------------------------------------------------------------------

    def card(self, customer: str, *, declines: str = "", wants_customer: bool = False) -> Thing:
        """Store a card. declines: the code with which every charge of it is declined."""
        facts = {"customer": customer, "type": "card", "declines": declines, "wants_customer": wants_customer}
        return self.make(
            "pm", "payment_method", card={"brand": "visa", "last4": "4242", "exp_year": 2031, "exp_month": 4}, **facts
        )

    def save(self, session: Thing) -> Thing:
        """Save a card on an open page."""
        card = self.card(session["customer"])
        facts = {"customer": session["customer"], "payment_method": card["id"], "mandate": None}
        intent = self.make("seti", "setup_intent", status="succeeded", metadata=session["setup_metadata"], **facts)
        session |= {"status": "complete", "setup_intent": intent["id"], "url": None}
        return card

    def pay(self, session: Thing, *, status: str = "succeeded") -> Thing:
        """Pay on an open page. status: of the payment, processing if a bank answers later."""
        with self.lock:
            assert session["status"] == "open", session
            intent = self.make(
                "pi",
                "payment_intent",
                amount=session["amount_total"],
                currency=session["currency"],
                customer=session["customer"],
                status=status,
                last_payment_error=None,
                metadata=session["intent_metadata"],
            )
            payment_status = "paid" if status == "succeeded" else "unpaid"
            session |= {"status": "complete", "payment_status": payment_status, "payment_intent": intent["id"]}
            session["url"] = None
            return intent


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/pay/"):
            self._page(PAY_PAGE)
        else:
            self._answer("GET", dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.startswith("/pay/"):
            self._paid()
        else:
            self._answer("POST", dict(parse_qsl(content)))

    def _page(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _paid(self) -> None:
        """Pay as the visitor of a page, and redirect back."""
        session = self.server.books.things[self.path.removeprefix("/pay/")]
        self.server.books.pay(session)
        self.send_response(303)
        self.send_header("Location", session["success_url"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    @property
    def _key(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    @property
    def _books(self) -> Books:
        """The objects of the account whose key the request has."""
        return self.server.accounts.get(self._key, self.server.books)

    def _answer(self, method: str, params: dict[str, str]) -> None:
        path = urlsplit(self.path).path.removeprefix("/v1/")
        books, key = self._books, self.headers.get("Idempotency-Key", "")
        with books.lock:
            books.requests.append((method, path))
            fault = books.faults.pop(0) if method == "POST" and books.faults else ""
            status, body = self._answered(method, path, params, key, fault)
        if fault == HANG:
            time.sleep(HANGS_SECONDS)
        if fault.startswith("break") or fault == HANG:
            self.close_connection = True
            self.connection.close()
        else:
            self._send(status, body)

    def _answered(self, method: str, path: str, params: dict[str, str], key: str, fault: str) -> tuple[int, Any]:
        books = self._books
        if fault in BEFORE:
            return int(fault[:3]) if fault[0].isdigit() else 0, failed(f"planned fault: {fault}")
        fingerprint = json.dumps([method, path, sorted(params.items())])
        if key in books.answers:
            known, status, body = books.answers[key]
            if known != fingerprint:
                return 400, {"error": {"type": "idempotency_error", "message": "This key was used otherwise."}}
            return status, body
        status, body = self._do(method, path, params)
        if fault == "500_after":  # the stored answer is repeated
            status, body = 500, failed("planned failure after the effect")
        if key and status != 401:  # the request was not processed
            books.answers[key] = fingerprint, status, body
        return status, body

    def _do(self, method: str, path: str, params: dict[str, str]) -> tuple[int, Any]:
        if self._key not in (self.server.secret_key, *self.server.accounts):
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
        try:
            return 200, json.loads(json.dumps(route(self._books, method, path.split("/"), params)))
        except Refused as refused:
            return refused.status, {"error": refused.error}

    def _send(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", f"req_{len(self.server.books.requests)}")
        self.end_headers()
        self.wfile.write(content)


def failed(message: str) -> Any:
    return {"error": {"type": "api_error", "message": message}}


def route(books: Books, method: str, path: list[str], params: dict[str, str]) -> Any:
    match [method, *path]:
        case ["POST", "customers"]:
            return books.make("cus", "customer", metadata=nested(params, "metadata"), name=params.get("name"))
        case ["GET", "customers", customer, "payment_methods"]:
            return as_page(books.of("payment_method", customer=customer), path, params)
        case ["POST", "payment_methods", id_, "detach"]:
            get_thing(books, id_)["customer"] = None
            return get_thing(books, id_)
        case ["POST", "payment_intents"]:
            return charge(books, params)
        case ["POST", "checkout", "sessions"]:
            return open_page(books, params)
        case ["POST", "checkout", "sessions", id_, "expire"]:
            session = get_thing(books, id_)
            if session["status"] != "open":
                raise Refused(400, type="invalid_request_error", message="Only open sessions can be expired")
            session |= {"status": "expired", "url": None}
            return session
        case ["POST", "refunds"]:
            return refund(books, params)
        case ["GET", "payment_intents"]:
            return as_page(select_things(books, "payment_intent", params), path, params)
        case ["GET", "setup_intents"]:
            return as_page(select_things(books, "setup_intent", params), path, params)
        case ["GET", "refunds"]:
            return as_page(select_things(books, "refund", params), path, params)
        case ["GET", "checkout", "sessions"]:
            return as_page(select_things(books, "checkout.session", params), path, params)
        case ["GET", "payment_intents" | "refunds", id_] | ["GET", "checkout", "sessions", id_]:
            return get_thing(books, id_)
    raise Refused(404, type="invalid_request_error", message=f"Unrecognized request URL ({method} {'/'.join(path)})")


def charge(books: Books, params: dict[str, str]) -> Thing:
    card = get_thing(books, params["payment_method"])
    facts = {"amount": int(params["amount"]), "currency": params["currency"], "customer": params["customer"]}
    facts |= {"metadata": nested(params, "metadata"), "last_payment_error": None}
    facts["allowed_kind"] = params.get("allowed_payment_method_types[0]")
    if card["declines"]:
        error = {"type": "card_error", "code": "card_declined", "decline_code": card["declines"]}
        error["message"] = "Your card was declined."
        intent = books.make("pi", "payment_intent", status="requires_payment_method", **facts)
        intent["last_payment_error"] = error
        raise Refused(402, **error, payment_intent=intent)
    if card["wants_customer"]:
        intent = books.make("pi", "payment_intent", status="requires_payment_method", **facts)
        error = {"type": "card_error", "code": "authentication_required", "message": "It must be confirmed."}
        raise Refused(402, **error, payment_intent=intent)
    return books.make("pi", "payment_intent", status="succeeded", **facts)


def open_page(books: Books, params: dict[str, str]) -> Thing:
    if books.refused_currency and params.get("currency") == books.refused_currency:
        raise Refused(400, type="invalid_request_error", message="No valid payment method types for this page.")
    books.opened.append(params)
    return books.make(
        "cs",
        "checkout.session",
        mode=params["mode"],
        customer=params["customer"],
        status="open",
        payment_status="unpaid" if params["mode"] == "payment" else "no_payment_required",
        payment_intent=None,
        setup_intent="seti_1" if params["mode"] == "setup" else None,
        setup_metadata=nested(params, "setup_intent_data][metadata", "setup_intent_data[metadata]"),
        amount_total=int(params.get("line_items[0][price_data][unit_amount]", 0)),
        currency=params.get("line_items[0][price_data][currency]"),
        expires_at=int(params.get("expires_at", books.now() + 86_400)),
        url=f"{books.things['_']['address']}/pay/cs_{books.count + 1:06}",
        success_url=params["success_url"],
        metadata=nested(params, "metadata"),
        intent_metadata=nested(params, "payment_intent_data][metadata", "payment_intent_data[metadata]"),
    )


def refund(books: Books, params: dict[str, str]) -> Thing:
    intent = get_thing(books, params["payment_intent"])
    amount = int(params["amount"])
    back = sum(
        earlier_refund["amount"]
        for earlier_refund in books.of("refund", payment_intent=intent["id"])
        if earlier_refund["status"] != "failed"
    )
    if back + amount > intent["amount"]:
        raise Refused(400, type="invalid_request_error", code="charge_already_refunded", message="It is refunded.")
    facts = {"amount": amount, "currency": intent["currency"], "payment_intent": intent["id"], "failure_reason": None}
    return books.make("re", "refund", status="succeeded", metadata=nested(params, "metadata"), **facts)


def get_thing(books: Books, id_: str) -> Thing:
    if id_ not in books.things:
        raise Refused(404, type="invalid_request_error", code="resource_missing", message=f"No such object: {id_}")
    return books.as_of_now(books.things[id_])


def select_things(books: Books, kind: str, params: dict[str, str]) -> list[Thing]:
    facts = {name: params[name] for name in ("customer", "payment_intent", "payment_method") if name in params}
    if books.lists_lag:
        return []
    since, until = int(params.get("created[gte]", 0)), int(params.get("created[lt]", 2**40))
    return [books.as_of_now(thing) for thing in books.of(kind, **facts) if since <= thing["created"] < until]


def as_page(things: list[Thing], path: list[str], params: dict[str, str]) -> Thing:
    """Return a page of a list, newest first."""
    ids = [thing["id"] for thing in reversed(things)]
    start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
    end = start + int(params.get("limit", 10))
    page = list(reversed(things))[start:end]
    return {"object": "list", "data": page, "has_more": end < len(things), "url": "/v1/" + "/".join(path)}


def nested(params: dict[str, str], name: str, written: str = "") -> dict[str, str]:
    start = f"{written or name}["
    return {key[len(start) : -1]: value for key, value in params.items() if key.startswith(start)}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, secret_key: str = TEST_KEY) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret_key, self.books = secret_key, Books()
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.books.things["_"] = {"object": "server", "address": self.address}
        self.accounts: dict[str, Books] = {}
        """Further accounts: secret key → its objects."""
        self.after: Callable[[], None] = lambda: None

    def open_account(self, secret_key: str) -> Books:
        """Open another account, whose objects are apart."""
        books = self.accounts[secret_key] = Books(count=1_000 * (len(self.accounts) + 1))
        books.things["_"] = {"object": "server", "address": self.address}
        return books

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the error of a request, unless the process that sent it is gone: campaigns kill processes."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def __enter__(self) -> "Server":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

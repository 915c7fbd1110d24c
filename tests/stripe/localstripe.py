"""
Stripe as others understand it: localstripe (https://github.com/adrienverge/localstripe) in a process of its own.

It keeps the customers, payment methods, setup intents, payment intents and refunds, decides which payments fail, and
signs and posts the events of payments. It is GPL-3, so nothing imports it. It lacks parts of Stripe's API that the
product needs. They are added by a server in front of it, which does no more than that:

* idempotency keys, and the faults of the campaign, as in tests/stripe/server.py
* Checkout: sessions, their page, and their events; the page creates the setup or payment intent at localstripe
* lists of a customer's payment intents and payment methods, of a payment method's setup intents with their mandate,
  and lists by time: the server remembers the ids, and reads the objects from localstripe
* of a payment intent, the description and the kinds of methods are left out, because localstripe does not know them;
  the error of a declined one names it
"""

import html
import json
import os
import queue
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.stripe.server import EVENT_SECRET, TEST_KEY, Books, Handler, Refused, Server, Thing, as_page, nested
from tests.stripe.webhook_events import event, signature

CARD = "4242424242424242"
FAILING_CARD = "4000000000000341"
"""A card that can be saved, and of which every charge is declined."""
IBAN, FAILING_IBAN = "DE89370400440532013000", "DE62370400440532013001"

KIND_BY_PREFIX = {
    "pi": "payment_intents",
    "pm": "payment_methods",
    "re": "refunds",
    "seti": "setup_intents",
}
LISTED_BY = ("customer", "payment_intent", "payment_method")
READY_SECONDS = 60


class LocalstripeError(Exception):
    """localstripe answered with an error. status, error: of its response."""

    def __init__(self, status: int, error: Any) -> None:
        super().__init__(f"{status}: {error}")
        self.status, self.error = status, error


@dataclass
class Entry:
    """An object created at localstripe. facts: the parameters that lists select by. created: by our clock."""

    id_: str
    facts: dict[str, str]
    created: float


@dataclass
class LocalstripeBooks(Books):
    """
    The objects at localstripe, which are read there; its own table has the Checkout sessions only.

    port: of localstripe. events: those that were sent, each with its signature, until a test takes them.
    """

    port: int = 0
    entries: list[Entry] = field(default_factory=list)
    events: "queue.Queue[tuple[bytes, str]]" = field(default_factory=queue.Queue)

    def request(self, method: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Send a request to localstripe. :raises LocalstripeError: if it answers with an error."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            query = urlencode(params or {})
            body, address = (query, path) if method == "POST" else (None, f"{path}?{query}" if query else path)
            headers = {"Authorization": f"Bearer {TEST_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, f"/v1/{address}", body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {"error": {"type": "api_error", "message": content.decode(errors="replace")[:200]}}
        if response.status >= 400:
            raise LocalstripeError(response.status, answer["error"])
        return answer

    def create(self, path: str, params: Mapping[str, Any]) -> Thing:
        """Create an object at localstripe, and remember its id."""
        thing: Thing = self.request("POST", path, params)
        self.entries.append(
            Entry(thing["id"], {name: params[name] for name in LISTED_BY if name in params}, self.now())
        )
        return thing

    def charge(self, params: Mapping[str, str]) -> Thing:
        """
        Create a payment intent and confirm it, in two requests: only so is the id of a declined one known, which
        Stripe names in its error.
        """
        names = ("amount", "currency", "customer", "payment_method")
        named = {name: text for name, text in params.items() if name in names or name.startswith("metadata")}
        intent = self.create("payment_intents", named)
        try:
            confirmed: Thing = self.request("POST", f"payment_intents/{intent['id']}/confirm")
        except LocalstripeError as error:
            error.error["payment_intent"] = self.request("GET", f"payment_intents/{intent['id']}")
            raise
        return confirmed

    def select(self, path: str, params: Mapping[str, str]) -> list[Thing]:
        """Return the objects that a list selects, the oldest first."""
        since, until = int(params.get("created[gte]", 0)), int(params.get("created[lt]", 2**40))
        facts = {name: params[name] for name in LISTED_BY if name in params}
        ids = [
            entry.id_
            for entry in self.entries
            if KIND_BY_PREFIX.get(entry.id_.split("_")[0]) == path
            and since <= entry.created < until
            and facts.items() <= entry.facts.items()
        ]
        return [self.request("GET", f"{path}/{id_}") for id_ in ids]

    def taken(self) -> list[Thing]:
        return [intent for intent in self.select("payment_intents", {}) if intent["status"] == "succeeded"]

    def of(self, kind: str, **facts: Any) -> list[Thing]:
        if kind == "checkout.session":
            return super().of(kind, **facts)
        things = self.select(f"{kind}s", facts)
        return [thing for thing in things if all(thing.get(name) == value for name, value in facts.items())]

    def customer(self) -> str:
        return str(self.create("customers", {"name": "A customer"})["id"])

    def card(self, customer: str, *, declines: str = "", wants_customer: bool = False) -> Thing:
        return self.attach(customer, card_details(FAILING_CARD if declines else CARD))

    def attach(self, customer: str, details: Mapping[str, str], **metadata: str) -> Thing:
        """Save a payment method for a customer, as Stripe does at the end of a page. details: as entered there."""
        method = self.request("POST", "payment_methods", details)
        setup = {"customer": customer, "payment_method_types[0]": details["type"], **form_metadata(metadata)}
        intent = self.request("POST", "setup_intents", setup)
        self.request("POST", f"setup_intents/{intent['id']}/confirm", {"payment_method": method["id"]})
        self.entries += [
            Entry(method["id"], {"customer": customer}, self.now()),
            Entry(intent["id"], {"customer": customer, "payment_method": method["id"]}, self.now()),
        ]
        attached: Thing = self.request("POST", f"payment_methods/{method['id']}/attach", {"customer": customer})
        return attached

    def save(self, session: Thing, details: Mapping[str, str] | None = None) -> Thing:
        with self.lock:
            method = self.attach(session["customer"], details or card_details(CARD), **session["setup_metadata"])
            session |= {"status": "complete", "setup_intent": self.entries[-1].id_, "url": None}
        self.announce(session, "completed")
        return method

    def pay(self, session: Thing, *, status: str = "succeeded", details: Mapping[str, str] | None = None) -> Thing:
        """Pay on an open page. :raises LocalstripeError: if the payment is declined; the page stays open."""
        with self.lock:
            assert session["status"] == "open", session
            method = self.request("POST", "payment_methods", details or card_details(CARD))
            params = {
                "amount": session["amount_total"],
                "currency": session["currency"],
                "customer": session["customer"],
                "payment_method": method["id"],
                **form_metadata(session["intent_metadata"]),
            }
            intent = self.charge(params)
            session |= {"status": "complete", "payment_intent": intent["id"], "url": None}
        self.announce(session, "completed")
        return intent

    def as_of_now(self, thing: Thing) -> Thing:
        super().as_of_now(thing)
        if thing.get("mode") == "payment" and thing["payment_intent"] and thing["payment_status"] == "unpaid":
            intent = self.request("GET", f"payment_intents/{thing['payment_intent']}")
            thing["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
        return thing

    def announce(self, session: Thing, action: str) -> None:
        """Send an event of a Checkout session; localstripe sends those of payments itself."""
        kind = f"checkout.session.{action}"
        body = json.dumps(event(kind, session, id_=f"evt_{session['id']}_{action}")).encode()
        self.events.put((body, signature(body)))


def card_details(number: str, *, month: int = 4, year: int = 2031) -> dict[str, str]:
    """Return a card as it is entered on a page."""
    card = {"number": number, "exp_month": str(month), "exp_year": str(year), "cvc": "123"}
    return {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}


def form_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    return {f"metadata[{name}]": text for name, text in metadata.items()}


def bank_details(iban: str) -> dict[str, str]:
    """Return a bank account as it is entered on a page."""
    return {"type": "sepa_debit", "sepa_debit[iban]": iban}


PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Checkout</title>
<h1>{heading}</h1><p role="alert">{problem}</p>
<form method="post"><label>Card number <input name="number"></label>
<label>Expires <input name="expires" value="04/2031"></label>
<button name="kind" value="card">{verb} by card</button></form>
<form method="post"><label>IBAN <input name="iban"></label>
<button name="kind" value="sepa_debit">{verb} by SEPA debit</button></form>"""


class LocalstripeHandler(Handler):
    """Answers the parts that localstripe lacks, and forwards everything else to it."""

    server: "LocalstripeServer"

    def do_GET(self) -> None:
        if self.path.startswith("/pay/"):
            self._show_page()
        else:
            super().do_GET()

    def do_POST(self) -> None:
        if not self.path.startswith(("/pay/", "/events")):
            super().do_POST()
            return
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/pay/"):
            self._fill_in(dict(parse_qsl(content.decode())))
        else:
            self.server.books.events.put((content, self.headers["Stripe-Signature"]))
            self._send(200, {})

    def _show_page(self, problem: str = "") -> None:
        session = self.server.books.things[self.path.removeprefix("/pay/")]
        is_setup = session["mode"] == "setup"
        heading = "Save a payment method" if is_setup else f"Pay {session['amount_total']} {session['currency']}"
        verb = "Save" if is_setup else "Pay"
        self._page(PAGE.format(heading=heading, verb=verb, problem=html.escape(problem)).encode())

    def _fill_in(self, fields: Mapping[str, str]) -> None:
        """Save or pay as the visitor of a page, and redirect back."""
        books = self.server.books
        session = books.things[self.path.removeprefix("/pay/")]
        if fields["kind"] == "sepa_debit":
            details = bank_details(fields["iban"])
        else:
            month, year = fields["expires"].split("/")
            details = card_details(fields["number"], month=int(month), year=int(year))
        try:
            if session["mode"] == "setup":
                books.save(session, details)
            else:
                books.pay(session, details=details)
        except LocalstripeError as error:
            self._show_page(str(error.error.get("message")))
            return
        self.send_response(303)
        self.send_header("Location", session["success_url"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _do(self, method: str, path: str, params: dict[str, str]) -> tuple[int, Any]:
        if self._key != TEST_KEY:
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
        try:
            return 200, json.loads(json.dumps(answer(self.server.books, method, path.split("/"), params)))
        except Refused as refused:
            return refused.status, {"error": refused.error}
        except LocalstripeError as error:
            return error.status, {"error": error.error}


def answer(books: LocalstripeBooks, method: str, path: list[str], params: dict[str, str]) -> Any:
    match [method, *path]:
        case ["POST", "checkout", "sessions"]:
            return open_session(books, params)
        case ["GET", "checkout", "sessions"]:
            sessions = books.of("checkout.session", customer=params["customer"])
            return as_page([books.as_of_now(session) for session in sessions], path, params)
        case ["GET", "checkout", "sessions", id_]:
            return get_session(books, id_)
        case ["POST", "checkout", "sessions", id_, "expire"]:
            session = get_session(books, id_)
            if session["status"] != "open":
                raise Refused(400, type="invalid_request_error", message="Only open sessions can be expired")
            session |= {"status": "expired", "url": None}
            books.announce(session, "expired")
            return session
        case ["GET", "customers", customer, "payment_methods"]:
            methods = books.select("payment_methods", {"customer": customer})
            return as_page([method for method in methods if method["customer"] == customer], path, params)
        case ["GET", "setup_intents"]:
            method = books.request("GET", f"payment_methods/{params['payment_method']}")
            intents = books.select("setup_intents", {"payment_method": params["payment_method"]})
            return as_page([intent | {"mandate": mandate_of(method)} for intent in intents], path, params)
        case ["GET", "payment_intents" | "refunds" as kind]:
            return as_page(books.select(kind, params), path, params)
        case ["POST", "payment_intents"]:
            return books.charge(params)
        case ["POST", "refunds" | "customers" as kind]:
            return books.create(kind, params)
    return books.request(method, "/".join(path), params)


def open_session(books: LocalstripeBooks, params: dict[str, str]) -> Thing:
    session = books.make("cs", "checkout.session")
    session |= {
        "mode": params["mode"],
        "customer": params["customer"],
        "status": "open",
        "payment_status": "unpaid" if params["mode"] == "payment" else "no_payment_required",
        "payment_intent": None,
        "setup_intent": None,
        "amount_total": int(params.get("line_items[0][price_data][unit_amount]", 0)),
        "currency": params.get("line_items[0][price_data][currency]"),
        "expires_at": int(params.get("expires_at", books.now() + 86_400)),
        "url": f"{books.things['_']['address']}/pay/{session['id']}",
        "success_url": params["success_url"],
        "metadata": nested(params, "metadata"),
        "intent_metadata": nested(params, "payment_intent_data][metadata", "payment_intent_data[metadata]"),
        "setup_metadata": nested(params, "setup_intent_data][metadata", "setup_intent_data[metadata]"),
    }
    return session


def get_session(books: LocalstripeBooks, id_: str) -> Thing:
    if id_ not in books.things:
        raise Refused(404, type="invalid_request_error", code="resource_missing", message=f"No such object: {id_}")
    return books.as_of_now(books.things[id_])


def mandate_of(method: Thing) -> Thing | None:
    """Return the mandate of a bank account: localstripe has its reference in the payment method."""
    if method["type"] != "sepa_debit":
        return None
    reference = method["sepa_debit"]["mandate_reference"]
    details = {"type": "sepa_debit", "sepa_debit": {"reference": reference}}
    return {"id": "mandate_1", "object": "mandate", "payment_method_details": details}


class LocalstripeServer(Server):
    """The server in front of localstripe."""

    books: LocalstripeBooks

    def __init__(self, port: int) -> None:
        super().__init__()
        self.RequestHandlerClass = LocalstripeHandler
        self.books = LocalstripeBooks(port=port)
        self.books.things["_"] = {"object": "server", "address": self.address}

    def subscribe(self) -> None:
        """Receive localstripe's events of payments, and pass them on."""
        connection = HTTPConnection("127.0.0.1", self.books.port, timeout=60)
        kinds = ("payment_intent.succeeded", "payment_intent.payment_failed")
        params = {"url": f"{self.address}/events", "secret": EVENT_SECRET}
        query = urlencode(params | {f"events[{number}]": kind for number, kind in enumerate(kinds)})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/_config/webhooks/tollbook", query, headers)
        assert connection.getresponse().status == 200
        connection.close()


@contextmanager
def localstripe() -> Iterator[LocalstripeServer]:
    """Run localstripe and the server in front of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": ""},
    )
    try:
        _await_port(port, process)
        with LocalstripeServer(port) as server:
            server.subscribe()
            yield server
    finally:
        process.kill()
        process.wait()


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, "localstripe ended at its start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"localstripe does not answer within {READY_SECONDS} seconds")

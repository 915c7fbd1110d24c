"""
Send a hundred thousand requests, many of them invalid, to every URL: none is answered 5xx.

The operations come from the API's own description and the other pages from the URL table, so new ones are included
automatically. At least 30% of the requests must be accepted, and some of every operation, because early rejections
prove little. Staff pages are only read, with a session and with any query except an empty `_to_field`, which Django
itself answers 500; forms of staff are not fuzzed.
"""

import argparse
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from urllib.parse import quote, urlencode

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from billing.closing import close_due
from billing.metering.ingest import parser
from billing.metering.ingest.event_recorder import record_events
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from config.postgres import Cluster
from customers.api_keys import keys
from customers.models import Customer, TestClock, WebhookEndpoint
from customers.notifications import webhook_endpoints
from invoices.models import Invoice
from lib.task_clock import database_time
from tests.builders import (
    fee,
    make_clock,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    make_seller,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.prove.final_check import books_are_sound
from tests.prove.processes import Deployment
from tests.prove.request_shapes import HOSTILE, Request, Shapes
from tests.prove.verdict import Verdict, say, table
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, Purchase, Wallet
from wallets.purchases import PackOrder, buy

CLIENTS = 4
PAGES = 0.08
LEAST_ACCEPTED = 0.3
SEEN_OFTEN_ENOUGH = 50
TELL_EVERY = 10_000
CUSTOMERS, FEW = 20, 4
PROBES = ("livez", "readyz")


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.requests:,} requests", seed=options.seed)
    secrets, known = _make_data()
    cookies = _session()
    document = SchemaGenerator().get_schema(request=None, public=True)
    connection.close()
    house = Deployment(cluster)
    answered: Counter[tuple[str, int]] = Counter()
    try:
        house.start("web")
        clients = [
            threading.Thread(
                target=_send,
                args=(
                    house.port,
                    _requests(Shapes(document, known, random.Random(options.seed + number)), secrets, cookies),
                    len(range(number, options.requests, CLIENTS)),
                    answered,
                    verdict,
                ),
            )
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if verdict.broken:
            say(house.end_of_log())
    finally:
        house.stop()
    _report(answered, document, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _make_data() -> tuple[list[str], dict[str, list[object]]]:
    """
    Create customers with plans, usage and invoices; return the keys' secrets, and the names that requests may use.
    """
    at = database_time()
    make_seller("acme", grace=timedelta(0))
    meter = make_meter(
        "units", event_name="work.done", aggregation="sum", value_property="units", dimensions=["model"]
    )
    offers = [
        offer(
            make_feature("units", meter=meter), included=5, rates=[rate(tiers=[tier(100, "0.5"), tier(None, "0.1")])]
        ),
        offer(
            make_feature("calls", meter=make_meter("calls", event_name="call")), included=100, consumption="hard_cap"
        ),
        offer(make_feature("support", kind="boolean")),
    ]
    version = publish(
        make_plan("pro", fees=[fee("10"), fee("5", billed="arrears", label="Seats")], offers=offers),
        at - timedelta(90),
    )
    extra = publish(make_plan("extra", fees=[fee("1", billed="arrears")]), at - timedelta(90))
    for number in range(CUSTOMERS):
        customer = make_customer(f"c{number}")
        subscribe(customer, version, at - timedelta(40), at=at, external_id=f"s{number}")
        body = b'{"id": "%d", "customer": "c%d", "event": "work.done", "properties": {"units": 7}}' % (number, number)
        then = at - timedelta(35)
        events, _, _ = parser.parse_events(body, sandbox=False, at=then, oldest=then, newest=at)
        record_events(events=events, sandbox=False, at=then)
    close_due(at=at)
    for number in range(CUSTOMERS, 2 * CUSTOMERS):
        make_customer(f"c{number}")
    make_pack("hundred")
    coupons = [make_coupon(f"OFF{number}", percent=10) for number in range(CUSTOMERS)]
    for number in range(FEW):
        webhook_endpoints.create(url=f"https://hooks.example/{number}", by=None)
        make_clock(at - timedelta(30))
        who = Selection(plan="pro", ids=(f"s{number}",))
        plan_migration(title=f"Cohort {number}", version=extra, selection=who, terms=MigrationTerms(), at=at)
        start_simulation(versions=[version], cohort=Cohort(plan_id=version.plan_id), periods=1, by=None, at=at)
    wallets = [_wallet(number, at) for number in range(CUSTOMERS)]
    known = {
        "wallet": [wallet.pk for wallet in wallets],
        "lot": list(Lot.objects.values_list("pk", flat=True)),
        "pack": ["hundred"],
        "coupon": [coupon.code for coupon in coupons],
        "webhook": list(WebhookEndpoint.objects.values_list("pk", flat=True)),
        "clock": list(TestClock.objects.values_list("pk", flat=True)),
        "purchase": list(Purchase.objects.values_list("pk", flat=True)),
        "unit": ["credits", "USD"],
        "customer": [f"c{number}" for number in range(2 * CUSTOMERS)],
        "subject": [f"c{number}" for number in range(CUSTOMERS)],
        "subscription": [f"s{number}" for number in range(CUSTOMERS)],
        "plan": ["pro", "extra"],
        "feature": ["units", "calls", "support"],
        "meter": ["units", "calls"],
        "event": ["work.done", "call", "other"],
        "type": ["work.done"],
        "seller": ["acme"],
        "currency": ["USD"],
        "country": ["US", "DE", "JP"],
        "locale": ["en_US", "de_DE"],
        "time_zone": ["Europe/Berlin", "Asia/Kolkata"],
        "group_by": ["model"],
        "quantity": ["1", "2.5", "0"],
        "invoice": list(Invoice.objects.values_list("pk", flat=True)),
        "version": [1],
        "number": [*range(1, FEW + 1), "INV-000001"],
        "limit": [1, 50, 200],
        "cursor": [],
    }
    issue = {"name": "fuzz", "scopes": ["ingest", "read", "manage"], "by": None, "at": at}
    return [keys.issue(sandbox=sandbox, **issue)[1] for sandbox in (False, True)], known


def _wallet(number: int, at: datetime) -> Wallet:
    """Create a customer's wallet with a lot of each kind that can be changed, and an unpaid purchase."""
    wallet = make_wallet(Customer.objects.get(external_id=f"c{number}"))
    lots = [
        Grant("purchased", Decimal(1_000), "old", cost=Decimal(990)),
        Grant("promotional", Decimal(50), "welcome"),
    ]
    grant(wallet_id=wallet.pk, grants=lots, at=at)
    buy(wallet_id=wallet.pk, order=PackOrder(pack="hundred", reference="first"), at=at)
    return wallet


def _session() -> str:
    """Return the cookies of a staff user with access to every page."""
    user = get_user_model().objects.create_superuser("fuzz", "fuzz@example.com", "fuzz")
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


# The requests -------------------------------------------------------------------------------------------------------


def _requests(shapes: Shapes, secrets: Sequence[str], cookies: str) -> Iterator[Request]:
    """Yield requests without end: calls of the API with a live or a sandbox key, and pages with a session."""
    chance, pages = shapes.chance, list(_pages())
    while True:
        if chance.random() < PAGES:
            request = _page(chance.choice(pages), chance)
            request.headers["Cookie"] = cookies
        else:
            request = shapes.request()
            secret = secrets[chance.random() < 0.1]
            request.headers.setdefault("Authorization", f"Bearer {secret}")
        yield request


def _pages(patterns: Sequence[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    """Yield every URL outside the API, with its converters: `admin/plans/plan/<path:object_id>/change/`."""
    if patterns is None:
        yield from PROBES
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _pages(pattern.url_patterns, route)
        elif not route.startswith("api/v1/") and "logout" not in route and "<" not in re.sub(r"<\w+:\w+>", "", route):
            yield route


def _page(route: str, chance: random.Random) -> Request:
    """Fill in a URL with a number or something hostile, and request it with any query."""

    def fill(_: re.Match[str]) -> str:
        value = str(chance.randint(1, 60)) if chance.random() < 0.7 else str(chance.choice(HOSTILE))
        return quote(value, safe="", errors="surrogatepass")[:2_000]

    names = ("q", "o", "p", "e", "all", "_popup", "state__exact", "token", "expires", "month", "\0")
    query = {
        chance.choice(names): str(chance.choice([*HOSTILE, 0, 1, "-1.2", "c1"]))
        for _ in range(chance.choice((0, 0, 1, 2)))
    }
    path = "/" + re.sub(r"<\w+:\w+>", fill, route)
    text = urlencode(query, errors="surrogatepass")
    return Request(f"GET /{route}", "GET", f"{path}?{text}" if text else path)


# Sending ------------------------------------------------------------------------------------------------------------


def _send(
    port: int, requests: Iterator[Request], count: int, answered: Counter[tuple[str, int]], verdict: Verdict
) -> None:
    web = HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(count):
        request = next(requests)
        try:
            status = _request_with_reconnect(web, request)
        except (OSError, HTTPException) as error:
            web.close()
            verdict.require(False, f"no response ({error!r}): {request}")
            continue
        verdict.require(status < 500, f"response {status}: {request}")
        answered[request.endpoint, status] += 1
        if (total := answered.total()) % TELL_EVERY == 0:
            say(f"  {total:,} responses, {_accepted(answered):.0%} accepted, {len(verdict.broken)} violations")


def _request_with_reconnect(web: HTTPConnection, request: Request) -> int:
    """
    Send a request again over a new connection if the server closed the kept one, as it may after two idle seconds.
    """
    try:
        return _request(web, request)
    except (RemoteDisconnected, ConnectionError):
        web.close()
        return _request(web, request)


def _request(web: HTTPConnection, request: Request) -> int:
    """Send a request unchanged, although http.client would reject some headers, and return the status."""
    web.putrequest(request.method, request.path, skip_host="Host" in request.headers, skip_accept_encoding=True)
    for name, value in {**request.headers, "Content-Length": str(len(request.body))}.items():
        web.putheader(name, value.encode("latin-1", "replace"))
    web.endheaders(request.body or None)
    answer = web.getresponse()
    answer.read()
    return answer.status


# The results --------------------------------------------------------------------------------------------------------


def _accepted(answered: Counter[tuple[str, int]]) -> float:
    return sum(count for (_, status), count in answered.items() if status < 400) / max(answered.total(), 1)


def _report(answered: Counter[tuple[str, int]], document: dict[str, dict[str, object]], verdict: Verdict) -> None:
    """
    Print the responses of each operation; require that enough requests were accepted, and some of every operation.
    """
    rows = []
    endpoints = sorted(
        {endpoint for endpoint, _ in answered}, key=lambda endpoint: (" /api/v1" not in endpoint, endpoint)
    )
    for endpoint in endpoints:
        statuses = {status: count for (requested, status), count in answered.items() if requested == endpoint}
        total = sum(statuses.values())
        accepted = sum(count for status, count in statuses.items() if status < 400)
        if " /api/v1" in endpoint:
            counts = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
            rows.append([endpoint, total, f"{accepted / total:.0%}", counts])
            seen = accepted or total < SEEN_OFTEN_ENOUGH
            verdict.require(bool(seen), f"no request to {endpoint} was accepted; add its names to fuzz.py")
    table(["operation", "requests", "accepted", "answers"], rows)
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    say(f"{len(endpoints) - len(rows)} other addresses were requested")
    verdict.require(operations <= set(endpoints), f"never requested: {sorted(operations - set(endpoints))}")
    share = _accepted(answered)
    say(f"{answered.total():,} requests, {share:.0%} of them accepted")
    verdict.require(share >= LEAST_ACCEPTED, f"only {share:.0%} of the requests were accepted")
